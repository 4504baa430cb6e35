// A card as the engine sees it: queues to poll, queues to send on, and a control plane.
//
// What an mbuf says on its way from card to engine (rte_mbuf_core.h):
//   RTE_MBUF_F_RX_IP_CKSUM_*, _L4_CKSUM_*  what the card says of the checksums (four values each)
//   RTE_MBUF_F_RX_RSS_HASH                 hash.rss holds the hash
//   RTE_MBUF_F_RX_FDIR | _RX_FDIR_ID       hash.fdir.hi holds the mark of the rule that it hit
// Frames come in one segment. From engine to card:
//   RTE_MBUF_F_TX_IPV4 | _TX_IP_CKSUM      fill the IPv4 header checksum (field is 0)
//   RTE_MBUF_F_TX_IPV4 | _TX_UDP_CKSUM     fill the UDP checksum (field holds the pseudo-header
//   sum,
//                                          as rte_ipv4_phdr_cksum makes it)
//   RTE_MBUF_F_TX_VLAN                     insert vlan_tci
// with l2_len and l3_len set whenever a checksum is asked for.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/ports/card_control.h"

namespace weft::ports {

class Card {
 public:
  virtual ~Card() = default;
  virtual CardControl& control() = 0;

  // One core per queue, any core any queue. The caller owns what it gets.
  virtual std::uint16_t rx_burst(std::uint16_t queue, rte_mbuf** packets, std::uint16_t n) = 0;
  // Takes the first `returned` packets; the others stay the caller's. One core per queue.
  virtual std::uint16_t tx_burst(std::uint16_t queue, rte_mbuf** packets, std::uint16_t n) = 0;

  // How many more it would take now; connections wait with what does not fit. A card that cannot
  // say takes what it takes.
  virtual unsigned room(std::uint16_t) { return ~0u; }

  // Moves frames from wire to queues and from queues to wire; returns how many moved. Called by
  // the first net core alone, before it polls its own queues. A real port has nothing to move.
  virtual unsigned poll() { return 0; }
  // Half of it: from the wire to queues. (To send costs a system call on some wires.)
  virtual unsigned receive() { return poll(); }
  // The other half.
  virtual unsigned send() { return 0; }

  // Whether frames can pass. Asked by every core ten times a second.
  virtual bool link_up() { return true; }

  // Where a core may rest that has found nothing. Descriptors that become readable when a frame
  // comes for the queue; nullopt: there are none, the queue has to be polled.
  virtual std::optional<std::vector<int>> wait_for(std::uint16_t) { return std::nullopt; }
  // The same for poll().
  virtual std::optional<std::vector<int>> wait_for_poll() { return std::vector<int>{}; }
  // Frames wait in a queue that poll() has filled: its core must be woken.
  virtual bool waits(std::uint16_t) { return false; }
  // What tx_burst takes leaves with the next poll().
  virtual bool sends_by_poll() const { return false; }
};

}  // namespace weft::ports
