#include <cstddef>
#include <new>

#include "compiler/ir/edges.h"
#include "runtime/engine/frames.h"
#include "tests/bench/graph/contender.h"

namespace weft::bench {
namespace {

// The application: sends every datagram back from the buffer it came in, as an application with
// zero copy does (runtime/apps); the packet becomes a datagram to be sent.
inline Packet echo(const Packet& in) {
  const std::uint8_t* udp = in.data + in.l4;
  const std::uint32_t bytes = wire::load16(udp + 4) - 8u;
  Packet out;
  out.data = in.data + in.l4 + 8 - 42;
  out.len = out.end = 42 + bytes;
  out.l4 = 34;
  out.endpoint = in.endpoint;
  out.dst = wire::load32(in.data + in.l3 + 12);
  out.dst_port = wire::load16(udp);
  out.src_port = wire::load16(udp + 2);
  out.protocol = 17;
  out.buffer = in.buffer;
  return out;
}

template <class Run>
inline bool one_batch(Core& core, rte_ring* in, rte_ring* out, Run&& run) {
  rte_mbuf* m[batch_size];
  const unsigned n =
      rte_ring_sc_dequeue_burst(in, reinterpret_cast<void**>(m), batch_size, nullptr);
  if (n == 0) return false;
  // Made in place: an array of packets would be cleared as a whole first.
  alignas(Packet) std::byte room[batch_size * sizeof(Packet)];
  auto* packets = reinterpret_cast<Packet*>(room);
  for (unsigned i = 0; i < n; ++i) new (&packets[i]) Packet(engine::packet_of(m[i]));
  run(packets, n, ir::entry_rx);

  Packet* sent = packets;  // the batch's own packets are all taken by now
  const unsigned delivered = core.delivered.count;
  for (unsigned i = 0; i < delivered; ++i) new (&sent[i]) Packet(echo(core.delivered.packets[i]));
  core.delivered.count = 0;
  run(sent, delivered, ir::entry_udp_send);

  const unsigned ready = core.transmitted.count;
  for (unsigned i = 0; i < ready; ++i) m[i] = engine::frame_of(core.transmitted.packets[i]);
  core.transmitted.count = 0;
  rte_ring_sp_enqueue_bulk(out, reinterpret_cast<void**>(m), ready, nullptr);
  return true;
}

}  // namespace

bool Stack::batch(rte_ring* in, rte_ring* out) {
  return one_batch(core_, in, out,
                   [this](Packet* p, unsigned n, unsigned entry) { run_(core_, p, n, entry); });
}

bool Interpreted::batch(rte_ring* in, rte_ring* out) {
  return one_batch(core_, in, out, [this](Packet* p, unsigned n, unsigned entry) {
    runner_.run(core_, p, n, entry);
  });
}

}  // namespace weft::bench
