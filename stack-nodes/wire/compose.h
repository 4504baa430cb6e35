// A whole header put together in registers and stored with a few wide stores. Besides being short,
// that lets a checksum read it back at once: a load that spans several narrower stores has to wait
// until they have all reached the cache.
#pragma once

#include <array>
#include <cstdint>

#include "stack-nodes/wire/field.h"

namespace weft::wire {

// A header of `bytes` bytes; fields that are not put are 0.
template <unsigned bytes>
class Composer {
 public:
  // Bits of `value` beyond the field are ignored. Each field once.
  template <field::Field F>
  Composer& put(std::uint64_t value) {
    static_assert(F.offset + F.width <= bytes * 8);
    constexpr unsigned word = F.offset / 64;
    constexpr unsigned end = F.offset % 64 + F.width;  // bits, from the word's first
    value &= ~std::uint64_t{0} >> (64 - F.width);
    if constexpr (end <= 64) {
      words_[word] |= value << (64 - end);
    } else {
      words_[word] |= value >> (end - 64);
      words_[word + 1] |= value << (128 - end);
    }
    return *this;
  }

  void store(std::uint8_t* header) const {
    for (unsigned w = 0; w < bytes / 8; ++w) store_bytes<8>(header + 8 * w, words_[w]);
    if constexpr (bytes % 8 != 0) {
      store_bytes<bytes % 8>(header + bytes / 8 * 8, words_[bytes / 8] >> (64 - bytes % 8 * 8));
    }
  }

 private:
  std::array<std::uint64_t, (bytes + 7) / 8> words_{};
};

}  // namespace weft::wire
