#include "compiler/passes/witness.h"

#include <algorithm>

#include "compiler/ir/expr.h"

namespace weft::passes {

namespace {

std::string text_of(const std::string& name, ir::Bits value, unsigned width) {
  char buffer[40];
  const auto v = static_cast<std::uint64_t>(value);
  if (width == 48) {
    std::snprintf(buffer, sizeof buffer, "%02x:%02x:%02x:%02x:%02x:%02x", unsigned(v >> 40) & 255,
                  unsigned(v >> 32) & 255, unsigned(v >> 24) & 255, unsigned(v >> 16) & 255,
                  unsigned(v >> 8) & 255, unsigned(v) & 255);
    return buffer;
  }
  if (width == 32 && (name.ends_with(".src") || name.ends_with(".dst") || name == "arp.sender" ||
                      name == "arp.target")) {
    std::snprintf(buffer, sizeof buffer, "%u.%u.%u.%u", unsigned(v >> 24) & 255,
                  unsigned(v >> 16) & 255, unsigned(v >> 8) & 255, unsigned(v) & 255);
    return buffer;
  }
  if (name.ends_with("type") && width == 16) {
    std::snprintf(buffer, sizeof buffer, "0x%04x", unsigned(v));
    return buffer;
  }
  return ir::format_bits(value);
}

class Frame {
 public:
  Frame(Symbolic& symbolic, bool popped)
      : symbolic_(symbolic), session_(symbolic.session()), popped_(popped) {}

  Witness run() {
    const auto length = static_cast<std::size_t>(value("pkt.len"));
    out_.frame.assign(std::max<std::size_t>(length, 14), 0);
    write("eth", 0);
    std::size_t l3 = 14;
    std::uint64_t type = value("eth.type");
    // What is IPv4 or ARP without a tag is laid out as that: there is one frame only.
    if (type == 0x8100 || (popped_ && type != 0x0800 && type != 0x0806)) {
      write("vlan", l3);
      type = value("vlan.type");
      l3 += 4;
    }
    if (type == 0x0806) write("arp", l3);
    if (type == 0x0800) ipv4(l3);
    out_.frame.resize(length);
    return std::move(out_);
  }

 private:
  std::uint64_t value(const std::string& name) {
    return static_cast<std::uint64_t>(session_.value(symbolic_.initial(name)));
  }

  void write(const std::string& header, std::size_t at, bool again = false) {
    const std::string prefix = header + ".";
    std::vector<const ir::Field*> fields;
    for (const auto& [name, field] : symbolic_.fields().fields) {
      if (name.starts_with(prefix)) fields.push_back(&field);
    }
    std::sort(fields.begin(), fields.end(), [](auto* a, auto* b) { return a->offset < b->offset; });
    for (const ir::Field* field : fields) {
      const std::uint64_t v = value(field->name);
      for (unsigned bit = 0; bit < field->width; ++bit) {
        const std::size_t position = at * 8 + field->offset + bit;
        if (position / 8 >= out_.frame.size()) continue;
        const auto one = static_cast<std::uint8_t>(0x80u >> (position % 8));
        out_.frame[position / 8] &= static_cast<std::uint8_t>(~one);
        if ((v >> (field->width - 1 - bit)) & 1u) out_.frame[position / 8] |= one;
      }
      if (!again) out_.fields.emplace_back(field->name, text_of(field->name, v, field->width));
    }
  }

  bool test(const char* impl) { return session_.value(symbolic_.test(impl, State{})) != 0; }

  void put16(std::size_t at, std::uint16_t v) {
    if (at + 2 > out_.frame.size()) return;
    out_.frame[at] = static_cast<std::uint8_t>(v >> 8);
    out_.frame[at + 1] = static_cast<std::uint8_t>(v);
  }

  // Makes the checksum at `at` right or wrong. `sum` is the folded sum over everything else.
  void checksum(std::size_t at, std::uint32_t sum, bool right, bool zero_means_none) {
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    auto v = static_cast<std::uint16_t>(~sum);
    if (zero_means_none && v == 0) v = 0xffff;
    if (!right) v = static_cast<std::uint16_t>(v ^ 0x0101);
    if (!right && zero_means_none && v == 0) v = 0x0001;
    put16(at, v);
  }

  std::uint32_t sum(std::size_t from, std::size_t to) const {
    std::uint32_t s = 0;
    for (std::size_t i = from; i < std::min(to, out_.frame.size()); ++i) {
      s += (i - from) % 2 == 0 ? std::uint32_t{out_.frame[i]} << 8 : out_.frame[i];
    }
    return s;
  }

  void ipv4(std::size_t l3) {
    write("ipv4", l3);
    const std::size_t header = value("ipv4.ihl") * 4;
    const std::size_t l4 = l3 + header;
    const std::uint64_t protocol = value("ipv4.protocol");
    const bool whole = value("ipv4.fragment_offset") == 0;
    const std::size_t end = l3 + value("ipv4.total_length");
    if (protocol == 17 && whole) {
      write("udp", l4);
      put16(l4 + 6, 0);
      const std::size_t length = value("udp.length");
      const std::uint32_t pseudo = sum(l3 + 12, l3 + 20) + 17 + static_cast<std::uint32_t>(length);
      checksum(l4 + 6, pseudo + sum(l4, l4 + length), test("udp.checksum_ok"), true);
    }
    if (protocol == 1 && whole) {
      write("icmp", l4);
      put16(l4 + 2, 0);
      checksum(l4 + 2, sum(l4, end), test("icmp.checksum_ok"), false);
    }
    if (protocol == 2 && whole) {
      write("igmp", l4);
      put16(l4 + 2, 0);
      checksum(l4 + 2, sum(l4, end), test("igmp.checksum_ok"), false);
    }
    if (protocol == 6 && whole) write("tcp", l4);  // what a card hashes
    // A header of fewer than 5 words, or a datagram that ends in it: IPv4's own fields count.
    write("ipv4", l3, true);
    put16(l3 + 10, 0);
    checksum(l3 + 10, sum(l3, l4), test("ipv4.checksum_ok"), false);
  }

  Symbolic& symbolic_;
  smt::Session& session_;
  bool popped_;
  Witness out_;
};

}  // namespace

Witness witness_of(Symbolic& symbolic, bool popped) { return Frame(symbolic, popped).run(); }

void show_packet(Symbolic& symbolic, Counterexample& out, bool popped) {
  Witness witness = witness_of(symbolic, popped);
  out.fields = std::move(witness.fields);
  out.frame = std::move(witness.frame);
}

}  // namespace weft::passes
