#include "tests/sim/malformed.h"

#include <algorithm>
#include <random>

#include "tests/sim/mutate.h"
#include "tests/sim/traffic.h"

namespace weft::sim {
namespace {

constexpr std::uint64_t ms = 1'000'000;
constexpr std::uint64_t second = 1'000 * ms;
constexpr unsigned cut_kinds = 48;  // of those, cut off at every length
constexpr std::uint32_t probe_word = 0x70726f62;
constexpr std::uint16_t probe_port = 40'001;

class Maker {
 public:
  explicit Maker(const MalformedOptions& options) : options_(options), random_(options.seed) {
    made_.frames = traffic({.packets = options.kinds, .seed = options.seed, .vlan = options.vlan});
    for (const auto& frame : made_.frames) samples_.push_back(frame.bytes);
    now_ns_ = made_.frames.back().time_ns + 60 * second;
  }

  Malformed run() {
    for (unsigned i = 0; i < cut_kinds; ++i) cut(samples_[below(samples_.size())]);
    for (unsigned i = 0; i < options_.mutations; ++i) {
      switch (below(8)) {
        case 0: add(fragment()); break;
        case 1: add(with_options()); break;
        case 2:
        case 3: add(spoiled()); break;
        default: add(mutate(samples_[below(samples_.size())], random_)); break;
      }
    }
    return finish();
  }

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  std::uint8_t byte() { return static_cast<std::uint8_t>(random_()); }
  std::uint16_t word() { return static_cast<std::uint16_t>(random_()); }
  template <class T, std::size_t n>
  T any(const T (&of)[n]) {
    return of[below(n)];
  }
  Bytes payload(std::size_t n) {
    Bytes b(n);
    for (auto& at : b) at = byte();
    return b;
  }
  Link link() {
    const std::uint32_t from = on_link(any({1u, 3u, 77u}));
    return {.src = mac_of(from), .vlan = options_.vlan};
  }

  // Mostly close together; now and then time for the rate limit, and for fragments to be given up.
  void add(Bytes frame) {
    const std::size_t pause = below(2000);
    now_ns_ += pause == 0 ? 31 * second : pause < 40 ? 100 * ms : pause < 400 ? ms : 0;
    made_.frames.push_back({.time_ns = now_ns_, .bytes = std::move(frame)});
  }

  void cut(const Bytes& frame) {
    for (std::size_t n = 0; n <= frame.size(); ++n) {
      Bytes f(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(n));
      add(f);
      // The same with lengths that fit, so that the next check is the one to find it.
      const std::size_t l3 = network_header(f);
      if (network_type(f) != 0x0800 || n < l3 + 20) continue;
      put16(f, l3 + 2, static_cast<std::uint32_t>(n - l3));
      fix_ip_checksum(f);
      fix_transport_checksum(f);
      add(std::move(f));
    }
  }

