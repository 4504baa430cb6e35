// A segment as it came, and one to be sent.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "stack-nodes/tcp/machine/options.h"
#include "stack-nodes/tcp/machine/sequence.h"
#include "stack-nodes/tcp/machine/tuple.h"

namespace weft::tcp {

// Control bits (RFC 9293 section 3.1).
inline constexpr std::uint8_t fin = 1, syn = 2, rst = 4, psh = 8, ack = 16, urg = 32, ece = 64,
                              cwr = 128;

// The two ECN bits of the network header (RFC 3168 section 5).
inline constexpr std::uint8_t ecn_none = 0, ecn_capable = 2, ecn_congested = 3;

struct Segment {
  Tuple tuple;  // as seen from here: local is its destination
  Seq seq = 0;
  Seq ack_seq = 0;
  std::uint16_t window = 0;  // as in the header, not scaled
  std::uint16_t urgent = 0;
  std::uint8_t flags = 0;
  std::uint8_t ecn = 0;
  std::uint32_t len = 0;  // bytes of text
  const std::uint8_t* data = nullptr;
  void* buffer = nullptr;  // that holds the text
  Options options;

  bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
  // Sequence space that it takes: SYN and FIN count (SEG.LEN).
  std::uint32_t length() const { return len + (has(syn) ? 1u : 0u) + (has(fin) ? 1u : 0u); }
  Seq end() const { return seq + length(); }
};

// Reads the header at `bytes`, which is a whole TCP segment; addresses are the caller's. False: its
// data offset is below 5 words or beyond the segment.
bool read_segment(std::span<const std::uint8_t> bytes, Segment& s);

// The header alone; the text comes behind it. `payload` names bytes of a connection's send queue.
struct OutSegment {
  Tuple tuple;
  Seq seq = 0;
  Seq ack_seq = 0;
  std::uint16_t window = 0;
  std::uint16_t urgent = 0;
  std::uint8_t flags = 0;
  std::uint8_t ecn = 0;
  std::uint8_t ttl = 0;  // 0: the host's own
  std::uint8_t dscp = 0;
  std::uint8_t option_bytes = 0;  // a multiple of 4
  std::array<std::uint8_t, 40> options{};
  struct Payload {
    std::uint32_t chunk = ~std::uint32_t{0};  // Tcp::copy_payload reads it
    std::uint32_t offset = 0;
    std::uint32_t len = 0;
  } payload;

  std::uint32_t header_bytes() const { return 20u + option_bytes; }
  std::uint32_t bytes() const { return header_bytes() + payload.len; }
};

// Writes the header, its checksum field 0, to `to`: header_bytes() bytes.
void write_header(const OutSegment& s, std::uint8_t* to);

}  // namespace weft::tcp
