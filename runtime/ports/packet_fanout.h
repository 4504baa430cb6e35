// DPDK's driver for packet sockets asks the kernel to put IPv4 fragments together before they reach
// its ring (PACKET_FANOUT_FLAG_DEFRAG, drivers/net/af_packet, 22.11; it has no switch for that). A
// whole datagram of up to 64 KiB then lies in a slot made for a frame and is cut off: fragments
// would never arrive. While one of these lives, this thread's calls of setsockopt() leave out that
// flag.
//
// It works because a program's own setsockopt() is found before the C library's, by the driver too.
#pragma once

namespace weft::ports {

class FragmentsAsTheyAre {
 public:
  FragmentsAsTheyAre();
  ~FragmentsAsTheyAre();
  FragmentsAsTheyAre(const FragmentsAsTheyAre&) = delete;
  FragmentsAsTheyAre& operator=(const FragmentsAsTheyAre&) = delete;
};

}  // namespace weft::ports
