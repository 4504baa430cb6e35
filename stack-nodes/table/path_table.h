// The largest datagram that the way to an address carries, where a router has said that it is less
// than the own link does (RFC 1191). Bounded; what was learned is forgotten after ten minutes
// (section 6.3), so that a path which became wider is used again. A value below 552 bytes is taken
// for 552: a path that really carries less must cut, and whoever forges such messages can't make
// this host send a flood of crumbs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "stack-nodes/table/address_index.h"
#include "stack-nodes/table/owned.h"

namespace weft {

class PathTable : public Owned {
 public:
  static constexpr std::size_t capacity = 1024;
  static constexpr std::uint16_t floor = 552;
  static constexpr std::uint64_t lifetime_ns = 600'000'000'000;

  explicit PathTable(std::uint64_t seed = 0x9e6c63d0876a9a35) : index_(capacity, seed) {}

  // The path MTU to `address` on a link that carries `link` bytes.
  std::uint16_t mtu(std::uint32_t address, std::uint16_t link, std::uint64_t now_ns) const {
    touch("the table of paths");
    if (paths_.empty()) [[likely]]
      return link;
    const std::uint16_t at = index_.find(address);
    if (at == AddressIndex::none || now_ns >= paths_[at].until_ns) return link;
    return std::min(paths_[at].mtu, link);
  }

  // What a router said; the path MTU from now on. It never grows before its time is over.
  std::uint16_t learn(std::uint32_t address, std::uint16_t said, std::uint16_t link,
                      std::uint64_t now_ns) {
    const std::uint16_t before = mtu(address, link, now_ns);
    const std::uint16_t now = after(before, said, link);
    if (now == before) return before;
    std::uint16_t at = index_.find(address);
    if (at == AddressIndex::none) at = place_for(address);
    paths_[at].mtu = now;
    paths_[at].until_ns = now_ns + lifetime_ns;
    return now;
  }

  // Would learn() change anything?
  bool knows(std::uint32_t address, std::uint16_t said, std::uint16_t link,
             std::uint64_t now_ns) const {
    const std::uint16_t before = mtu(address, link, now_ns);
    return after(before, said, link) == before;
  }

  // Forgets what is too old. The engine calls it every 100 ms.
  void age(std::uint64_t now_ns) {
    touch("the table of paths");
    for (std::size_t at = paths_.size(); at-- > 0;) {
      if (now_ns >= paths_[at].until_ns) remove(at);
    }
  }

  std::size_t size() const { return paths_.size(); }

 private:
  struct Path {
    std::uint32_t address = 0;
    std::uint16_t mtu = 0;
    std::uint64_t until_ns = 0;
  };

  static std::uint16_t after(std::uint16_t before, std::uint16_t said, std::uint16_t link) {
    return std::min(before, std::max(said, std::min(floor, link)));
  }

  // When the table is full, what was learned longest ago makes room.
  std::uint16_t place_for(std::uint32_t address) {
    if (paths_.size() == capacity) {
      const auto oldest =
          std::min_element(paths_.begin(), paths_.end(),
                           [](const Path& a, const Path& b) { return a.until_ns < b.until_ns; });
      remove(static_cast<std::size_t>(oldest - paths_.begin()));
    }
    const auto at = static_cast<std::uint16_t>(paths_.size());
    paths_.push_back({.address = address});
    index_.insert(address, at);
    return at;
  }

  void remove(std::size_t at) {
    index_.erase(paths_[at].address);
    const Path last = paths_.back();
    paths_.pop_back();
    if (at == paths_.size()) return;
    index_.erase(last.address);
    index_.insert(last.address, static_cast<std::uint16_t>(at));
    paths_[at] = last;
  }

  AddressIndex index_;
  std::vector<Path> paths_;
};

}  // namespace weft
