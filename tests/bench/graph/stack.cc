#include "runtime/engine/frames.h"
#include "tests/bench/graph/contender.h"

namespace weft::bench {
namespace {

template <class Receive, class Send>
inline bool one_batch(Core& core, rte_ring* in, rte_ring* out, Receive&& receive, Send&& send) {
  rte_mbuf* m[batch_size];
  const unsigned n =
      rte_ring_sc_dequeue_burst(in, reinterpret_cast<void**>(m), batch_size, nullptr);
  if (n == 0) return false;
  receive(engine::frames_of(m), n);

  // The application: sends every datagram back from the buffer it came in, as an application with
  // zero copy does (runtime/apps).
  DatagramList& got = core.delivered;
  for (unsigned i = 0; i < got.count; ++i) turn_around(got.datagrams[i]);
  send(got.datagrams, got.count);
  got.count = 0;

  FrameList& ready = core.transmitted;
  rte_ring_sp_enqueue_bulk(out, reinterpret_cast<void**>(ready.frames), ready.count, nullptr);
  ready.count = 0;
  return true;
}

}  // namespace

bool Stack::batch(rte_ring* in, rte_ring* out) {
  return one_batch(
      core_, in, out, [this](Frame** f, unsigned n) { residue_.receive(core_, f, n); },
      [this](const Datagram* d, unsigned n) { residue_.send(core_, d, n); });
}

bool Interpreted::batch(rte_ring* in, rte_ring* out) {
  return one_batch(
      core_, in, out, [this](Frame** f, unsigned n) { runner_.receive(core_, f, n); },
      [this](const Datagram* d, unsigned n) { runner_.send(core_, d, n); });
}

}  // namespace weft::bench
