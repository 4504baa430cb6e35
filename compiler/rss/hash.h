// The Toeplitz hash (Microsoft, "RSS hashing types"; the cards' datasheets): for each bit i of the
// input that is set, the 32 bits of the key from bit i on are added. So bit j of the hash, counted
// from the highest, is the sum of input bit i times key bit i + j: linear in both.
#pragma once

#include <array>
#include <cstdint>
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
std::uint32_t window(std::span<const std::uint8_t> key, unsigned at);

// The hash with one key, a byte of the input at a time.
class Hasher {
 public:
  explicit Hasher(std::span<const std::uint8_t> key, unsigned input_bytes);
  std::uint32_t operator()(std::span<const std::uint8_t> input) const {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < input.size(); ++i) sum ^= table_[i][input[i]];
    return sum;
  }

 private:
  std::vector<std::array<std::uint32_t, 256>> table_;
};

}  // namespace weft::rss
