// Attacks by single frames: rows 1 to 10, 29 to 31 and 38 of README.md's table. After each the
// ladder makes a fresh connection and looks that nothing is left.
#include <array>

#include "tests/unit/sim/port_ladder.h"

namespace weft::test {
namespace {

class Open : public PortLadder {
 public:
  Open() { established("mss=1000"); }
  Bytes segment(std::uint8_t flags, std::uint32_t len = 0) const {
    TcpFrame f = from_peer();
    f.seq = 101, f.ack_seq = 5001, f.flags = flags;
    f.text.assign(len, 1);
    return f.frame();
  }
  // True: nothing came back, and nothing was read.
  bool silent(const Bytes& frame) {
    give(frame);
    std::uint8_t byte;
    return taken().empty() && weft_sim_recv(sim(), fd("C"), &byte, 1, 0) == -EAGAIN;
  }
};

Bytes udp(std::uint32_t len_said, std::size_t text, bool sum = true) {
  Bytes b;
  put16(b, 4000), put16(b, 9), put16(b, len_said), put16(b, 0);
  b.resize(8 + text, 3);
  Bytes pseudo;
  put32(pseudo, 0x0a000002), put32(pseudo, 0x0a000001);
  put16(pseudo, 17), put16(pseudo, len_said);
  if (sum)
    set16(b, 6, internet_sum(b, 0, b.size(), ~internet_sum(pseudo, 0, pseudo.size()) & 0xffff));
  return b;
}
Bytes ping(std::size_t text) {
  Bytes b = {8, 0, 0, 0, 0, 1, 0, 1};
  b.resize(8 + text, 3);
  set16(b, 2, internet_sum(b, 0, b.size()));
  return b;
}
Ip4 of_protocol(std::uint8_t protocol) {
  Ip4 ip;
  ip.protocol = protocol;
  return ip;
}

TEST(Attack, Row01_BadChecksums) {
  Open l;
  Bytes f = l.segment(TcpFrame::ack, 10);
  f[50] ^= 1;  // TCP
  EXPECT_TRUE(l.silent(f));
  EXPECT_EQ(l.drops("drop_tcp_checksum"), 1u);
  f = l.segment(TcpFrame::ack, 10);
  f[24] ^= 1;  // IP
  EXPECT_TRUE(l.silent(f));
  EXPECT_EQ(l.drops("drop_ipv4_checksum"), 1u);
  Bytes u = udp(18, 10);
  u[6] ^= 1;
  EXPECT_TRUE(l.silent(of_protocol(17).frame(u)));
  EXPECT_EQ(l.drops("drop_udp_checksum"), 1u);
  Bytes p = ping(10);
  p[2] ^= 1;
  EXPECT_TRUE(l.silent(of_protocol(1).frame(p)));
  EXPECT_EQ(l.drops("drop_icmp_checksum"), 1u);
  EXPECT_FALSE(l.silent(of_protocol(1).frame(ping(10))));  // the right one is answered
}

TEST(Attack, Row02_Land) {
  Open l;
  TcpFrame f = l.from_peer();
  f.ip.from = f.ip.to;
  f.from_port = f.to_port;
  for (const int flags : {2, 16, 18, 1}) {
    f.flags = static_cast<std::uint8_t>(flags);
    EXPECT_TRUE(l.silent(f.frame()));
  }
}

TEST(Attack, Row03_OddFlagsToAListener) {
  PortLadder l;
  l.run("socket L\n bind L 80\n listen L 4");
  TcpFrame f = l.from_peer();
  for (unsigned flags = 0; flags < 256; ++flags) {
    if ((flags & (TcpFrame::ack | TcpFrame::syn)) != 0) continue;
    f.flags = static_cast<std::uint8_t>(flags);
    l.give(f.frame());
    EXPECT_TRUE(l.taken().empty()) << flags;
  }
}

TEST(Attack, Row04_AckToNobody) {
  PortLadder().run(R"(
    socket L
    bind L 80
    listen L 4
    << ACK seq=100 ack=77 len=10         # LISTEN
    >> RST seq=77
    >> nothing
    port 81
    << ACK seq=100 ack=78                # CLOSED
    >> RST seq=78
    << ACK|FIN seq=100 ack=79
    >> RST seq=79
    >> nothing
  )");
}

TEST(Attack, Row05_SynFinTextToNobody) {
  PortLadder().run(R"(
    port 81
    << SYN seq=100
    >> RST|ACK seq=0 ack=101
    << FIN seq=100
    >> RST|ACK seq=0 ack=101
    << PSH seq=100 len=20
    >> RST|ACK seq=0 ack=120
    << SYN seq=100 len=20
    >> RST|ACK seq=0 ack=121
    << NONE seq=0xffffffff len=1
    >> RST|ACK seq=0 ack=0
    >> nothing
  )");
}

TEST(Attack, Row06_ResetToNobody) {
  PortLadder().run(R"(
    port 81
    << RST seq=100
    << RST|ACK seq=100 ack=5
    << RST|SYN seq=100
    >> nothing
  )");
}

TEST(Attack, Row07_SynWithFin) {
  PortLadder().run(R"(
    socket L
    bind L 80
    listen L 4
    << SYN|FIN seq=100 len=10
    << SYN|FIN|PSH|URG seq=100 urg=3 len=10
    >> nothing
    accept C L = EAGAIN
  )");
}

TEST(Attack, Row08_Options) {
  std::vector<Bytes> all = {{2, 0},       {2, 1},
                            {2, 4, 0, 0},  // MSS 0
                            {2, 3, 1},     // MSS of three bytes
                            {2, 4},        // overrun
                            {2},           // kind only
                            {3, 0, 0, 0}, {3, 255, 7, 0},
                            {4, 40},  // SACK permitted, 40 bytes long
                            {5, 2},       {5, 7, 1, 2, 3, 4, 5},
                            {5, 34},      {8, 10, 1, 2},  // timestamps beyond the end
                            {8, 2},       {254, 0},
                            {254, 1},     {253, 40},
                            {0, 2, 0, 8}, {19, 18, 1, 2, 3},  // MD5
                            {34, 2}};                         // Fast Open
  Bytes ones(40, 1), junk(40, 0xff), nested(40, 2);
  all.insert(all.end(), {ones, junk, nested});
  for (unsigned kind = 0; kind < 256; ++kind)
    for (const unsigned len : {0u, 1u, 2u, 3u, 40u, 255u})
      all.push_back({static_cast<std::uint8_t>(kind), static_cast<std::uint8_t>(len), 9, 9});
  PortLadder l;
  l.run("socket L\n bind L 80\n listen L 4000");
  std::uint16_t port = 1;
  for (const Bytes& options : all) {
    TcpFrame f = l.from_peer();
    f.from_port = ++port;
    f.flags = TcpFrame::syn;
    f.options = options;
    l.give(f.frame());
    const auto seen = l.taken();
    ASSERT_EQ(seen.size(), 1u);
    EXPECT_EQ(seen[0].flags, TcpFrame::syn | TcpFrame::ack);
    f.flags = TcpFrame::ack;
    f.ack_seq = seen[0].seq + 1, f.seq = 1;
    l.give(f.frame());
    const int fd = weft_sim_accept(l.sim(), l.fd("L"), nullptr, nullptr);
    ASSERT_GE(fd, 0);
    EXPECT_EQ(weft_sim_send(l.sim(), fd, "0123456789", 10, 0), 10);
    for (const SeenFrame& s : l.taken()) EXPECT_LE(s.text.size(), 10u);
    weft_sim_abort(l.sim(), fd);
    l.taken();
  }
}

TEST(Attack, Row09_LengthsThatCannotBe) {
  Open l;
  for (int words = 0; words < 5; ++words) {
    TcpFrame f = l.from_peer();
    f.seq = 101, f.ack_seq = 5001, f.flags = TcpFrame::ack;
    f.data_offset = words;
    f.text.assign(40, 1);
    EXPECT_TRUE(l.silent(f.frame())) << words;
  }
  TcpFrame f = l.from_peer();
  f.flags = TcpFrame::ack, f.data_offset = 15;
  EXPECT_TRUE(l.silent(f.frame()));
  const Bytes whole = l.segment(TcpFrame::ack, 10);
  for (std::size_t n = 0; n < whole.size(); ++n)  // cut off anywhere
    EXPECT_TRUE(l.silent(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n))))
        << n;
  const auto with_header = [&](std::size_t at, std::uint8_t value) {
    Bytes b = whole;
    b[at] = value;
    set16(b, 24, 0);
    const std::size_t ihl = (b[14] & 15) * 4u;
    if (14 + ihl <= b.size())
      set16(b, 24, internet_sum(b, 14, 14 + std::max<std::size_t>(ihl, 20)));
    return b;
  };
  for (const int first : {0x40, 0x44, 0x4f, 0x55, 0x65, 0x05})
    EXPECT_TRUE(l.silent(with_header(14, static_cast<std::uint8_t>(first)))) << first;
  for (const int low : {0, 19, 20, 39}) {  // total length
    Bytes b = with_header(17, static_cast<std::uint8_t>(low));
    EXPECT_TRUE(l.silent(b)) << low;
  }
  EXPECT_TRUE(l.silent(with_header(16, 0xff)));
  EXPECT_GT(l.drops("drop_tcp_offset"), 0u);
  EXPECT_GT(l.drops("drop_ipv4_total_length"), 0u);
}

