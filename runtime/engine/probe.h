// Are the host's addresses in use already? Asked before they are used (RFC 5227 section 2.1): three
// probes for each, then 2 s of listening. Who has an address answers; who asks for it just now
// wants it too. Nothing else is sent meanwhile, and what comes is looked at and thrown away.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "stack-nodes/table/address_table.h"
#include "stack-nodes/table/random.h"

namespace weft::engine {

struct Rival {
  std::uint32_t address = 0;
  std::uint64_t mac = 0;
};

// What the frame says of another host that has one of `own`, or is about to. `vlan`: 0, or of the
// host's tag.
std::optional<Rival> rival_in(std::span<const std::uint8_t> frame, const AddressTable& own,
                              std::uint64_t mac, std::uint16_t vlan);

// When what is asked. A million addresses take longer than the RFC has it: some at a time.
class ProbeSchedule {
 public:
  static constexpr std::uint64_t second = 1'000'000'000;
  static constexpr unsigned rounds = 3;                  // PROBE_NUM
  static constexpr std::uint64_t longest_wait = second;  // PROBE_WAIT, before the first
  static constexpr std::uint64_t shortest = second, longest = 2 * second;  // PROBE_MIN, PROBE_MAX
  static constexpr std::uint64_t listen = 2 * second;                      // ANNOUNCE_WAIT
  static constexpr std::size_t most_at_once = 32;

  ProbeSchedule(std::size_t addresses, std::uint64_t now_ns, std::uint64_t seed);

  bool over(std::uint64_t now_ns) const { return round_ == rounds && now_ns >= due_ns_; }
  // The addresses, by number, to be asked for now: first to one before last.
  std::pair<std::size_t, std::size_t> due(std::uint64_t now_ns);

 private:
  std::size_t addresses_;
  std::size_t next_ = 0;
  unsigned round_ = 0;
  std::uint64_t due_ns_;
  Random random_;
};

}  // namespace weft::engine
