// Where a card brings the segments of a connection, by the hash that it takes of them: known
// beforehand, so that who opens a connection can pick a port whose answers reach the right queue.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "stack-nodes/table/flow_table.h"

namespace weft {

// Linear in the bytes of the key (compiler/rss/hash.h): each adds what stands for its value, zeros
// where the card does not look.
struct Arrival {
  using Sums = std::array<std::uint32_t, 256>;
  static constexpr std::size_t src = 0, dst = 4, src_port = 8, dst_port = 10, bytes = 12;

  std::vector<Sums> sums;            // by byte of the key, in network order; empty: nobody can say
  std::vector<std::uint16_t> table;  // queue, by hash modulo the size
  bool by_own_port = false;          // the card looks at dst_port

  bool known() const { return !sums.empty(); }

  // The queue where segments with this key arrive. Pre: known().
  unsigned of(const FlowKey& k) const { return table[hash(k) % table.size()]; }

  // Pre: known().
  std::uint32_t hash(const FlowKey& k) const {
    std::uint32_t out = 0;
    const auto add = [&](std::size_t at, unsigned width, std::uint32_t value) {
      for (unsigned shift = width; shift > 0; shift -= 8)
        out ^= sums[at++][static_cast<std::uint8_t>(value >> (shift - 8))];
    };
    add(src, 32, k.src);
    add(dst, 32, k.dst);
    add(src_port, 16, k.src_port);
    add(dst_port, 16, k.dst_port);
    return out;
  }
};

}  // namespace weft
