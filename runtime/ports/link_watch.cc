#include "runtime/ports/link_watch.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

namespace weft::ports {

LinkWatch::LinkWatch(const WireName& wire) {
  using Kind = WireName::Kind;
  if (wire.kind != Kind::tap && wire.kind != Kind::af_packet && wire.kind != Kind::af_xdp) return;
  interface_ = wire.interface;
  socket_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

LinkWatch::~LinkWatch() {
  if (socket_ >= 0) close(socket_);
}

LinkWatch::LinkWatch(LinkWatch&& other) noexcept
    : interface_(std::move(other.interface_)), socket_(std::exchange(other.socket_, -1)) {}

LinkWatch& LinkWatch::operator=(LinkWatch&& other) noexcept {
  std::swap(interface_, other.interface_);
  std::swap(socket_, other.socket_);
  return *this;
}

bool LinkWatch::up() const {
  if (socket_ < 0) return true;
  ifreq request{};
  interface_.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
  if (ioctl(socket_, SIOCGIFFLAGS, &request) != 0) return true;  // gone: DeviceWatch says so
  const auto flags = static_cast<unsigned short>(request.ifr_flags);
  return (flags & IFF_UP) != 0 && (flags & IFF_RUNNING) != 0;
}

}  // namespace weft::ports
