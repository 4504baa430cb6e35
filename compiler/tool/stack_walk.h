// The path of one received packet through a residue: the real bodies of the stack nodes, one by
// one, on a core that has the plan's tables and nothing learned but the sender's address.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/ir/fields.h"
#include "compiler/plan/plan.h"
#include "compiler/tool/card_walk.h"

namespace weft::tool {

struct StackWalk {
  std::vector<Step> steps;   // from the wire to the packet's terminal
  std::string terminal;      // node
  std::string meaning;       // of the terminal, in words
  std::vector<Step> answer;  // where the packet's buffer went as an answer, if it did
};

StackWalk walk_stack(const plan::Plan& plan, const plan::Residue& residue, unsigned queue,
                     const ir::FieldTable& fields, const std::vector<std::uint8_t>& frame,
                     const Packet& answers);

}  // namespace weft::tool
