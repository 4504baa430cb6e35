// Verifies the form of the options.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/ipv4/options.h"
#include "stack-nodes/node.h"
#include "weft/fields.h"

namespace weft::nodes::ipv4 {

struct OptionsOk {
  static constexpr NodeDecl decl{
      .name = "ipv4.options_ok",
      .kind = Kind::test,
      .ports = "yes, no",
      .reads = "ipv4.ihl, l3.options",
      .requires_ = "l3.room >= (ipv4.ihl << 2) && ipv4.ihl >= 5",
      .meaning = "every option lies within the header and is as long as it must be",
      .source = "RFC 791 section 3.1; RFC 1122 section 3.2.1.8",
  };
  static bool run(const Packet& p, const Core&) {
    return scan_options(p.data + p.l3, get<field::ipv4::ihl>(p) * 4u).wrong_at == 0;
  }
};

}  // namespace weft::nodes::ipv4
