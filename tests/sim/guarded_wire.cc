#include "tests/sim/guarded_wire.h"

#include <cstdlib>
#include <cstring>
#include <memory>

namespace weft::sim {
namespace {

struct Guard {
  rte_mbuf_ext_shared_info shared{};
  std::unique_ptr<char[]> bytes;
};

void give_back(void*, void* own) { delete static_cast<Guard*>(own); }

}  // namespace

void guard(rte_mbuf* m) {
  const std::uint16_t length = m->data_len;
  const auto room = static_cast<std::uint16_t>(RTE_PKTMBUF_HEADROOM + length);
  auto* own = new Guard{.shared = {}, .bytes = std::make_unique<char[]>(room)};
  std::memcpy(own->bytes.get() + RTE_PKTMBUF_HEADROOM, rte_pktmbuf_mtod(m, const char*), length);
  own->shared.free_cb = give_back;
  own->shared.fcb_opaque = own;
  rte_mbuf_ext_refcnt_set(&own->shared, 1);
  rte_pktmbuf_attach_extbuf(m, own->bytes.get(), RTE_BAD_IOVA, room, &own->shared);
  m->data_off = RTE_PKTMBUF_HEADROOM;
  m->data_len = length;
  m->pkt_len = length;
}

std::uint16_t GuardedWire::receive(rte_mbuf** frames, std::uint16_t n) {
  const std::uint16_t got = wire_.receive(frames, n);
  for (std::uint16_t i = 0; i < got; ++i) guard(frames[i]);
  return got;
}

std::uint16_t OddWire::receive(rte_mbuf** frames, std::uint16_t n) {
  const std::uint16_t got = wire_.receive(frames, n);
  for (std::uint16_t i = 0; i < got; ++i) reshape(frames[i]);
  return got;
}

void OddWire::reshape(rte_mbuf* m) {
  const unsigned shape = number_++ % 4;
  if (shape == 0) return;
  // Further back by 1, 3, 5, ... bytes, where there is room.
  const auto shift = static_cast<std::uint16_t>(1 + 2 * (number_ % 32));
  if (shift <= rte_pktmbuf_tailroom(m)) {
    std::memmove(rte_pktmbuf_mtod(m, char*) + shift, rte_pktmbuf_mtod(m, char*), m->data_len);
    m->data_off = static_cast<std::uint16_t>(m->data_off + shift);
  }
  if (shape == 1) return;
  // The last third goes into a segment of its own; with shape 3, behind an empty one.
  const auto moved = static_cast<std::uint16_t>(m->data_len / 3);
  for (unsigned more = shape - 1; more > 0; --more) {
    rte_mbuf* next = rte_pktmbuf_alloc(pool_);
    if (next == nullptr) std::abort();
    if (more == 1) {
      std::memcpy(rte_pktmbuf_append(next, moved),
                  rte_pktmbuf_mtod(m, const char*) + m->data_len - moved, moved);
      m->data_len = static_cast<std::uint16_t>(m->data_len - moved);
      m->pkt_len -= moved;
    }
    if (rte_pktmbuf_chain(m, next) != 0) std::abort();
  }
}

}  // namespace weft::sim
