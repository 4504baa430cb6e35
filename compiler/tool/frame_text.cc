#include "compiler/tool/frame_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <sstream>

namespace weft::tool {
namespace {

using Bytes = std::vector<std::uint8_t>;

struct Wish {
  std::string protocol;
  std::uint32_t src = 0, dst = 0;
  std::uint16_t src_port = 40000, dst_port = 0;
  std::uint64_t eth_src = 0x0200000000aa, eth_dst = 0;
  std::optional<unsigned> length;  // 18, or 24 for a fragment that is not the last
  unsigned vlan = 0;
  bool tagged = false;
  unsigned ttl = 64;
  unsigned fragment = 0;  // bytes
  bool more = false;
  bool zero_checksum = false;
  std::map<std::string, bool> bad;
};

void put16(Bytes& out, unsigned v) {
  out.push_back(static_cast<std::uint8_t>(v >> 8));
  out.push_back(static_cast<std::uint8_t>(v));
}
void put32(Bytes& out, std::uint32_t v) {
  put16(out, v >> 16);
  put16(out, v & 0xffff);
}
void put48(Bytes& out, std::uint64_t v) {
  put16(out, static_cast<unsigned>(v >> 32) & 0xffff);
  put32(out, static_cast<std::uint32_t>(v));
}
void set16(Bytes& out, std::size_t at, unsigned v) {
  out[at] = static_cast<std::uint8_t>(v >> 8);
  out[at + 1] = static_cast<std::uint8_t>(v);
}

template <class T>
bool number(std::string_view text, T max, T& out) {
  std::uint64_t v = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || end != text.data() + text.size() || v > max) return false;
  out = static_cast<T>(v);
  return true;
}

bool address(std::string text, std::uint32_t& out) {
  unsigned part[4] = {};
  char rest = 0;
  if (std::sscanf(text.c_str(), "%3u.%3u.%3u.%3u%c", part, part + 1, part + 2, part + 3, &rest) !=
      4)
    return false;
  out = 0;
  for (unsigned p : part) {
    if (p > 255) return false;
    out = out << 8 | p;
  }
  return true;
}

bool socket(const std::string& text, std::uint32_t& host, std::uint16_t& port) {
  std::size_t colon = text.find(':');
  if (colon == std::string::npos) return address(text, host);
  return address(text.substr(0, colon), host) &&
         number<std::uint16_t>(std::string_view(text).substr(colon + 1), 65535, port);
}

bool mac(const std::string& text, std::uint64_t& out) {
  unsigned b[6] = {};
  char rest = 0;
  if (text == "broadcast") {
    out = 0xffffffffffff;
    return true;
  }
  if (std::sscanf(text.c_str(), "%2x:%2x:%2x:%2x:%2x:%2x%c", b, b + 1, b + 2, b + 3, b + 4, b + 5,
                  &rest) != 6)
    return false;
  out = 0;
  for (unsigned byte : b) out = out << 8 | byte;
  return true;
}

tl::unexpected<diag::Error> bad_word(const std::string& message) {
  diag::Diagnostic d;
  d.code = "E0459";
  d.message = message;
  d.help =
      "write like: udp from 10.7.0.1:40000 to 10.7.0.2:7 [len N] [vlan N] [ttl N] [fragment OFFSET "
      "[more]] [bad-checksum udp|ipv4|icmp] [no-checksum] [eth-dst MAC] [eth-src MAC]";
  return diag::fail(std::move(d));
}

diag::Result<Wish> parse(const std::string& text, const ir::HostConfig& host, std::uint16_t port) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  static const std::vector<std::string> protocols = {"udp", "icmp", "arp", "tcp"};
  static const std::vector<std::string> keys = {"from",    "to",      "len",          "vlan",
                                                "ttl",     "more",    "bad-checksum", "no-checksum",
                                                "eth-dst", "eth-src", "fragment"};
  Wish w;
  w.src = (host.address & host.netmask()) | 1;
  if (w.src == host.address) ++w.src;
  w.dst = host.address;
  w.dst_port = port;
  w.eth_dst = host.mac;
  w.vlan = host.vlan_id;
  w.tagged = host.vlan_id != 0;
  if (words.empty()) return bad_word("an empty packet description");
  w.protocol = words[0];
  if (std::find(protocols.begin(), protocols.end(), words[0]) == protocols.end())
    return bad_word(
        fmt::format("a packet begins with udp, icmp, tcp or arp, not with `{}`", words[0]));
  if (w.protocol == "arp") w.eth_dst = 0xffffffffffff;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string& key = words[i];
    if (key == "more" || key == "no-checksum") {
      (key == "more" ? w.more : w.zero_checksum) = true;
      continue;
    }
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
      std::string near = diag::nearest(key, keys);
      return bad_word(fmt::format("`{}` is no word of a packet description{}", key,
                                  near.empty() ? "" : fmt::format(", did you mean `{}`?", near)));
    }
    if (i + 1 == words.size()) return bad_word(fmt::format("`{}` needs a value", key));
    const std::string& value = words[++i];
    bool good = key == "from"      ? socket(value, w.src, w.src_port)
                : key == "to"      ? socket(value, w.dst, w.dst_port)
                : key == "len"     ? number(value, 65507u, w.length.emplace())
                : key == "vlan"    ? number(value, 4094u, w.vlan)
                : key == "ttl"     ? number(value, 255u, w.ttl)
                : key == "eth-dst" ? mac(value, w.eth_dst)
                : key == "eth-src" ? mac(value, w.eth_src)
                : key == "fragment"
                    ? number(value, 65528u, w.fragment) && w.fragment % 8 == 0
                    : value == "udp" || value == "ipv4" || value == "icmp" || value == "tcp";
    if (!good) return bad_word(fmt::format("`{}` can't be {}", value, key));
    if (key == "vlan") w.tagged = w.vlan != 0;
    if (key == "bad-checksum") w.bad[value] = true;
  }
  // All fragments but the last carry a multiple of 8 bytes.
  if (!w.length) w.length = w.more ? 24 : 18;
  return w;
}

