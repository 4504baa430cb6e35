#include "runtime/ports/interface_address.h"

#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weft::ports {

InterfaceAddress::~InterfaceAddress() {
  if (fd_ >= 0) close(fd_);
}

int InterfaceAddress::take(unsigned interface, const rte_ether_addr& address) {
  if (fd_ >= 0) close(fd_);
  fd_ = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);  // protocol 0: it receives nothing
  if (fd_ < 0) return -errno;
  packet_mreq member{};
  member.mr_ifindex = static_cast<int>(interface);
  member.mr_type = PACKET_MR_UNICAST;
  member.mr_alen = sizeof(address.addr_bytes);
  std::memcpy(member.mr_address, address.addr_bytes, sizeof(address.addr_bytes));
  if (setsockopt(fd_, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &member, sizeof(member)) != 0)
    return -errno;
  return 0;
}

}  // namespace weft::ports
