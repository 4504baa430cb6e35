// Decides whether the sender is told: no one listens on the port.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/icmp/may_report.h"
#include "stack-nodes/node.h"

namespace weft::nodes::icmp {

struct PortUnreachable {
  enum class Out { sent, limited };
  static constexpr NodeDecl decl{
      .name = "icmp.port_unreachable",
      .ports = "sent, limited",
      .reads = WEFT_MAY_REPORT_READS,
      .writes = "meta.icmp_type, meta.icmp_code, meta.icmp_word",
      .assigns = "meta.icmp_type = 3; meta.icmp_code = 3; meta.icmp_word = 0",
      .state = State::replicated,
      .spawns = "icmp_error",
      .reuses_buffer = true,
      .meaning = "reports that no one listens on the port",
      .source = "RFC 1122 section 4.1.3.1; section 3.2.2",
  };
  static Out run(Packet& p, Core& core) { return report(p, core, 3, 3) ? Out::sent : Out::limited; }
};

}  // namespace weft::nodes::icmp
