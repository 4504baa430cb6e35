#include "runtime/engine/storage.h"

#include <map>

#include "stack-nodes/core.h"
#include "stack-nodes/packet.h"
#include "stack-nodes/wire/access.h"

namespace weft::engine {

Accessor accessor_of(std::string_view storage) {
  using P = const Packet&;
  using C = const Core&;
  static const std::map<std::string_view, Accessor> table = {
      {"p.len", [](P p, C) { return std::uint64_t{p.len}; }},
      {"wire::l3_room(p)", [](P p, C) { return std::uint64_t{wire::l3_room(p)}; }},
      {"wire::l4_room(p)", [](P p, C) { return std::uint64_t{wire::l4_room(p)}; }},
      {"wire::ethertype(p)", [](P p, C) { return std::uint64_t{wire::ethertype(p)}; }},
      {"p.vlan_id", [](P p, C) { return std::uint64_t{p.vlan_id}; }},
      {"p.endpoint", [](P p, C) { return std::uint64_t{p.endpoint}; }},
      {"p.connected", [](P p, C) { return std::uint64_t{p.connected}; }},
      {"p.cast", [](P p, C) { return static_cast<std::uint64_t>(p.cast); }},
      {"p.icmp_type", [](P p, C) { return std::uint64_t{p.icmp_type}; }},
      {"p.icmp_code", [](P p, C) { return std::uint64_t{p.icmp_code}; }},
      {"p.icmp_word", [](P p, C) { return std::uint64_t{p.icmp_word}; }},
      {"p.dont_fragment", [](P p, C) { return std::uint64_t{p.dont_fragment}; }},
      {"p.mtu", [](P p, C) { return std::uint64_t{p.mtu}; }},
      {"p.src", [](P p, C) { return std::uint64_t{p.src}; }},
      {"p.dst", [](P p, C) { return std::uint64_t{p.dst}; }},
      {"src_port(p)", [](P p, C) { return std::uint64_t{src_port(p)}; }},
      {"dst_port(p)", [](P p, C) { return std::uint64_t{dst_port(p)}; }},
      {"p.protocol", [](P p, C) { return std::uint64_t{p.protocol}; }},
      {"p.ttl", [](P p, C) { return std::uint64_t{p.ttl}; }},
      {"p.next_hop", [](P p, C) { return std::uint64_t{p.next_hop}; }},
      {"p.next_mac", [](P p, C) { return std::uint64_t{p.next_mac}; }},
      {"answer<CardFacts::ip>(p)", [](P p, C) { return static_cast<std::uint64_t>(ip_cksum(p)); }},
      {"answer<CardFacts::l4>(p)", [](P p, C) { return static_cast<std::uint64_t>(l4_cksum(p)); }},
      {"marked(p)", [](P p, C) { return std::uint64_t{marked(p)}; }},
      {"p.mark", [](P p, C) { return std::uint64_t{p.mark}; }},
      {"p.tx_ip_cksum", [](P p, C) { return std::uint64_t{p.tx_ip_cksum}; }},
      {"asks_udp(p)", [](P p, C) { return std::uint64_t{asks_udp(p)}; }},
      {"asks_tcp(p)", [](P p, C) { return std::uint64_t{asks_tcp(p)}; }},
      {"asks_cut(p)", [](P p, C) { return std::uint64_t{asks_cut(p)}; }},
      {"p.segment", [](P p, C) { return std::uint64_t{p.segment}; }},
      {"asks_vlan(p)", [](P p, C) { return std::uint64_t{asks_vlan(p)}; }},
      {"dscp(p)", [](P p, C) { return std::uint64_t{dscp(p)}; }},
      {"ecn(p)", [](P p, C) { return std::uint64_t{ecn(p)}; }},
      {"core.host.mac", [](P, C c) { return std::uint64_t{c.host.mac}; }},
      {"core.host.address", [](P, C c) { return std::uint64_t{c.host.address}; }},
      {"core.addresses.only_one()", [](P, C c) { return std::uint64_t{c.addresses.only_one()}; }},
      {"core.host.broadcast", [](P, C c) { return std::uint64_t{c.host.broadcast}; }},
      {"core.host.vlan_id", [](P, C c) { return std::uint64_t{c.host.vlan_id}; }},
      {"core.host.mtu", [](P, C c) { return std::uint64_t{c.host.mtu}; }},
      {"core.host.forwarding", [](P, C c) { return std::uint64_t{c.host.forwarding}; }},
      {"core.host.multicast", [](P, C c) { return std::uint64_t{c.host.multicast}; }},
  };
  const auto found = table.find(storage);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace weft::engine
