// Builds frames byte by byte for tests, with a checksum of its own: the slow one from RFC 1071's
// first page, so that the fast one is never checked against itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weft::test {

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::uint64_t our_mac = 0x020000000002;
inline constexpr std::uint64_t peer_mac = 0x020000000001;
inline constexpr std::uint32_t our_address = 0x0a000002;
inline constexpr std::uint32_t peer_address = 0x0a000001;

inline Bytes from_hex(std::string_view hex) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(
        static_cast<std::uint8_t>(std::stoul(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

inline Bytes bytes_of(std::string_view text) { return Bytes(text.begin(), text.end()); }

inline std::uint16_t slow_sum(const Bytes& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? bytes[i] << 8 : bytes[i];
    if (sum > 0xffff) sum -= 0xffff;
  }
  return static_cast<std::uint16_t>(sum);
}
inline std::uint16_t slow_checksum(const Bytes& bytes) {
  return static_cast<std::uint16_t>(~slow_sum(bytes));
}

struct Ipv4Parts {
  std::uint32_t src = peer_address;
  std::uint32_t dst = our_address;
  std::uint8_t protocol = 17;
  std::uint16_t id = 0x1234;
  std::uint8_t ttl = 64;
  std::uint32_t offset = 0;  // bytes
  bool more = false;
  Bytes options;  // a multiple of 4 bytes
  std::uint8_t tos = 0;
};

// Payload first, then headers from the inside out: each wraps what is there.
class PacketBuilder {
 public:
  PacketBuilder() = default;
  explicit PacketBuilder(Bytes payload) : bytes_(std::move(payload)) {}
  explicit PacketBuilder(std::string_view payload) : bytes_(bytes_of(payload)) {}

  PacketBuilder& udp(std::uint16_t src_port, std::uint16_t dst_port, const Ipv4Parts& ip = {}) {
    Bytes header;
    put(header, 2, src_port);
    put(header, 2, dst_port);
    put(header, 2, bytes_.size() + 8);
    put(header, 2, 0);
    wrap(header);
    Bytes whole;
    put(whole, 4, ip.src);
    put(whole, 4, ip.dst);
    put(whole, 2, 17);
    put(whole, 2, bytes_.size());
    whole.insert(whole.end(), bytes_.begin(), bytes_.end());
    const std::uint16_t sum = slow_checksum(whole);
    patch(6, sum != 0 ? sum : 0xffff);
    return *this;
  }
  PacketBuilder& icmp(std::uint8_t type, std::uint8_t code, std::uint32_t word) {
    Bytes header{type, code, 0, 0};
    put(header, 4, word);
    wrap(header);
    patch(2, slow_checksum(bytes_));
    return *this;
  }
  PacketBuilder& ipv4(const Ipv4Parts& ip) {
    Bytes header;
    const std::size_t length = 20 + ip.options.size();
    put(header, 1, 0x40 | length / 4);
    put(header, 1, ip.tos);
    put(header, 2, length + bytes_.size());
    put(header, 2, ip.id);
    put(header, 2, (ip.more ? 0x2000 : 0) | ip.offset / 8);
    put(header, 1, ip.ttl);
    put(header, 1, ip.protocol);
    put(header, 2, 0);
    put(header, 4, ip.src);
    put(header, 4, ip.dst);
    header.insert(header.end(), ip.options.begin(), ip.options.end());
    const std::uint16_t sum = slow_checksum(header);
    wrap(header);
    patch(10, sum);
    return *this;
  }
  PacketBuilder& arp(std::uint16_t operation, std::uint64_t sender_mac, std::uint32_t sender,
                     std::uint64_t target_mac, std::uint32_t target) {
    Bytes header;
    put(header, 2, 1);
    put(header, 2, 0x0800);
    put(header, 1, 6);
    put(header, 1, 4);
    put(header, 2, operation);
    put(header, 6, sender_mac);
    put(header, 4, sender);
    put(header, 6, target_mac);
    put(header, 4, target);
    wrap(header);
    return *this;
  }
  PacketBuilder& vlan(std::uint16_t tag, std::uint16_t type) {
    Bytes header;
    put(header, 2, tag);
    put(header, 2, type);
    wrap(header);
    return *this;
  }
  PacketBuilder& eth(std::uint16_t type, std::uint64_t dst = our_mac,
                     std::uint64_t src = peer_mac) {
    Bytes header;
    put(header, 6, dst);
    put(header, 6, src);
    put(header, 2, type);
    wrap(header);
    return *this;
  }
  PacketBuilder& pad(std::size_t to) {
    while (bytes_.size() < to) bytes_.push_back(0xee);
    return *this;
  }
  const Bytes& bytes() const { return bytes_; }

 private:
  static void put(Bytes& to, unsigned count, std::uint64_t value) {
    for (unsigned i = count; i-- > 0;) to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  }
  void wrap(const Bytes& header) { bytes_.insert(bytes_.begin(), header.begin(), header.end()); }
  void patch(std::size_t at, std::uint16_t value) {
    bytes_[at] = static_cast<std::uint8_t>(value >> 8);
    bytes_[at + 1] = static_cast<std::uint8_t>(value);
  }
  Bytes bytes_;
};

// A whole UDP frame, as most tests want it.
inline Bytes udp_frame(std::string_view payload, const Ipv4Parts& ip = {},
                       std::uint16_t src_port = 4000, std::uint16_t dst_port = 7) {
  return PacketBuilder(payload).udp(src_port, dst_port, ip).ipv4(ip).eth(0x0800).bytes();
}

}  // namespace weft::test
