// Sees when what a wire ends at is gone for good: an interface that was removed, or the process at
// the other end of a socket, where nobody would come back to us.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/ports/wire_name.h"

namespace weft::ports {

class DeviceWatch {
 public:
  DeviceWatch() = default;
  // The device is started. Where the peer has to be there already, waits until its side of the
  // handshake is done, for a second at most.
  DeviceWatch(const WireName& wire, std::uint16_t port);

  // Why it is gone, "" while it is there: one system call, or a look at the port's link. Called by
  // one thread.
  std::string failure() const;

 private:
  WireName wire_;
  std::uint16_t port_ = 0;
  unsigned interface_ = 0;  // its index, 0: none
  bool leaves_for_good_ = false;
  mutable bool was_there_ = false;  // the peer
};

}  // namespace weft::ports
