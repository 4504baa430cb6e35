// A card in memory whose queues are filled and emptied by the test, by hand: every frame goes to
// the queue that the test says, and everything between threads is std::atomic, so that a thread
// sanitizer sees all of it.
#pragma once

#include <memory>
#include <vector>

#include "runtime/engine/spsc_ring.h"
#include "runtime/ports/card.h"

namespace weft::test {

class RingCard final : public ports::Card, private ports::CardControl {
 public:
  explicit RingCard(unsigned queues) {
    for (unsigned q = 0; q < queues; ++q) {
      in_.push_back(std::make_unique<Ring>(256));
      out_.push_back(std::make_unique<Ring>(1024));
    }
  }

  // By the test's thread. Delivered on `queue`; false: no room.
  bool deliver(unsigned queue, rte_mbuf* frame) { return in_[queue]->put(frame); }
  rte_mbuf* sent(unsigned queue) {
    rte_mbuf* frame = nullptr;
    return out_[queue]->take(frame) ? frame : nullptr;
  }

  ports::CardControl& control() override { return *this; }
  std::uint16_t rx_burst(std::uint16_t queue, rte_mbuf** packets, std::uint16_t n) override {
    std::uint16_t got = 0;
    while (got < n && in_[queue]->take(packets[got])) ++got;
    return got;
  }
  std::uint16_t tx_burst(std::uint16_t queue, rte_mbuf** packets, std::uint16_t n) override {
    std::uint16_t done = 0;
    while (done < n && out_[queue]->put(packets[done])) ++done;
    return done;
  }

 private:
  using Ring = engine::SpscRing<rte_mbuf*>;

  std::string name() const override { return "rings of a test"; }
  int info(rte_eth_dev_info&) override { return 0; }
  int configure(std::uint16_t, std::uint16_t, const rte_eth_conf&) override { return 0; }
  int set_mac(const rte_ether_addr&) override { return 0; }
  int set_promiscuous(bool) override { return 0; }
  int rss_hash_update(const rte_eth_rss_conf&) override { return 0; }
  int reta_update(std::span<const rte_eth_rss_reta_entry64>, std::uint16_t) override { return 0; }
  int flow_validate(const rte_flow_attr&, const rte_flow_item*, const rte_flow_action*,
                    rte_flow_error&) override {
    return 0;
  }
  rte_flow* flow_create(const rte_flow_attr&, const rte_flow_item*, const rte_flow_action*,
                        rte_flow_error&) override {
    return nullptr;
  }
  int flow_destroy(rte_flow*, rte_flow_error&) override { return 0; }
  int start() override { return 0; }
  int stop() override { return 0; }
  ports::CardStats stats() override { return {}; }

  std::vector<std::unique_ptr<Ring>> in_, out_;
};

}  // namespace weft::test
