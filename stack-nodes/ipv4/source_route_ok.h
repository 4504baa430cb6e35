// Is the datagram at the end of its source route?
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/ipv4/options.h"
#include "stack-nodes/node.h"
#include "weft/fields.h"

namespace weft::nodes::ipv4 {

struct SourceRouteOk {
  static constexpr NodeDecl decl{
      .name = "ipv4.source_route_ok",
      .kind = Kind::test,
      .ports = "yes, no",
      .reads = "ipv4.ihl, l3.options",
      .requires_ = "l3.room >= (ipv4.ihl << 2) && ipv4.ihl >= 5",
      .meaning = "no source route, or one that ends here",
      .source = "RFC 1122 sections 3.2.1.8 c and 3.3.5; RFC 7126 sections 4.3 and 4.4",
  };
  static bool run(const Packet& p, const Core&) {
    return !scan_options(p.data + p.l3, get<field::ipv4::ihl>(p) * 4u).hops_left;
  }
};

}  // namespace weft::nodes::ipv4
