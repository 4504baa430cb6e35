// Closing: RFC 9293 sections 3.6, 3.10.4, 3.10.5; RFC 6191; RFC 1337.
#include "tests/unit/tcp/ladder.h"

namespace weft::test {
namespace {

TEST(TcpClose, ThisSideFirst) {
  Opened l;
  l.run(R"(
    close
    >> FIN|ACK seq=5001 ack=101
    state fin_wait_1
    << ACK seq=101 ack=5002
    state fin_wait_2
    << FIN|ACK seq=101 ack=5002
    >> ACK seq=5002 ack=102
    state time_wait
    event remote_closed cleanup
    +59s
    state time_wait
    +2s
    state closed
    >> nothing
  )");
}

TEST(TcpClose, PeerFirst) {
  Opened l;
  l.run(R"(
    << FIN|ACK seq=101 ack=5001
    >> ACK seq=5001 ack=102
    event remote_closed
    state close_wait
    send 100
    >> ACK len=100
    close
    >> FIN|ACK seq=5101 ack=102
    state last_ack
    << ACK seq=102 ack=5102
    event acked cleanup
    state closed
    error 0
  )");
}

TEST(TcpClose, BothAtOnce) {
  Opened l;
  l.run(R"(
    close
    >> FIN|ACK seq=5001 ack=101
    << FIN|ACK seq=101 ack=5001
    >> ACK seq=5002 ack=102
    state closing
    << ACK seq=102 ack=5002
    state time_wait
  )");
}

TEST(TcpClose, FinWithItsAcknowledgement) {
  Opened l;
  l.run(R"(
    close
    >> FIN|ACK seq=5001
    << FIN|ACK seq=101 ack=5002
    >> ACK seq=5002 ack=102
    state time_wait
  )");
}

TEST(TcpClose, TextIsSentBefore) {
  Opened l;
  l.run(R"(
    cork 1
    send 1500
    >> ACK seq=5001 len=1000
    close
    >> FIN|PSH|ACK seq=6001 len=500
    state fin_wait_1
    << ACK seq=101 ack=6501
    state fin_wait_1
    << ACK seq=101 ack=6502
    state fin_wait_2
    texts 0
  )");
}

TEST(TcpClose, HalfClosed) {
  Opened l;
  l.run(R"(
    shutdown
    >> FIN|ACK seq=5001
    << ACK seq=101 ack=5002
    state fin_wait_2
    << ACK seq=101 ack=5002 len=1000
    << ACK seq=1101 ack=5002 len=1000
    >> ACK ack=2101
    read
    text 2000
    +300s
    state fin_wait_2          # for as long as the application reads
    << FIN|ACK seq=2101 ack=5002
    >> ACK ack=2102
    state time_wait
  )");
}

TEST(TcpClose, FinIsRepeated) {
  Opened l;
  l.run(R"(
    close
    >> FIN|ACK seq=5001
    +201ms
    >> FIN|ACK seq=5001
    << ACK seq=101 ack=5002
    state fin_wait_2
  )");
}

TEST(TcpClose, PeerNeverCloses) {
  Opened l;
  l.run(R"(
    close
    >> FIN|ACK seq=5001
    << ACK seq=101 ack=5002
    +59s
    state fin_wait_2
    +2s
    state closed
    event cleanup
  )");
}

TEST(TcpClose, LastAcknowledgementNeverComes) {
  Opened l;
  l.run(R"(
    << FIN|ACK seq=101 ack=5001
    >> ACK
    close
    >> FIN|ACK seq=5001
    +1000s
    >> anything
    state closed
    error 110
  )");
}

// SHLD-3.
TEST(TcpClose, TextThatNobodyWillRead) {
  Opened l;
  l.run(R"(
    close
    >> FIN|ACK seq=5001
    << ACK seq=101 ack=5002
    << ACK seq=101 ack=5002 len=100
    >> RST seq=5002
    state closed
  )");
}

TEST(TcpClose, TextThatNobodyHasRead) {
  Opened l;
  l.run(R"(
    << ACK seq=101 ack=5001 len=100
    close
    >> RST|ACK seq=5001 ack=201
    state closed
  )");
}

TEST(TcpClose, Abort) {
  Opened l;
  l.run(R"(
    send 5000
    >> anything
    abort
    >> RST|ACK seq=10001 ack=101
    event cleanup
    error 103
    texts 0              # the application has all of its buffers again
  )");
}

TEST(TcpClose, WhileOpening) {
  Ladder l;
  l.run(R"(
    connect
    >> SYN seq=5000
    close
    event cleanup
    << SYN|ACK seq=100 ack=5001
    >> RST seq=5001
  )");
}

TEST(TcpClose, DuringTheHandshake) {
  Ladder l;
  l.run(R"(
    connect
    >> SYN seq=5000
    << SYN seq=100 mss=1000
    >> SYN|ACK seq=5000
    shutdown
    >> nothing
    << ACK seq=101 ack=5001
    >> FIN|ACK seq=5001
    state fin_wait_1
  )");
}

// MUST-13, and what may come then.
// SHLD-20: who does not look any more is told nothing.
TEST(TcpClose, NothingIsToldOfWhatWasDisposedOf) {
  Opened l;
  l.run("dispose\n >> FIN|ACK\n << ACK seq=101 ack=5002");
  EXPECT_EQ(l.stack().next_ready(), nullptr);
  l.run("<< FIN|ACK seq=101 ack=5002\n >> ACK");
  EXPECT_EQ(l.stack().next_ready(), nullptr);
}

TEST(TcpClose, TwiceTheLifeOfASegment) {
  Opened l;
  l.run(R"(
    close
    >> FIN|ACK seq=5001
    << FIN|ACK seq=101 ack=5002
    >> ACK seq=5002 ack=102
    +59s
    state time_wait
    +2s
    state closed
  )");
}

TEST(TcpClose, TimeWait) {
  Opened l;
  l.run(R"(
    close
    >> FIN|ACK seq=5001
    << FIN|ACK seq=101 ack=5002
    >> ACK seq=5002 ack=102
    << FIN|ACK seq=101 ack=5002        # the acknowledgement was lost
    >> ACK seq=5002 ack=102
    +59s
    << FIN|ACK seq=101 ack=5002
    >> ACK seq=5002 ack=102
    +30s
    state time_wait                    # it began anew
    << RST seq=102
    state time_wait                    # RFC 1337
    << ACK seq=102 ack=5002 len=100
    state time_wait
    << SYN seq=50
    >> ACK seq=5002 ack=102            # an old one
    +31s
    state closed
  )");
}

// MAY-2, RFC 6191.
TEST(TcpClose, NewConnectionTakesItsPlace) {
  Opened l;
  l.run(R"(
    close
    >> FIN|ACK seq=5001
    << FIN|ACK seq=101 ack=5002
    >> ACK
    state time_wait
    event remote_closed cleanup
    dispose
    << SYN seq=9000 mss=1000
    >> SYN|ACK seq=5000 ack=9001
    << ACK seq=9001 ack=5001
    event new_conn
    state established
  )");
}

TEST(TcpClose, NewConnectionByTimestamp) {
  auto config = Ladder::plain();
  config.timestamps = true;
  Ladder l(config);
  l.run(R"(
    listen
    << SYN seq=1000 mss=1000 ts=50,0
    >> SYN|ACK seq=5000
    << ACK seq=1001 ack=5001 ts=50,1000000
    event new_conn
    close
    >> FIN|ACK seq=5001
    << FIN|ACK seq=1001 ack=5002 ts=51,1000000
    >> ACK
    dispose
    << SYN seq=500 mss=1000 ts=50,0     # older
    >> ACK
    << SYN seq=500 mss=1000 ts=52,0
    >> SYN|ACK ack=501
  )");
}

TEST(TcpClose, ResetByThePeer) {
  Opened l;
  l.run(R"(
    send 100
    >> ACK len=100
    << ACK seq=101 ack=5001 len=50
    << RST seq=151
    event data cleanup
    error 104
    read
    text 50
    send 10 -104
  )");
}

TEST(TcpClose, NamesOfWhatIsOver) {
  Opened l;
  const tcp::Id id = l.stack().id_of(*l.connection());
  l.run("abort\ndispose\n>> anything\nno connection");
  EXPECT_EQ(l.stack().get(id), nullptr);
  l.run("<< SYN seq=100 mss=1000\n>> SYN|ACK\n<< ACK seq=101 ack=5001\nevent cleanup new_conn\n");
  EXPECT_EQ(l.stack().get(id), nullptr);
  EXPECT_NE(l.connection(), nullptr);
  EXPECT_EQ(l.stack().get({4711, 1}), nullptr);
}

// More than there is room for resets: each gets its own all the same.
TEST(TcpClose, AllAreReset) {
  auto config = Ladder::plain();
  config.connections = 300;
  tcp::Tcp stack(config, {});
  ASSERT_EQ(stack.listen({}, 80, 300, 1), 0);
  tcp::OutSegment out;
  for (std::uint16_t port = 1; port <= 300; ++port) {
    tcp::Segment s;
    s.tuple = {tcp::Address::v4(1), tcp::Address::v4(2), 80, port};
    s.seq = 100, s.flags = tcp::syn, s.window = 8000;
    stack.arrive(s);
    while (stack.produce(out)) EXPECT_EQ(out.flags, tcp::syn | tcp::ack);
  }
  std::set<std::uint16_t> reset;
  std::uint32_t from = 0;
  for (bool more = true; more;) {
    more = stack.abort_some(from);
    while (stack.produce(out))
      if ((out.flags & tcp::rst) != 0) reset.insert(out.tuple.peer_port);
  }
  EXPECT_EQ(reset.size(), 300u);
  EXPECT_EQ(stack.counters().replies_lost, 0u);
}

}  // namespace
}  // namespace weft::test
