#include "stack-nodes/tcp/machine/segment.h"

#include <cstring>

#include "stack-nodes/wire/bytes.h"

namespace weft::tcp {

bool read_segment(std::span<const std::uint8_t> bytes, Segment& s) {
  if (bytes.size() < 20) return false;
  const std::uint8_t* at = bytes.data();
  const std::size_t header = std::size_t{at[12]} >> 4 << 2;
  if (header < 20 || header > bytes.size()) return false;
  s.tuple.peer_port = wire::load16(at);
  s.tuple.local_port = wire::load16(at + 2);
  s.seq = wire::load32(at + 4);
  s.ack_seq = wire::load32(at + 8);
  s.flags = at[13];
  s.window = wire::load16(at + 14);
  s.urgent = wire::load16(at + 18);
  s.data = at + header;
  s.len = static_cast<std::uint32_t>(bytes.size() - header);
  s.options = header > 20 ? read_options(bytes.subspan(20, header - 20)) : Options{};
  return true;
}

void write_header(const OutSegment& s, std::uint8_t* to) {
  wire::store16(to, s.tuple.local_port);
  wire::store16(to + 2, s.tuple.peer_port);
  wire::store32(to + 4, s.seq);
  wire::store32(to + 8, s.ack_seq);
  to[12] = static_cast<std::uint8_t>(s.header_bytes() / 4 << 4);
  to[13] = s.flags;
  wire::store16(to + 14, s.window);
  wire::store16(to + 16, 0);
  wire::store16(to + 18, s.urgent);
  std::memcpy(to + 20, s.options.data(), s.option_bytes);
}

}  // namespace weft::tcp
