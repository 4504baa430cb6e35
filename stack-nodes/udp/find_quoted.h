// Finds the endpoint that sent the datagram which an ICMP error quotes.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"

namespace weft::nodes::udp {

struct FindQuoted {
  enum class Out { hit, miss };
  static constexpr NodeDecl decl{
      .name = "udp.find_quoted",
      .ports = "hit, miss",
      .reads = "meta.src_port",
      .writes = "meta.endpoint",
      .state = State::config,
      .key = "meta.src_port",
      .table = "udp_ports",
      .result = "meta.endpoint",
      .handover = "handover.quoted",
      .meaning = "the endpoint that an ICMP error is about",
      .source = "RFC 1122 section 4.1.3.3",
  };
  static Out run(Packet& p, Core& core) {
    const int endpoint = core.udp_ports.find(src_port(p));
    if (endpoint < 0) return Out::miss;
    p.endpoint = static_cast<std::uint16_t>(endpoint);
    return Out::hit;
  }
};

}  // namespace weft::nodes::udp
