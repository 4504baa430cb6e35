#include "tests/sim/stream_wire.h"

#include <cstring>

namespace weft::sim {
namespace {

constexpr std::uint32_t peer = on_link(1);
constexpr std::size_t udp_at = 14 + 20, payload_at = udp_at + 8;

}  // namespace

StreamWire::StreamWire(rte_mempool* pool, unsigned count, std::uint64_t seed)
    : pool_(pool), random_(seed) {
  for (unsigned i = 0; i < count; ++i)
    flows.push_back({.src_port = static_cast<std::uint16_t>(40000 + i)});
  template_ = udp_frame({.src = mac_of(peer)}, {.src = peer}, {.sum = Udp::Sum::none}, Bytes(12));
  // So that the stack knows its neighbour before the first datagram.
  answers_.push_back(arp_frame({.dst = to_all, .src = mac_of(peer)}, {.sender_mac = mac_of(peer)}));
}

rte_mbuf* StreamWire::make(const Bytes& bytes) {
  rte_mbuf* m = rte_pktmbuf_alloc(pool_);
  if (m == nullptr) return nullptr;
  std::memcpy(rte_pktmbuf_append(m, static_cast<std::uint16_t>(bytes.size())), bytes.data(),
              bytes.size());
  ++counters_.received;
  return m;
}

std::uint16_t StreamWire::receive(rte_mbuf** frames, std::uint16_t n) {
  std::uint16_t made = 0;
  for (; made < n && !answers_.empty(); ++made) {
    frames[made] = make(answers_.back());
    if (frames[made] == nullptr) return made;
    answers_.pop_back();
  }
  for (; made < n && allowed_ != 0; ++made) {
    Flow& flow = flows[random_() % flows.size()];
    put16(template_, udp_at, flow.src_port);
    put16(template_, udp_at + 2, flow.dst_port);
    put32(template_, payload_at, flow.src_port);
    put32(template_, payload_at + 4, flow.sent + 1);
    frames[made] = make(template_);
    if (frames[made] == nullptr) return made;
    ++flow.sent;
    --allowed_;
  }
  return made;
}

void StreamWire::returned(const std::uint8_t* frame, std::size_t length) {
  const Bytes b(frame, frame + length);
  if (get16(b, 12) == 0x0806) {
    if (get16(b, 20) == 1 && get32(b, 38) == peer)
      answers_.push_back(
          arp_frame({.src = mac_of(peer)},
                    {.operation = 2, .sender_mac = mac_of(peer), .target_mac = own_mac}));
    return;
  }
  if (get16(b, 12) != 0x0800 || length < payload_at + 8) return;
  if (b[23] == 1) ++refused;
  if (b[23] != 17) return;
  const std::uint32_t number = get32(b, payload_at + 4);
  Flow& flow = flows.at(get32(b, payload_at) - 40000);
  ++flow.returned;
  if (number > flow.last) {
    flow.last = number;
    return;
  }
  ++flow.late;
  if (on_late) on_late(flow);
}

std::uint16_t StreamWire::transmit(rte_mbuf** frames, std::uint16_t n) {
  for (unsigned i = 0; i < n; ++i) {
    returned(rte_pktmbuf_mtod(frames[i], const std::uint8_t*), frames[i]->data_len);
    rte_pktmbuf_free(frames[i]);
  }
  counters_.sent += n;
  return n;
}

}  // namespace weft::sim
