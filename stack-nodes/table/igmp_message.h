// Writes IGMP messages with their IPv4 header: RFC 3376 section 4, RFC 2236 section 2. All are sent
// with a time to live of 1, Internetwork Control precedence and the Router Alert option (RFC 2113),
// so that routers look at them and nobody forwards them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "stack-nodes/packet.h"
#include "stack-nodes/wire/bytes.h"
#include "stack-nodes/wire/checksum.h"

namespace weft {

namespace igmp {

inline constexpr std::uint8_t query = 0x11, report_v1 = 0x12, report_v2 = 0x16, leave_v2 = 0x17,
                              report_v3 = 0x22;
inline constexpr std::uint32_t all_hosts = 0xe0000001;    // 224.0.0.1
inline constexpr std::uint32_t all_routers = 0xe0000002;  // 224.0.0.2
inline constexpr std::uint32_t v3_routers = 0xe0000016;   // 224.0.0.22

// RFC 3376 section 4.2.12.
enum class Record : std::uint8_t {
  is_include = 1,
  is_exclude = 2,
  to_include = 3,
  to_exclude = 4,
  allow = 5,
  block = 6
};

// The exponential code of times in queries (section 4.1.1): in tenths of a second, or seconds.
inline std::uint32_t decoded(std::uint8_t code) {
  return code < 128 ? code : ((code & 15u) | 16u) << ((code >> 4 & 7) + 3);
}

inline constexpr std::uint32_t eth_bytes = 14, ip_bytes = 24;

// The headers in front of `bytes` of IGMP, whose checksum is filled in. The frame begins at p.data.
inline void finish(Packet& p, std::uint32_t bytes, std::uint32_t src, std::uint32_t dst,
                   std::uint16_t id) {
  p.l3 = eth_bytes;
  p.l4 = eth_bytes + ip_bytes;
  p.len = p.end = p.l4 + bytes;
  p.dst = dst;
  std::uint8_t* const ip = p.data + p.l3;
  wire::store16(ip, 0x46c0);
  wire::store16(ip + 2, static_cast<std::uint16_t>(ip_bytes + bytes));
  wire::store16(ip + 4, id);
  wire::store16(ip + 6, 0);
  wire::store16(ip + 8, 0x0102);  // time to live 1, IGMP
  wire::store16(ip + 10, 0);
  wire::store32(ip + 12, src);
  wire::store32(ip + 16, dst);
  wire::store32(ip + 20, 0x94040000);
  wire::Sum header;
  header.add(ip, ip_bytes);
  wire::store16(ip + 10, header.checksum());
  std::uint8_t* const message = p.data + p.l4;
  wire::store16(message + 2, 0);
  wire::Sum sum;
  sum.add(message, bytes);
  wire::store16(message + 2, sum.checksum());
}

// Version 1 and 2: eight bytes about one group.
inline void write_short(Packet& p, std::uint8_t type, std::uint32_t group, std::uint32_t src,
                        std::uint32_t dst, std::uint16_t id) {
  std::uint8_t* const message = p.data + eth_bytes + ip_bytes;
  wire::store16(message, static_cast<std::uint16_t>(type << 8));
  wire::store32(message + 4, group);
  finish(p, 8, src, dst, id);
}

// A version 3 report, put together record by record.
class Report {
 public:
  // `room`: bytes of IGMP that one message may have.
  explicit Report(std::uint32_t room) : room_(room) {}

  bool has_room(std::size_t bytes) const { return bytes_.size() + bytes <= room_; }
  // Where there is room: 8 bytes, and 4 for each source.
  void add(Record type, std::uint32_t group, std::span<const std::uint32_t> sources) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + 8 + 4 * sources.size());
    bytes_[at] = static_cast<std::uint8_t>(type);
    wire::store16(&bytes_[at + 2], static_cast<std::uint16_t>(sources.size()));
    wire::store32(&bytes_[at + 4], group);
    for (std::size_t i = 0; i < sources.size(); ++i)
      wire::store32(&bytes_[at + 8 + 4 * i], sources[i]);
    ++records_;
  }
  bool empty() const { return records_ == 0; }

  void write(Packet& p, std::uint32_t src, std::uint16_t id) {
    wire::store16(bytes_.data(), report_v3 << 8);
    wire::store16(&bytes_[6], records_);
    std::copy(bytes_.begin(), bytes_.end(), p.data + eth_bytes + ip_bytes);
    finish(p, static_cast<std::uint32_t>(bytes_.size()), src, v3_routers, id);
    bytes_.assign(8, 0);
    records_ = 0;
  }

 private:
  std::size_t room_;
  std::vector<std::uint8_t> bytes_ = std::vector<std::uint8_t>(8);
  std::uint16_t records_ = 0;
};

}  // namespace igmp
}  // namespace weft
