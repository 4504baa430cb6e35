// Sending text: RFC 9293 sections 3.7, 3.8.6; RFC 5681; RFC 6928.
#include "tests/unit/tcp/ladder.h"

namespace weft::test {
namespace {

TEST(TcpSend, SegmentsOfFullSize) {
  Opened l;
  l.run(R"(
    send 2500
    >> ACK seq=5001 ack=101 len=1000
    >> ACK seq=6001 len=1000
    >> PSH|ACK seq=7001 len=500       # MUST-61
    send 10
    send 20
    >> nothing                        # Nagle: SHLD-7, as of RFC 9293 appendix A.3
    << ACK seq=101 ack=7001
    >> nothing
    << ACK seq=101 ack=7501
    >> PSH|ACK seq=7501 len=30
    event acked
    << ACK seq=101 ack=7531
    event acked
    texts 0
    >> nothing
  )");
}

// MUST-1: windows have no sign.
TEST(TcpSend, LargeWindow) {
  Opened l;
  l.run(R"(
    << ACK seq=101 ack=5001 win=60000
    send 1000
    >> PSH|ACK seq=5001 len=1000
  )");
}

// SHLD-16.
TEST(TcpSend, OldTextBeyondAWindowThatShrank) {
  Opened l;
  l.run(R"(
    send 3000
    >> ACK seq=5001 len=1000
    >> ACK seq=6001 len=1000
    >> PSH|ACK seq=7001 len=1000
    << ACK seq=101 ack=5001 win=500
    >> nothing
    +205ms
    >> ACK seq=5001 len=1000
  )");
}

// MUST-17.
TEST(TcpSend, NagleCanBeSwitchedOff) {
  Opened l;
  l.run(R"(
    send 10
    >> ACK seq=5001 len=10
    send 10
    >> nothing
    no_delay
    >> ACK seq=5011 len=10
    send 10
    >> ACK seq=5021 len=10
  )");
}

TEST(TcpSend, SmallPiecesAreJoined) {
  Opened l;
  l.run(R"(
    send 10
    >> ACK seq=5001 len=10
    send 100
    send 200
    send 300
    << ACK seq=101 ack=5011
    >> PSH|ACK seq=5011 len=600
    << ACK seq=101 ack=5611
    texts 0
  )");
}

TEST(TcpSend, Cork) {
  Opened l;
  l.run(R"(
    cork 1
    send 1500
    >> ACK seq=5001 len=1000
    << ACK seq=101 ack=6001
    >> nothing
    cork 0
    >> ACK seq=6001 len=500
    << ACK seq=101 ack=6501
    cork 1
    send 300
    >> nothing
    +199ms
    >> nothing
    +2ms
    >> ACK seq=6501 len=300         # it has waited long enough
  )");
}

TEST(TcpSend, PeersWindowIsTheLimit) {
  Opened l;
  l.run(R"(
    << ACK seq=101 ack=5001 win=2500
    send 5000
    >> ACK seq=5001 len=1000
    >> ACK seq=6001 len=1000
    >> nothing                      # MUST-38: 500 is no full segment, nor half of the window
    << ACK seq=101 ack=7001 win=2500
    >> ACK seq=7001 len=1000
    >> ACK seq=8001 len=1000
    >> nothing
  )");
}

// A peer with a window of three bytes gets no stream of tiny segments.
TEST(TcpSend, TinyWindow) {
  Opened l;
  l.run(R"(
    << ACK seq=101 ack=5001 win=3
    send 100
    >> nothing
    +199ms
    >> nothing
    +2ms
    >> ACK seq=5001 len=3          # the override timer
    << ACK seq=101 ack=5004 win=3
    >> nothing
  )");
}

// MUST-34, SHLD-15 to SHLD-17.
TEST(TcpSend, WindowShrinks) {
  Opened l;
  l.run(R"(
    send 4000
    >> ACK seq=5001 len=1000
    >> ACK seq=6001 len=1000
    >> ACK seq=7001 len=1000
    >> ACK seq=8001 len=1000
    send 2000
    >> ACK seq=9001 len=1000
    >> ACK seq=10001 len=1000
    << ACK seq=101 ack=6001 win=1000      # takes back what it had offered
    send 1000
    >> nothing
    << ACK seq=101 ack=11001 win=1000
    >> ACK seq=11001 len=1000
  )");
}

// MUST-35, MUST-36, SHLD-29, SHLD-30, MUST-37.
TEST(TcpSend, ClosedWindowIsProbed) {
  Opened l;
  l.run(R"(
    << ACK seq=101 ack=5001 win=0
    send 100
    >> nothing
    +199ms
    >> nothing
    +2ms
    >> ACK seq=5001 len=1
    << ACK seq=101 ack=5001 win=0
    +398ms
    >> nothing
    +5ms
    >> ACK seq=5001 len=1
    << ACK seq=101 ack=5001 win=0
    +801ms
    >> ACK seq=5001 len=1
    << ACK seq=101 ack=5001 win=0
    +1601ms
    >> ACK seq=5001 len=1
    << ACK seq=101 ack=5001 win=8000
    >> ACK seq=5001 len=1
    << ACK seq=101 ack=5002
    >> ACK seq=5002 len=99
  )");
}

TEST(TcpSend, ClosedWindowForEver) {
  Opened l;
  l.run("<< ACK seq=101 ack=5001 win=0\nsend 100\n");
  for (unsigned i = 0; i < 60; ++i) l.run("+61s\n>> anything\n<< ACK seq=101 ack=5001 win=0");
  l.run("state established\n");
}

TEST(TcpSend, ClosedWindowAndUserTimeout) {
  Opened l;
  l.run("user_timeout 30000\n<< ACK seq=101 ack=5001 win=0\nsend 100\n");
  for (unsigned i = 0; i < 6; ++i) l.run("+10s\n>> anything\n");
  l.run("state closed\nerror 110");
}

TEST(TcpSend, ClosedWindowAndNobodyThere) {
  Opened l;
  l.run("<< ACK seq=101 ack=5001 win=0\nsend 100\n+1800s\n>> anything\nstate closed\nerror 110");
}

TEST(TcpSend, ProbeThatIsTaken) {
  Opened l;
  l.run(R"(
    << ACK seq=101 ack=5001 win=0
    send 100
    +201ms
    >> ACK seq=5001 len=1
    << ACK seq=101 ack=5002 win=0
    >> nothing
    << ACK seq=101 ack=5002 win=8000
    >> ACK seq=5002 len=99
  )");
}

TEST(TcpSend, ClosedWindowAndFin) {
  Opened l;
  l.run(R"(
    << ACK seq=101 ack=5001 win=0
    shutdown
    >> nothing
    +201ms
    >> FIN|ACK seq=5001
    << ACK seq=101 ack=5002 win=0
    state fin_wait_2
  )");
}

TEST(TcpSend, SlowStart) {
  auto config = Ladder::plain();
  config.window_scaling = true;
  Opened l(config, "mss=1000 ws=7");
  l.run(R"(
    cwnd 10000
    << ACK seq=101 ack=5001 win=8000
    send 100000
    >> ACK seq=5001 len=1000
    >> ACK seq=6001 len=1000
    >> ACK seq=7001 len=1000
    >> ACK seq=8001 len=1000
    >> ACK seq=9001 len=1000
    >> ACK seq=10001 len=1000
    >> ACK seq=11001 len=1000
    >> ACK seq=12001 len=1000
    >> ACK seq=13001 len=1000
    >> ACK seq=14001 len=1000
    >> nothing
    << ACK seq=101 ack=7001 win=8000
    cwnd 12000
    >> ACK seq=15001 len=1000
    >> ACK seq=16001 len=1000
    >> ACK seq=17001 len=1000
    >> ACK seq=18001 len=1000
    >> nothing
    << ACK seq=101 ack=7101 win=8000     # counted in bytes: splitting acknowledgements is no use
    cwnd 12100
  )");
}

// Of a window that was not used nothing is learned.
TEST(TcpSend, WindowThatIsNotUsedDoesNotGrow) {
  Opened l;
  for (unsigned i = 0; i < 30; ++i) {
    const std::string at = std::to_string(5001 + 100 * (i + 1));
    l.run("send 100\n>> anything\n<< ACK seq=101 ack=" + at + "\n");
  }
  l.run("cwnd 10000");
}

TEST(TcpSend, AfterASilenceItBeginsAgain) {
  Opened l;
  l.run(R"(
    set_cwnd 50000
    send 100
    >> anything
    << ACK seq=101 ack=5101
    +10s
    send 100
    >> anything
    cwnd 10000
  )");
}

TEST(TcpSend, CongestionAvoidance) {
  auto config = Ladder::plain();
  config.window_scaling = true;
  Opened l(config, "mss=1000 ws=7");
  l.connection()->ssthresh = 10000;
  l.run("<< ACK seq=101 ack=5001 win=8000\nsend 300000\n>> anything\n");
  for (unsigned i = 1; i <= 10; ++i)
    l.run("<< ACK seq=101 win=8000 ack=" + std::to_string(5001 + 1000 * i) + "\n>> anything");
  l.run("cwnd 11000");  // one segment in a round trip
}

TEST(TcpSend, ApplicationMayNotSendAfterShutdown) {
  Opened l;
  l.run(R"(
    shutdown
    >> FIN|ACK seq=5001
    send 10 -32
  )");
}

TEST(TcpSend, QueuedBeforeTheHandshake) {
  Ladder l;
  l.run(R"(
    connect
    >> SYN seq=5000
    send 100
    >> nothing
    << SYN|ACK seq=100 ack=5001 mss=1000
    >> PSH|ACK seq=5001 ack=101 len=100
    event connected
    << ACK seq=101 ack=5101
    event acked
    texts 0
  )");
}

// 4 GiB and more: numbers wrap.
TEST(TcpSend, NumbersWrap) {
  auto config = Ladder::plain();
  config.initial_sequence = 0xfffff000;
  Ladder l(config);
  l.run(R"(
    listen
    << SYN seq=4294967000 win=8000 mss=1000
    >> SYN|ACK seq=4294963200 ack=4294967001
    << ACK seq=4294967001 ack=4294963201
    event new_conn
    send 6000
    >> ACK seq=4294963201 len=1000
    >> ACK seq=4294964201 len=1000
    >> ACK seq=4294965201 len=1000
    >> ACK seq=4294966201 len=1000
    >> ACK seq=4294967201 len=1000
    >> ACK seq=905 len=1000
    << ACK seq=4294967001 ack=1905 len=1000
    >> ACK ack=705
    texts 0
    read
    text 1000
  )");
}

}  // namespace
}  // namespace weft::test
