// A whole header put together in registers and stored with a few wide stores. Besides being short,
// that lets a checksum read it back at once: a load that spans several narrower stores has to wait
// until they have all reached the cache.
#pragma once

#include <array>
#include <cstdint>

#include "stack-nodes/wire/field.h"

namespace weft::wire {

// A header of `bytes` bytes; fields that are not put are 0. A header whose fields each lie in one
// of its words of 4 bytes takes `Word` std::uint32_t: shorter where most words hold one field or
// none that changes.
template <unsigned bytes, class Word = std::uint64_t>
class Composer {
 public:
  // Bits of `value` beyond the field are ignored. Each field once.
  template <field::Field F>
  Composer& put(std::uint64_t value) {
    static_assert(F.offset + F.width <= bytes * 8);
    if constexpr (sizeof(Word) == 4) {
      constexpr unsigned past = F.offset % 32 + F.width;
      static_assert(past <= 32, "a field in two words");
      value &= ~std::uint64_t{0} >> (64 - F.width);
      words_[F.offset / 32] |= static_cast<Word>(value) << (32 - past);
      return *this;
    } else {
      return put_wide<F>(value);
    }
  }

  void store(std::uint8_t* header) const {
    constexpr unsigned size = sizeof(Word);
    for (unsigned w = 0; w < bytes / size; ++w) store_bytes<size>(header + size * w, words_[w]);
    if constexpr (overlapping) {
      store_bytes<8>(header + bytes - 8, tail_);
    } else if constexpr (bytes % size != 0) {
      store_bytes<bytes % size>(header + bytes / size * size,
                                words_[bytes / size] >> (size * 8 - bytes % size * 8));
    }
  }

 private:
  template <field::Field F>
  Composer& put_wide(std::uint64_t value) {
    constexpr unsigned word = F.offset / 64;
    constexpr unsigned end = F.offset % 64 + F.width;  // bits, from the word's first
    value &= ~std::uint64_t{0} >> (64 - F.width);
    if constexpr (overlapping && F.offset + F.width > tail) {
      tail_ |= value << (bytes * 8 - F.offset - F.width);
      if constexpr (F.offset >= tail) return *this;
    }
    if constexpr (end <= 64) {
      words_[word] |= value << (64 - end);
    } else {
      words_[word] |= value >> (end - 64);
      words_[word + 1] |= value << (128 - end);
    }
    return *this;
  }

  // Where the rest takes several stores: the last 8 bytes once more as a whole, over what the word
  // before them has written.
  static constexpr bool overlapping =
      sizeof(Word) == 8 && bytes > 8 && bytes % 8 > 2 && bytes % 8 != 4;
  static constexpr unsigned tail = bytes * 8 - 64;  // where they begin, in bits
  std::uint64_t tail_ = 0;
  std::array<Word, (bytes + sizeof(Word) - 1) / sizeof(Word)> words_{};
};

}  // namespace weft::wire
