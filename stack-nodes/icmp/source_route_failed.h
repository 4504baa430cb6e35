// Decides whether the sender is told: the source route goes on, which a host does not follow.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/icmp/may_report.h"
#include "stack-nodes/node.h"

namespace weft::nodes::icmp {

struct SourceRouteFailed {
  enum class Out { sent, limited };
  static constexpr NodeDecl decl{
      .name = "icmp.source_route_failed",
      .ports = "sent, limited",
      .reads = WEFT_MAY_REPORT_READS,
      .writes = "meta.icmp_type, meta.icmp_code, meta.icmp_word",
      .assigns = "meta.icmp_type = 3; meta.icmp_code = 5; meta.icmp_word = 0",
      .state = State::replicated,
      .spawns = "icmp_error",
      .reuses_buffer = true,
      .meaning = "reports that the source route goes on, which a host does not follow",
      .source = "RFC 1122 sections 3.3.5 and 3.2.2",
  };
  static Out run(Packet& p, Core& core) { return report(p, core, 3, 5) ? Out::sent : Out::limited; }
};

}  // namespace weft::nodes::icmp
