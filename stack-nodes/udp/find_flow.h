// Looks a datagram up among the connected flows.
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "weft/fields.h"

namespace weft::nodes::udp {

struct FindFlow {
  enum class Out { hit, miss };
  static constexpr NodeDecl decl{
      .name = "udp.find_flow",
      .ports = "hit, miss",
      .reads = "ipv4.src, udp.src_port, ipv4.dst, udp.dst_port",
      .writes = "meta.endpoint, meta.connected",
      .requires_ = "l4.room >= 8",
      .state = State::owned,
      .key = "ipv4.src, udp.src_port, ipv4.dst, udp.dst_port",
      .table = "udp_flows",
      .result = "meta.endpoint",
      .flag = "meta.connected",
      .handover = "handover.flow",
      .cut = true,
      .meaning = "exact match among the connected flows of this core",
      .source = "RFC 768; RFC 1122 section 4.1.3.5",
  };
  static FlowKey key(const Packet& p) {
    return {get<field::ipv4::src>(p), get<field::ipv4::dst>(p), get<field::udp::src_port>(p),
            get<field::udp::dst_port>(p)};
  }
  static void prefetch(const Packet& p, const Core& core) {
    core.udp_flows.prefetch(core.udp_flows.hash(key(p)));
  }
  static Out run(Packet& p, Core& core) {
    const FlowKey k = key(p);
    const int endpoint = core.udp_flows.find(core.udp_flows.hash(k), k);
    p.connected = endpoint >= 0 ? 1 : 0;
    if (endpoint < 0) return Out::miss;
    p.endpoint = static_cast<std::uint16_t>(endpoint);
    return Out::hit;
  }
};

}  // namespace weft::nodes::udp
