// A frame as a card's parser sees it: Ethernet, at most one 802.1Q tag, the network header behind
// it, and what an IPv4 header's length field says comes next.
//
// The emulated card has its own parser, on purpose: it must not share a mistake with the compiler's
// encoder or with the interpreter, whose answers it is compared with.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "compiler/ir/fields.h"

namespace weft::emulator {

// Where a field lies, relative to one of the frame's headers. Offsets and widths in bits.
struct Place {
  enum class Base { frame, tag, network, transport };
  Base base = Base::frame;
  unsigned offset = 0;
  unsigned width = 0;  // at most 64
};

// nullopt for names that are no header bits (pkt.len, host.mac).
std::optional<Place> place_of(const ir::Field& field);

class Frame {
 public:
  explicit Frame(std::span<const std::uint8_t> bytes);

  std::span<const std::uint8_t> bytes() const { return bytes_; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(bytes_.size()); }
  bool tagged() const { return network_ == 18; }
  // Offsets in bytes; where there is no such header they may lie beyond the end.
  std::uint32_t network() const { return network_; }
  std::uint32_t transport() const { return transport_; }

  // Network order; bits beyond the end of the frame read as 0.
  std::uint64_t read(const Place& place) const;
  std::uint64_t read_bits(std::uint64_t first, unsigned width) const;

 private:
  std::span<const std::uint8_t> bytes_;
  std::uint32_t network_ = 14;
  std::uint32_t transport_ = 0;
};

}  // namespace weft::emulator