// What is behind the IPv4 header. Fragments carry what stands at their offset: the pattern alone
// when the offset is not 0.
Bytes transport(const Wish& w) {
  Bytes out;
  std::uint32_t pseudo = 0;
  std::size_t checksum_at = 0;
  if (w.protocol == "udp") {
    put16(out, w.src_port);
    put16(out, w.dst_port);
    put16(out, 8 + *w.length);
    put16(out, 0);
    checksum_at = 6;
  } else if (w.protocol == "tcp") {
    put16(out, w.src_port);
    put16(out, w.dst_port);
    put32(out, 1);
    put32(out, 0);
    put32(out, 0x5002ffff);  // SYN, window 65535
    put32(out, 0);
    checksum_at = 16;
  } else {
    put32(out, 0x08000000);  // echo request
    put32(out, 0x00010001);
    checksum_at = 2;
  }
  for (unsigned i = 0; i < *w.length; ++i) out.push_back(static_cast<std::uint8_t>('a' + i % 26));
  if (w.protocol != "icmp")
    pseudo = (w.src >> 16) + (w.src & 0xffff) + (w.dst >> 16) + (w.dst & 0xffff) +
             (w.protocol == "udp" ? 17 : 6) + static_cast<std::uint32_t>(out.size());
  if (!w.zero_checksum) {
    unsigned sum = internet_checksum(out.data(), out.size(), pseudo);
    if (sum == 0 && w.protocol == "udp") sum = 0xffff;  // RFC 768
    if (w.bad.contains(w.protocol)) sum ^= 0x0101;
    set16(out, checksum_at, sum);
  }
  if (w.fragment != 0) out.erase(out.begin(), out.begin() + std::min<std::size_t>(out.size(), 8));
  return out;
}

}  // namespace

std::uint16_t internet_checksum(const std::uint8_t* data, std::size_t length, std::uint32_t sum) {
  std::uint64_t total = sum;
  for (std::size_t i = 0; i + 1 < length; i += 2) total += data[i] << 8 | data[i + 1];
  if (length % 2) total += data[length - 1] << 8;
  while (total >> 16) total = (total & 0xffff) + (total >> 16);
  return static_cast<std::uint16_t>(~total);
}

diag::Result<Bytes> frame_from_text(const std::string& text, const ir::HostConfig& host,
                                    std::uint16_t port) {
  auto wish = parse(text, host, port);
  if (!wish) return diag::fail(wish.error());
  const Wish& w = *wish;
  Bytes out;
  put48(out, w.eth_dst);
  put48(out, w.eth_src);
  if (w.tagged) {
    put16(out, 0x8100);
    put16(out, w.vlan);
  }
  if (w.protocol == "arp") {
    put16(out, 0x0806);
    put32(out, 0x00010800);
    put32(out, 0x06040001);  // request
    put48(out, w.eth_src);
    put32(out, w.src);
    put48(out, 0);
    put32(out, w.dst);
  } else {
    put16(out, 0x0800);
    Bytes inner = transport(w);
    if (inner.size() + 20 > 65535) return bad_word("that is longer than an IPv4 datagram can be");
    Bytes ip;
    put16(ip, 0x4500);
    put16(ip, static_cast<unsigned>(20 + inner.size()));
    put16(ip, 1);
    put16(ip, (w.more ? 0x2000 : 0) | w.fragment / 8);
    put16(ip, w.ttl << 8 | (w.protocol == "udp" ? 17 : w.protocol == "tcp" ? 6 : 1));
    put16(ip, 0);
    put32(ip, w.src);
    put32(ip, w.dst);
    unsigned sum = internet_checksum(ip.data(), ip.size());
    set16(ip, 10, w.bad.contains("ipv4") ? sum ^ 0x0101 : sum);
    out.insert(out.end(), ip.begin(), ip.end());
    out.insert(out.end(), inner.begin(), inner.end());
  }
  if (out.size() < 60) out.resize(60);  // Ethernet's shortest frame, without FCS
  return out;
}

}  // namespace weft::tool
