// Decides whether the sender is told: a datagram stayed in pieces.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/icmp/may_report.h"
#include "stack-nodes/node.h"

namespace weft::nodes::icmp {

struct ReassemblyExceeded {
  enum class Out { sent, limited };
  static constexpr NodeDecl decl{
      .name = "icmp.reassembly_exceeded",
      .ports = "sent, limited",
      .reads = WEFT_MAY_REPORT_READS,
      .writes = "meta.icmp_type, meta.icmp_code, meta.icmp_word",
      .assigns = "meta.icmp_type = 11; meta.icmp_code = 1; meta.icmp_word = 0",
      .state = State::replicated,
      .spawns = "icmp_error",
      .reuses_buffer = true,
      .meaning = "reports that a datagram stayed in pieces",
      .source = "RFC 792; RFC 1122 section 3.3.2",
  };
  static Out run(Packet& p, Core& core) {
    return report(p, core, 11, 1) ? Out::sent : Out::limited;
  }
};

}  // namespace weft::nodes::icmp