TEST(Attack, Row10_AddressesAndDatagramsThatCannotBe) {
  Open l;
  EXPECT_TRUE(l.silent(of_protocol(17).frame(udp(200, 10))));
  EXPECT_TRUE(l.silent(of_protocol(17).frame(udp(7, 10))));
  for (const std::uint32_t from : {0xe0000001u, 0xffffffffu, 0x0a0000ffu, 0x7f000001u, 0u}) {
    TcpFrame f = l.from_peer();
    f.ip.from = from;
    f.flags = TcpFrame::syn;
    EXPECT_TRUE(l.silent(f.frame())) << from;
    Ip4 ip = of_protocol(1);
    ip.from = from;
    EXPECT_TRUE(l.silent(ip.frame(ping(10)))) << from;
  }
  for (const std::uint32_t to : {0x0a0000ffu, 0xffffffffu, 0xe0000001u}) {
    TcpFrame f = l.from_peer();
    f.ip.to = to;
    f.ip.own_mac = 0xffffffffffff;
    f.flags = TcpFrame::syn;
    EXPECT_TRUE(l.silent(f.frame())) << to;
    Ip4 ip = of_protocol(1);
    ip.to = to;
    ip.own_mac = 0xffffffffffff;
    EXPECT_TRUE(l.silent(ip.frame(ping(10)))) << to;  // smurf
  }
}

