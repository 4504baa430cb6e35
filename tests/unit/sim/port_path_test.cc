// What a path says and is told: classes of service, congestion, errors by ICMP.
#include "tests/unit/sim/port_ladder.h"

namespace weft::test {
namespace {

// An error of type 3 about a segment of this host.
Bytes unreachable(const PortLadder& l, std::uint32_t code, std::uint32_t seq,
                  std::uint16_t own_port, std::uint16_t peer_port, std::uint32_t mtu = 0) {
  const TcpFrame peer = l.from_peer();
  Bytes b{3, static_cast<std::uint8_t>(code)};
  put16(b, 0), put32(b, mtu);
  b.push_back(0x45), b.push_back(0);
  put16(b, 1040), put32(b, 0x4000);
  b.push_back(64), b.push_back(6);
  put16(b, 0), put32(b, peer.ip.to), put32(b, peer.ip.from);
  put16(b, own_port), put16(b, peer_port), put32(b, seq);
  set16(b, 2, internet_sum(b, 0, b.size()));
  Ip4 ip = peer.ip;
  ip.protocol = 1;
  return ip.frame(b);
}

// RFC 2474; the two bits of ECN are the connection's own.
TEST(PortPath, ClassOfService) {
  PortLadder().established("win=8000 mss=1000", "opt L IP_TOS 32").run(R"(
    get C IP_TOS = 32
    send C 10 = 10
    >> PSH|ACK len=10 tos=32
    << ACK seq=101 ack=5011
    opt C IP_TOS 187
    get C IP_TOS = 184
    send C 10 = 10
    >> PSH|ACK len=10 tos=184
  )");
}

// RFC 3168: what was marked is told until the peer has slowed down; text says that it may be
// marked.
TEST(PortPath, CongestionIsTold) {
  auto config = PortLadder::plain();
  config.features |= WEFT_SIM_ECN;
  PortLadder(config).run(R"(
    socket C
    connect C 10.0.0.2 80 = EINPROGRESS
    >> SYN|ECE|CWR ecn=0
    << SYN|ACK|ECE seq=100 ack=5001 mss=1000 win=9000
    >> ACK ecn=0
    send C 1000 = 1000
    >> PSH|ACK seq=5001 len=1000 ecn=2
    << ACK|ECE seq=101 ack=6001 win=9000
    info C snd_ssthresh=5 snd_cwnd=2
    send C 100 = 100
    >> PSH|ACK|CWR seq=6001 len=100 ecn=2
    << ACK seq=101 ack=6101 len=10 ecn=3 win=9000
    >> ACK|ECE ack=111 ecn=0
    << ACK|CWR seq=111 ack=6101 len=10 ecn=2 win=9000
    >> ACK ack=121
  )");
}

// RFC 9293 MUST-56, SHLD-26: nobody listens; nobody knows the way (for now).
TEST(PortPath, Unreachable) {
  PortLadder l;
  l.run("socket C\n connect C 10.0.0.2 80 = EINPROGRESS");
  auto out = l.taken();
  ASSERT_EQ(out.size(), 1u);
  const std::uint16_t port = out[0].own_port;
  l.give(unreachable(l, 1, out[0].seq, port, 80));
  l.run("connect C 10.0.0.2 80 = EALREADY");
  l.give(unreachable(l, 3, out[0].seq + 1, port, 80));  // a number that was never sent
  l.run("connect C 10.0.0.2 80 = EALREADY");
  l.give(unreachable(l, 3, out[0].seq, port, 80));
  l.run("connect C 10.0.0.2 80 = ECONNREFUSED");
}

// RFC 1191: what is on its way is sent again in segments that fit.
TEST(PortPath, SmallerPath) {
  PortLadder l;
  l.established("win=9000 mss=1000").run(R"(
    << ACK seq=101 ack=5001 win=9000
    send C 2000 = 2000
    >> ACK seq=5001 len=1000
    >> PSH|ACK seq=6001 len=1000
  )");
  l.give(unreachable(l, 4, 5001, 80, 1234, 640));
  l.run(R"(
    >> ACK seq=5001 len=600
    >> ACK seq=5601 len=600
    >> ACK seq=6201 len=600
    >> PSH|ACK seq=6801 len=200
    info C snd_mss=600 pmtu=640 ca_state=0
    << ACK seq=101 ack=7001 win=9000
  )");
}

}  // namespace
}  // namespace weft::test
