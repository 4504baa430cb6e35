#include "runtime/engine/probe.h"

#include <algorithm>

#include "stack-nodes/wire/bytes.h"

namespace weft::engine {
namespace {

constexpr std::uint16_t arp = 0x0806, vlan_tag = 0x8100, ipv4 = 0x0800;

}  // namespace

std::optional<Rival> rival_in(std::span<const std::uint8_t> frame, const AddressTable& own,
                              std::uint64_t mac, std::uint16_t vlan) {
  const std::size_t l3 = vlan == 0 ? 14 : 18;
  if (frame.size() < l3 + 28) return std::nullopt;
  const std::uint8_t* p = frame.data();
  if (vlan != 0 && (wire::load16(p + 12) != vlan_tag || (wire::load16(p + 14) & 0xfff) != vlan))
    return std::nullopt;
  if (wire::load16(p + l3 - 2) != arp) return std::nullopt;
  p += l3;
  if (wire::load16(p) != 1 || wire::load16(p + 2) != ipv4 || p[4] != 6 || p[5] != 4)
    return std::nullopt;
  const std::uint16_t operation = wire::load16(p + 6);
  const std::uint64_t sender_mac = wire::load48(p + 8);
  const std::uint32_t sender = wire::load32(p + 14), target = wire::load32(p + 24);
  if (sender_mac == mac) return std::nullopt;  // the host's own message comes back
  if (own.find(sender) == Cast::own) return Rival{sender, sender_mac};
  if (operation == 1 && sender == 0 && own.find(target) == Cast::own)
    return Rival{target, sender_mac};
  return std::nullopt;
}

ProbeSchedule::ProbeSchedule(std::size_t addresses, std::uint64_t now_ns, std::uint64_t seed)
    : addresses_(addresses), due_ns_(now_ns), random_(seed) {
  due_ns_ += random_.next() % longest_wait;
}

std::pair<std::size_t, std::size_t> ProbeSchedule::due(std::uint64_t now_ns) {
  if (round_ == rounds || now_ns < due_ns_) return {0, 0};
  const std::size_t first = next_;
  next_ = std::min(next_ + most_at_once, addresses_);
  const std::size_t last = next_;
  if (next_ == addresses_) {
    next_ = 0;
    ++round_;
    due_ns_ =
        now_ns + (round_ == rounds ? listen : shortest + random_.next() % (longest - shortest));
  }
  return {first, last};
}

}  // namespace weft::engine
