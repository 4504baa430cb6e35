// Sending, through the calls of sockets: pieces, buffers, windows, times.
#include "tests/unit/sim/port_ladder.h"

namespace weft::test {
namespace {

TEST(PortSend, NagleCorkMore) {
  PortLadder().established().run(R"(
    send C 10 = 10
    >> PSH|ACK seq=5001 len=10
    send C 20 = 20                      # Nagle: something is unacknowledged
    send C 30 = 30
    >> nothing
    << ACK seq=101 ack=5011
    >> PSH|ACK seq=5011 len=50
    << ACK seq=101 ack=5061
    opt C TCP_NODELAY 1
    send C 10 = 10
    send C 10 = 10
    >> PSH|ACK len=10
    >> PSH|ACK len=10
    << ACK seq=101 ack=5081
    opt C TCP_CORK 1
    send C 10 = 10
    >> nothing
    send C 990 = 990
    >> PSH|ACK len=1000
    << ACK seq=101 ack=6081
    send C 10 = 10
    >> nothing
    opt C TCP_CORK 0
    >> PSH|ACK len=10
    << ACK seq=101 ack=6091
    send C 10 MORE = 10
    >> nothing
    send C 10 = 10
    >> PSH|ACK len=20
    << ACK seq=101 ack=6111
    send C 10 MORE = 10
    +190ms
    >> nothing
    +20ms                               # not for ever
    >> PSH|ACK len=10
  )");
}

TEST(PortSend, BufferAndQueueSizes) {
  PortLadder().established("win=1000 mss=1000").run(R"(
    opt C SO_SNDBUF 3000
    get C SO_SNDBUF = 6000
    << ACK seq=101 ack=5001 win=1000
    send C 5000 = 3000
    >> ACK len=1000
    send C 1 = EAGAIN
    poll C = NONE
    ioctl C SIOCOUTQ = 3000
    ioctl C SIOCOUTQNSD = 2000
    info C notsent_bytes=2000 unacked=1 bytes_sent=1000
    << ACK seq=101 ack=6001 win=5000
    >> ACK len=1000
    >> PSH|ACK len=1000
    poll C = OUT
    ioctl C SIOCOUTQ = 2000
    ioctl C SIOCOUTQNSD = 0
    info C bytes_acked=1000 data_segs_out=3
    opt C TCP_NOTSENT_LOWAT 100
    << ACK seq=101 ack=8001 win=0
    poll C = OUT
    send C 200 = 200
    poll C = NONE
  )");
}

// TCP_NOTSENT_LOWAT: a large text is taken in pieces, only for as long as less than that waits to
// be sent; who waits is told when half of it is free.
TEST(PortSend, LittleMayWaitToBeSent) {
  PortLadder l;
  l.established("win=10000 mss=1000").run(R"(
    opt C TCP_NOTSENT_LOWAT 4000
    send C 50000 = 16000
    ioctl C SIOCOUTQNSD = 6000
    send C 1 = EAGAIN
    poll C = NONE
    << ACK seq=101 ack=15001 win=3000
    ioctl C SIOCOUTQNSD = 3000
    poll C = NONE
    send C 100 = 100
    << ACK seq=101 ack=18001 win=3000
    ioctl C SIOCOUTQNSD = 100
    poll C = OUT
    send C 3000 = 3000
  )");
  EXPECT_EQ(l.taken().size(), 16u);
}

// RFC 6298: a second at first; then the measured round trip and a margin, of 200 ms at least (RFC
// 8961 section 4: less than a second is no harm where the measure is good; it is what Linux has).
TEST(PortSend, RetransmissionTimes) {
  PortLadder().established("win=8000 mss=1000", "", 30).run(R"(
    info C rto=230000 rtt=30000 rttvar=15000
    send C 100 = 100
    >> PSH|ACK seq=5001 len=100
    +30ms
    << ACK seq=101 ack=5101
    info C rto=230000 rtt=30000 rttvar=11250
    send C 100 = 100
    >> PSH|ACK seq=5101 len=100
    +228ms
    >> nothing
    +4ms
    >> PSH|ACK seq=5101 len=100
    info C ca_state=4 snd_cwnd=1 retransmits=1 rto=460000
    +458ms
    >> nothing
    +4ms
    >> PSH|ACK seq=5101 len=100
    +925ms
    >> PSH|ACK seq=5101 len=100
    +1845ms
    >> PSH|ACK seq=5101 len=100
    << ACK seq=101 ack=5201             # Karn: nothing is measured, the backoff stays
    info C rtt=30000 backoff=4
    send C 100 = 100
    >> PSH|ACK seq=5201 len=100
    +30ms
    << ACK seq=101 ack=5301
    info C backoff=0 rto=230000
  )");
}

TEST(PortSend, GivesUp) {
  PortLadder().established().run(R"(
    send C 100 = 100
    opt C TCP_USER_TIMEOUT 5000
    +4900ms
    poll C = OUT
    +200ms                              # told in time, not at the next retransmission
    poll C = IN|OUT|ERR|HUP|RDHUP
    send C 10 = ETIMEDOUT
    send C 10 = EPIPE
    recv C 10 = 0
  )");
  PortLadder().established().run(R"(
    send C 100 = 100
    +923s
    poll C = OUT
    +130s
    recv C 10 = ETIMEDOUT
    recv C 10 = 0
  )");
}

TEST(PortSend, TenSegmentsAtFirst) {
  PortLadder l;
  l.established("win=65535 mss=1000")
      .run("<< ACK seq=101 ack=5001 win=65535\n send C 20000 = 20000");
  EXPECT_EQ(l.taken().size(), 10u);  // RFC 6928
  l.run("<< ACK seq=101 ack=7001 win=65535");
  EXPECT_EQ(l.taken().size(), 4u);  // slow start: two arrived, four leave
  l.run("info C snd_cwnd=12");
}

TEST(PortSend, AfterASilenceItBeginsAgain) {
  PortLadder l;
  l.established("win=65535 mss=1000")
      .run("<< ACK seq=101 ack=5001 win=65535\n send C 30000 = 30000");
  for (std::uint32_t to = 7001; to <= 35001; to += 2000) {
    l.run("<< ACK seq=101 win=65535 ack=" + std::to_string(to));
    l.taken();
  }
  l.run("info C unacked=0");
  l.run("+60s\n send C 30000 = 30000\n info C snd_cwnd=10");
  EXPECT_EQ(l.taken().size(), 10u);
}

// RFC 7661's concern: a window that was not used does not grow.
TEST(PortSend, UnusedWindowDoesNotGrow) {
  PortLadder().established("win=65535 mss=1000").run(R"(
    send C 100 = 100
    >> PSH|ACK len=100
    << ACK seq=101 ack=5101
    send C 100 = 100
    >> PSH|ACK len=100
    << ACK seq=101 ack=5201
    info C snd_cwnd=10
  )");
}

TEST(PortSend, ZeroWindowIsProbed) {
  PortLadder().established("win=1000 mss=1000").run(R"(
    << ACK seq=101 ack=5001 win=1000
    send C 3000 = 3000
    >> ACK seq=5001 len=1000
    +30ms
    << ACK seq=101 ack=6001 win=0
    >> nothing
    +218ms
    >> nothing
    +5ms
    >> ACK seq=6001 len=1               # one byte, again at doubled times
    info C probes=1 retransmits=0
    << ACK seq=101 ack=6001 win=0
    info C probes=0
    +445ms
    >> ACK seq=6001 len=1
    << ACK seq=101 ack=6001 win=0
    +887ms
    >> ACK seq=6001 len=1
    << ACK seq=101 ack=6002 win=2000
    >> ACK seq=6002 len=1000
    >> PSH|ACK seq=7002 len=999
  )");
}

TEST(PortSend, WindowStaysClosed) {
  PortLadder l;
  l.established("win=1000 mss=1000")
      .run(
          "<< ACK seq=101 ack=5001 win=1000\n send C 3000\n"
          ">> ACK len=1000\n << ACK seq=101 ack=6001 win=0");
  for (unsigned i = 0; i < 40; ++i) l.run("+60s\n << ACK seq=101 ack=6001 win=0");
  l.taken();
  l.run(R"(
    poll C = OUT
    << ACK seq=101 ack=6001 win=3000
    >> ACK seq=6001 len=1
    >> ACK seq=6002 len=1000
    opt C TCP_USER_TIMEOUT 30000
    << ACK seq=101 ack=7002 win=0
    << ACK seq=101 ack=7002 win=0
    +61s
    recv C 1 = ETIMEDOUT
  )");
  l.taken();
}

TEST(PortSend, LostWindowUpdate) {
  PortLadder().established("win=500 mss=1000").run(R"(
    << ACK seq=101 ack=5001 win=500
    send C 600 = 600
    >> ACK len=500
    << ACK seq=101 ack=5501 win=0
    +225ms                              # (the update with the window was lost)
    >> ACK seq=5501 len=1
    << ACK seq=101 ack=5502 win=500
    >> PSH|ACK seq=5502 len=99
  )");
}

// No stream of tiny segments where a peer opens its window by three bytes.
TEST(PortSend, TinyWindow) {
  PortLadder().established("win=4000 mss=1000").run(R"(
    << ACK seq=101 ack=5001 win=4000
    send C 8000 = 8000
    >> ACK len=1000
    >> ACK len=1000
    >> ACK len=1000
    >> ACK len=1000
    << ACK seq=101 ack=9001 win=3
    >> nothing
    +100ms
    >> nothing
    << ACK seq=101 ack=9001 win=2000
    >> ACK len=1000
    >> ACK len=1000
  )");
}

TEST(PortSend, WindowShrinks) {
  PortLadder().established("win=4000 mss=1000").run(R"(
    << ACK seq=101 ack=5001 win=4000
    send C 8000 = 8000
    >> ACK seq=5001 len=1000
    >> ACK seq=6001 len=1000
    >> ACK seq=7001 len=1000
    >> ACK seq=8001 len=1000
    << ACK seq=101 ack=6001 win=1000    # its edge moves back behind what was sent
    >> nothing
    << ACK seq=101 ack=9001 win=8000
    >> ACK seq=9001 len=1000
    >> ACK seq=10001 len=1000
    >> ACK seq=11001 len=1000
    >> PSH|ACK seq=12001 len=1000
  )");
}

TEST(PortSend, Keepalive) {
  PortLadder().established().run(R"(
    get C TCP_KEEPIDLE = 7200
    opt C TCP_KEEPIDLE 10
    opt C TCP_KEEPINTVL 5
    opt C TCP_KEEPCNT 2
    opt C SO_KEEPALIVE 1
    +9900ms
    >> nothing
    +200ms
    >> ACK seq=5000 ack=101
    << ACK seq=101 ack=5001
    +9900ms
    >> nothing
    +200ms
    >> ACK seq=5000
    +5s
    >> ACK seq=5000
    +4900ms
    poll C = OUT
    +200ms
    >> RST|ACK
    poll C = IN|OUT|ERR|HUP|RDHUP
    get C SO_ERROR = 110
  )");
}

TEST(PortSend, Urgent) {
  PortLadder().established().run(R"(
    send C 10 OOB = 10
    >> URG|PSH|ACK seq=5001 urg=10 len=10
    << ACK seq=101 ack=5011
    send C 10 = 10
    >> PSH|ACK len=10
    << ACK seq=101 ack=5021
    << URG|PSH|ACK seq=101 ack=5021 urg=5 len=10
    poll C = IN|PRI|OUT
    recv C 10 OOB = EINVAL              # it stays in its place (RFC 6093)
    ioctl C SIOCATMARK = 0
    recv C 100 = 4                      # up to the urgent byte
    ioctl C SIOCATMARK = 1
    recv C 100 = 6
    ioctl C SIOCATMARK = 0
    poll C = OUT
  )");
}

// Urgent pointers were once compared with 0: numbers of the upper half.
TEST(PortSend, UrgentWithAnyNumber) {
  PortLadder().run(R"(
    first 0xf0000001
    socket L
    bind L 80
    listen L 1
    << SYN seq=0xf0000000
    >> SYN|ACK
    << ACK seq=0xf0000001 ack=5001
    accept C L
    << URG|ACK seq=0xf0000001 ack=5001 urg=3 len=10
    poll C = IN|PRI|OUT
  )");
}

TEST(PortSend, EcnIsHeard) {
  PortLadder l;
  l.run(R"(
    socket L
    bind L 80
    listen L 1
    << SYN|ECE|CWR seq=100 mss=1000
    >> SYN|ACK|ECE
    << ACK seq=101 ack=5001 win=20000
    accept C L
    send C 4000
    >> ACK len=1000
    >> ACK len=1000
    >> ACK len=1000
    >> PSH|ACK len=1000
    << ACK|ECE seq=101 ack=7001 win=20000
    info C ca_state=2 snd_ssthresh=5 delivered=3 delivered_ce=2
    << ACK seq=101 ack=9001 win=20000
    send C 1000
    >> PSH|ACK|CWR len=1000
  )");
}

TEST(PortSend, CongestionControlByName) {
  PortLadder().established().run(R"(
    opt C TCP_CONGESTION bbr = ENOENT
    opt C TCP_CONGESTION cubic
    opt C TCP_CONGESTION reno
    opt C TCP_FASTOPEN 1 = ENOPROTOOPT
    get C TCP_FASTOPEN = ENOPROTOOPT
  )");
}

TEST(PortSend, TimeToLive) {
  PortLadder().established("mss=1000", "opt L IP_TTL 7").run(R"(
    get C IP_TTL = 7
    send C 1
    >> PSH|ACK len=1 ttl=7
    get C IP_MTU = 1500
    opt C IP_TTL 256 = EINVAL
  )");
}

// MSG_EOR: no segment has text from both sides of the end of a record, sent once or again.
TEST(PortSend, Records) {
  PortLadder().established("win=20000 mss=1000").run(R"(
    << ACK seq=101 ack=5001 win=20000
    opt C TCP_CORK 1
    send C 1400 EOR = 1400
    >> ACK seq=5001 len=1000
    >> nothing
    send C 300 = 300
    >> ACK seq=6001 len=400             # what follows can't be added to it: it goes, corked or not
    send C 100 EOR = 100
    >> nothing
    send C 700 = 700
    >> ACK seq=6401 len=400
    >> nothing
    +225ms
    >> ACK seq=5001 len=1000
    << ACK seq=101 ack=6001 win=20000
    >> ACK seq=6001 len=400
    >> ACK seq=6401 len=400
    << ACK seq=101 ack=6801 win=20000
    opt C TCP_CORK 0
    >> PSH|ACK seq=6801 len=700
  )");
}

// tcp_info: for how long there was something to send, and for how long the window was shut.
TEST(PortSend, BusyAndShutOut) {
  PortLadder l;
  const auto times = [&l] {
    weft_sim_tcp_info i;
    weft_sim_info(l.sim(), l.fd("C"), &i);
    return std::pair<std::uint64_t, std::uint64_t>(i.tcpi_busy_time / 1000,
                                                   i.tcpi_rwnd_limited / 1000);
  };
  using Times = std::pair<std::uint64_t, std::uint64_t>;
  l.established("win=0 mss=1000").run("<< ACK seq=101 ack=5001 win=0\n +50ms");
  EXPECT_EQ(times(), Times(0, 0));
  l.run("send C 1000 = 1000\n +100ms");
  EXPECT_EQ(times(), Times(100, 100));
  l.run("<< ACK seq=101 ack=5001 win=2000\n >> PSH|ACK seq=5001 len=1000\n +30ms");
  EXPECT_EQ(times(), Times(130, 100));
  l.run("<< ACK seq=101 ack=6001 win=10\n +50ms\n send C 1000\n +20ms");
  EXPECT_EQ(times(), Times(150, 120));
  l.run("<< ACK seq=101 ack=6001 win=2000\n >> PSH|ACK len=1000\n << ACK seq=101 ack=7001");
  EXPECT_EQ(times(), Times(150, 120));
}

// Whoever cuts, the segments are the same; large frames hold as much as the window lets go.
// The send buffer holds the application back: from when all in it has left to when some of it is
// acknowledged.
TEST(PortSend, TimeWithoutRoomToSend) {
  PortLadder l;
  l.established("win=9000 mss=1000").run(R"(
    opt C SO_SNDBUF 3000
    send C 2000 = 2000
    +50ms
    << ACK seq=101 ack=7001 win=9000
    info C sndbuf_limited=0
    send C 5000 = 3000
    +20ms
    info C sndbuf_limited=20000
    << ACK seq=101 ack=8001 win=9000
    +30ms
    info C sndbuf_limited=20000
    send C 5000 = 1000
    +10ms
    << ACK seq=101 ack=11001 win=9000
    +30ms
    info C sndbuf_limited=30000
  )");
  EXPECT_EQ(l.taken().size(), 6u);
}

TEST(PortSend, WhoCuts) {
  auto config = PortLadder::plain();
  for (config.offload = WEFT_SIM_SOFTWARE; config.offload <= WEFT_SIM_LARGE_FRAMES;
       ++config.offload) {
    PortLadder l(config);
    l.established("win=20000 mss=1000")
        .run("<< ACK seq=101 ack=5001 win=20000\n send C 9500 = 9500");
    std::uint32_t seq = 5001;
    std::vector<std::size_t> sizes;
    for (const SeenFrame& f : l.taken()) {
      EXPECT_EQ(f.seq, seq);
      seq += static_cast<std::uint32_t>(f.text.size());
      sizes.push_back(f.text.size());
      EXPECT_EQ(f.flags, TcpFrame::ack | (seq == 14501 ? TcpFrame::psh : 0));
    }
    EXPECT_EQ(seq, 14501u);
    const std::vector<std::size_t> large{9500}, cut(9, 1000);
    if (config.offload == WEFT_SIM_LARGE_FRAMES) {
      EXPECT_EQ(sizes, large);
    } else {
      ASSERT_EQ(sizes.size(), 10u);
      sizes.pop_back();
      EXPECT_EQ(sizes, cut);
    }
    l.run("<< ACK seq=101 ack=14501 win=20000\n info C unacked=0 total_retrans=0");
  }
}

}  // namespace
}  // namespace weft::test
