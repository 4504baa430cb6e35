// What the emulated card writes into a descriptor, beyond what the driver would: a plan must be
// right for every answer that the model allows, and tests have to be able to give each of them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "runtime/emulator/checksums.h"

namespace weft::emulator {

// The checksum answers of one packet.
struct Answers {
  Verdict ip = Verdict::unknown;
  Verdict l4 = Verdict::unknown;
  bool operator==(const Answers&) const = default;
};

struct DescriptorPolicy {
  // Gets the number of the frame (from 0, in order of arrival, dropped ones included), the frame,
  // and what the driver would say; what it returns is written, whether or not the model allows it.
  // It runs only for frames that reach a queue.
  using Forcing =
      std::function<Answers(std::uint64_t index, std::span<const std::uint8_t>, Answers)>;

  double doubt = 0;  // probability of "unknown" from a unit that is switched on
  double unfinished =
      0;  // probability of "none", where the model has that for unfinished checksums
  std::uint64_t seed = 0;  // same seed, same frames: same doubts
  Forcing force;
  // The queue of a frame on a card that nobody can predict ("spreads: unknown"): any is allowed.
  std::function<unsigned(std::uint64_t index, std::span<const std::uint8_t>)> place;

  // What the driver says.
  static DescriptorPolicy as_driver() { return {}; }
  // A unit that is on may always say "unknown" (a descriptor written late, a vector receive path);
  // one that is off says what its model has under `when_off`.
  static DescriptorPolicy doubtful(double p, std::uint64_t seed) {
    return {.doubt = p, .seed = seed};
  }
  // For replaying a counterexample: packet and descriptor answers together.
  static DescriptorPolicy forced(Forcing force) { return {.force = std::move(force)}; }
};

}  // namespace weft::emulator
