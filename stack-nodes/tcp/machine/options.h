// TCP options (RFC 9293 section 3.2): maximum segment size, window scale and timestamps (RFC 7323),
// selective acknowledgements (RFC 2018, RFC 2883). Unknown ones are skipped; a length that cannot
// be ends the list, and what was read before it counts (MUST-6, MUST-7).
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "stack-nodes/tcp/machine/sequence.h"

namespace weft::tcp {

struct SackBlock {
  Seq begin = 0;
  Seq end = 0;  // behind the last byte
  bool operator==(const SackBlock&) const = default;
};

struct Options {
  static constexpr std::uint8_t max_scale = 14;  // RFC 7323 section 2.3
  static constexpr unsigned most_sacks = 4;

  bool has_mss = false;
  bool has_scale = false;
  bool sack_permitted = false;
  bool has_timestamps = false;
  std::uint8_t scale = 0;
  std::uint8_t sack_count = 0;
  std::uint16_t mss = 0;
  std::uint32_t ts_value = 0;
  std::uint32_t ts_echo = 0;
  std::array<SackBlock, most_sacks> sacks{};
};

Options read_options(std::span<const std::uint8_t> bytes);

// Puts options one behind the other, each as whole words.
class OptionWriter {
 public:
  explicit OptionWriter(std::array<std::uint8_t, 40>& to) : to_(to) {}
  void mss(std::uint16_t value);
  void scale(std::uint8_t shift);
  void sack_permitted();
  void timestamps(std::uint32_t value, std::uint32_t echo);
  // As many as there is room for.
  void sacks(std::span<const SackBlock> blocks);
  std::uint8_t bytes() const { return bytes_; }

 private:
  void put8(std::uint8_t v) { to_[bytes_++] = v; }
  void put32(std::uint32_t v);
  std::array<std::uint8_t, 40>& to_;
  std::uint8_t bytes_ = 0;
};

}  // namespace weft::tcp
