#include "runtime/emulator/frame.h"

#include <algorithm>

namespace weft::emulator {
namespace {

constexpr std::uint64_t ethertype_vlan = 0x8100;
constexpr std::uint64_t ethertype_ipv4 = 0x0800;

}  // namespace

std::optional<Place> place_of(const ir::Field& field) {
  Place place{Place::Base::frame, field.offset, field.width};
  switch (field.layer) {
    case ir::Layer::none: return std::nullopt;
    case ir::Layer::l2: place.base = Place::Base::frame; break;
    case ir::Layer::l3:
      // The tag stands where an untagged frame has its network header.
      place.base = field.name.starts_with("vlan.") ? Place::Base::tag : Place::Base::network;
      break;
    case ir::Layer::l4: place.base = Place::Base::transport; break;
  }
  return place;
}

Frame::Frame(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
  std::uint64_t type = read_bits(12 * 8, 16);
  if (type == ethertype_vlan) {
    network_ = 18;
    type = read_bits(16 * 8, 16);
  }
  // IHL counts 32-bit words (RFC 791 section 3.1). Without IPv4 no transport header is known.
  const std::uint64_t words = read_bits(std::uint64_t{network_} * 8 + 4, 4);
  transport_ = type == ethertype_ipv4 ? network_ + static_cast<std::uint32_t>(words) * 4 : size();
}

std::uint64_t Frame::read(const Place& place) const {
  std::uint64_t start = 0;
  switch (place.base) {
    case Place::Base::frame: break;
    case Place::Base::tag: start = 14; break;
    case Place::Base::network: start = network_; break;
    case Place::Base::transport: start = transport_; break;
  }
  return read_bits(start * 8 + place.offset, place.width);
}

std::uint64_t Frame::read_bits(std::uint64_t first, unsigned width) const {
  std::uint64_t value = 0;
  std::uint64_t bit = first;
  unsigned left = width;
  while (left > 0) {
    const std::uint64_t at = bit / 8;
    const std::uint8_t byte = at < bytes_.size() ? bytes_[at] : 0;
    const unsigned skip = bit % 8;
    const unsigned take = std::min(8 - skip, left);
    const unsigned piece = (byte >> (8 - skip - take)) & ((1U << take) - 1);
    value = (value << take) | piece;
    bit += take;
    left -= take;
  }
  return value;
}

}  // namespace weft::emulator
