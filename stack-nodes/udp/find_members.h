// Finds all endpoints that a datagram to a group is for; each but the first gets a copy.
#pragma once

#include <cstring>

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "weft/fields.h"

namespace weft::nodes::udp {

struct FindMembers {
  enum class Out { hit, filtered, miss };
  static constexpr NodeDecl decl{
      .name = "udp.find_members",
      .ports = "hit, filtered, miss",
      .reads = "ipv4.src, ipv4.dst, udp.*, l4.payload",
      .writes = "meta.endpoint",
      .requires_ = "l4.room >= 8",
      .state = State::replicated,
      .key = "ipv4.dst, udp.dst_port",
      .spawns = "udp_copy",
      .meaning = "all endpoints that joined the group, want the source and listen on the port",
      .source = "RFC 3376 section 3.2; RFC 1112 section 7.2",
  };
  // 224.0.0.1 needs no joining: who listens on the port of all addresses gets it.
  static Out run(Packet& p, Core& core) {
    const std::uint32_t group = get<field::ipv4::dst>(p);
    const std::uint16_t port = get<field::udp::dst_port>(p);
    bool found = false;
    const bool listened =
        core.groups.each(group, get<field::ipv4::src>(p), port, [&](std::uint16_t endpoint) {
          if (found) return copy(p, core, endpoint);
          found = true;
          p.endpoint = endpoint;
        });
    if (found) return Out::hit;
    if (listened) return Out::filtered;
    const int everybody = group == AddressTable::all_hosts ? core.udp_ports.find(port) : -1;
    if (everybody < 0) return Out::miss;
    p.endpoint = static_cast<std::uint16_t>(everybody);
    return Out::hit;
  }

 private:
  static void copy(const Packet& p, Core& core, std::uint16_t endpoint) {
    Packet q;
    if (!core.services->allocate(q, p.len)) return;
    Packet made = copy_of(p);
    made.data = q.data;
    made.buffer = q.buffer;
    made.endpoint = endpoint;
    std::memcpy(made.data, p.data, p.len);
    core.spawn(Slot::udp_copy, made);
  }
};

}  // namespace weft::nodes::udp
