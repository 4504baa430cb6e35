// What a configured card does with one received frame, by its model: which rule or hash sends it
// to which queue, and what the descriptor says of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/fields.h"
#include "compiler/ir/nic_model.h"
#include "compiler/plan/plan.h"
#include "stack-nodes/packet.h"

namespace weft::tool {

struct Step {
  std::string node;
  std::string took;  // port, or what was reported
  std::string why;   // the predicate, rule or reason that decided
};

struct CardWalk {
  std::vector<Step> steps;
  std::optional<unsigned> queue;  // nothing: the card dropped it, at the last step
  bool queue_certain =
      true;        // false: the card spreads by a rule of its own, `queue` is one of many
  Packet answers;  // descriptor facts only
  std::uint32_t rss_hash = 0;
};

CardWalk walk_card(const plan::Plan& plan, const ir::NicModel& nic, const ir::FieldTable& fields,
                   const std::vector<std::uint8_t>& frame);

// Toeplitz hash (Microsoft, "Verifying the RSS hash calculation"). Key bits beyond its end are 0.
std::uint32_t toeplitz(const std::vector<std::uint8_t>& key,
                       const std::vector<std::uint8_t>& input);

}  // namespace weft::tool
