#include "tests/bench/graph/contender.h"
#include "tests/bench/graph/steps.h"

namespace weft::bench {
namespace {

class HandFused final : public Contender {
 public:
  explicit HandFused(Core& core) : core_(core) {}
  bool batch(rte_ring* in, rte_ring* out) override {
    rte_mbuf* m[batch_size];
    const unsigned n =
        rte_ring_sc_dequeue_burst(in, reinterpret_cast<void**>(m), batch_size, nullptr);
    unsigned ready = 0;
    for (unsigned i = 0; i < n; ++i) {
      std::uint8_t* f = frame(m[i]);
      if (ethernet_ok(core_, m[i], f) && ipv4_ok(core_, m[i], f) && udp_ok(f) &&
          core_.udp_flows.find(flow_key(f)) >= 0 && reply(core_, f) && forward(core_, m[i], f)) {
        m[ready++] = m[i];
      } else {
        ++dropped_;
        rte_pktmbuf_free(m[i]);
      }
    }
    rte_ring_sp_enqueue_bulk(out, reinterpret_cast<void**>(m), ready, nullptr);
    return n != 0;
  }

 private:
  Core& core_;
  std::uint64_t dropped_ = 0;
};

// With the card's facts: what a loop by hand can do behind such a card.
class BehindCard final : public Contender {
 public:
  explicit BehindCard(Core& core) : core_(core) {}
  bool batch(rte_ring* in, rte_ring* out) override {
    rte_mbuf* m[batch_size];
    const unsigned n =
        rte_ring_sc_dequeue_burst(in, reinterpret_cast<void**>(m), batch_size, nullptr);
    unsigned ready = 0;
    for (unsigned i = 0; i < n; ++i) {
      std::uint8_t* f = frame(m[i]);
      if (left_by_card(core_, m[i], f) && m[i]->hash.fdir.hi != 0 && reply<true>(core_, f) &&
          forward<true>(core_, m[i], f)) {
        m[ready++] = m[i];
      } else {
        ++dropped_;
        rte_pktmbuf_free(m[i]);
      }
    }
    rte_ring_sp_enqueue_bulk(out, reinterpret_cast<void**>(m), ready, nullptr);
    return n != 0;
  }

 private:
  Core& core_;
  std::uint64_t dropped_ = 0;
};

class Prefetched final : public Contender {
 public:
  explicit Prefetched(Core& core) : core_(core) {}
  bool batch(rte_ring* in, rte_ring* out) override {
    rte_mbuf* m[batch_size];
    std::uint64_t hashes[batch_size];
    const unsigned n =
        rte_ring_sc_dequeue_burst(in, reinterpret_cast<void**>(m), batch_size, nullptr);
    unsigned waiting = 0, ready = 0;
    for (unsigned i = 0; i < n; ++i) {
      std::uint8_t* f = frame(m[i]);
      if (ethernet_ok(core_, m[i], f) && ipv4_ok(core_, m[i], f) && udp_ok(f)) {
        hashes[waiting] = core_.udp_flows.hash(flow_key(f));
        core_.udp_flows.prefetch(hashes[waiting]);
        m[waiting++] = m[i];
      } else {
        drop(m[i]);
      }
    }
    for (unsigned i = 0; i < waiting; ++i) {
      std::uint8_t* f = frame(m[i]);
      if (core_.udp_flows.find(hashes[i], flow_key(f)) >= 0 && reply(core_, f) &&
          forward(core_, m[i], f)) {
        m[ready++] = m[i];
      } else {
        drop(m[i]);
      }
    }
    rte_ring_sp_enqueue_bulk(out, reinterpret_cast<void**>(m), ready, nullptr);
    return n != 0;
  }

 private:
  void drop(rte_mbuf* m) {
    ++dropped_;
    rte_pktmbuf_free(m);
  }
  Core& core_;
  std::uint64_t dropped_ = 0;
};

}  // namespace

std::unique_ptr<Contender> behind_card(Core& core) { return std::make_unique<BehindCard>(core); }

std::unique_ptr<Contender> hand_fused(Core& core, bool prefetched) {
  if (prefetched) return std::make_unique<Prefetched>(core);
  return std::make_unique<HandFused>(core);
}

}  // namespace weft::bench
