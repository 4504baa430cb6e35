// Frames as a peer on the wire makes and reads them, byte by byte: nothing here comes from the
// stack that is tested.
#pragma once

#include <cstdint>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace weft::test {

using Bytes = std::vector<std::uint8_t>;

inline void put16(Bytes& b, std::uint32_t v) {
  b.push_back(static_cast<std::uint8_t>(v >> 8));
  b.push_back(static_cast<std::uint8_t>(v));
}
inline void put32(Bytes& b, std::uint32_t v) { put16(b, v >> 16), put16(b, v & 0xffff); }
inline void set16(Bytes& b, std::size_t at, std::uint32_t v) {
  b[at] = static_cast<std::uint8_t>(v >> 8);
  b[at + 1] = static_cast<std::uint8_t>(v);
}
inline std::uint32_t get16(const Bytes& b, std::size_t at) {
  return static_cast<std::uint32_t>(b[at] << 8 | b[at + 1]);
}
inline std::uint32_t get32(const Bytes& b, std::size_t at) {
  return get16(b, at) << 16 | get16(b, at + 2);
}
inline std::uint32_t internet_sum(const Bytes& b, std::size_t from, std::size_t to,
                                  std::uint32_t sum = 0) {
  for (std::size_t i = from; i < to; i += 2)
    sum += static_cast<std::uint32_t>(b[i] << 8 | (i + 1 < to ? b[i + 1] : 0));
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

// Ethernet and IPv4 in front of `payload`; checksums right.
struct Ip4 {
  std::uint32_t from = 0x0a000002, to = 0x0a000001;
  std::uint8_t protocol = 6, ttl = 64, tos = 0;
  std::uint16_t id = 0, offset = 0;  // of fragments: with the flags, in eights
  std::uint64_t own_mac = 0x020000000001, peer_mac = 0x020000000002;

  Bytes frame(const Bytes& payload) const {
    Bytes b;
    for (int i = 40; i >= 0; i -= 8) b.push_back(static_cast<std::uint8_t>(own_mac >> i));
    for (int i = 40; i >= 0; i -= 8) b.push_back(static_cast<std::uint8_t>(peer_mac >> i));
    put16(b, 0x0800);
    b.push_back(0x45), b.push_back(tos);
    put16(b, static_cast<std::uint32_t>(20 + payload.size()));
    put16(b, id), put16(b, offset);
    b.push_back(ttl), b.push_back(protocol);
    put16(b, 0), put32(b, from), put32(b, to);
    set16(b, 24, internet_sum(b, 14, 34));
    b.insert(b.end(), payload.begin(), payload.end());
    return b;
  }
};

// The answer to an ARP request: whoever is asked for has the peer's address.
inline Bytes arp_answer(const Bytes& request, std::uint64_t mac = 0x020000000002) {
  Bytes b(request.begin() + 6, request.begin() + 12);
  for (int i = 40; i >= 0; i -= 8) b.push_back(static_cast<std::uint8_t>(mac >> i));
  put16(b, 0x0806), put16(b, 1), put16(b, 0x0800), put16(b, 0x0604), put16(b, 2);
  b.insert(b.end(), b.begin() + 6, b.begin() + 12);
  b.insert(b.end(), request.begin() + 38, request.begin() + 42);
  b.insert(b.end(), request.begin() + 22, request.begin() + 32);
  return b;
}

struct TcpFrame {
  static constexpr std::uint8_t fin = 1, syn = 2, rst = 4, psh = 8, ack = 16, urg = 32, ece = 64,
                                cwr = 128;
  Ip4 ip;
  std::uint16_t from_port = 1234, to_port = 80;
  std::uint32_t seq = 0, ack_seq = 0;
  std::uint8_t flags = 0;
  std::uint32_t window = 65535, urgent = 0;
  Bytes options, text;
  int data_offset = -1;  // -1: what it is

  Bytes segment() const {
    Bytes b;
    put16(b, from_port), put16(b, to_port), put32(b, seq), put32(b, ack_seq);
    Bytes all = options;
    while (all.size() % 4 != 0) all.push_back(0);
    const auto words =
        data_offset >= 0 ? static_cast<std::size_t>(data_offset) : 5 + all.size() / 4;
    b.push_back(static_cast<std::uint8_t>(words << 4)), b.push_back(flags);
    put16(b, window), put16(b, 0), put16(b, urgent);
    b.insert(b.end(), all.begin(), all.end());
    b.insert(b.end(), text.begin(), text.end());
    Bytes pseudo;
    put32(pseudo, ip.from), put32(pseudo, ip.to);
    put16(pseudo, 6), put16(pseudo, static_cast<std::uint32_t>(b.size()));
    const std::uint32_t first = ~internet_sum(pseudo, 0, pseudo.size()) & 0xffff;
    set16(b, 16, internet_sum(b, 0, b.size(), first));
    return b;
  }
  Bytes frame() const { return ip.frame(segment()); }
};

// What came from the stack. `tcp` is false for anything else than a whole, right segment.
struct SeenFrame {
  bool tcp = false, sums_right = false;
  std::uint16_t ethertype = 0, own_port = 0, peer_port = 0;
  std::uint8_t protocol = 0, flags = 0, tos = 0, ttl = 0;
  std::uint32_t own = 0, peer = 0, seq = 0, ack_seq = 0, window = 0, urgent = 0, ip_id = 0;
  bool dont_fragment = false, sack_ok = false;
  std::map<std::string, std::vector<std::uint32_t>> options;  // mss, ws, ts, sack
  Bytes text, ip_payload;

  explicit SeenFrame(const Bytes& b) {
    if (b.size() < 14) return;
    ethertype = static_cast<std::uint16_t>(get16(b, 12));
    if (ethertype != 0x0800 || b.size() < 34) return;
    const std::size_t ihl = (b[14] & 15) * 4u, total = get16(b, 16);
    tos = b[15], ip_id = get16(b, 18), ttl = b[22], protocol = b[23];
    dont_fragment = (b[20] & 0x40) != 0;
    own = get32(b, 26), peer = get32(b, 30);
    if (total < ihl || b.size() < 14 + total) return;
    ip_payload.assign(b.begin() + 14 + static_cast<std::ptrdiff_t>(ihl),
                      b.begin() + 14 + static_cast<std::ptrdiff_t>(total));
    sums_right = internet_sum(b, 14, 14 + ihl) == 0;
    const Bytes& p = ip_payload;
    if (protocol != 6 || p.size() < 20) return;
    Bytes pseudo;
    put32(pseudo, get32(b, 26)), put32(pseudo, peer);
    put16(pseudo, 6), put16(pseudo, static_cast<std::uint32_t>(p.size()));
    const std::uint32_t first = ~internet_sum(pseudo, 0, pseudo.size()) & 0xffff;
    sums_right = sums_right && internet_sum(p, 0, p.size(), first) == 0;
    const std::size_t header = (p[12] >> 4) * 4u;
    if (header < 20 || header > p.size()) return;
    tcp = true;
    own_port = static_cast<std::uint16_t>(get16(p, 0));
    peer_port = static_cast<std::uint16_t>(get16(p, 2));
    seq = get32(p, 4), ack_seq = get32(p, 8), flags = p[13];
    window = get16(p, 14), urgent = get16(p, 18);
    for (std::size_t at = 20; at < header && p[at] != 0;) {
      if (p[at] == 1) {
        ++at;
        continue;
      }
      const std::size_t len = p[at + 1];
      if (p[at] == 2) options["mss"] = {get16(p, at + 2)};
      if (p[at] == 3) options["ws"] = {p[at + 2]};
      if (p[at] == 4) sack_ok = true;
      if (p[at] == 8) options["ts"] = {get32(p, at + 2), get32(p, at + 6)};
      for (std::size_t i = 2; p[at] == 5 && i + 4 <= len; i += 4)
        options["sack"].push_back(get32(p, at + i));
      at += len < 2 ? 2 : len;
    }
    text.assign(p.begin() + static_cast<std::ptrdiff_t>(header), p.end());
  }

  std::string words() const {
    std::ostringstream out;
    if (!tcp) {
      out << "ethertype " << std::hex << ethertype << " protocol " << std::dec << +protocol;
      return out.str();
    }
    static const char* const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
    const char* between = "";
    for (unsigned i = 0; i < 8; ++i) {
      if ((flags >> i & 1) == 0) continue;
      out << between << names[i];
      between = "|";
    }
    out << " seq=" << seq << " ack=" << ack_seq << " win=" << window << " len=" << text.size();
    for (const auto& [name, values] : options) {
      out << ' ' << name << '=';
      for (std::size_t i = 0; i < values.size(); ++i) out << (i != 0 ? "," : "") << values[i];
    }
    if (sack_ok) out << " sack_ok";
    return out.str();
  }
};

}  // namespace weft::test
