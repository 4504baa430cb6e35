// Decides whether the sender is told: there is no way to the destination.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/icmp/may_report.h"
#include "stack-nodes/node.h"

namespace weft::nodes::icmp {

struct NetUnreachable {
  enum class Out { sent, limited };
  static constexpr NodeDecl decl{
      .name = "icmp.net_unreachable",
      .ports = "sent, limited",
      .reads = WEFT_MAY_REPORT_READS,
      .writes = "meta.icmp_type, meta.icmp_code, meta.icmp_word",
      .assigns = "meta.icmp_type = 3; meta.icmp_code = 0; meta.icmp_word = 0",
      .state = State::replicated,
      .spawns = "icmp_error",
      .reuses_buffer = true,
      .meaning = "reports that there is no way to the destination",
      .source = "RFC 1812 section 4.3.3.1; RFC 1122 section 3.2.2",
  };
  static Out run(Packet& p, Core& core) { return report(p, core, 3, 0) ? Out::sent : Out::limited; }
};

}  // namespace weft::nodes::icmp
