// A card that takes few frames between two polls: its transmit queues are full in between.
#pragma once

#include <algorithm>

#include "runtime/ports/card.h"

namespace weft::sim {

class NarrowCard final : public ports::Card {
 public:
  // `card` must outlive it. `frames` are taken from one poll to the next, of all queues together.
  NarrowCard(ports::Card& card, std::uint16_t frames) : card_(card), frames_(frames) {}

  ports::CardControl& control() override { return card_.control(); }
  std::uint16_t rx_burst(std::uint16_t queue, rte_mbuf** packets, std::uint16_t n) override {
    return card_.rx_burst(queue, packets, n);
  }
  std::uint16_t tx_burst(std::uint16_t queue, rte_mbuf** packets, std::uint16_t n) override {
    const std::uint16_t taken = card_.tx_burst(queue, packets, std::min(n, left_));
    left_ = static_cast<std::uint16_t>(left_ - taken);
    return taken;
  }
  unsigned poll() override {
    left_ = frames_;
    return card_.poll();
  }

 private:
  ports::Card& card_;
  std::uint16_t frames_;
  std::uint16_t left_ = 0;
};

}  // namespace weft::sim
