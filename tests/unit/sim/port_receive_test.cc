// Receiving, through the calls of sockets: acknowledgements, windows, order.
#include <array>

#include "tests/unit/sim/port_ladder.h"

namespace weft::test {
namespace {

// The first segments of a connection are acknowledged at once; then every second one, or after the
// delay.
TEST(PortReceive, DelayedAcknowledgements) {
  PortLadder l;
  l.established("mss=1000").run("opt C TCP_QUICKACK 0");
  l.run(R"(
    << ACK seq=101 ack=5001 len=1000
    +39ms
    >> nothing
    +2ms
    >> ACK ack=1101
    << ACK seq=1101 ack=5001 len=1000
    >> nothing
    << ACK seq=2101 ack=5001 len=1000
    >> ACK ack=3101
    << ACK seq=3101 ack=5001 len=10
    send C 10 = 10                      # text takes it along
    >> PSH|ACK ack=3111 len=10
    +100ms
    >> nothing
    << ACK seq=3111 ack=5011 len=10
    opt C TCP_QUICKACK 1
    >> ACK ack=3121
    << ACK seq=3121 ack=5011 len=10
    >> ACK ack=3131
    recv C 10000 = 3030
  )");
}

TEST(PortReceive, PeekAndThrowAway) {
  PortLadder().established().run(R"(
    << PSH|ACK seq=101 ack=5001 len=100
    ioctl C SIOCINQ = 100
    recv C 40 PEEK = 40
    recv C 1000 PEEK = 100
    recv C 40 = 40
    recv C 20 PEEK = 20
    ioctl C SIOCINQ = 60
    opt C SO_RCVLOWAT 61
    poll C = OUT
    opt C SO_RCVLOWAT 60
    poll C = IN|OUT
    recv C 10 TRUNC = 10
    poll C = OUT
    recv C 0 = 0
    info C bytes_received=100 data_segs_in=1
  )");
}

TEST(PortReceive, WindowClosesAndOpens) {
  PortLadder l;
  l.established("mss=1000", "opt L SO_RCVBUF 3000").run(R"(
    << ACK seq=101 ack=5001 len=1000
    << ACK seq=1101 ack=5001 len=1000
    << PSH|ACK seq=2101 ack=5001 len=1000
    +50ms
  )");
  auto seen = l.taken();
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen.back().ack_seq, 3101u);
  EXPECT_EQ(seen.back().window, 0u);
  l.run(R"(
    << ACK seq=3101 ack=5001 len=1      # a probe
    >> ACK ack=3101 win=0
    recv C 100 = 100
    >> nothing                          # too little to speak of
    recv C 5000 = 2900
    >> ACK ack=3101 win=3000
    << ACK seq=3101 ack=5001 len=1
  )");
  l.taken();
}

TEST(PortReceive, WindowClamp) {
  PortLadder().established("mss=1000", "opt L TCP_WINDOW_CLAMP 2000").run(R"(
    info C rcv_wnd=2000
    opt C TCP_WINDOW_CLAMP 0 = EINVAL
  )");
}

TEST(PortReceive, SackBlocks) {
  PortLadder().established("mss=1000 sack_ok").run(R"(
    << ACK seq=201 ack=5001 len=100
    >> ACK ack=101 sack=201,301
    << ACK seq=401 ack=5001 len=100
    >> ACK ack=101 sack=401,501,201,301
    << ACK seq=301 ack=5001 len=100
    >> ACK ack=101 sack=201,501
    << ACK seq=301 ack=5001 len=100     # twice: RFC 2883
    >> ACK ack=101 sack=301,401,201,501
    info C rcv_ooopack=4
    recv C 10 = EAGAIN
    << ACK seq=101 ack=5001 len=100
    >> ACK ack=501
    recv C 1000 = 400
  )");
}

// A segment that overlaps what is there: bytes that came first stay.
TEST(PortReceive, Overlaps) {
  PortLadder().established("mss=1000").run(R"(
    << ACK seq=151 ack=5001 len=100
    >> ACK ack=101
    << ACK seq=141 ack=5001 len=50
    >> ACK ack=101
    << ACK seq=101 ack=5001 len=200
    >> ACK ack=301
    recv C 1000 = 200
    << ACK seq=91 ack=5001 len=100
    >> ACK ack=301
    << ACK seq=291 ack=5001 len=20
    >> ACK ack=311
    recv C 1000 = 10
  )");
}

// Options of IP that mean nothing here are stepped over.
TEST(PortReceive, OptionsOfIp) {
  PortLadder l;
  l.established();
  TcpFrame f = l.from_peer();
  f.seq = 101, f.ack_seq = 5001, f.flags = TcpFrame::ack;
  f.text.assign(10, 1);
  for (const Bytes& options : {Bytes{1, 1, 1, 1}, Bytes{68, 12, 13, 0, 0, 0, 0, 0, 0, 0, 0, 0},
                               Bytes{0x82, 4, 0, 0}, Bytes{0x5e, 3, 7, 0}}) {
    Bytes b = f.frame();
    b.insert(b.begin() + 34, options.begin(), options.end());
    b[14] = static_cast<std::uint8_t>(0x45 + options.size() / 4);
    set16(b, 16, static_cast<std::uint32_t>(b.size() - 14));
    set16(b, 24, 0);
    set16(b, 24, internet_sum(b, 14, 34 + options.size()));
    l.give(b);
    l.taken();
    std::uint8_t text[20];
    EXPECT_EQ(weft_sim_recv(l.sim(), l.fd("C"), text, sizeof(text), 0), 10);
    f.seq += 10;
  }
}

TEST(PortReceive, Paws) {
  weft_sim_config c = PortLadder::plain();
  c.features |= WEFT_SIM_TIMESTAMPS;
  PortLadder l(c);
  l.run(R"(
    socket L
    bind L 80
    listen L 4
    << SYN seq=100 mss=1000 ts=4294967290,0
    >> SYN|ACK ts=0,4294967290
    << ACK seq=101 ack=5001 ts=4294967291,0
    accept C L = 0
    << ACK seq=101 ack=5001 len=10 ts=5,0            # the clock of the peer wraps
    >> ACK ack=111 ts=0,5
    << ACK seq=111 ack=5001 len=10 ts=4294967292,0   # from before
    >> ACK ack=111 ts=0,5
    << ACK seq=111 ack=5001 len=10                   # none at all
    >> nothing
    recv C 100 = 10
    << RST seq=111                                   # a reset needs none
    recv C 100 = ECONNRESET
  )");
  EXPECT_EQ(l.drops("tcp.old_timestamp"), 1u);
  EXPECT_EQ(l.drops("tcp.no_timestamp"), 1u);
}

// RFC 2883 section 4.1: of a segment that brings several parts twice the first is told.
TEST(PortReceive, SeveralPartsTwice) {
  PortLadder().established("win=8000 mss=1000 sack_ok", "", 20).run(R"(
    << ACK seq=1101 ack=5001 len=500
    >> ACK ack=101 sack=1101,1601
    << ACK seq=1601 ack=5001 len=500
    >> ACK ack=101 sack=1101,2101
    << ACK seq=3101 ack=5001 len=500
    >> ACK ack=101 sack=3101,3601,1101,2101
    << ACK seq=5101 ack=5001 len=500
    >> ACK ack=101 sack=5101,5601,3101,3601,1101,2101
    << ACK seq=101 ack=5001 len=4000
    >> ACK ack=4101 sack=1101,2101,5101,5601
  )");
}

TEST(PortReceive, NoPlaceForIt) {
  PortLadder l;
  l.established();
  EXPECT_EQ(weft_sim_send(l.sim(), l.fd("C"), nullptr, 10, 0), -EFAULT);
  l.run("<< ACK seq=101 ack=5001 len=10\n >> ACK");
  EXPECT_EQ(weft_sim_recv(l.sim(), l.fd("C"), nullptr, 10, 0), -EFAULT);
  l.run("recv C 10 = 10");
}

// The round trip as the receiver sees it: by what is echoed, or by how long a window of text takes.
TEST(PortReceive, RoundTrips) {
  auto config = PortLadder::plain();
  config.features |= WEFT_SIM_TIMESTAMPS;
  PortLadder(config).run(R"(
    +10ms
    socket L
    bind L 80
    listen L 4
    << SYN seq=100 mss=1000 ts=7,0
    >> SYN|ACK ts=10,7
    << ACK seq=101 ack=5001 ts=8,10
    accept C L
    info C rcv_rtt=0
    +50ms
    << ACK seq=101 ack=5001 len=1000 ts=9,10
    >> ACK ack=1101
    info C rcv_rtt=50000
    << ACK seq=1101 ack=5001 len=1000 ts=9,10
    >> ACK ack=2101
    info C rcv_rtt=50000
    +90ms
    << ACK seq=2101 ack=5001 len=1000 ts=9,60
    >> ACK ack=3101
    info C rcv_rtt=55000
  )");
  config = PortLadder::plain();
  config.receive_buffer = 2000;
  PortLadder l(config);
  l.established("mss=1000").run(R"(
    << ACK seq=101 ack=5001 len=1000
    >> ACK ack=1101
    recv C 1000 = 1000
    >> ACK ack=1101
    info C rcv_rtt=0
    +30ms
    << ACK seq=1101 ack=5001 len=1000
    >> ACK ack=2101
  )");
  const auto info = [&] {
    weft_sim_tcp_info i{};
    weft_sim_info(l.sim(), l.fd("C"), &i);
    return i.tcpi_rcv_rtt;
  };
  EXPECT_NEAR(info(), 30000, 20);
}

TEST(PortReceive, HowMuchIsLeft) {
  PortLadder l;
  l.established().run("<< ACK seq=101 ack=5001 len=100\n >> ACK");
  std::array<char, 100> text;
  int left = 7;
  const auto read = [&](std::uint64_t bytes) {
    return weft_sim_recv_left(l.sim(), l.fd("C"), text.data(), bytes, 0, &left);
  };
  EXPECT_EQ(read(10), 10);
  EXPECT_EQ(left, -1);
  l.run("opt C TCP_INQ 2 = EINVAL\n opt C TCP_INQ 1\n get C TCP_INQ = 1");
  EXPECT_EQ(read(30), 30);
  EXPECT_EQ(left, 60);
  EXPECT_EQ(read(60), 60);
  EXPECT_EQ(left, 0);
  l.run("<< FIN|ACK seq=201 ack=5001\n >> ACK");
  EXPECT_EQ(read(10), 0);
  EXPECT_EQ(left, 1);  // the end is there to be read
}

}  // namespace
}  // namespace weft::test
