// The Toeplitz hash (Microsoft, "RSS hashing types"; the cards' datasheets): for each bit i of the
// input that is set, the 32 bits of the key from bit i on are added. So bit j of the hash, counted
// from the highest, is the sum of input bit i times key bit i + j: linear in both.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weft::rss {

using Bytes = std::vector<std::uint8_t>;

// A field in what a card hashes of a packet; offset and width in bits.
struct Part {
  std::string field;  // "ipv4.src"
  unsigned offset = 0;
  unsigned width = 0;
  // Its bits count from here on, too: where its mirror is, if the card adds both up first.
  std::optional<unsigned> also;
};

// What a card hashes of one kind of packets: fields one behind the other, in network order.
struct Input {
  std::string name;  // "ipv4_udp"
  std::vector<Part> parts;
  unsigned bits() const { return parts.empty() ? 0 : parts.back().offset + parts.back().width; }
};

// Bit `at` of `bytes`, from the highest of the first byte; 0 behind the end.
inline bool bit_of(std::span<const std::uint8_t> bytes, unsigned at) {
  return at / 8 < bytes.size() && ((bytes[at / 8] >> (7 - at % 8)) & 1) != 0;
}

// The 32 bits of the key from bit `at` on.
inline std::uint32_t window(std::span<const std::uint8_t> key, unsigned at) {
  std::uint64_t five = 0;  // bytes, from the one that holds the bit
  for (unsigned i = 0; i < 5; ++i) {
    const std::size_t byte = at / 8 + i;
    five = five << 8 | (byte < key.size() ? key[byte] : 0);
  }
  return static_cast<std::uint32_t>(five >> (8 - at % 8));
}

// The hash with one key, a byte of the input at a time.
class Hasher {
 public:
  explicit Hasher(std::span<const std::uint8_t> key, unsigned input_bytes) : table_(input_bytes) {
    for (unsigned byte = 0; byte < input_bytes; ++byte) {
      auto& sums = table_[byte];
      sums[0] = 0;
      for (unsigned bit = 0; bit < 8;
           ++bit) {  // the lowest bit of the byte is the last in the input
        const std::uint32_t add = window(key, byte * 8 + 7 - bit);
        for (unsigned low = 0; low < (1u << bit); ++low) sums[(1u << bit) + low] = sums[low] ^ add;
      }
    }
  }
  std::uint32_t operator()(std::span<const std::uint8_t> input) const {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < input.size(); ++i) sum ^= table_[i][input[i]];
    return sum;
  }
  // What a byte of the input adds to the hash, by its value.
  const std::array<std::uint32_t, 256>& of_byte(std::size_t at) const { return table_[at]; }

 private:
  std::vector<std::array<std::uint32_t, 256>> table_;
};

}  // namespace weft::rss
