// Ports that are listened on: by address and port, an address of zeros for all.
#pragma once

#include <cstdint>

#include "stack-nodes/table/hash_index.h"
#include "stack-nodes/table/slab.h"
#include "stack-nodes/tcp/machine/connection.h"
#include "stack-nodes/tcp/machine/settings.h"
#include "stack-nodes/tcp/machine/tuple.h"

namespace weft::tcp {

struct Listener {
  Address local;
  std::uint64_t cookie = 0;  // the application's own; its connections begin with it
  std::uint32_t backlog = 0;
  std::uint32_t half_open = 0;   // connections in SYN-RECEIVED
  std::uint32_t unaccepted = 0;  // established, and the application has not said anything yet
  std::uint16_t port = 0;
  Settings settings;  // of its connections
};

class ListenerTable {
 public:
  explicit ListenerTable(std::uint32_t capacity) : listeners_(capacity), index_(capacity) {}

  std::uint32_t find(const Address& local, std::uint16_t port) const {
    return index_.find(hash(local, port), [&](std::uint32_t i) {
      return listeners_[i].local == local && listeners_[i].port == port;
    });
  }
  // One of this address goes before one of all.
  std::uint32_t find_for(const Address& local, std::uint16_t port) const {
    const std::uint32_t bound = find(local, port);
    if (bound != none) return bound;
    const std::uint32_t family = find(local.is_v4() ? Address::v4(0) : Address{}, port);
    return family != none ? family : find(Address{}, port);
  }
  std::uint32_t add(const Address& local, std::uint16_t port) {
    const std::uint32_t at = listeners_.take();
    if (at == none) return none;
    listeners_[at].local = local;
    listeners_[at].port = port;
    index_.insert(hash(local, port), at);
    return at;
  }
  void remove(std::uint32_t at) {
    index_.erase(hash(listeners_[at].local, listeners_[at].port), at);
    listeners_.give(at);
  }
  Listener& operator[](std::uint32_t at) { return listeners_[at]; }

 private:
  // (Keys are the host's own choice: nobody else can make them collide.)
  static std::uint32_t hash(const Address& a, std::uint16_t port) {
    const std::uint64_t h = (a.low ^ a.high * 3 ^ port) * 0x9e3779b97f4a7c15;
    return static_cast<std::uint32_t>(h >> 32);
  }
  Slab<Listener> listeners_;
  HashIndex index_;
};

}  // namespace weft::tcp
