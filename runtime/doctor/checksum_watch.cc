#include "runtime/doctor/checksum_watch.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace weft::doctor {

ChecksumWatch::ChecksumWatch(const std::string& interface) {
  // Protocol 0 first: nothing is received before the socket is bound to the interface.
  fd_ = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return;
  const int on = 1, small = 32 * 1024;
  setsockopt(fd_, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on));
  setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_IP);
  address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  if (bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    close(fd_);
    fd_ = -1;
  }
}

ChecksumWatch::~ChecksumWatch() {
  if (fd_ >= 0) close(fd_);
}

std::uint64_t ChecksumWatch::unfinished() {
  for (int i = 0; fd_ >= 0 && i < 256; ++i) {
    char byte = 0;
    iovec part = {.iov_base = &byte, .iov_len = 1};  // the frame itself is of no interest
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(tpacket_auxdata))];
    sockaddr_ll from{};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof(from);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    if (recvmsg(fd_, &message, MSG_DONTWAIT) < 0) break;
    if (from.sll_pkttype == PACKET_OUTGOING) continue;
    ++looked_at_;
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
      if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA) continue;
      tpacket_auxdata data{};
      std::memcpy(&data, CMSG_DATA(c), sizeof(data));
      if ((data.tp_status & TP_STATUS_CSUMNOTREADY) != 0) ++seen_;
    }
  }
  return seen_;
}

}  // namespace weft::doctor
