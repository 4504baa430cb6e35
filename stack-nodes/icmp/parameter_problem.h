// Decides whether the sender is told: an option is wrong, and where.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/icmp/may_report.h"
#include "stack-nodes/ipv4/options.h"
#include "stack-nodes/node.h"

namespace weft::nodes::icmp {

struct ParameterProblem {
  enum class Out { sent, limited };
  static constexpr NodeDecl decl{
      .name = "icmp.parameter_problem",
      .ports = "sent, limited",
      .reads = WEFT_MAY_REPORT_READS ", ipv4.ihl, l3.options",
      .writes = "meta.icmp_type, meta.icmp_code, meta.icmp_word",
      .assigns = "meta.icmp_type = 12; meta.icmp_code = 0",
      .requires_ = "l3.room >= (ipv4.ihl << 2) && ipv4.ihl >= 5",
      .state = State::replicated,
      .spawns = "icmp_error",
      .reuses_buffer = true,
      .meaning = "reports that an option is wrong, and where",
      .source = "RFC 1122 sections 3.2.2.5 and 3.2.1.8",
  };
  static Out run(Packet& p, Core& core) {
    const bool may = report(p, core, 12, 0);
    const std::uint32_t at =
        ipv4::scan_options(p.data + p.l3, get<field::ipv4::ihl>(p) * 4u).wrong_at;
    p.icmp_word = at << 24;
    return may ? Out::sent : Out::limited;
  }
};

}  // namespace weft::nodes::icmp
