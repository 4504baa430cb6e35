// Looks a datagram up among the ports that endpoints listen on.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "weft/fields.h"

namespace weft::nodes::udp {

struct FindPort {
  enum class Out { hit, miss };
  static constexpr NodeDecl decl{
      .name = "udp.find_port",
      .ports = "hit, miss",
      .reads = "ipv4.dst, udp.dst_port",
      .writes = "meta.endpoint",
      .requires_ = "l4.room >= 8",
      .state = State::config,
      .key = "ipv4.dst, udp.dst_port",
      .table = "udp_ports",
      .result = "meta.endpoint",
      .meaning = "the endpoint that listens on address and port, or on the port of all addresses",
      .source = "RFC 768",
  };
  static Out run(Packet& p, Core& core) {
    const int endpoint =
        core.udp_ports.find(get<field::ipv4::dst>(p), get<field::udp::dst_port>(p));
    if (endpoint < 0) return Out::miss;
    p.endpoint = static_cast<std::uint16_t>(endpoint);
    return Out::hit;
  }
};

}  // namespace weft::nodes::udp
