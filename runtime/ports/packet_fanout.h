// What DPDK's driver for packet sockets (drivers/net/af_packet, 22.11) asks the kernel for, and has
// no switch for, is put right while one of these lives, for this thread's calls of setsockopt():
//
// - it wants IPv4 fragments put together before they reach its ring (PACKET_FANOUT_FLAG_DEFRAG). A
//   whole datagram of up to 64 KiB then lies in a slot made for a frame and is cut off: fragments
//   would never arrive;
// - it takes what this machine sends by the interface for what came (but for what it sends itself,
//   past the queueing discipline): segments that the kernel cuts (packet_offload.h) would come
//   back;
// - it has each frame hashed to find its one queue.
//
// It works because a program's own setsockopt() is found before the C library's, by the driver too.
#pragma once

namespace weft::ports {

class PacketsAsTheyCome {
 public:
  explicit PacketsAsTheyCome(unsigned queues);
  ~PacketsAsTheyCome();
  PacketsAsTheyCome(const PacketsAsTheyCome&) = delete;
  PacketsAsTheyCome& operator=(const PacketsAsTheyCome&) = delete;
};

}  // namespace weft::ports
