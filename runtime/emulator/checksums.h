// What the emulated card finds out about checksums on receive, and the sums that it fills in on
// transmit. Own code, not that of stack-nodes/: a wrong sum there must not agree with one here.
//
// Source: RFC 1071 (the sum), RFC 768 (UDP: a field of 0 means "none"), RFC 9293 section 3.1.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compiler/ir/graph.h"
#include "runtime/emulator/predicate.h"

namespace weft::emulator {

// DPDK's four values, numbered like the language's unknown, good, bad, none.
enum class Verdict : std::uint8_t { unknown = 0, good = 1, bad = 2, none = 3 };

// Adds big-endian 16-bit words to `sum`; an odd last byte counts as the high half.
std::uint32_t add_words(std::uint32_t sum, std::span<const std::uint8_t> bytes);
std::uint16_t fold(std::uint32_t sum);  // to 16 bits, not complemented

// Puts the checksum of a UDP datagram or a TCP segment back to what a sender leaves for its card to
// finish: the sum of the pseudo header (virtio 1.2 section 5.1.6.2).
void leave_unfinished(std::span<std::uint8_t> frame);

enum class Fact { ipv4_checksum, udp_checksum, tcp_checksum, icmp_checksum };

// Whether the card sees an error. A header that is no IPv4 header is not looked at (false); a
// datagram that is cut off, or whose UDP length is impossible, has no right checksum (true).
bool is_wrong(Fact fact, const Frame& frame);

// One unit of a receive graph that reports on checksums: of one header, or of one of several.
class Reporter {
 public:
  // Errors: E0640 (predicates), E0642 (a fact, descriptor field or answer that the emulated card
  // has no code for). `knob` is the unit's index into CardState::knobs.
  static diag::Result<Reporter> make(const ir::Report& report, unsigned knob, const Names& names);

  bool about_ip() const { return about_ip_; }  // else about the transport checksum
  bool on(const CardState& state) const { return state.knobs[knob_] != 0; }
  // What the driver says of this frame, as the model has it.
  Verdict judge(const Frame& frame, const CardState& state) const;
  // A right frame that the driver could also hand over with its checksum unfinished.
  bool may_be_unfinished(const Frame& frame, const CardState& state) const;

 private:
  struct Claim {
    Fact fact = Fact::ipv4_checksum;
    Predicate applies;
    Predicate evidence;
    bool wrong(const Frame& frame, const CardState& state) const;
  };

  std::vector<Claim> claims_;
  bool about_ip_ = true;
  unsigned knob_ = 0;
  Predicate checks_;
  Predicate says_good_;
  bool none_is_good_ = false;
  Verdict when_off_ = Verdict::unknown;
};

}  // namespace weft::emulator
