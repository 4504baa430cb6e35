// A second opinion on what names mean: fields read bit by bit from a packet, through ir::evaluate.
#pragma once

#include <stdexcept>
#include <string>

#include "compiler/ir/evaluate.h"
#include "compiler/ir/fields.h"
#include "stack-nodes/core.h"

namespace weft::test {

inline ir::Bits bits_at(const std::uint8_t* base, unsigned offset, unsigned width) {
  ir::Bits value = 0;
  for (unsigned i = offset; i < offset + width; ++i) {
    value = value << 1 | ((base[i / 8] >> (7 - i % 8)) & 1);
  }
  return value;
}

inline ir::Bits storage(const std::string& name, const Packet& p, const Core& core) {
  if (name == "pkt.len") return p.len;
  if (name == "l3.room") return p.len - p.l3;
  if (name == "l4.room") return (p.end != 0 ? p.end : p.len) - p.l4;
  if (name == "meta.ethertype") return bits_at(p.data + p.l3 - 2, 0, 16);
  if (name == "meta.vlan_id") return p.vlan_id;
  if (name == "meta.next_mac") return p.next_mac;
  if (name == "meta.src") return p.src;
  if (name == "desc.ip_cksum") return static_cast<unsigned>(ip_cksum(p));
  if (name == "desc.l4_cksum") return static_cast<unsigned>(l4_cksum(p));
  if (name == "desc.mark_valid") return marked(p) ? 1 : 0;
  if (name == "desc.mark") return p.mark;
  if (name == "host.mac") return core.host.mac;
  if (name == "host.address") return core.host.address;
  if (name == "host.multicast") return core.host.multicast;
  if (name == "meta.cast") return static_cast<unsigned>(p.cast);
  if (name == "host.vlan_id") return core.host.vlan_id;
  if (name == "host.mtu") return core.host.mtu;
  if (name == "host.forwarding") return core.host.forwarding;
  throw std::runtime_error("the oracle does not know " + name);
}

// `wire`: offsets as a card's parser finds them, not those that nodes have left in the packet.
inline ir::Lookup lookup(const ir::FieldTable& fields, const Packet& p, const Core& core,
                         bool wire = false) {
  return [&fields, &p, &core, wire](const std::string& name) -> ir::Bits {
    if (name.starts_with("has ")) {
      const auto* header = fields.header(name.substr(4));
      return ir::holds(header->selected_by, lookup(fields, p, core, true)) ? 1 : 0;
    }
    const auto* field = fields.find(name);
    if (field->layer == ir::Layer::none) return storage(name, p, core);
    unsigned base = 0;
    if (field->layer == ir::Layer::l3) base = p.l3;
    if (field->layer == ir::Layer::l4) base = p.l4;
    if (wire && field->layer == ir::Layer::l3) {
      const bool behind_tag = !name.starts_with("vlan.") && bits_at(p.data, 96, 16) == 0x8100;
      base = behind_tag ? 18 : 14;
    }
    return bits_at(p.data + base, field->offset, field->width);
  };
}

}  // namespace weft::test
