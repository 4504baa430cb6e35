// UDP socket -> endpoint. Most endpoints listen on all addresses of the host: two levels, 256 page
// numbers by the port's high byte and pages of 256 endpoints for those in use, so that a host with
// a few ports stays in the first-level cache. Endpoints bound to one address are in a hash table
// that is asked first, and only where there are any; a bound endpoint goes before one for all
// addresses.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weft {

class PortTable {
 public:
  PortTable() : pages_(1) { pages_[0].fill(none); }

  // The endpoint's index, or -1. `address` is the own address that the datagram is for.
  int find(std::uint32_t address, std::uint16_t port) const {
    if (!bound_.empty()) [[unlikely]] {
      const Bound& slot = bound_[place(address, port)];
      if (slot.port != 0) return slot.endpoint;
    }
    const std::uint16_t value = pages_[page_of_[port >> 8]][port & 0xff];
    return value == none ? -1 : value;
  }
  // Among the endpoints for all addresses alone.
  int find(std::uint16_t port) const {
    const std::uint16_t value = pages_[page_of_[port >> 8]][port & 0xff];
    return value == none ? -1 : value;
  }

  // Endpoints 0 to 65,534; a port that is there already gets the new endpoint.
  void insert(std::uint16_t port, std::uint16_t endpoint) {
    std::uint16_t& page = page_of_[port >> 8];
    if (page == 0) {
      page = static_cast<std::uint16_t>(pages_.size());
      pages_.emplace_back().fill(none);
    }
    std::uint16_t& value = pages_[page][port & 0xff];
    size_ += value == none ? 1 : 0;
    value = endpoint;
  }

  // For one address. Port 0 is nobody's.
  void insert(std::uint32_t address, std::uint16_t port, std::uint16_t endpoint) {
    if ((bound_count_ + 1) * 2 > bound_.size()) grow();
    Bound& slot = bound_[place(address, port)];
    if (slot.port == 0) {
      ++bound_count_;
      ++size_;
    }
    slot = {address, port, endpoint};
  }

  // A whole range of sockets; address 0: of all addresses.
  void insert(std::uint32_t address, unsigned addresses, std::uint16_t port, unsigned ports,
              std::uint16_t endpoint) {
    for (unsigned p = port; p < port + ports; ++p) {
      const auto each = static_cast<std::uint16_t>(p);
      if (address == 0) insert(each, endpoint);
      for (unsigned a = 0; address != 0 && a < addresses; ++a) insert(address + a, each, endpoint);
    }
  }

  bool erase(std::uint16_t port) {
    std::uint16_t& value = pages_[page_of_[port >> 8]][port & 0xff];
    if (value == none) return false;
    value = none;
    --size_;
    return true;
  }

  // What insert() of the same range put there.
  void erase(std::uint32_t address, unsigned addresses, std::uint16_t port, unsigned ports) {
    for (unsigned p = port; p < port + ports; ++p) {
      const auto each = static_cast<std::uint16_t>(p);
      if (address == 0) erase(each);
      for (unsigned a = 0; address != 0 && a < addresses; ++a) erase(address + a, each);
    }
  }
  bool erase(std::uint32_t address, std::uint16_t port) {
    if (bound_.empty()) return false;
    std::size_t hole = place(address, port);
    if (bound_[hole].port == 0) return false;
    const std::size_t mask = bound_.size() - 1;
    // An entry moves into the hole unless its home lies behind the hole on its way.
    for (std::size_t at = (hole + 1) & mask; bound_[at].port != 0; at = (at + 1) & mask) {
      const std::size_t way = (at - home(bound_[at].address, bound_[at].port)) & mask;
      if (way < ((at - hole) & mask)) continue;
      bound_[hole] = bound_[at];
      hole = at;
    }
    bound_[hole] = {};
    --bound_count_;
    --size_;
    return true;
  }

  std::size_t size() const { return size_; }

 private:
  static constexpr std::uint16_t none = 0xffff;
  struct Bound {
    std::uint32_t address = 0;
    std::uint16_t port = 0;  // 0: empty
    std::uint16_t endpoint = 0;
  };

  std::size_t home(std::uint32_t address, std::uint16_t port) const {
    const std::uint64_t key = std::uint64_t{address} << 16 | port;
    return (key * 0x9e3779b97f4a7c15 >> 32) & (bound_.size() - 1);
  }
  // Where the socket is, or the empty slot where it would go. At most half full.
  std::size_t place(std::uint32_t address, std::uint16_t port) const {
    std::size_t at = home(address, port);
    while (bound_[at].port != 0 && !(bound_[at].address == address && bound_[at].port == port))
      at = (at + 1) & (bound_.size() - 1);
    return at;
  }

  void grow() {
    std::vector<Bound> old(bound_.empty() ? 16 : bound_.size() * 2);
    old.swap(bound_);
    for (const Bound& slot : old) {
      if (slot.port != 0) bound_[place(slot.address, slot.port)] = slot;
    }
  }

  std::array<std::uint16_t, 256> page_of_{};  // 0: the page that has no endpoint
  std::vector<std::array<std::uint16_t, 256>> pages_;
  std::vector<Bound> bound_;  // a power of two, or nothing
  std::size_t bound_count_ = 0;
  std::size_t size_ = 0;
};

}  // namespace weft
