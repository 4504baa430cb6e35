#include "tests/sim/frames.h"

namespace weft::sim {

void put16(Bytes& b, std::size_t at, std::uint32_t v) {
  b.at(at) = static_cast<std::uint8_t>(v >> 8);
  b.at(at + 1) = static_cast<std::uint8_t>(v);
}
void put32(Bytes& b, std::size_t at, std::uint32_t v) {
  put16(b, at, v >> 16);
  put16(b, at + 2, v);
}
std::uint32_t get16(const Bytes& b, std::size_t at) {
  return at + 2 <= b.size() ? std::uint32_t{b[at]} << 8 | b[at + 1] : 0;
}
std::uint32_t get32(const Bytes& b, std::size_t at) {
  return get16(b, at) << 16 | get16(b, at + 2);
}

std::uint32_t sum16(const std::uint8_t* bytes, std::size_t n, std::uint32_t sum) {
  for (std::size_t i = 0; i < n; ++i) sum += i % 2 == 0 ? std::uint32_t{bytes[i]} << 8 : bytes[i];
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

namespace {

void append(Bytes& to, std::uint64_t v, unsigned bytes) {
  for (unsigned i = bytes; i-- > 0;) to.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
}

Bytes link_header(const Link& link) {
  Bytes b;
  append(b, link.dst, 6);
  append(b, link.src, 6);
  if (link.vlan >= 0) append(b, 0x81000000u | static_cast<std::uint32_t>(link.vlan), 4);
  append(b, link.type, 2);
  return b;
}

}  // namespace

Bytes udp_segment(const Ip& ip, const Udp& udp, const Bytes& payload) {
  Bytes b;
  append(b, udp.src_port, 2);
  append(b, udp.dst_port, 2);
  append(b, udp.length.value_or(static_cast<std::uint16_t>(8 + payload.size())), 2);
  append(b, 0, 2);
  b.insert(b.end(), payload.begin(), payload.end());
  if (udp.sum == Udp::Sum::none) return b;
  Bytes pseudo;
  append(pseudo, ip.src, 4);
  append(pseudo, ip.dst, 4);
  append(pseudo, 17, 2);
  append(pseudo, get16(b, 4), 2);
  std::uint32_t sum = 0xffff & ~sum16(b.data(), b.size(), sum16(pseudo.data(), pseudo.size()));
  if (udp.sum == Udp::Sum::wrong) sum ^= 0x0110;
  put16(b, 6, sum == 0 ? 0xffff : sum);
  return b;
}

Bytes icmp_message(const Icmp& icmp, const Bytes& payload) {
  Bytes b = {icmp.type, icmp.code, 0, 0};
  append(b, icmp.word, 4);
  b.insert(b.end(), payload.begin(), payload.end());
  const std::uint32_t sum = 0xffff & ~sum16(b.data(), b.size());
  put16(b, 2, icmp.bad_checksum ? sum ^ 0x0110 : sum);
  return b;
}

Bytes ip_frame(const Link& link, const Ip& ip, const Bytes& content) {
  Bytes b = link_header(link);
  const std::size_t l3 = b.size();
  const std::size_t words = ip.options.empty() ? ip.ihl : 5 + ip.options.size() / 4;
  b.push_back(static_cast<std::uint8_t>(ip.version << 4 | (words & 15)));
  b.push_back(0);
  append(b, ip.total_length.value_or(static_cast<std::uint16_t>(words * 4 + content.size())), 2);
  append(b, ip.id, 2);
  append(b, ip.fragment, 2);
  b.push_back(ip.ttl);
  b.push_back(ip.protocol);
  append(b, 0, 2);
  append(b, ip.src, 4);
  append(b, ip.dst, 4);
  if (ip.options.empty())
    for (unsigned i = 20; i < ip.ihl * 4; ++i) b.push_back(1);
  b.insert(b.end(), ip.options.begin(), ip.options.end());
  const std::uint32_t sum = 0xffff & ~sum16(b.data() + l3, b.size() - l3);
  put16(b, l3 + 10, ip.bad_checksum ? sum ^ 0x0110 : sum);
  b.insert(b.end(), content.begin(), content.end());
  return b;
}

Bytes udp_frame(const Link& link, const Ip& ip, const Udp& udp, const Bytes& payload) {
  return ip_frame(link, ip, udp_segment(ip, udp, payload));
}

Bytes icmp_frame(const Link& link, Ip ip, const Icmp& icmp, const Bytes& payload) {
  ip.protocol = 1;
  return ip_frame(link, ip, icmp_message(icmp, payload));
}

Bytes arp_frame(Link link, const Arp& arp) {
  link.type = 0x0806;
  Bytes b = link_header(link);
  append(b, arp.hardware, 2);
  append(b, arp.protocol, 2);
  b.push_back(arp.hardware_length);
  b.push_back(arp.protocol_length);
  append(b, arp.operation, 2);
  append(b, arp.sender_mac, 6);
  append(b, arp.sender, 4);
  append(b, arp.target_mac, 6);
  append(b, arp.target, 4);
  return b;
}

std::size_t network_header(const Bytes& frame) { return get16(frame, 12) == 0x8100 ? 18 : 14; }
std::uint32_t network_type(const Bytes& frame) { return get16(frame, network_header(frame) - 2); }

}  // namespace weft::sim
