// What the core that speaks for the host does with an IGMP message. Others hand theirs over to it.
#pragma once

#include "stack-nodes/core.h"
#include "weft/fields.h"

namespace weft::nodes::igmp {

// On the speaker: a query, or another host's report.
inline void hear(Core& core, const Packet& p) {
  if (get<field::igmp::type>(p) == weft::igmp::query) {
    core.igmp.hear_query(core.now_ns, p);
  } else {
    core.igmp.hear_report(core.now_ns, get<field::igmp::group>(p));
  }
}

}  // namespace weft::nodes::igmp
