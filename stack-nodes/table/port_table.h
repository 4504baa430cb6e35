// UDP port -> endpoint. Two levels, so that a host with a few ports stays in the first-level cache:
// 256 page numbers by the port's high byte, and pages of 256 endpoints for those in use.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weft {

class PortTable {
 public:
  PortTable() : pages_(1) { pages_[0].fill(none); }

  // The endpoint's index, or -1.
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

  bool erase(std::uint16_t port) {
    std::uint16_t& value = pages_[page_of_[port >> 8]][port & 0xff];
    if (value == none) return false;
    value = none;
    --size_;
    return true;
  }

  std::size_t size() const { return size_; }

 private:
  static constexpr std::uint16_t none = 0xffff;
  std::array<std::uint16_t, 256> page_of_{};  // 0: the page that has no endpoint
  std::vector<std::array<std::uint16_t, 256>> pages_;
  std::size_t size_ = 0;
};

}  // namespace weft
