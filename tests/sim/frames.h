// Frames made by hand: every field may be wrong on purpose. Addresses and ports in host byte order.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace weft::sim {

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::uint64_t own_mac = 0x027765667402;
inline constexpr std::uint64_t to_all = 0xffffffffffff;
inline constexpr std::uint32_t own_address = 0x0a070002;
inline constexpr std::uint32_t own_broadcast = 0x0a0700ff;
// Secondary addresses: in the same subnet, and in one of its own, 172.16.9.0/28.
inline constexpr std::uint32_t own_second = 0x0a0700c8;
inline constexpr std::uint32_t own_third = 0xac100909;
inline constexpr std::uint32_t third_broadcast = 0xac10090f;

constexpr std::uint32_t on_link(unsigned last) { return 0x0a070000 | last; }
constexpr std::uint64_t mac_of(std::uint32_t address) { return 0x020000000000 | address; }

// What is the same in every frame of a layer. `vlan` < 0: untagged.
struct Link {
  std::uint64_t dst = own_mac;
  std::uint64_t src = mac_of(on_link(1));
  int vlan = -1;
  std::uint16_t type = 0x0800;
};
struct Ip {
  std::uint32_t src = on_link(1);
  std::uint32_t dst = own_address;
  std::uint8_t protocol = 17;
  std::uint8_t ttl = 64;
  std::uint16_t id = 1;
  std::uint16_t fragment = 0;         // flags and offset, as in the header
  unsigned ihl = 5;                   // options are "no operation"
  std::vector<std::uint8_t> options;  // instead of those, a multiple of 4 bytes
  unsigned version = 4;
  std::optional<std::uint16_t> total_length;
  bool bad_checksum = false;
};
struct Udp {
  std::uint16_t src_port = 40000;
  std::uint16_t dst_port = 7;
  std::optional<std::uint16_t> length;
  enum class Sum { right, wrong, none } sum = Sum::right;
};
struct Icmp {
  std::uint8_t type = 8;
  std::uint8_t code = 0;
  std::uint32_t word = 0x00010001;
  bool bad_checksum = false;
};
struct Arp {
  std::uint16_t operation = 1;
  std::uint64_t sender_mac = mac_of(on_link(1));
  std::uint32_t sender = on_link(1);
  std::uint64_t target_mac = 0;
  std::uint32_t target = own_address;
  std::uint16_t hardware = 1, protocol = 0x0800;
  std::uint8_t hardware_length = 6, protocol_length = 4;
};

// A payload that has the application send to the host itself: 4 bytes of anything, this word, how
// often, and to which port.
inline constexpr char loop_word[] = "LOOP";
inline constexpr std::size_t loop_bytes = 10;

void put16(Bytes& b, std::size_t at, std::uint32_t v);
void put32(Bytes& b, std::size_t at, std::uint32_t v);
std::uint32_t get16(const Bytes& b, std::size_t at);  // 0 beyond the end
std::uint32_t get32(const Bytes& b, std::size_t at);

// Ones' complement sum of 16-bit words, folded; an odd last byte counts as the upper one.
std::uint32_t sum16(const std::uint8_t* bytes, std::size_t n, std::uint32_t sum = 0);

Bytes udp_segment(const Ip& ip, const Udp& udp, const Bytes& payload);
Bytes icmp_message(const Icmp& icmp, const Bytes& payload);
Bytes ip_frame(const Link& link, const Ip& ip, const Bytes& content);
Bytes udp_frame(const Link& link, const Ip& ip, const Udp& udp, const Bytes& payload);
Bytes icmp_frame(const Link& link, Ip ip, const Icmp& icmp, const Bytes& payload);
Bytes arp_frame(Link link, const Arp& arp);

// Offset of the network header, and the type in front of it (behind at most one tag).
std::size_t network_header(const Bytes& frame);
std::uint32_t network_type(const Bytes& frame);

}  // namespace weft::sim
