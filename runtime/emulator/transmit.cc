#include "runtime/emulator/transmit.h"

#include <fmt/format.h>
#include <rte_ether.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "runtime/emulator/checksums.h"

namespace weft::emulator {
namespace {

diag::Diagnostic bad_graph(std::string message) {
  return {.code = "E0642", .message = std::move(message)};
}

constexpr unsigned mac_bytes = 12;  // both addresses, in front of the type field
constexpr unsigned tag_bytes = 4;

std::uint8_t* byte_at(rte_mbuf& packet, unsigned offset) {
  return rte_pktmbuf_mtod_offset(&packet, std::uint8_t*, offset);
}

void store_be16(std::uint8_t* to, std::uint16_t value) {
  to[0] = static_cast<std::uint8_t>(value >> 8);
  to[1] = static_cast<std::uint8_t>(value);
}

// Sum over everything from `offset` to the end of the packet, whatever the segments: a segment
// that begins at an odd place contributes with its bytes swapped (RFC 1071 section 2 (B)).
std::uint16_t sum_from(const rte_mbuf& packet, unsigned offset) {
  std::uint32_t sum = 0;
  std::size_t done = 0;
  for (const rte_mbuf* m = &packet; m != nullptr; m = m->next) {
    std::span<const std::uint8_t> part(rte_pktmbuf_mtod(m, const std::uint8_t*), m->data_len);
    const unsigned skip = std::min<unsigned>(offset, m->data_len);
    offset -= skip;
    part = part.subspan(skip);
    std::uint16_t piece = fold(add_words(0, part));
    if (done % 2 == 1) piece = static_cast<std::uint16_t>((piece << 8) | (piece >> 8));
    sum += piece;
    done += part.size();
  }
  return fold(sum);
}

// What the software asks for (rte_mbuf_core.h).
bool asks_ipv4(const rte_mbuf& p) { return (p.ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0; }
bool asks_udp(const rte_mbuf& p) {
  return (p.ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_UDP_CKSUM;
}
bool asks_tcp(const rte_mbuf& p) {
  return (p.ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_TCP_CKSUM;
}
// (A request to cut without one for the checksum is no valid descriptor.)
bool asks_cut(const rte_mbuf& p) {
  return (p.ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0 && asks_tcp(p) && p.tso_segsz != 0;
}
bool asks_tag(const rte_mbuf& p) { return (p.ol_flags & RTE_MBUF_F_TX_VLAN) != 0; }

// The software has put the sum of the pseudo header into the field; a result of 0 is sent as
// 0xffff, because 0 would mean "no checksum" (RFC 768).
void fill_udp(rte_mbuf& packet, unsigned l4) {
  const auto sum = static_cast<std::uint16_t>(~sum_from(packet, l4));
  store_be16(byte_at(packet, l4 + 6), sum == 0 ? 0xffff : sum);
}

void fill_tcp(rte_mbuf& packet, unsigned l4) {
  store_be16(byte_at(packet, l4 + 16), static_cast<std::uint16_t>(~sum_from(packet, l4)));
}

void fill_ipv4(rte_mbuf& packet, unsigned l3, unsigned length) {
  const std::uint32_t sum = add_words(0, {byte_at(packet, l3), length});
  store_be16(byte_at(packet, l3 + 10), static_cast<std::uint16_t>(~fold(sum)));
}

void insert_tag(rte_mbuf& packet) {
  char* start = rte_pktmbuf_prepend(&packet, tag_bytes);
  std::memmove(start, start + tag_bytes, mac_bytes);
  store_be16(byte_at(packet, mac_bytes), RTE_ETHER_TYPE_VLAN);
  store_be16(byte_at(packet, mac_bytes + 2), packet.vlan_tci);
}

}  // namespace

diag::Result<Transmitter> Transmitter::make(const ir::NicModel& model, const Names& names) {
  Transmitter out;
  out.max_segments_ = model.tx_segments;
  const ir::Graph& graph = model.transmit;
  std::optional<ir::Vertex> at;
  for (ir::Vertex v = 0; v < boost::num_vertices(graph.g) && !at; ++v)
    if (graph.node(v).kind == ir::NodeKind::queue) at = v;
  if (!at) return diag::fail(bad_graph("the transmit graph has no queue"));

  for (std::size_t steps = 0; graph.node(*at).kind != ir::NodeKind::wire; ++steps) {
    if (steps > boost::num_vertices(graph.g))
      return diag::fail(bad_graph("the transmit graph never reaches the wire"));
    const ir::Config& config = graph.node(*at).config;
    if (config.performs) {
      Unit unit{};
      const std::string& effect = config.performs->effect;
      if (effect == "udp.checksum_fill") {
        unit.effect = Effect::udp_checksum;
      } else if (effect == "tcp.checksum_fill") {
        unit.effect = Effect::tcp_checksum;
      } else if (effect == "tcp.segment") {
        unit.effect = Effect::segment;
      } else if (effect == "ipv4.checksum_fill") {
        unit.effect = Effect::ipv4_checksum;
      } else if (effect == "vlan.push") {
        unit.effect = Effect::vlan_tag;
      } else {
        return diag::fail(bad_graph(fmt::format("the emulated card cannot perform `{}`", effect)));
      }
      const auto knob = std::find(names.knobs.begin(), names.knobs.end(), config.knob);
      if (knob == names.knobs.end())
        return diag::fail(bad_graph(fmt::format("`{}` has no knob", graph.node(*at).id)));
      unit.knob = static_cast<unsigned>(knob - names.knobs.begin());
      out.units_.push_back(unit);
    }
    at = graph.next(*at, 0);
    if (!at) return diag::fail(bad_graph("the transmit graph ends before the wire"));
  }
  return out;
}

bool Transmitter::serves(const rte_mbuf& packet, Effect effect, const CardState& state) const {
  for (const Unit& unit : units_) {
    if (unit.effect != effect || state.knobs[unit.knob] == 0) continue;
    switch (effect) {
      case Effect::udp_checksum: return asks_udp(packet);
      case Effect::tcp_checksum: return asks_tcp(packet);
      case Effect::segment: return asks_cut(packet);
      case Effect::ipv4_checksum: return asks_ipv4(packet);
      case Effect::vlan_tag: return asks_tag(packet);
    }
  }
  return false;
}

bool Transmitter::prepare(rte_mbuf& packet, const CardState& state) const {
  const bool udp = serves(packet, Effect::udp_checksum, state);
  const bool tcp = serves(packet, Effect::tcp_checksum, state);
  const bool ipv4 = serves(packet, Effect::ipv4_checksum, state);
  const bool tag = serves(packet, Effect::vlan_tag, state);
  if (packet.nb_segs > max_segments_) return false;
  const unsigned l3 = packet.l2_len;
  const unsigned l4 = l3 + packet.l3_len;
  if (ipv4 && (packet.l3_len < 20 || l4 > packet.data_len)) return false;
  if (udp && l4 + 8 > packet.data_len) return false;
  if (tcp && l4 + 20 > packet.data_len) return false;
  if (tag && (rte_pktmbuf_headroom(&packet) < tag_bytes || packet.data_len < mac_bytes))
    return false;

  unsigned shift = 0;  // by a tag that was inserted before a checksum unit
  for (const Unit& unit : units_) {
    if (state.knobs[unit.knob] == 0) continue;
    switch (unit.effect) {
      case Effect::udp_checksum:
        if (udp) fill_udp(packet, l4 + shift);
        break;
      case Effect::tcp_checksum:
        if (tcp) fill_tcp(packet, l4 + shift);
        break;
      case Effect::ipv4_checksum:
        if (ipv4) fill_ipv4(packet, l3 + shift, packet.l3_len);
        break;
      case Effect::vlan_tag:
        if (tag) {
          insert_tag(packet);
          shift = tag_bytes;
        }
        break;
      case Effect::segment: break;  // done before (segmentation.h)
    }
  }
  packet.ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
  return true;
}

}  // namespace weft::emulator
