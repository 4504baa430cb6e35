// One linear form over the bits of all keys: a set of bits whose sum (exclusive or) is meant.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace weft::rss {

// Bits of all keys of one system together: two keys of 52 bytes are 832.
inline constexpr unsigned most_bits = 1024;

class Row {
 public:
  static constexpr unsigned words = most_bits / 64;

  bool test(unsigned bit) const { return (words_[bit / 64] >> (bit % 64)) & 1; }
  void flip(unsigned bit) { words_[bit / 64] ^= std::uint64_t{1} << (bit % 64); }
  std::uint64_t word(unsigned index) const { return words_[index]; }
  void set_word(unsigned index, std::uint64_t value) { words_[index] = value; }

  // Only the first `used` words; whoever calls knows how many bits there are.
  void add(const Row& other, unsigned used) {
    for (unsigned w = 0; w < used; ++w) words_[w] ^= other.words_[w];
  }
  bool sum_over(const Row& values, unsigned used) const {
    std::uint64_t sum = 0;
    for (unsigned w = 0; w < used; ++w) sum ^= words_[w] & values.words_[w];
    return std::popcount(sum) % 2 != 0;
  }
  // most_bits where there is none.
  unsigned lowest(unsigned used) const {
    for (unsigned w = 0; w < used; ++w) {
      if (words_[w] != 0) return w * 64 + static_cast<unsigned>(std::countr_zero(words_[w]));
    }
    return most_bits;
  }
  bool operator==(const Row&) const = default;

 private:
  std::array<std::uint64_t, words> words_{};
};

// The sum of the bits of `form` is `value`.
struct Equation {
  Row form;
  bool value = false;
};

}  // namespace weft::rss
