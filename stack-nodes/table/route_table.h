// Longest prefix match. Routes lie sorted by prefix within their length, and only lengths that
// occur are searched, longest first: a host with a connected prefix and a gateway makes two
// comparisons.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weft {

class RouteTable {
 public:
  // `via` 0: on the link, the next hop is the destination itself. Replaces a route to the same
  // prefix. Bits of `prefix` beyond `length` (0 to 32) are ignored.
  void add(std::uint32_t prefix, unsigned length, std::uint32_t via) {
    const std::uint32_t mask = length == 0 ? 0 : ~std::uint32_t{0} << (32 - std::min(length, 32u));
    auto level = std::find_if(levels_.begin(), levels_.end(),
                              [&](const Level& l) { return l.mask <= mask; });
    if (level == levels_.end() || level->mask != mask)
      level = levels_.insert(level, Level{mask, {}, {}});
    auto& routes = level->routes;
    auto at = std::lower_bound(routes.begin(), routes.end(), prefix & mask, before);
    if (at != routes.end() && at->prefix == (prefix & mask)) {
      at->via = via;
    } else {
      routes.insert(at, Route{prefix & mask, via});
      ++size_;
    }
    level->first = routes.front();
    last_ = {};
  }

  // The address of the neighbour that gets datagrams for `dst`, or 0 where there is no route.
  // Broadcast to this link and multicast stay on the link (RFC 1122 section 3.3.6, RFC 1112 section
  // 6.1).
  std::uint32_t lookup(std::uint32_t dst) const {
    if (dst == last_.dst) [[likely]] {
      if (last_.hop == 0) __builtin_unreachable();
      return last_.hop;
    }
    const std::uint32_t hop = look_for(dst);
    if (hop != 0) last_ = {dst, hop};
    return hop;
  }

  void clear() {
    last_ = {};
    levels_.clear();
    size_ = 0;
  }
  std::size_t size() const { return size_; }

 private:
  struct Route {
    std::uint32_t prefix;
    std::uint32_t via;
  };
  struct Level {  // never empty
    std::uint32_t mask;
    Route first{};  // == routes.front(): most lengths have one route alone
    std::vector<Route> routes;
  };
  static constexpr std::uint32_t multicast = 0xe0000000;
  static bool before(const Route& r, std::uint32_t prefix) { return r.prefix < prefix; }

  std::uint32_t look_for(std::uint32_t dst) const {
    if (dst >= multicast) [[unlikely]]
      return look_everywhere(dst);
    for (const Level& level : levels_) {
      const Route& route = level.first;
      if (route.prefix == (dst & level.mask)) return route.via != 0 ? route.via : dst;
      if (level.routes.size() > 1) return look_everywhere(dst);
    }
    return 0;
  }
  [[gnu::noinline]] std::uint32_t look_everywhere(std::uint32_t dst) const {
    if (dst == 0xffffffff || (dst >> 28) == 0xe) return dst;
    for (const Level& level : levels_) {
      const std::uint32_t prefix = dst & level.mask;
      const auto at = std::lower_bound(level.routes.begin(), level.routes.end(), prefix, before);
      if (at != level.routes.end() && at->prefix == prefix) return at->via != 0 ? at->via : dst;
    }
    return 0;
  }

  // The answer to the last question: packets to one peer come in a row. (At first that to the
  // broadcast, which is the same for ever.)
  struct Answered {
    std::uint32_t dst = 0xffffffff;
    std::uint32_t hop = 0xffffffff;
  };
  mutable Answered last_;
  std::vector<Level> levels_;  // longest prefixes first
  std::size_t size_ = 0;
};

}  // namespace weft
