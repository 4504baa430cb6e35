// Decides whether the sender is told: the datagram is too large and may not be cut.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/icmp/may_report.h"
#include "stack-nodes/node.h"

namespace weft::nodes::icmp {

struct FragmentationNeeded {
  enum class Out { sent, limited };
  static constexpr NodeDecl decl{
      .name = "icmp.fragmentation_needed",
      .ports = "sent, limited",
      .reads = WEFT_MAY_REPORT_READS ", host.mtu",
      .writes = "meta.icmp_type, meta.icmp_code, meta.icmp_word",
      .assigns = "meta.icmp_type = 3; meta.icmp_code = 4; meta.icmp_word = host.mtu",
      .state = State::replicated,
      .spawns = "icmp_error",
      .reuses_buffer = true,
      .meaning = "reports that the datagram is too large and may not be cut",
      .source = "RFC 1191 section 4; RFC 1812 section 5.3.7.2",
  };
  static Out run(Packet& p, Core& core) {
    const bool may = report(p, core, 3, 4);
    p.icmp_word = core.host.mtu;  // of the next hop
    return may ? Out::sent : Out::limited;
  }
};

}  // namespace weft::nodes::icmp