  Ip header() {
    Ip ip{.src = any({on_link(1), on_link(3), on_link(77), 0xc6336405u}), .id = word()};
    ip.protocol = any<std::uint8_t>({17, 17, 17, 1, 1, 6, 2});
    return ip;
  }
  Bytes content(const Ip& ip, std::size_t n) {
    if (ip.protocol == 1)
      return icmp_message({.type = any<std::uint8_t>({8, 8, 0, 3, 11, 12, 13}),
                           .code = any<std::uint8_t>({0, 0, 1, 4})},
                          payload(n));
    if (ip.protocol == 17)
      return udp_segment(ip,
                         {.src_port = any<std::uint16_t>({40'000, 40'039, 5'000}),
                          .dst_port = any<std::uint16_t>({7, 9, 4})},
                         payload(n));
    return payload(n);
  }

  // RFC 791 section 3.1: lists of options that are right, run over the end, have length 0 or 1, or
  // are noise.
  Bytes with_options() {
    Ip ip = header();
    ip.ihl = 6 + static_cast<unsigned>(below(10));
    const Bytes c = content(ip, below(64));
    Bytes f = ip_frame(link(), ip, c);
    const std::size_t begin = network_header(f) + 20, end = begin + (ip.ihl - 5) * 4;
    for (std::size_t at = begin; at < end;) {
      const std::uint8_t kind = any<std::uint8_t>({0, 1, 7, 68, 131, 137, 136, 148, 130, byte()});
      f[at] = kind;
      if (kind < 2) {
        ++at;
        continue;
      }
      const std::size_t room = end - at;
      const auto length = static_cast<std::uint8_t>(below(4) == 0 ? byte() : 2 + below(room));
      if (room > 1) f[at + 1] = length;
      for (std::size_t i = 2; i < room; ++i) f[at + i] = byte();
      if (room > 2 && below(2) == 0) f[at + 2] = any<std::uint8_t>({0, 3, 4, 5, 8, 255});
      at += std::max<std::size_t>(1, std::min<std::size_t>(length, room));
    }
    fix_ip_checksum(f);
    return f;
  }

  // Pieces of a few datagrams, at offsets and of lengths that rarely fit together.
  Bytes fragment() {
    Ip ip = header();
    ip.src = on_link(any({1u, 3u}));
    ip.id = static_cast<std::uint16_t>(below(16));
    const std::size_t where = below(16);
    const std::size_t blocks = where < 12 ? below(12) : where < 14 ? below(256) : below(8192);
    ip.fragment = static_cast<std::uint16_t>((below(3) != 0 ? 0x2000 : 0) | blocks);
    if (below(20) == 0) ip.fragment |= any<std::uint16_t>({0x4000, 0x8000});
    const std::size_t n = below(8) == 0 ? below(1400) : 8 * below(8);
    Bytes f = ip_frame(link(), ip, below(2) == 0 ? content(ip, n) : payload(n));
    if (below(12) == 0) f = mutate(std::move(f), random_);
    return f;
  }

  // A sample with one field of its IPv4 header set to what matters, and a checksum that fits.
  Bytes spoiled() {
    Bytes f = samples_[below(samples_.size())];
    const std::size_t l3 = network_header(f);
    if (network_type(f) != 0x0800 || f.size() < l3 + 20) return mutate(std::move(f), random_);
    const std::size_t left = f.size() - l3;
    const std::uint32_t martians[] = {0,           0x7f000001, 0xe0000001,    0xffffffff,
                                      own_address, 0xf0000001, own_broadcast, on_link(77),
                                      0x0a070000,  0xa9fe0001, 0xcb007105,    0xc6336405};
    switch (below(9)) {
      case 0: f[l3] = static_cast<std::uint8_t>(0x40 | below(16)); break;
      case 1: f[l3] = static_cast<std::uint8_t>((byte() & 0xf0) | 5); break;
      case 2: put16(f, l3 + 2, any({0u, 19u, 20u, 27u, 28u, 0xffffu, 0x8000u, 576u})); break;
      case 3: put16(f, l3 + 2, static_cast<std::uint32_t>(left + below(17) - 8)); break;
      case 4: put16(f, l3 + 6, word()); break;
      case 5: f[l3 + 8] = static_cast<std::uint8_t>(below(3)); break;
      case 6: f[l3 + 9] = byte(); break;
      case 7: put32(f, l3 + 12, any(martians)); break;
      default: put32(f, l3 + 16, any(martians)); break;
    }
    if (below(2) == 0) fix_transport_checksum(f);
    fix_ip_checksum(f);
    return f;
  }

  Malformed finish() {
    now_ns_ += 300 * second;
    made_.probe_ns = now_ns_;
    for (Bytes& f : probe(options_.vlan)) {
      made_.frames.push_back({.time_ns = now_ns_, .bytes = std::move(f)});
      now_ns_ += 10 * ms;
    }
    return std::move(made_);
  }

  const MalformedOptions options_;
  std::mt19937_64 random_;
  std::vector<Bytes> samples_;
  Malformed made_;
  std::uint64_t now_ns_ = 0;
};

}  // namespace

Malformed malformed(const MalformedOptions& options) { return Maker(options).run(); }

std::vector<Bytes> probe(int vlan) {
  const Link all{.dst = to_all, .src = mac_of(on_link(1)), .vlan = vlan};
  const Link us{.vlan = vlan};
  return {arp_frame(all, {}), icmp_frame(us, {}, {.word = probe_word}, {}),
          udp_frame(us, {}, {.src_port = probe_port}, {'w', 'e', 'l', 'l'})};
}

std::string answers_to_probe(const std::vector<ports::Frame>& out, std::uint64_t probe_ns) {
  bool arp = false, echo = false, datagram = false;
  for (const auto& frame : out) {
    if (frame.time_ns < probe_ns) continue;
    const Bytes& f = frame.bytes;
    const std::size_t l3 = network_header(f);
    if (network_type(f) == 0x0806) {
      arp |= get16(f, l3 + 6) == 2 && get32(f, l3 + 24) == on_link(1);
    } else if (f[l3 + 9] == 1) {
      echo |= f[l3 + 20] == 0 && get32(f, l3 + 24) == probe_word;
    } else {
      datagram |= get16(f, l3 + 22) == probe_port && get32(f, l3 + 28) == 0x77656c6c;
    }
  }
  return std::string(arp ? "arp" : "") + (echo ? " echo" : "") + (datagram ? " datagram" : "");
}

}  // namespace weft::sim