// ---- fragments

Bytes piece(const Bytes& datagram, std::size_t from, std::size_t bytes, bool more, std::uint16_t id,
            std::uint8_t protocol = 1) {
  Ip4 ip = of_protocol(protocol);
  ip.id = id;
  ip.offset = static_cast<std::uint16_t>(from / 8 | (more ? 0x2000 : 0));
  const auto at = datagram.begin() + static_cast<std::ptrdiff_t>(from);
  return ip.frame(Bytes(at, at + static_cast<std::ptrdiff_t>(bytes)));
}

bool echoed(PortLadder& l) {
  for (const SeenFrame& s : l.taken()) {
    if (s.protocol == 1 && !s.ip_payload.empty() && s.ip_payload[0] == 0) return true;
  }
  return false;
}

TEST(Attack, Row29_FragmentsThatAreNeverWhole) {
  Open l;
  const Bytes p = ping(1000);
  for (unsigned i = 0; i < 60000; ++i) {
    l.give(piece(p, i % 2 == 0 ? 0 : 800, 200, true, static_cast<std::uint16_t>(i)));
    if (i % 1000 == 0) l.taken();
  }
  l.taken();
  EXPECT_LE(l.counters().fragments, 4096u);
  EXPECT_LE(l.counters().buffers, 8192u);
  l.pass(61'000'000'000);
  l.taken();
  EXPECT_EQ(l.counters().fragments, 0u);
  EXPECT_EQ(l.counters().buffers, 0u);
  l.give(piece(p, 800, 208, false, 7));
  l.give(piece(p, 0, 800, true, 7));
  EXPECT_TRUE(echoed(l));
}

TEST(Attack, Row30_OverlappingFragments) {
  Open l;
  const Bytes p = ping(1000);
  const auto never = [&](std::uint16_t id, std::vector<std::array<std::size_t, 2>> parts) {
    for (const auto& [from, bytes] : parts) {
      Bytes other = p;
      if (from != 0) other[from] ^= 1;  // what it says of the same place is not the same
      l.give(piece(other, from, bytes, from + bytes < p.size(), id));
    }
    EXPECT_FALSE(echoed(l)) << id;
  };
  never(1, {{0, 800}, {400, 200}, {600, 408}});  // inside
  never(2, {{0, 800}, {792, 216}});              // teardrop
  never(3, {{400, 608}, {0, 408}});
  // The same piece twice is no overlap of different text.
  l.give(piece(p, 0, 800, true, 9));
  l.give(piece(p, 0, 800, true, 9));
  l.give(piece(p, 800, 208, false, 9));
  echoed(l);
  l.pass(61'000'000'000);
  l.taken();
  EXPECT_EQ(l.counters().fragments, 0u);
}

TEST(Attack, Row31_PingOfDeath) {
  Open l;
  const Bytes p = ping(1000);
  Ip4 ip = of_protocol(1);
  ip.id = 5;
  ip.offset = 0x1fff;
  l.give(ip.frame(Bytes(1000, 1)));
  ip.offset = 0x1fff | 0x2000;
  l.give(ip.frame(Bytes(1000, 1)));
  l.give(piece(p, 0, 800, true, 5));
  l.give(piece(p, 800, 208, false, 5));
  l.taken();
  EXPECT_EQ(l.drops("drop_ipv4_fragment_bad"), 2u);
  l.pass(61'000'000'000);
  l.taken();
}

TEST(Attack, Row38_IcmpErrors) {
  Open l;
  unsigned errors = 0;
  for (unsigned i = 0; i < 20000; ++i) {
    l.give(of_protocol(17).frame(udp(18, 10)));
    l.pass(50'000);
    errors += static_cast<unsigned>(l.taken().size());
  }
  EXPECT_GT(errors, 0u);
  EXPECT_LE(errors, 1000u + 100);  // in a second
  l.pass(2'000'000'000);
  // None about errors, groups, or later pieces.
  Bytes error = {3, 3, 0, 0, 0, 0, 0, 0};
  const Bytes inner = of_protocol(17).frame(udp(18, 10));
  error.insert(error.end(), inner.begin() + 14, inner.end());
  set16(error, 2, internet_sum(error, 0, error.size()));
  EXPECT_TRUE(l.silent(of_protocol(1).frame(error)));
  Ip4 ip = of_protocol(17);
  ip.to = 0x0a0000ff;
  ip.own_mac = 0xffffffffffff;
  EXPECT_TRUE(l.silent(ip.frame(udp(18, 10))));
  ip = of_protocol(200);
  ip.offset = 10;
  EXPECT_TRUE(l.silent(ip.frame(Bytes(16, 1))));
}

}  // namespace
}  // namespace weft::test
