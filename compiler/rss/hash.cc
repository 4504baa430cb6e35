#include "compiler/rss/hash.h"

namespace weft::rss {

std::uint32_t window(std::span<const std::uint8_t> key, unsigned at) {
  std::uint64_t five = 0;  // bytes, from the one that holds the bit
  for (unsigned i = 0; i < 5; ++i) {
    const std::size_t byte = at / 8 + i;
    five = five << 8 | (byte < key.size() ? key[byte] : 0);
  }
  return static_cast<std::uint32_t>(five >> (8 - at % 8));
}

Hasher::Hasher(std::span<const std::uint8_t> key, unsigned input_bytes) : table_(input_bytes) {
  for (unsigned byte = 0; byte < input_bytes; ++byte) {
    auto& sums = table_[byte];
    sums[0] = 0;
    for (unsigned bit = 0; bit < 8; ++bit) {  // the lowest bit of the byte is the last in the input
      const std::uint32_t add = window(key, byte * 8 + 7 - bit);
      for (unsigned low = 0; low < (1u << bit); ++low) sums[(1u << bit) + low] = sums[low] ^ add;
    }
  }
}

}  // namespace weft::rss
