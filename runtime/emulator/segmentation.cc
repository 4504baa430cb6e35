#include "runtime/emulator/segmentation.h"

#include <algorithm>
#include <cstring>

#include "runtime/emulator/checksums.h"

namespace weft::emulator {
namespace {

constexpr std::uint8_t of_first = 0x80;        // CWR (RFC 3168 section 6.1.2)
constexpr std::uint8_t of_last = 0x01 | 0x08;  // FIN, PSH

std::uint32_t load(const std::uint8_t* at, unsigned bytes) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < bytes; ++i) value = value << 8 | at[i];
  return value;
}
void store(std::uint8_t* at, std::uint32_t value, unsigned bytes) {
  for (unsigned i = bytes; i-- > 0; value >>= 8) at[i] = static_cast<std::uint8_t>(value);
}

// `bytes` of text from `from` on; the last ones, or not. Null: no buffer.
rte_mbuf* segment(const rte_mbuf& whole, rte_mempool* pool, unsigned from, unsigned bytes,
                  unsigned number, bool last) {
  const unsigned l3 = whole.l2_len, l4 = l3 + whole.l3_len, text = l4 + whole.l4_len;
  rte_mbuf* m = rte_pktmbuf_alloc(pool);
  if (m == nullptr) return nullptr;
  char* const room = rte_pktmbuf_append(m, static_cast<std::uint16_t>(text + bytes));
  if (room == nullptr) {
    rte_pktmbuf_free(m);
    return nullptr;
  }
  auto* const to = reinterpret_cast<std::uint8_t*>(room);
  std::memcpy(to, rte_pktmbuf_mtod(&whole, const std::uint8_t*), text);
  const void* const part = rte_pktmbuf_read(&whole, text + from, bytes, to + text);
  if (part != to + text) std::memcpy(to + text, part, bytes);
  store(to + l3 + 2, whole.l3_len + whole.l4_len + bytes, 2);
  store(to + l3 + 4, load(to + l3 + 4, 2) + number, 2);
  store(to + l3 + 10, 0, 2);
  store(to + l3 + 10, static_cast<std::uint16_t>(~fold(add_words(0, {to + l3, whole.l3_len}))), 2);
  store(to + l4 + 4, load(to + l4 + 4, 4) + from, 4);
  if (number != 0) to[l4 + 13] &= static_cast<std::uint8_t>(~of_first);
  if (!last) to[l4 + 13] &= static_cast<std::uint8_t>(~of_last);
  // Addresses, protocol and length (RFC 9293 section 3.1).
  std::uint32_t sum = add_words(0, {to + l3 + 12, 8});
  sum += 6 + whole.l4_len + bytes;
  store(to + l4 + 16, fold(sum), 2);
  constexpr std::uint64_t done = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IP_CKSUM;
  m->ol_flags = whole.ol_flags & ~(done | RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL);
  m->tx_offload = whole.tx_offload;
  m->vlan_tci = whole.vlan_tci;
  return m;
}

}  // namespace

std::vector<rte_mbuf*> cut_segments(const rte_mbuf& whole, rte_mempool* pool) {
  std::vector<rte_mbuf*> out;
  const unsigned text = whole.l2_len + whole.l3_len + whole.l4_len;
  if (whole.l3_len < 20 || whole.l4_len < 20 || text > whole.data_len || text >= whole.pkt_len ||
      whole.tso_segsz == 0)
    return out;
  const unsigned all = whole.pkt_len - text;
  for (unsigned at = 0; at < all; at += whole.tso_segsz) {
    const unsigned bytes = std::min<unsigned>(whole.tso_segsz, all - at);
    rte_mbuf* m =
        segment(whole, pool, at, bytes, static_cast<unsigned>(out.size()), at + bytes == all);
    if (m == nullptr) {
      for (rte_mbuf* made : out) rte_pktmbuf_free(made);
      return {};
    }
    out.push_back(m);
  }
  return out;
}

}  // namespace weft::emulator
