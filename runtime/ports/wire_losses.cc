#include "runtime/ports/wire_losses.h"

#include <ifaddrs.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace weft::ports {
namespace {

// Packet sockets may be there for an interface's memberships alone (interface_address.h): those are
// bound to no protocol.
bool receives(int fd) {
  sockaddr_ll at{};
  socklen_t size = sizeof(at);
  return getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) == 0 && at.sll_protocol != 0;
}

// Sockets of this process that belong to an address family, and receive frames.
std::set<int> sockets_of(int wanted) {
  std::set<int> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored)) {
    const int fd = std::atoi(entry.path().filename().c_str());
    int domain = 0;
    socklen_t size = sizeof(domain);
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == wanted &&
        (wanted != AF_PACKET || receives(fd)))
      found.insert(fd);
  }
  return found;
}

}  // namespace

WireLosses::WireLosses(const WireName& wire) : wire_(wire) {
  if (wire.kind == WireName::Kind::af_packet) domain_ = AF_PACKET;
  if (wire.kind == WireName::Kind::af_xdp) domain_ = AF_XDP;
  if (domain_ != 0) before_ = sockets_of(domain_);
}

void WireLosses::attach() {
  if (domain_ != 0) {
    const std::set<int> now = sockets_of(domain_);
    std::set_difference(now.begin(), now.end(), before_.begin(), before_.end(),
                        std::back_inserter(sockets_));
  }
  at_start_ = sockets_lost();
  interface_at_start_ = interface_lost();
}

// A packet socket with a ring is readable when a frame is in it. The driver opens one for each
// queue, in their order.
std::optional<int> WireLosses::readable(std::uint16_t queue, std::uint16_t queues) const {
  if (domain_ != AF_PACKET || sockets_.size() != queues) return std::nullopt;
  return sockets_[queue];
}

bool WireLosses::replaces_missed() const { return domain_ == AF_XDP; }

std::uint64_t WireLosses::sockets_lost() const {
  const std::lock_guard guard(lock_);
  std::uint64_t lost = 0;
  for (int fd : sockets_) {
    if (domain_ == AF_PACKET) {
      tpacket_stats stats{};
      socklen_t size = sizeof(stats);
      if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0)
        ring_lost_ += stats.tp_drops;
    } else {
      xdp_statistics stats{};
      socklen_t size = sizeof(stats);
      if (getsockopt(fd, SOL_XDP, XDP_STATISTICS, &stats, &size) == 0)
        lost += stats.rx_dropped + stats.rx_ring_full;
    }
  }
  return lost + ring_lost_;
}

// What did not fit into a TAP's queue. (Not from /sys, which may show another network namespace.)
std::uint32_t WireLosses::interface_lost() const {
  std::uint32_t lost = 0;
  ifaddrs* list = nullptr;
  if (wire_.kind != WireName::Kind::tap || getifaddrs(&list) != 0) return 0;
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr != nullptr && one->ifa_addr->sa_family == AF_PACKET &&
        one->ifa_data != nullptr && wire_.interface == one->ifa_name)
      lost = static_cast<const rtnl_link_stats*>(one->ifa_data)->tx_dropped;
  }
  freeifaddrs(list);
  return lost;
}

std::uint64_t WireLosses::count() const {
  // Modulo 2^32, as the kernel counts here; a device that is gone has told its last number.
  if (const std::uint32_t lost = interface_lost(); lost != 0)
    interface_lost_.store(lost - interface_at_start_, std::memory_order_relaxed);
  return sockets_lost() - at_start_ + interface_lost_.load(std::memory_order_relaxed);
}

}  // namespace weft::ports
