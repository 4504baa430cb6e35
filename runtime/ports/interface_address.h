// One Ethernet address more that an interface of the kernel takes frames for (packet(7),
// PACKET_MR_UNICAST). Its own address stays as it is: nothing is left behind when we end, and the
// kernel's IP stack drops our frames at once as somebody else's, instead of routing each of them.
#pragma once

#include <rte_ether.h>

namespace weft::ports {

class InterfaceAddress {
 public:
  InterfaceAddress() = default;
  ~InterfaceAddress();
  InterfaceAddress(const InterfaceAddress&) = delete;
  InterfaceAddress& operator=(const InterfaceAddress&) = delete;

  // From now on, as long as this lives. 0, or a negative errno.
  int take(unsigned interface, const rte_ether_addr& address);

 private:
  int fd_ = -1;
};

}  // namespace weft::ports
