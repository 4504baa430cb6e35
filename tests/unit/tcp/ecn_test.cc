// Explicit congestion notification: RFC 3168 section 6.1.
#include "tests/unit/tcp/ladder.h"

namespace weft::test {
namespace {

tcp::Config asks() {
  auto config = Ladder::plain();
  config.ecn = true;
  return config;
}

// Asked for by this side, and agreed on.
struct Agreed : Ladder {
  explicit Agreed(const tcp::Config& config = asks()) : Ladder(config) {
    run(R"(
      connect
      >> SYN|ECE|CWR seq=5000 ecn=0
      << SYN|ACK|ECE seq=100 ack=5001 win=60000 mss=1000
      >> ACK ack=101 ecn=0
    )");
  }
};

// Section 6.1.2: the window is halved once, however often the echo comes, the last one with the
// acknowledgement of all that was on its way; what is new behind it says so, once. What comes after
// that is news.
TEST(TcpEcn, HalvedOnceInAWindow) {
  Agreed l;
  l.run("send 10000");
  for (int i = 0; i < 10; ++i)
    l.run(">> ACK seq=" + std::to_string(5001 + i * 1000) + " len=1000 ecn=2");
  l.run(R"(
    << ACK|ECE seq=101 ack=6001 win=60000
    ssthresh 5000
    send 10000
    << ACK|ECE seq=101 ack=7001 win=60000
    >> ACK|CWR seq=15001 len=1000 ecn=2
    << ACK|ECE seq=101 ack=8001 win=60000
    << ACK|ECE seq=101 ack=9001 win=60000
    >> ACK seq=16001 len=1000 ecn=2
    << ACK|ECE seq=101 ack=15001 win=60000
    ssthresh 5000
    cwnd 5000
    >> ACK seq=17001 len=1000 ecn=2
    >> ACK seq=18001 len=1000 ecn=2
    >> ACK seq=19001 len=1000 ecn=2
    << ACK seq=101 ack=16001 win=60000
    >> ACK seq=20001 len=1000 ecn=2
    << ACK|ECE seq=101 ack=17001 win=60000
    ssthresh 2500
    << ACK seq=101 ack=20001 win=60000
    >> ACK|CWR seq=21001 len=1000 ecn=2
    >> anything
  )");
}

// Section 6.1.2: the window falls to one segment, not below; from there on the retransmission
// timer, set anew by what told of congestion, says when something new leaves. RFC 9438 section 4.6:
// ssthresh is two segments all the same.
TEST(TcpEcn, OneSegmentWaitsForTheTimer) {
  for (const auto control : {tcp::Congestion::newreno, tcp::Congestion::cubic}) {
    auto config = asks();
    config.congestion = control;
    config.initial_segments = 2;
    Agreed l(config);
    l.run(R"(
      send 6000
      >> ACK seq=5001 len=1000 ecn=2
      >> ACK seq=6001 len=1000 ecn=2
      << ACK|ECE seq=101 ack=7001 win=60000
      ssthresh 2000
      >> ACK|CWR seq=7001 len=1000 ecn=2
      >> nothing
      +20ms
      << ACK|ECE seq=101 ack=8001 win=60000
      cwnd 1000
      ssthresh 2000
      +201ms                    # (a round trip of 20 ms makes the timer a bit longer than 200)
      >> nothing
      +3ms
      >> ACK|CWR seq=8001 len=1000 ecn=2
      >> nothing
      << ACK seq=101 ack=9001 win=60000
      >> ACK seq=9001 len=1000 ecn=2
      >> ACK seq=10001 len=1000 ecn=2
      << ACK seq=101 ack=11001 win=60000
    )");
    EXPECT_EQ(l.stack().counters().timeouts, 0u);
  }
}

// The pause is as long where there was nothing to send when it began, for a FIN, and for what the
// peer's window would let leave.
TEST(TcpEcn, ThePauseIsForWhatIsQueuedLater) {
  auto config = asks();
  config.initial_segments = 1;
  for (const bool in_time : {true, false}) {
    Agreed l(config);
    l.run(R"(
      send 1000
      >> ACK seq=5001 len=1000 ecn=2
      << ACK|ECE seq=101 ack=6001 win=60000
      +150ms
    )");
    if (in_time) l.run("send 300\n>> nothing\n<< ACK seq=101 ack=6001 win=50000\n>> nothing");
    l.run(in_time ? "+51ms" : "+250ms\nsend 300");
    l.run(R"(
      >> ACK|CWR seq=6001 len=300 ecn=2
      << ACK|ECE seq=101 ack=6301 win=60000
      shutdown
      +199ms
      >> nothing
      +2ms
      >> ACK|FIN seq=6301 len=0
    )");
  }
}

// Section 6.1.2: an acknowledgement that tells of congestion opens the window no further, though
// its mark has been answered.
TEST(TcpEcn, TheWindowDoesNotGrowMeanwhile) {
  for (const bool told : {true, false}) {
    auto config = asks();
    config.initial_segments = 2;
    config.congestion = tcp::Congestion::newreno;
    Agreed l(config);
    l.run(R"(
      send 6000
      >> ACK seq=5001 len=1000 ecn=2
      >> ACK seq=6001 len=1000 ecn=2
      << ACK|ECE seq=101 ack=6001 win=60000
      cwnd 1000
      >> nothing
    )");
    l.run(std::string("<< ACK") + (told ? "|ECE" : "") + " seq=101 ack=7001 win=60000");
    l.run(told ? "cwnd 1000" : "cwnd 2000");
    l.run(">> ACK|CWR seq=7001 len=1000 ecn=2\n>> anything");
  }
}

// Section 6.1.3: a mark is told with every segment until the peer has slowed down; one that comes
// with that word is told anew.
TEST(TcpEcn, ToldUntilItIsHeard) {
  Ladder l;
  l.run(R"(
    listen
    << SYN|ECE|CWR seq=100 win=8000 mss=1000
    >> SYN|ACK|ECE seq=5000 ecn=0
    << ACK seq=101 ack=5001 win=8000
    event new_conn
    accept
    << ACK seq=101 ack=5001 len=10 win=8000
    >> ACK ack=111 ecn=0
    << ACK seq=111 ack=5001 len=10 win=8000 ce
    >> ACK|ECE ack=121 ecn=0
    << ACK seq=121 ack=5001 len=10 win=8000
    >> ACK|ECE ack=131 ecn=0
    send 100
    >> ACK|ECE seq=5001 len=100 ecn=2
    << ACK|CWR seq=131 ack=5101 len=10 win=8000
    >> ACK ack=141 ecn=0
    << ACK|CWR seq=141 ack=5101 len=10 win=8000 ce
    >> ACK|ECE ack=151 ecn=0
    read
    >> anything
  )");
}

TEST(TcpEcn, IsNotAskedForTwice) {
  Ladder l(asks());
  l.run(R"(
    connect
    >> SYN|ECE|CWR seq=5000
    +1001ms
    >> SYN seq=5000
    << SYN|ACK seq=100 ack=5001 mss=1000
    >> ACK
    cwnd 1000           # a SYN was lost: RFC 5681 section 3.1
    send 100
    >> ACK seq=5001 len=100 ecn=0
  )");
}

// Sections 6.1.1 and 6.1.1.1: the answer is to the first SYN. Text is not to be marked (the second
// one said so), but where it is, that is told (the peer may not have got it).
TEST(TcpEcn, AnsweredWhenItIsAskedForNoMore) {
  Ladder l(asks());
  l.run(R"(
    connect
    >> SYN|ECE|CWR seq=5000
    +1001ms
    >> SYN seq=5000
    << SYN|ACK|ECE seq=100 ack=5001 mss=1000 win=8000
    >> ACK ecn=0
    send 100
    >> ACK seq=5001 len=100 ecn=0
    << ACK seq=101 ack=5101 len=10 win=8000 ce
    >> ACK|ECE ack=111 ecn=0
    read
    >> anything
  )");
}

// ... and the other side of that.
TEST(TcpEcn, GrantedUntilTheSynComesWithoutIt) {
  const std::string asked = "SYN|ECE|CWR seq=100 win=8000 mss=1000\n";
  const std::string not_asked = "SYN seq=100 win=8000 mss=1000\n";
  const std::string opened =
      "<< ACK seq=101 ack=5001 win=8000\nevent new_conn\naccept\nsend 100\n"
      ">> ACK seq=5001 len=100 ";
  Ladder again;
  again.run("listen\n<< " + asked + ">> SYN|ACK|ECE seq=5000\n<< " + asked +
            ">> SYN|ACK|ECE seq=5000\n" + opened + "ecn=2");
  Ladder without;
  without.run("listen\n<< " + asked + ">> SYN|ACK|ECE seq=5000\n<< " + not_asked +
              ">> SYN|ACK seq=5000\n" + opened + "ecn=0");
}

// Section 6.1.1: the flags as they were sent are no answer of a host that knows them.
TEST(TcpEcn, OnlyWhereItIsAnswered) {
  for (const char* answer : {"SYN|ACK", "SYN|ACK|ECE|CWR"}) {
    Ladder l(asks());
    l.run("connect\n>> SYN|ECE|CWR seq=5000");
    l.run(std::string("<< ") + answer + " seq=100 ack=5001 mss=1000 win=8000\n>> ACK ack=101");
    l.run("send 100\n>> ACK seq=5001 len=100 ecn=0");
  }
}

TEST(TcpEcn, OnlyWhereItIsAsked) {
  for (const char* syn : {"SYN", "SYN|ECE", "SYN|CWR"}) {
    Ladder l;
    l.run(std::string("listen\n<< ") + syn + " seq=100 mss=1000 win=8000\n>> SYN|ACK seq=5000");
    l.run("<< ACK seq=101 ack=5001 win=8000\nevent new_conn\naccept\nsend 100");
    l.run(">> ACK seq=5001 len=100 ecn=0\n<< ACK seq=101 ack=5101 len=10 ce win=8000\n>> ACK");
    l.run("read\n>> anything");
  }
  tcp::Tcp stack(Ladder::plain(), {});
  for (const bool wanted : {true, false}) {
    tcp::Id id;
    tcp::OutSegment out;
    ASSERT_EQ(stack.connect({tcp::Address::v4(1), tcp::Address::v4(2), 0, 80}, id, {.ecn = wanted}),
              0);
    ASSERT_TRUE(stack.produce(out));
    EXPECT_EQ(out.flags, wanted ? tcp::syn | tcp::ece | tcp::cwr : tcp::syn);
  }
  stack.abort_all();
}

// Sections 6.1.4 to 6.1.6: not for what is sent again, nor bare acknowledgements, nor probes.
// Section 6.1.2: what is new after a reduction says that there was one, whatever it was for.
TEST(TcpEcn, ForNewTextAlone) {
  Agreed l;
  l.run(R"(
    send 1000
    >> ACK seq=5001 len=1000 ecn=2
    +201ms
    >> ACK seq=5001 len=1000 ecn=0
    << ACK seq=101 ack=6001 win=8000
    send 1000
    >> ACK|CWR seq=6001 len=1000 ecn=2
    << ACK seq=101 ack=7001 win=0
    send 1000
    +1001ms
    >> ACK seq=7001 len=1 ecn=0
    >> anything
  )");
}

// Something was not lost after all (RFC 3522), but the network has told of congestion.
TEST(TcpEcn, WhatWasToldOfIsNotTakenBack) {
  for (const bool told : {false, true}) {
    auto config = asks();
    config.timestamps = true;
    Ladder l(config);
    l.run(R"(
      connect
      >> SYN|ECE|CWR seq=5000
      << SYN|ACK|ECE seq=100 ack=5001 win=8000 mss=1012 ts=1,1000000
      >> ACK
      send 3000
      >> ACK seq=5001 len=1000
      >> ACK seq=6001 len=1000
      >> ACK seq=7001 len=1000
      +500ms
      >> anything
      cwnd 1000
    )");
    l.run(std::string("<< ACK") + (told ? "|ECE" : "") + " seq=101 ack=8001 ts=3,1000000");
    EXPECT_EQ(l.stack().counters().undone, 1u);
    EXPECT_EQ(l.connection()->cwnd, told ? 2000u : 10000u);
  }
}

}  // namespace
}  // namespace weft::test
