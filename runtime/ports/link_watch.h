// Whether the interface that a wire ends at can pass frames: it is up, and the other end is there.
// The kernel is asked, because drivers without interrupts say "up" once and for all.
#pragma once

#include <string>

#include "runtime/ports/wire_name.h"

namespace weft::ports {

class LinkWatch {
 public:
  LinkWatch() = default;
  // Of a wire that ends at an interface of this kernel; all others always pass frames.
  explicit LinkWatch(const WireName& wire);
  ~LinkWatch();
  LinkWatch(LinkWatch&& other) noexcept;
  LinkWatch& operator=(LinkWatch&& other) noexcept;

  bool watches() const { return socket_ >= 0; }
  // One system call; by any thread. For a TAP its own end must be up, for a veth the other one.
  bool up() const;

 private:
  std::string interface_;
  int socket_ = -1;  // to ask with; -1: nothing to ask for
};

}  // namespace weft::ports
