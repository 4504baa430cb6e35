// Frames that leave an interface of the kernel with something left to do: the sum of a TCP segment,
// or cutting what is larger than one. DPDK's net_af_packet cannot say that to the kernel; a packet
// socket that takes a header of virtio before each frame can (packet(7) PACKET_VNET_HDR; VIRTIO 1.1
// section 5.1.6.2), and the kernel does it as late as for its own, or leaves it to the device.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>

namespace weft::ports {

class PacketOffload {
 public:
  // What may be asked of it, in bits of rte_eth_txmode::offloads.
  static std::uint64_t offloads();

  PacketOffload() = default;
  PacketOffload(PacketOffload&& other) noexcept;
  PacketOffload& operator=(PacketOffload&&) = delete;
  ~PacketOffload();

  // For one transmit queue. 0 or a negative errno.
  int open(unsigned interface);

  static bool asked(const rte_mbuf& frame) {
    return (frame.ol_flags & (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG)) != 0;
  }
  // Takes the first `returned` frames, and frees them; all have asked for something.
  std::uint16_t send(rte_mbuf** frames, std::uint16_t n);
  // Of those taken: the kernel did not want them (the interface is down).
  std::uint64_t failed() const { return failed_; }

 private:
  int socket_ = -1;
  std::uint64_t failed_ = 0;
};

}  // namespace weft::ports
