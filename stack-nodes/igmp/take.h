// Takes a query, or another host's report, to where the host's groups are kept.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/igmp/hear.h"
#include "stack-nodes/node.h"

namespace weft::nodes::igmp {

struct Take {
  enum class Out { heard, ignored };
  static constexpr NodeDecl decl{
      .name = "igmp.take",
      .ports = "heard, ignored",
      .reads = "igmp.*, l4.payload",
      .requires_ = "l4.room >= 8",
      .state = State::replicated,
      .spawns = "igmp_send",
      .meaning = "notes what is asked; the answer leaves after a random time",
      .source = "RFC 3376 section 5.2; RFC 2236 section 3",
  };
  // Every core knows which groups are joined; only one knows what was said about them.
  static Out run(Packet& p, Core& core) {
    const std::uint32_t group = get<field::igmp::group>(p);
    if (group != 0 && !core.groups.joined(group)) return Out::ignored;
    if (core.speaker) {
      hear(core, p);
    } else {
      core.services->to_speaker(p);
    }
    return Out::heard;
  }
};

}  // namespace weft::nodes::igmp
