// Decides whether the sender is told: the time to live ran out on the way.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/icmp/may_report.h"
#include "stack-nodes/node.h"

namespace weft::nodes::icmp {

struct TimeExceeded {
  enum class Out { sent, limited };
  static constexpr NodeDecl decl{
      .name = "icmp.time_exceeded",
      .ports = "sent, limited",
      .reads = WEFT_MAY_REPORT_READS,
      .writes = "meta.icmp_type, meta.icmp_code, meta.icmp_word",
      .assigns = "meta.icmp_type = 11; meta.icmp_code = 0; meta.icmp_word = 0",
      .state = State::replicated,
      .spawns = "icmp_error",
      .reuses_buffer = true,
      .meaning = "reports that the time to live ran out on the way",
      .source = "RFC 1812 section 5.3.1; RFC 1122 section 3.2.2",
  };
  static Out run(Packet& p, Core& core) {
    return report(p, core, 11, 0) ? Out::sent : Out::limited;
  }
};

}  // namespace weft::nodes::icmp
