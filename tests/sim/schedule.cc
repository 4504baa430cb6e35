#include "tests/sim/schedule.h"

#include <algorithm>

namespace weft::sim {
namespace {

constexpr std::uint64_t ms = 1'000'000;
constexpr std::uint64_t second = 1'000 * ms;
constexpr unsigned most_together = 32;
constexpr unsigned most_unfinished = 24;  // of the 32 that one source may have in a table

// State that is shared or owned by addresses: ARP messages and fragments. And packets whose answers
// look like those to another flow, which may come by another queue: broadcasts; TCP, by whose ports
// a card hashes only where the whole header is there. And what a router says of a path, which all
// shards are told.
bool stands_alone(const Bytes& f) {
  const std::uint32_t type = network_type(f);
  const std::size_t l3 = network_header(f);
  if (type != 0x0800 || f.size() < l3 + 20) return type == 0x0806;
  const std::uint32_t dst = get32(f, l3 + 16);
  return (get16(f, l3 + 6) & 0x3fff) != 0 || dst == own_broadcast || dst == third_broadcast ||
         dst >= 0xe0000000 || f[l3 + 9] == 6 ||
         (f[l3 + 9] == 1 && get16(f, l3 + (f[l3] & 15u) * 4) == 0x0304);
}

}  // namespace

Schedule::Schedule(std::uint64_t seed, int vlan) : random_(seed), vlan_(vlan) {
  announce_when_due();
}

bool Schedule::is_announced(std::uint32_t address) {
  return std::any_of(std::begin(announced), std::end(announced),
                     [address](unsigned last) { return on_link(last) == address; });
}

bool Schedule::strays(const Bytes& f) {
  if (network_type(f) != 0x0800) return false;
  const std::size_t l3 = network_header(f);
  for (const std::size_t field : {12u, 16u}) {
    const std::uint32_t a = get32(f, l3 + field);
    if ((a & 0xffffff00) == on_link(0) && a != own_address && a != own_second &&
        a != own_broadcast && !is_announced(a))
      return true;
  }
  return false;
}

void Schedule::add(Bytes frame) {
  const bool alone = stands_alone(frame);
  if (alone || in_burst_ >= burst_) next_burst();
  if (alone) {
    put(std::move(frame));
    now_ns_ += 2 * ms;
    return;
  }
  if (in_burst_ == 0) burst_ = static_cast<unsigned>(1 + random_() % most_together);
  ++in_burst_;
  put(std::move(frame));
}

void Schedule::together(std::vector<Bytes> frames) {
  next_burst();
  for (auto& frame : frames) put(std::move(frame));
  in_burst_ = most_together;
  next_burst();
}

void Schedule::next_burst() {
  if (in_burst_ != 0) now_ns_ += 60 * ms;
  in_burst_ = 0;
  if (unfinished_ >= most_unfinished) {
    unfinished_ = 0;
    now_ns_ += 31 * second;
  }
  announce_when_due();
}

void Schedule::silence(std::uint64_t seconds) {
  next_burst();
  now_ns_ += seconds * second;
  unfinished_ = 0;
  announce_when_due();
}

void Schedule::announce_when_due() {
  if (now_ns_ < announce_ns_) return;
  for (const unsigned last : announced) {
    const Link link{.dst = to_all, .src = mac_of(on_link(last)), .vlan = vlan_};
    put(arp_frame(link, {.sender_mac = mac_of(on_link(last)), .sender = on_link(last)}));
    now_ns_ += 2 * ms;
  }
  announce_ns_ = now_ns_ + 15 * second;
}

}  // namespace weft::sim
