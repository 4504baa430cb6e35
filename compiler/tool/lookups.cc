#include "compiler/tool/lookups.h"

#include <fmt/format.h>

#include <stdexcept>

namespace weft::tool {
namespace {

using ir::Bits;

Bits bits_at(const std::uint8_t* data, std::size_t size, std::size_t first_bit, unsigned width) {
  Bits out = 0;
  for (std::size_t bit = first_bit; bit < first_bit + width; ++bit) {
    unsigned value = bit / 8 < size ? data[bit / 8] >> (7 - bit % 8) & 1 : 0;
    out = out << 1 | value;
  }
  return out;
}

std::size_t type_at(const std::vector<std::uint8_t>& frame, std::size_t at) {
  return at + 1 < frame.size() ? std::size_t{frame[at]} << 8 | frame[at + 1] : 0;
}

Bits host_value(const std::string& name, const ir::HostConfig& host) {
  if (name == "host.mac") return host.mac;
  if (name == "host.address") return host.address;
  if (name == "host.broadcast") return host.broadcast();
  if (name == "host.vlan_id") return host.vlan_id;
  if (name == "host.mtu") return host.mtu;
  if (name == "host.forwarding") return host.forwarding;
  if (name == "host.multicast") return host.multicast;
  throw std::logic_error(fmt::format("no value for `{}`", name));
}

Bits packet_value(const std::string& name, const Packet& p, const Core& core) {
  const std::uint32_t end = p.end != 0 ? p.end : p.len;
  const std::map<std::string_view, Bits> values = {
      {"pkt.len", p.len},
      {"l3.room", static_cast<std::uint32_t>(p.len - p.l3)},
      {"l4.room", static_cast<std::uint32_t>(end - p.l4)},
      {"meta.ethertype", bits_at(p.data, p.len, (p.l3 - std::size_t{2}) * 8, 16)},
      {"meta.vlan_id", p.vlan_id},
      {"meta.endpoint", p.endpoint},
      {"meta.connected", p.connected},
      {"meta.cast", static_cast<unsigned>(p.cast)},
      {"meta.icmp_type", p.icmp_type},
      {"meta.icmp_code", p.icmp_code},
      {"meta.icmp_word", p.icmp_word},
      {"meta.dont_fragment", p.dont_fragment},
      {"meta.mtu", p.mtu},
      {"meta.src", p.src},
      {"meta.dst", p.dst},
      {"meta.src_port", src_port(p)},
      {"meta.dst_port", dst_port(p)},
      {"meta.protocol", p.protocol},
      {"meta.ttl", p.ttl},
      {"meta.dscp", dscp(p)},
      {"meta.ecn", ecn(p)},
      {"meta.next_hop", p.next_hop},
      {"meta.next_mac", p.next_mac},
      {"desc.ip_cksum", static_cast<unsigned>(ip_cksum(p))},
      {"desc.l4_cksum", static_cast<unsigned>(l4_cksum(p))},
      {"desc.mark_valid", marked(p)},
      {"desc.mark", p.mark},
      {"desc.tx_ip_cksum", p.tx_ip_cksum},
      {"meta.segment", p.segment},
      {"desc.tx_l4_cksum", asks_udp(p)},
      {"desc.tx_tcp_cksum", asks_tcp(p)},
      {"desc.tx_segment", asks_cut(p)},
      {"desc.tx_vlan", asks_vlan(p)},
      {"host.mac", core.host.mac},
      {"host.address", core.host.address},
      {"host.one_address", core.addresses.only_one()},
      {"host.broadcast", core.host.broadcast},
      {"host.vlan_id", core.host.vlan_id},
      {"host.mtu", core.host.mtu},
      {"host.forwarding", core.host.forwarding},
      {"host.multicast", core.host.multicast}};
  auto found = values.find(name);
  if (found == values.end()) throw std::logic_error(fmt::format("no value for `{}`", name));
  return found->second;
}

}  // namespace

std::size_t wire_l3(const std::vector<std::uint8_t>& frame) {
  return type_at(frame, 12) == 0x8100 ? 18 : 14;
}

ir::Lookup wire_lookup(const ir::FieldTable& fields, const std::vector<std::uint8_t>& frame,
                       const ir::HostConfig& host, const std::map<std::string, bool>& knobs) {
  return [&fields, &frame, &host, &knobs](const std::string& name) -> Bits {
    if (name.starts_with("has ")) {
      const ir::Header* header = fields.header(name.substr(4));
      return header != nullptr &&
             (!header->selected_by ||
              ir::holds(header->selected_by, wire_lookup(fields, frame, host, knobs)));
    }
    if (name == "pkt.len") return frame.size();
    if (name.starts_with("knob.")) {
      auto knob = knobs.find(name.substr(5));
      return knob != knobs.end() && knob->second;
    }
    const ir::Field* field = fields.find(name);
    if (field == nullptr || field->layer == ir::Layer::none) return host_value(name, host);
    const std::size_t l3 = name.starts_with("vlan.") ? 14 : wire_l3(frame);
    const std::size_t words = l3 < frame.size() ? frame[l3] & 15 : 0;
    const std::size_t base = field->layer == ir::Layer::l2   ? 0
                             : field->layer == ir::Layer::l3 ? l3
                                                             : l3 + words * 4;
    return bits_at(frame.data(), frame.size(), base * 8 + field->offset, field->width);
  };
}

ir::Lookup packet_lookup(const ir::FieldTable& fields, const Packet& packet, const Core& core,
                         ir::Lookup wire) {
  return [&fields, &packet, &core, wire = std::move(wire)](const std::string& name) -> Bits {
    if (name.starts_with("has ")) return wire(name);
    const ir::Field* field = fields.find(name);
    if (field == nullptr || field->layer == ir::Layer::none)
      return packet_value(name, packet, core);
    const std::size_t base = field->layer == ir::Layer::l2   ? 0
                             : field->layer == ir::Layer::l3 ? packet.l3
                                                             : packet.l4;
    return bits_at(packet.data, packet.len, base * 8 + field->offset, field->width);
  };
}

}  // namespace weft::tool
