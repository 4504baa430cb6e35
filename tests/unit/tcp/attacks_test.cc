// What others may send: RFC 5961, RFC 7323 section 5, RFC 5927, and the rows of known attacks.
#include "tests/unit/tcp/ladder.h"

namespace weft::test {
namespace {

TEST(TcpAttacks, ToClosedPorts) {
  Ladder l;
  l.run(R"(
    << SYN seq=100
    >> RST|ACK seq=0 ack=101
    << FIN|ACK seq=100 ack=7 len=10
    >> RST seq=7
    << PSH seq=100 len=10
    >> RST|ACK seq=0 ack=110
    << RST seq=100
    << RST|ACK seq=100 ack=5
    >> nothing
  )");
}

TEST(TcpAttacks, ToListeners) {
  Ladder l;
  l.run(R"(
    listen
    << NONE seq=100
    << FIN seq=100
    << FIN|PSH|URG seq=100
    << RST seq=100
    << SYN|FIN seq=100
    << SYN|RST seq=100
    >> nothing
    << ACK seq=100 ack=77
    >> RST seq=77
    >> nothing
  )");
  EXPECT_EQ(l.stack().live_connections(), 0u);
}

TEST(TcpAttacks, Land) {
  Ladder l;
  l.tuple_.peer = l.tuple_.local;
  l.tuple_.peer_port = l.tuple_.local_port;
  l.run(R"(
    listen
    << SYN seq=100
    >> nothing
  )");
}

TEST(TcpAttacks, SynAndFinWithText) {
  Ladder l;
  l.run(R"(
    listen
    << SYN|FIN seq=100 len=10
    >> nothing
    event
  )");
}

// RFC 5961 section 3.2: only the exact number resets.
TEST(TcpAttacks, Resets) {
  Opened l;
  l.run(R"(
    << RST seq=102
    >> ACK seq=5001 ack=101
    state established
    << RST seq=100
    << RST seq=10101
    << RST seq=999999
    state established
    << RST seq=101
    state closed
    error 104
  )");
}

// Section 4.2.
TEST(TcpAttacks, SynInAConnection) {
  Opened l;
  l.run(R"(
    << SYN seq=101
    >> ACK seq=5001 ack=101
    << SYN seq=5000
    >> ACK seq=5001 ack=101
    << SYN seq=4000000000
    >> ACK seq=5001 ack=101
    << SYN|ACK seq=100 ack=5001
    >> ACK seq=5001 ack=101
    state established
  )");
}

// Section 5.2.
TEST(TcpAttacks, AcknowledgementsThatCannotBe) {
  Opened l;
  l.run(R"(
    << ACK seq=101 ack=5002 len=10
    >> ACK seq=5001 ack=101
    event
    << ACK seq=101 ack=4294960000 len=10
    >> ACK seq=5001 ack=101
    event
    << ACK seq=101 ack=5001 len=10
    event data
    read
    +50ms
    >> anything
    << PSH seq=111 len=10           # without any
    >> nothing
    event
  )");
}

// SHLD-2.
TEST(TcpAttacks, ResetWithText) {
  Opened l;
  l.run("<< RST seq=101 len=30\n state closed\n error 104\n >> nothing");
}

// Section 7: ten in five seconds for each connection.
TEST(TcpAttacks, ChallengesAreFew) {
  Opened l;
  for (unsigned i = 0; i < 200; ++i) l.run("<< RST seq=" + std::to_string(200 + i));
  l.run(">> anything");
  EXPECT_EQ(l.stack().counters().challenges, 10u);
  EXPECT_EQ(l.stack().counters().quiet, 190u);
  l.run("+6s\n<< RST seq=200\n>> ACK\n>> nothing");
}

TEST(TcpAttacks, StormOfAcknowledgementsEnds) {
  Opened l;
  unsigned answers = 0;
  for (unsigned i = 0; i < 100; ++i) {
    const auto before = l.stack().counters().sent;
    l.run("<< ACK seq=90000 ack=5001\n>> anything");
    answers += l.stack().counters().sent - before;
  }
  EXPECT_LE(answers, 10u);
}

TEST(TcpAttacks, OutOfTheWindow) {
  Opened l;
  l.run(R"(
    << ACK seq=20000 ack=5001 len=100
    >> ACK seq=5001 ack=101
    << ACK seq=10101 ack=5001 len=1
    >> ACK seq=5001 ack=101
    event
    << ACK seq=10100 ack=5001 len=100
    >> ACK seq=5001 ack=101
    event
  )");
}

struct WithTimestamps : Ladder {
  static tcp::Config config() {
    auto c = plain();
    c.timestamps = true;
    return c;
  }
  WithTimestamps() : Ladder(config()) {
    run(R"(
      listen
      << SYN seq=100 mss=1012 ts=500,0
      >> SYN|ACK seq=5000 ts=1000000,500
      << ACK seq=101 ack=5001 ts=501,1000000
      event new_conn
      quick_acks 0
    )");
  }
};

// RFC 7323 section 5: PAWS.
TEST(TcpAttacks, OldTimestamps) {
  WithTimestamps l;
  l.run(R"(
    << ACK seq=101 ack=5001 len=100 ts=499,1000000
    >> ACK seq=5001 ack=101 ts=1000000,501
    event
    << ACK seq=101 ack=5001 len=100 ts=502,1000000
    event data
    +50ms
    >> ACK ack=201 ts=1000040,502
    << RST seq=201 ts=1,0              # resets are exempt
    state closed
  )");
}

TEST(TcpAttacks, TimestampsMissing) {
  WithTimestamps l;
  l.run(R"(
    << ACK seq=101 ack=5001 len=100
    >> nothing
    event
  )");
  EXPECT_EQ(l.stack().counters().no_timestamp, 1u);
}

TEST(TcpAttacks, TimestampsWrap) {
  WithTimestamps l;
  l.connection()->ts_recent = 0xfffffff0;
  l.run(R"(
    << ACK seq=101 ack=5001 len=100 ts=5,1000000
    event data
    << ACK seq=201 ack=5001 len=100 ts=4294967280,1000000
    >> ACK
    event
    read
  )");
}

// Section 5.5: after 24 days an old timestamp says nothing.
TEST(TcpAttacks, TimestampsOfLongAgo) {
  WithTimestamps l;
  l.run("+2100000s\n<< ACK seq=101 ack=5001 len=100 ts=400,1000000\nevent data\nread\n");
}

// Section 4.3: only what is in order changes what is echoed.
TEST(TcpAttacks, TimestampsOutOfOrder) {
  WithTimestamps l;
  l.run(R"(
    << ACK seq=1101 ack=5001 len=100 ts=510,1000000
    >> ACK ack=101 ts=1000000,501
    << ACK seq=101 ack=5001 len=1000 ts=505,1000000
    >> ACK ack=1201 ts=1000000,505
    read
  )");
}

// CVE-2019-11477 and its like: a tiny segment size and many blocks.
TEST(TcpAttacks, TinySegments) {
  auto config = Ladder::plain();
  config.window_scaling = true;
  Opened l(config, "mss=1 sackok ws=7");
  l.run("mss 64\n<< ACK seq=101 ack=5001 win=60000\nset_cwnd 4000000\nsend 400000\n>> anything\n");
  EXPECT_LE(l.stack().live_sent(), 4096u);
  for (unsigned i = 0; i < 500; ++i) {
    const std::string at = std::to_string(5001 + 64 + 128 * i);
    l.run("<< ACK seq=101 ack=5001 win=60000 sack=" + at + "-" +
          std::to_string(5001 + 128 + 128 * i) + "\n>> anything\n");
  }
  l.run("state established");
}

// Text that is acknowledged before it was sent, or in tiny pieces, wins nothing.
TEST(TcpAttacks, OptimisticAcknowledgements) {
  Opened l;
  l.run(R"(
    send 8000
    >> anything
    << ACK seq=101 ack=13002
    >> ACK seq=13001
    cwnd 10000
    << ACK seq=101 ack=5002
    << ACK seq=101 ack=5003
    << ACK seq=101 ack=5004
    << ACK seq=101 ack=5005
    << ACK seq=101 ack=13001
    >> nothing
  )");
  EXPECT_EQ(l.connection()->cwnd, 18000u);  // 8000 bytes have arrived, each counts once
}

TEST(TcpAttacks, FloodOfSyns) {
  auto config = Ladder::plain();
  Ladder l(config);
  l.run("listen 16");
  for (unsigned i = 0; i < 5000; ++i) {
    l.tuple_.peer = tcp::Address::v4(0x0b000000 + i);
    l.run("<< SYN seq=100 mss=1000\n>> anything");
  }
  EXPECT_EQ(l.stack().live_connections(), 16u);
  EXPECT_EQ(l.stack().counters().cookies_sent, 5000u - 16);
  // Who is honest gets in all the same.
  l.tuple_.peer = tcp::Address::v4(0x0a000002);
  tcp::Segment s;
  s.tuple = l.tuple_;
  s.flags = tcp::syn;
  s.seq = 100;
  l.stack().arrive(s);
  tcp::OutSegment out;
  ASSERT_TRUE(l.stack().produce(out));
  l.run("<< ACK seq=101 ack=" + std::to_string(out.seq + 1) +
        "\nevent new_conn\nstate established");
}

TEST(TcpAttacks, AnswersToNobodyAreBounded) {
  Ladder l;
  tcp::Segment s;
  s.tuple = l.tuple_;
  s.flags = tcp::ack;
  for (unsigned i = 0; i < 1000; ++i) l.stack().arrive(s);
  EXPECT_EQ(l.stack().counters().replies_lost, 1000u - 64);
  l.run(">> anything");
}

}  // namespace
}  // namespace weft::test
