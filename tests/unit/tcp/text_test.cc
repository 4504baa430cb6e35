// Receiving text: RFC 9293 section 3.10.7.4, RFC 2018, RFC 2883.
#include "tests/unit/tcp/ladder.h"

namespace weft::test {
namespace {

TEST(TcpText, InOrder) {
  Opened l;
  l.run(R"(
    << PSH|ACK seq=101 ack=5001 len=100
    event data
    read
    text 100
    << ACK seq=201 ack=5001 len=200
    event data
    read
    text 200
  )");
}

// SHLD-18, MUST-40.
TEST(TcpText, OneSegmentIsAcknowledgedAfterAWhile) {
  Opened l;
  l.run(R"(
    << ACK seq=101 ack=5001 len=1000
    read
    >> nothing
    +39ms
    >> nothing
    +2ms
    >> ACK seq=5001 ack=1101
    >> nothing
  )");
}

// SHLD-19.
TEST(TcpText, EverySecondSegmentIsAcknowledgedAtOnce) {
  Opened l;
  l.run(R"(
    << ACK seq=101 ack=5001 len=1000
    read
    >> nothing
    << ACK seq=1101 ack=5001 len=1000
    >> ACK ack=2101
    read
    << ACK seq=2101 ack=5001 len=1000
    >> nothing
    read
    << ACK seq=3101 ack=5001 len=1000
    >> ACK ack=4101
    read
  )");
}

TEST(TcpText, AnswerCarriesTheAcknowledgement) {
  Opened l;
  l.run(R"(
    << ACK seq=101 ack=5001 len=100
    read
    send 50
    >> PSH|ACK seq=5001 ack=201 len=50
    +100ms
    >> nothing
  )");
}

TEST(TcpText, QuickAcknowledgements) {
  Opened l;
  l.run(R"(
    quick_acks 1
    << ACK seq=101 ack=5001 len=100
    >> ACK ack=201
    << ACK seq=201 ack=5001 len=100
    >> nothing
    read
  )");
}

// SHLD-31.
TEST(TcpText, OutOfOrderIsHeldAndReported) {
  Opened l(Ladder::plain(), "mss=1000 sackok");
  l.run(R"(
    << ACK seq=1101 ack=5001 len=1000
    >> ACK seq=5001 ack=101 sack=1101-2101
    event
    << ACK seq=3101 ack=5001 len=1000
    >> ACK seq=5001 ack=101 sack=3101-4101,1101-2101
    << ACK seq=101 ack=5001 len=1000
    >> ACK seq=5001 ack=2101 sack=3101-4101
    read
    text 2000
    << ACK seq=2101 ack=5001 len=1000
    >> ACK seq=5001 ack=4101
    read
    text 2000
  )");
}

// RFC 5681 section 4.2, and then for a while: the window of who repairs is small.
TEST(TcpText, WhoRepairsIsAnsweredAtOnce) {
  Opened l;
  l.run(R"(
    << ACK seq=201 ack=5001 len=100
    >> ACK ack=101
    << ACK seq=101 ack=5001 len=100
    >> ACK ack=301
    << ACK seq=301 ack=5001 len=100
    >> ACK ack=401
    quick_acks 0
    << ACK seq=401 ack=5001 len=100
    >> nothing
    << ACK seq=101 ack=5001 len=100         # its acknowledgement was lost
    >> ACK ack=501
    << ACK seq=501 ack=5001 len=100
    >> ACK ack=601
    << ACK seq=601 ack=5001 len=100
    >> ACK ack=701
    read
  )");
}

TEST(TcpText, OutOfOrderWithoutSack) {
  Opened l;
  l.run(R"(
    << ACK seq=1101 ack=5001 len=1000
    >> ACK seq=5001 ack=101 sack=
    << ACK seq=2101 ack=5001 len=1000
    >> ACK seq=5001 ack=101
    << ACK seq=101 ack=5001 len=1000
    >> ACK ack=3101
    read
    text 3000
  )");
}

// RFC 2018 section 4: the run heard of last comes first.
TEST(TcpText, LatestRunComesFirst) {
  Opened l(Ladder::plain(), "mss=1000 sackok");
  l.run(R"(
    << ACK seq=1101 ack=5001 len=100
    << ACK seq=2101 ack=5001 len=100
    << ACK seq=3101 ack=5001 len=100
    << ACK seq=4101 ack=5001 len=100
    << ACK seq=5101 ack=5001 len=100
    >> ACK sack=1101-1201
    >> ACK sack=2101-2201,1101-1201
    >> ACK sack=3101-3201,2101-2201,1101-1201
    >> ACK sack=4101-4201,3101-3201,2101-2201,1101-1201
    >> ACK sack=5101-5201,4101-4201,3101-3201,2101-2201
    << ACK seq=1201 ack=5001 len=100
    >> ACK sack=1101-1301,5101-5201,4101-4201,3101-3201
  )");
}

// RFC 2883 section 4.
TEST(TcpText, DuplicatesAreReported) {
  Opened l(Ladder::plain(), "mss=1000 sackok");
  l.run(R"(
    quick_acks 9
    << ACK seq=101 ack=5001 len=1000
    >> ACK ack=1101
    << ACK seq=101 ack=5001 len=1000
    >> ACK ack=1101 sack=101-1101
    << ACK seq=601 ack=5001 len=1000        # half of it is new
    >> ACK ack=1601 sack=601-1101
    << ACK seq=2101 ack=5001 len=500
    >> ACK ack=1601 sack=2101-2601
    << ACK seq=2101 ack=5001 len=500
    >> ACK ack=1601 sack=2101-2601,2101-2601
    read
    text 1500
  )");
}

TEST(TcpText, OverlapsOfEveryKind) {
  Opened l(Ladder::plain(), "mss=1000 sackok");
  l.run(R"(
    << ACK seq=1001 ack=5001 len=100       # 1001-1101
    << ACK seq=1201 ack=5001 len=100       # 1201-1301
    << ACK seq=951 ack=5001 len=100        # reaches into the first
    << ACK seq=1051 ack=5001 len=100       # goes on behind it
    << ACK seq=1101 ack=5001 len=300       # covers the second
    >> ACK sack=1001-1101
    >> ACK sack=1201-1301,1001-1101
    >> ACK sack=1001-1051,951-1101,1201-1301
    >> ACK sack=1051-1101,951-1151,1201-1301
    >> ACK ack=101
    << ACK seq=101 ack=5001 len=1000       # reaches into what is there
    >> ACK ack=1401
    read
    text 1300
  )");
}

TEST(TcpText, BeyondTheWindowIsCutOff) {
  Opened l;
  l.run(R"(
    << ACK seq=101 ack=5001 len=1000
    << ACK seq=1101 ack=5001 len=10000
    >> ACK ack=10101 win=0
    read
    text 10000
    >> ACK ack=10101 win=10000
  )");
}

// MUST-66: a closed window does not keep acknowledgements, resets and urgent text out.
TEST(TcpText, AcknowledgementsCountThoughTheWindowIsClosed) {
  Opened l;
  l.run(R"(
    << ACK seq=101 ack=5001 len=10000
    >> ACK ack=10101 win=0
    send 100
    >> ACK seq=5001 len=100
    << ACK seq=10101 ack=5101 len=1
    >> ACK ack=10101 win=0
    unacked 0
    << RST seq=10101
    error 104
  )");
}

// MUST-39: no small steps.
// MUST-33.
TEST(TcpText, UrgentTextEndsThere) {
  Opened l;
  l.run(
      "<< URG|ACK seq=101 ack=5001 len=10 urg=5\n event urgent data\n read\n +50ms\n >> anything");
  EXPECT_EQ(l.connection()->rcv_up, 106u);
}

TEST(TcpText, WindowOpensInLargeStepsOnly) {
  Opened l;
  l.run(R"(
    << ACK seq=101 ack=5001 len=10000
    >> ACK ack=10101 win=0
    hold
    done 100
    >> nothing
    << ACK seq=10101 ack=5001 len=1
    >> ACK ack=10101 win=0
    done 800
    >> nothing
    done 4200           # 5100 free by now: half of the buffer
    >> ACK ack=10101 win=5100
    done 4900
    >> nothing          # it has not doubled
    << ACK seq=10101 ack=5001 len=1000
    << ACK seq=11101 ack=5001 len=1000
    +41ms
    >> ACK ack=12101 win=8000
  )");
}

TEST(TcpText, RightEdgeNeverMovesBack) {
  Opened l;
  l.run(R"(
    quick_acks 9
    << ACK seq=101 ack=5001 len=1000
    >> ACK ack=1101 win=9000
    << ACK seq=1101 ack=5001 len=1
    >> ACK ack=1102 win=8999
    hold
    done 1
    << ACK seq=1102 ack=5001 len=1
    >> ACK ack=1103 win=8998       # not a byte more than was said before
  )");
}

// RFC 6093: in the stream, and the application knows where it ends (MUST-30 to MUST-33, MUST-62).
TEST(TcpText, UrgentText) {
  Opened l;
  l.run(R"(
    << URG|ACK seq=101 ack=5001 len=100 urg=50
    event data urgent
    read
    text 100
    << URG|ACK seq=201 ack=5001 len=10 urg=0      # points to nothing new
    event data
    << URG|ACK seq=211 ack=5001 len=10 urg=65535
    event data urgent
    read
    text 20
  )");
}

TEST(TcpText, UrgentTextIsSent) {
  Opened l;
  l.run(R"(
    no_delay
    send 10
    >> ACK seq=5001 len=10
    send 1500
    urgent
    >> anything
    send 100
    >> ACK seq=6511 len=100
  )");
  Opened m;
  m.run(R"(
    set_cwnd 1000
    no_delay
    send 2500
    >> ACK seq=5001 len=1000
    urgent
    << ACK seq=101 ack=6001
    >> URG|ACK seq=6001 len=1000 urg=1500
    >> URG|ACK seq=7001 len=500 urg=500
  )");
}

TEST(TcpText, ManySmallPiecesCostLittle) {
  auto config = Ladder::plain();
  config.receive_buffer = 60000;
  Opened l(config, "mss=1000 sackok");
  for (unsigned i = 0; i < 1000; ++i)
    l.run("<< ACK seq=" + std::to_string(1101 + 2 * i) + " ack=5001 len=1\n>> anything");
  EXPECT_LE(l.stack().live_chunks(), 128u);
  EXPECT_GT(l.stack().counters().no_room, 800u);
}

void sent_and_read(Opened& l, unsigned window) {
  l.run("quick_acks 0");
  for (unsigned at = 101; at < 70'101; at += 2000)
    l.run("<< ACK seq=" + std::to_string(at) +
          " ack=5001 len=1000\nread\n<< ACK seq=" + std::to_string(at + 1000) +
          " ack=5001 len=1000\n>> ACK ack=" + std::to_string(at + 2000) +
          (at < 68'101 ? "" : " win=" + std::to_string(window)) + "\nread");
}

TEST(TcpText, WindowGrowsForWhoReads) {
  auto config = Ladder::plain();
  config.most_receive_buffer = 25'000;
  Opened reader(config), fixed;
  sent_and_read(reader, 24'000);  // (the last segment is read after it was acknowledged)
  sent_and_read(fixed, 9'000);
}

TEST(TcpText, WindowDoesNotGrowForWhoLeavesTextLying) {
  auto config = Ladder::plain();
  config.receive_buffer = 16'000;
  config.most_receive_buffer = 40'000;
  Opened l(config);
  for (unsigned at = 101; at < 60'101; at += 1000)  // ten segments wait all the time
    l.run("<< ACK seq=" + std::to_string(at) + " ack=5001 len=1000\nhold\n" +
          (at < 10'101 ? "" : "done 1000\n") + ">> anything");
  EXPECT_EQ(l.connection()->rcv_buf, 16'000u);
}

TEST(TcpText, NobodyReads) {
  auto config = Ladder::plain();
  config.receive_buffer = 60000;
  Opened l(config);
  for (unsigned i = 0; i < 1000; ++i)
    l.run("<< ACK seq=" + std::to_string(101 + i) + " ack=5001 len=1\n>> anything");
  EXPECT_LE(l.stack().live_chunks(), 2 * 60000u / 512);
  l.run("read\n>> anything");
}

TEST(TcpText, TextBehindTheFinIsNothing) {
  Opened l;
  l.run(R"(
    << FIN|ACK seq=101 ack=5001 len=100
    >> ACK ack=202
    event data remote_closed
    state close_wait
    << ACK seq=202 ack=5001 len=100
    read
    text 100
  )");
}

TEST(TcpText, FinBeforeText) {
  Opened l;
  l.run(R"(
    << FIN|ACK seq=1101 ack=5001 len=100
    >> ACK ack=101
    state established
    << ACK seq=101 ack=5001 len=1000
    >> ACK ack=1202
    event data remote_closed
    state close_wait
    read
    text 1100
  )");
}

}  // namespace
}  // namespace weft::test
