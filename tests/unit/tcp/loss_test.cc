// Losses: RFC 6298, RFC 8985, RFC 6937, RFC 6582, RFC 3522.
#include "tests/unit/tcp/ladder.h"

namespace weft::test {
namespace {

TEST(TcpLoss, TimerDoublesAndTheWindowIsOneSegment) {
  Opened l;
  l.run(R"(
    send 3000
    >> ACK seq=5001 len=1000
    >> ACK seq=6001 len=1000
    >> ACK seq=7001 len=1000
    +199ms
    >> nothing
    +2ms
    >> ACK seq=5001 len=1000
    >> nothing
    cwnd 1000
    ssthresh 2000
    +398ms
    >> nothing
    +5ms
    >> ACK seq=5001 len=1000
    +799ms
    >> ACK seq=5001 len=1000
    << ACK seq=101 ack=6001
    >> ACK seq=6001 len=1000
    >> ACK seq=7001 len=1000
    << ACK seq=101 ack=8001
    texts 0
  )");
}

// RFC 9293 section 3.8.3: MUST-20, MUST-21, SHLD-9, SHLD-11.
TEST(TcpLoss, GivesUp) {
  Opened l;
  l.run(R"(
    send 100
    +100s
    state established
    event stuck
    +900s
    >> anything
    state closed
    error 110
    event cleanup
  )");
}

// RFC 6298 section 2.2: the first round trip and twice its half, four times.
TEST(TcpLoss, TimerFollowsTheFirstRoundTrip) {
  Opened l(Ladder::plain(), "mss=1000", 400);
  l.run(R"(
    send 100
    >> PSH|ACK len=100
    +1195ms
    >> nothing
    +10ms
    >> PSH|ACK len=100
  )");
}

// SHLD-10: the third retransmission says that there is trouble.
TEST(TcpLoss, TroubleIsToldAfterThree) {
  Opened l;
  l.run(R"(
    send 100
    >> PSH|ACK len=100
    +205ms
    >> PSH|ACK len=100
    event
    +405ms
    >> PSH|ACK len=100
    event
    +805ms
    >> PSH|ACK len=100
    event stuck
  )");
}

// SHLD-11.
TEST(TcpLoss, NotGivenUpBefore100Seconds) {
  Opened l;
  l.run("send 100\n +105s\n >> anything\n state established");
}

TEST(TcpLoss, UserTimeout) {
  Opened l;
  l.run(R"(
    user_timeout 5000
    send 100
    >> anything
    +4s
    state established
    +6s
    state closed
    error 110
  )");
}

// MUST-18: of what was sent twice no time is taken.
TEST(TcpLoss, Karn) {
  Opened l;
  l.run(R"(
    send 100
    >> ACK len=100
    +201ms
    >> ACK seq=5001 len=100
    +150ms
    << ACK seq=101 ack=5101
    send 100
    >> ACK len=100
    +399ms
    >> nothing                 # the longer time stays until one is measured (RFC 6298 section 5)
    +2ms
    >> ACK seq=5101 len=100
  )");
}

TEST(TcpLoss, RoundTripsAreMeasured) {
  Opened l;
  for (unsigned i = 0; i < 20; ++i) {
    const std::string at = std::to_string(5101 + 100 * i);
    l.run("send 100\n>> ACK len=100\n+190ms\n<< ACK seq=101 ack=" + at + "\n");
  }
  EXPECT_GT(l.connection()->srtt_us, 160'000u);
  EXPECT_LT(l.connection()->srtt_us, 190'001u);
  EXPECT_GT(l.connection()->rto_us, 190'000u);
}

// RFC 6582: three duplicates, then one segment for each partial acknowledgement.
TEST(TcpLoss, NewReno) {
  Opened l;
  l.run(R"(
    send 8000
    >> ACK seq=5001 len=1000
    >> ACK seq=6001 len=1000
    >> ACK seq=7001 len=1000
    >> ACK seq=8001 len=1000
    >> ACK seq=9001 len=1000
    >> ACK seq=10001 len=1000
    >> ACK seq=11001 len=1000
    >> ACK seq=12001 len=1000
    << ACK seq=101 ack=5001
    << ACK seq=101 ack=5001
    >> nothing
    << ACK seq=101 ack=5001
    >> ACK seq=5001 len=1000
    ssthresh 4000
    << ACK seq=101 ack=5001
    << ACK seq=101 ack=5001
    << ACK seq=101 ack=5001
    >> nothing
    << ACK seq=101 ack=8001
    >> ACK seq=8001 len=1000
    >> nothing
    << ACK seq=101 ack=13001
    cwnd 4000
    texts 0
  )");
}

TEST(TcpLoss, DuplicatesWithTextOrWindowsAreNone) {
  Opened l;
  l.run(R"(
    send 4000
    >> anything
    << ACK seq=101 ack=5001 win=8001
    << ACK seq=101 ack=5001 win=8002
    << ACK seq=101 ack=5001 win=8003
    << ACK seq=101 ack=5001 win=8004
    << ACK seq=101 ack=5001 len=10
    << ACK seq=111 ack=5001 len=10
    << ACK seq=121 ack=5001 len=10
    +45ms
    >> ACK seq=9001 len=0
    >> nothing
    read
  )");
}

// RACK: what was sent before something that has arrived is lost after a quarter of a round trip.
TEST(TcpLoss, RackAfterTheReorderingWindow) {
  Opened l(Ladder::plain(), "mss=1000 sackok", 100);
  l.run(R"(
    send 1000
    >> ACK seq=5001 len=1000
    +100ms
    << ACK seq=101 ack=6001
    send 3000
    >> ACK seq=6001 len=1000
    >> ACK seq=7001 len=1000
    >> ACK seq=8001 len=1000
    +100ms
    << ACK seq=101 ack=6001 sack=7001-8001
    >> nothing
    +60ms
    >> ACK seq=6001 len=1000
    << ACK seq=101 ack=9001
    texts 0
  )");
}

TEST(TcpLoss, RackWithThreeSegmentsAtOnce) {
  Opened l(Ladder::plain(), "mss=1000 sackok", 10);
  l.run(R"(
    send 6000
    >> ACK seq=5001 len=1000
    >> ACK seq=6001 len=1000
    >> ACK seq=7001 len=1000
    >> ACK seq=8001 len=1000
    >> ACK seq=9001 len=1000
    >> ACK seq=10001 len=1000
    +10ms
    << ACK seq=101 ack=5001 sack=6001-9001
    >> ACK seq=5001 len=1000
    ssthresh 3000
    +10ms
    << ACK seq=101 ack=11001
    cwnd 3000
  )");
}

TEST(TcpLoss, LostRetransmissionIsSeen) {
  Opened l(Ladder::plain(), "mss=1000 sackok", 10);
  l.run(R"(
    send 8000
    >> anything
    +10ms
    << ACK seq=101 ack=5001 win=16000 sack=6001-9001
    >> ACK seq=5001 len=1000
    >> nothing
    send 3000
    +10ms
    << ACK seq=101 ack=5001 win=16000 sack=6001-13001
    >> ACK seq=13001 len=1000
    >> anything
    +10ms
    << ACK seq=101 ack=5001 win=16000 sack=6001-14001
    >> ACK seq=5001 len=1000
    >> anything
  )");
  EXPECT_EQ(l.stack().counters().timeouts, 0u);
}

// A segment that only came late is no loss.
TEST(TcpLoss, ReorderingWithinTheWindow) {
  Opened l(Ladder::plain(), "mss=1000 sackok", 100);
  l.run(R"(
    send 1000
    >> anything
    +100ms
    << ACK seq=101 ack=6001
    send 2000
    >> anything
    +100ms
    << ACK seq=101 ack=6001 sack=7001-8001
    +10ms
    << ACK seq=101 ack=8001
    >> nothing
    cwnd 10000
  )");
}

// RFC 8985 section 7: the last segment is sent once more after two round trips.
TEST(TcpLoss, TailLossProbe) {
  Opened l(Ladder::plain(), "mss=1000 sackok", 100);
  l.run(R"(
    send 3000
    >> ACK seq=5001 len=1000
    >> ACK seq=6001 len=1000
    >> ACK seq=7001 len=1000
    +100ms
    << ACK seq=101 ack=6001
    >> nothing
    +199ms
    >> nothing
    +2ms
    >> ACK seq=7001 len=1000
    +100ms
    << ACK seq=101 ack=6001 sack=7001-8001
    >> ACK seq=6001 len=1000
    << ACK seq=101 ack=8001
    texts 0
  )");
  EXPECT_EQ(l.stack().counters().timeouts, 0u);
}

TEST(TcpLoss, ProbeSendsWhatIsNew) {
  Opened l(Ladder::plain(), "mss=1000 sackok");
  l.run(R"(
    send 1000
    >> anything
    +20ms
    << ACK seq=101 ack=6001
    set_cwnd 2000
    send 3000
    >> ACK seq=6001 len=1000
    >> ACK seq=7001 len=1000
    >> nothing
    +50ms
    >> ACK seq=8001 len=1000
    << ACK seq=101 ack=9001
  )");
}

// RFC 2018 section 8: after a timeout, what was announced and is first in line has been dropped.
TEST(TcpLoss, ReceiverDropsWhatItHad) {
  Opened l(Ladder::plain(), "mss=1000 sackok");
  l.run(R"(
    send 3000
    >> anything
    << ACK seq=101 ack=5001 sack=6001-8001
    +500ms
    >> anything
    << ACK seq=101 ack=6001
    +401ms
    >> ACK seq=6001 len=1000
    << ACK seq=101 ack=7001
    >> ACK seq=7001 len=1000
    << ACK seq=101 ack=8001
    texts 0
  )");
}

TEST(TcpLoss, LiesInSackOptions) {
  Opened l(Ladder::plain(), "mss=1000 sackok");
  l.run(R"(
    send 3000
    >> anything
    << ACK seq=101 ack=5001 sack=9001-10001
    << ACK seq=101 ack=5001 sack=7001-6001
    << ACK seq=101 ack=5001 sack=0-4294967295
    << ACK seq=101 ack=5001 sack=5001-5001
    >> nothing
    << ACK seq=101 ack=8001
    texts 0
  )");
}

// The window is reduced in proportion, not at once (RFC 6937).
TEST(TcpLoss, ProportionalReduction) {
  auto config = Ladder::plain();
  config.window_scaling = true;
  Opened l(config, "mss=1000 sackok ws=7");
  l.connection()->ssthresh = 20000;
  l.run("set_cwnd 20000\n<< ACK seq=101 ack=5001 win=8000\nsend 100000\n>> anything\n+10ms\n");
  unsigned sent = 0, early = 0;
  for (unsigned i = 1; i <= 19; ++i) {
    const auto before = l.stack().counters().sent;
    l.run("<< ACK seq=101 win=8000 ack=5001 sack=6001-" + std::to_string(6001 + 1000 * i) +
          "\n>> anything\n");
    if (i > 3) sent += l.stack().counters().sent - before;
    if (i > 3 && i <= 9) early += l.stack().counters().sent - before;
  }
  l.run("ssthresh 10000\n");
  EXPECT_GE(early, 2u);  // one for every two that have arrived, from the beginning
  EXPECT_GE(sent, 7u);
  EXPECT_LE(sent, 11u);
  l.run("<< ACK seq=101 win=8000 ack=25001\n>> anything\n");
}

TEST(TcpLoss, UndoneWhenNothingWasLost) {
  auto config = Ladder::plain();
  config.timestamps = true;
  Ladder l(config);
  l.run(R"(
    listen
    << SYN seq=100 win=8000 mss=1012 sackok ts=1,0
    >> SYN|ACK seq=5000
    << ACK seq=101 ack=5001 ts=2,1000000
    event new_conn
    send 3000
    >> ACK seq=5001 len=1000 ts=1000000,2
    >> ACK seq=6001 len=1000
    >> ACK seq=7001 len=1000
    +500ms
    >> anything
    cwnd 1000
    << ACK seq=101 ack=8001 ts=3,1000000      # of what was sent first
  )");
  EXPECT_EQ(l.stack().counters().undone, 1u);
  EXPECT_GE(l.connection()->cwnd, 10000u);
}

}  // namespace
}  // namespace weft::test
