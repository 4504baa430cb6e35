#include "tests/sim/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace weft::sim {
namespace {

std::string address(std::uint32_t a) {
  return fmt::format("{}.{}.{}.{}", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

bool is_own(const ir::HostConfig& host, std::uint32_t address) {
  if (address == host.address) return true;
  return std::any_of(host.secondary.begin(), host.secondary.end(),
                     [address](const ir::OwnAddress& own) { return own.address == address; });
}
bool is_piece(const Bytes& f, std::size_t l3) { return (get16(f, l3 + 6) & 0x3fff) != 0; }

// One datagram of the host on its way to being whole again.
struct Pieces {
  std::map<std::size_t, Bytes> frames;  // by offset

  // Empty while something is missing.
  Bytes whole() const {
    Bytes out;
    std::size_t next = 0;
    for (const auto& [offset, f] : frames) {
      const std::size_t l3 = network_header(f), l4 = l3 + (f[l3] & 15u) * 4;
      const std::size_t end = l3 + get16(f, l3 + 2);
      if (offset != next || l4 > end || end > f.size()) return {};
      out.insert(out.end(), f.begin() + (offset == 0 ? 0 : static_cast<long>(l4)),
                 f.begin() + static_cast<long>(end));
      next = offset + (end - l4);
      if ((get16(f, l3 + 6) & 0x2000) == 0) return finished(out, l3);
    }
    return {};
  }

  static Bytes finished(Bytes f, std::size_t l3) {
    put16(f, l3 + 2, static_cast<std::uint32_t>(f.size() - l3));
    put16(f, l3 + 6, 0);
    put16(f, l3 + 10, 0);
    put16(f, l3 + 10, 0xffff & ~sum16(f.data() + l3, (f[l3] & 15u) * 4));
    return f;
  }
};

}  // namespace

std::vector<Bytes> put_together(const std::vector<ports::Frame>& frames,
                                const ir::HostConfig& host) {
  std::vector<Bytes> out;
  std::map<std::pair<std::uint32_t, std::uint32_t>, Pieces> open;  // by destination; protocol, id
  for (const auto& frame : frames) {
    const Bytes& f = frame.bytes;
    const std::size_t l3 = network_header(f);
    if (network_type(f) != 0x0800 || f.size() < l3 + 20 || !is_own(host, get32(f, l3 + 12)) ||
        !is_piece(f, l3)) {
      out.push_back(f);
      continue;
    }
    const std::pair key{get32(f, l3 + 16), std::uint32_t{f[l3 + 9]} << 16 | get16(f, l3 + 4)};
    Pieces& pieces = open[key];
    pieces.frames[(get16(f, l3 + 6) & 0x1fffu) * 8] = f;
    if (Bytes whole = pieces.whole(); !whole.empty()) {
      out.push_back(std::move(whole));
      open.erase(key);
    }
  }
  for (const auto& [key, pieces] : open) {
    for (const auto& [offset, f] : pieces.frames) out.push_back(f);
  }
  return out;
}

std::string hex(const Bytes& bytes, std::size_t most) {
  std::string out;
  for (std::size_t i = 0; i < std::min(bytes.size(), most); ++i)
    out += fmt::format("{}{:02x}", i % 16 == 0 && i != 0 ? " " : "", bytes[i]);
  return fmt::format("{} bytes: {}", bytes.size(), out);
}

std::string flow_of(const Bytes& f) {
  const std::size_t l3 = network_header(f);
  switch (network_type(f)) {
    case 0x0806: return "arp " + address(get32(f, l3 + 24));
    case 0x0800: break;
    default: return fmt::format("ethertype {:04x}", network_type(f));
  }
  const std::size_t l4 = l3 + (f[l3] & 15u) * 4;
  const std::string between = address(get32(f, l3 + 12)) + " > " + address(get32(f, l3 + 16));
  if (is_piece(f, l3)) return fmt::format("pieces of protocol {} {}", f[l3 + 9], between);
  if (f[l3 + 9] == 17)
    return fmt::format("udp {} ports {} > {}", between, get16(f, l4), get16(f, l4 + 2));
  if (f[l3 + 9] == 1 && (f[l4] == 3 || f[l4] == 12)) {  // the flow that an error is about
    const std::size_t ports = l4 + 8 + (f[l4 + 8] & 15u) * 4;
    if (ports + 4 <= f.size())
      return fmt::format("icmp {} type {} code {} ports {} > {}", between, f[l4], f[l4 + 1],
                         get16(f, ports), get16(f, ports + 2));
  }
  if (f[l3 + 9] == 1 && f[l4] == 11) {
    // Pieces that waited in vain: which of two datagrams is given up first is nobody's promise, and
    // they may wait on two cores.
    const auto about = fmt::format("icmp {} type 11 about {:08x}", between, get32(f, l4 + 8 + 16));
    return f[l4 + 1] == 1 ? fmt::format("{} datagram {:04x}", about, get16(f, l4 + 8 + 4)) : about;
  }
  return fmt::format("protocol {} {}", f[l3 + 9], between);
}

Bytes normalised(Bytes f, const ir::HostConfig& host) {
  const std::size_t l3 = network_header(f);
  if (network_type(f) == 0x0800 && is_own(host, get32(f, l3 + 12))) {
    put16(f, l3 + 4, 0);
    put16(f, l3 + 10, 0);
  }
  return f;
}

Flows by_flow(const std::vector<ports::Frame>& frames, const ir::HostConfig& host) {
  Flows flows;
  for (const Bytes& f : put_together(frames, host))
    flows[flow_of(f)].push_back(normalised(f, host));
  return flows;
}

std::string wrong_in(const Bytes& f, const ir::HostConfig& host) {
  const std::size_t l3 = network_header(f);
  if (network_type(f) == 0x0806) return f.size() >= l3 + 28 ? "" : "ARP message cut off";
  if (network_type(f) != 0x0800) return "neither ARP nor IPv4";
  if (f.size() < l3 + 20) return "IPv4 header cut off";
  const std::size_t header = (f[l3] & 15u) * 4, total = get16(f, l3 + 2);
  if (f[l3] >> 4 != 4 || header < 20 || total < header || l3 + total > f.size())
    return "IPv4 lengths do not fit";
  if (sum16(f.data() + l3, header) != 0xffff) return "IPv4 header checksum";
  if (!is_own(host, get32(f, l3 + 12)) || is_piece(f, l3)) return "";
  const std::size_t l4 = l3 + header, length = total - header;
  if (f[l3 + 9] == 1)
    return length >= 8 && sum16(f.data() + l4, length) == 0xffff ? "" : "ICMP checksum";
  if (f[l3 + 9] == 2)
    return length >= 8 && sum16(f.data() + l4, length) == 0xffff ? "" : "IGMP checksum";
  if (f[l3 + 9] != 17) return "a protocol that nobody here sends";
  if (length < 8 || get16(f, l4 + 4) != length) return "UDP length";
  if (get16(f, l4 + 6) == 0) return "UDP without checksum";
  const auto pseudo = sum16(f.data() + l3 + 12, 8, static_cast<std::uint32_t>(17 + length));
  return sum16(f.data() + l4, length, pseudo) == 0xffff ? "" : "UDP checksum";
}

std::string wrong_among(const std::vector<ports::Frame>& frames, const ir::HostConfig& host,
                        unsigned mtu) {
  std::string wrong;
  const auto note = [&](const Bytes& f, const std::string& what) {
    if (!what.empty()) wrong = fmt::format("sent with a wrong {}: {}", what, hex(f));
  };
  for (const auto& frame : frames) {
    const Bytes& f = frame.bytes;
    note(f, wrong_in(f, host));
    if (network_type(f) == 0x0800 && get16(f, network_header(f) + 2) > mtu) note(f, "size");
  }
  for (const Bytes& f : put_together(frames, host)) note(f, wrong_in(f, host));
  return wrong;
}

std::string difference(const Flows& expected, const Flows& actual) {
  for (const auto& [flow, frames] : expected) {
    const auto found = actual.find(flow);
    const std::size_t there = found == actual.end() ? 0 : found->second.size();
    for (std::size_t i = 0; i < std::min(frames.size(), there); ++i) {
      if (frames[i] == found->second[i]) continue;
      return fmt::format("{}: frame {} of {} differs\n  expected {}\n  got      {}", flow, i,
                         frames.size(), hex(frames[i]), hex(found->second[i]));
    }
    if (there != frames.size())
      return fmt::format("{}: {} frames instead of {}", flow, there, frames.size());
  }
  for (const auto& [flow, frames] : actual) {
    if (!expected.contains(flow))
      return fmt::format("{}: {} frames that nobody expects: {}", flow, frames.size(),
                         hex(frames.front()));
  }
  return "";
}

}  // namespace weft::sim
