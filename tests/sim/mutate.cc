#include "tests/sim/mutate.h"

namespace weft::sim {
namespace {

struct Place {
  std::size_t l3 = 0, l4 = 0, end = 0;
};

// Where the headers are, if they are there as they say.
bool find_ip(const Bytes& f, Place& at) {
  at.l3 = network_header(f);
  if (network_type(f) != 0x0800 || f.size() < at.l3 + 20) return false;
  at.l4 = at.l3 + (f[at.l3] & 15u) * 4;
  at.end = at.l3 + get16(f, at.l3 + 2);
  return at.l4 >= at.l3 + 20 && at.l4 <= at.end && at.end <= f.size();
}

}  // namespace

void fix_ip_checksum(Bytes& f) {
  const std::size_t l3 = network_header(f);
  if (network_type(f) != 0x0800 || f.size() < l3 + 20) return;
  const std::size_t header = (f[l3] & 15u) * 4;
  if (header < 20 || f.size() < l3 + header) return;
  put16(f, l3 + 10, 0);
  put16(f, l3 + 10, 0xffff & ~sum16(f.data() + l3, header));
}

void fix_transport_checksum(Bytes& f) {
  Place at;
  if (!find_ip(f, at)) return;
  const std::size_t length = at.end - at.l4;
  if (f[at.l3 + 9] == 1 && length >= 8) {
    put16(f, at.l4 + 2, 0);
    put16(f, at.l4 + 2, 0xffff & ~sum16(f.data() + at.l4, length));
  }
  if (f[at.l3 + 9] == 17 && length >= 8) {
    const std::size_t covered = get16(f, at.l4 + 4);
    if (covered < 8 || covered > length) return;
    put16(f, at.l4 + 6, 0);
    const auto pseudo = sum16(f.data() + at.l3 + 12, 8, static_cast<std::uint32_t>(17 + covered));
    const std::uint32_t sum = 0xffff & ~sum16(f.data() + at.l4, covered, pseudo);
    put16(f, at.l4 + 6, sum == 0 ? 0xffff : sum);
  }
}

Bytes mutate(Bytes f, std::mt19937_64& random) {
  const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
    if (f.empty()) f.push_back(0);
    // Headers are where it matters; payload bytes now and then.
    const std::size_t at =
        below(4) == 0 ? below(f.size()) : below(std::min<std::size_t>(f.size(), 64));
    switch (below(6)) {
      case 0:
      case 1: f[at] ^= static_cast<std::uint8_t>(1u << below(8)); break;
      case 2: f[at] = static_cast<std::uint8_t>(random()); break;
      case 3: f[at] = below(2) == 0 ? 0 : 0xff; break;
      case 4: f.resize(1 + below(f.size())); break;
      default: f.resize(std::min<std::size_t>(1514, f.size() + below(40))); break;
    }
  }
  if (below(2) == 0) fix_transport_checksum(f);
  if (below(2) == 0) fix_ip_checksum(f);
  return f;
}

}  // namespace weft::sim
