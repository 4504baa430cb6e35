#include "stack-nodes/tcp/machine/options.h"

#include <algorithm>

#include "stack-nodes/wire/bytes.h"

namespace weft::tcp {
namespace {

enum Kind : std::uint8_t {
  end_of_list = 0,
  no_operation = 1,
  max_segment = 2,
  window_scale = 3,
  sack_allowed = 4,
  sack = 5,
  timestamp = 8,
};

void read_sacks(std::span<const std::uint8_t> option, Options& o) {
  const std::size_t blocks = (option.size() - 2) / 8;
  if ((option.size() - 2) % 8 != 0 || blocks == 0) return;
  o.sack_count = 0;
  for (std::size_t i = 0; i < blocks && i < Options::most_sacks; ++i) {
    const std::uint8_t* at = option.data() + 2 + i * 8;
    o.sacks[o.sack_count++] = {wire::load32(at), wire::load32(at + 4)};
  }
}

void read_option(std::span<const std::uint8_t> option, Options& o) {
  const std::uint8_t* at = option.data();
  switch (option[0]) {
    case max_segment:
      if (option.size() != 4) return;
      o.has_mss = true;
      o.mss = wire::load16(at + 2);
      return;
    case window_scale:
      if (option.size() != 3) return;
      o.has_scale = true;
      o.scale = std::min(at[2], Options::max_scale);
      return;
    case sack_allowed:
      if (option.size() == 2) o.sack_permitted = true;
      return;
    case sack: return read_sacks(option, o);
    case timestamp:
      if (option.size() != 10) return;
      o.has_timestamps = true;
      o.ts_value = wire::load32(at + 2);
      o.ts_echo = wire::load32(at + 6);
      return;
    default: return;
  }
}

}  // namespace

Options read_options(std::span<const std::uint8_t> bytes) {
  Options o;
  for (std::size_t at = 0; at < bytes.size() && bytes[at] != end_of_list;) {
    if (bytes[at] == no_operation) {
      ++at;
      continue;
    }
    const std::size_t length = at + 1 < bytes.size() ? bytes[at + 1] : 0;
    if (length < 2 || length > bytes.size() - at) break;
    read_option(bytes.subspan(at, length), o);
    at += length;
  }
  return o;
}

void OptionWriter::put32(std::uint32_t v) {
  wire::store32(to_.data() + bytes_, v);
  bytes_ = static_cast<std::uint8_t>(bytes_ + 4);
}

void OptionWriter::mss(std::uint16_t value) {
  put32(std::uint32_t{max_segment} << 24 | 4u << 16 | value);
}

void OptionWriter::scale(std::uint8_t shift) {
  put32(std::uint32_t{no_operation} << 24 | std::uint32_t{window_scale} << 16 | 3u << 8 | shift);
}

void OptionWriter::sack_permitted() {
  put32(std::uint32_t{no_operation} << 24 | std::uint32_t{no_operation} << 16 |
        std::uint32_t{sack_allowed} << 8 | 2u);
}

// (In the layout of RFC 7323 appendix A.)
void OptionWriter::timestamps(std::uint32_t value, std::uint32_t echo) {
  put32(std::uint32_t{no_operation} << 24 | std::uint32_t{no_operation} << 16 |
        std::uint32_t{timestamp} << 8 | 10u);
  put32(value);
  put32(echo);
}

void OptionWriter::sacks(std::span<const SackBlock> blocks) {
  const std::size_t room = (to_.size() - bytes_ - 4) / 8;
  const std::size_t n = std::min({blocks.size(), room, std::size_t{Options::most_sacks}});
  if (to_.size() < bytes_ + 4u || n == 0) return;
  put8(no_operation);
  put8(no_operation);
  put8(sack);
  put8(static_cast<std::uint8_t>(2 + 8 * n));
  for (std::size_t i = 0; i < n; ++i) {
    put32(blocks[i].begin);
    put32(blocks[i].end);
  }
}

}  // namespace weft::tcp
