// Closing, in each state, through the calls of sockets.
#include "tests/unit/sim/port_ladder.h"

namespace weft::test {
namespace {

TEST(PortClose, OwnSideFirst) {
  PortLadder().established().run(R"(
    send C 10 = 10
    >> PSH|ACK len=10
    close C
    >> FIN|ACK seq=5011 ack=101
    << ACK seq=101 ack=5012
    << FIN|ACK seq=101 ack=5012
    >> ACK seq=5012 ack=102
    << FIN|ACK seq=101 ack=5012         # the last acknowledgement was lost
    >> ACK seq=5012 ack=102
    +59s
    << FIN|ACK seq=101 ack=5012         # TIME-WAIT
    >> ACK seq=5012 ack=102
    +61s
    << FIN|ACK seq=101 ack=5012         # to the listener, which knows nothing of it
    >> RST seq=5012
  )");
}

TEST(PortClose, PeerFirst) {
  PortLadder().established().run(R"(
    << FIN|ACK seq=101 ack=5001
    >> ACK seq=5001 ack=102
    poll C = IN|OUT|RDHUP
    recv C 10 = 0
    recv C 10 = 0
    info C state=8
    send C 10 = 10                      # half-closed: the other way goes on
    >> PSH|ACK seq=5001 len=10
    << ACK seq=102 ack=5011
    close C
    >> FIN|ACK seq=5011 ack=102
    << ACK seq=102 ack=5012
    << ACK seq=102 ack=5012
    >> RST seq=5012
  )");
}

TEST(PortClose, HalfOfIt) {
  PortLadder().established().run(R"(
    shutdown C WR
    >> FIN|ACK seq=5001
    send C 10 = EPIPE
    poll C = OUT
    << ACK seq=101 ack=5002
    info C state=5
    << PSH|ACK seq=101 ack=5002 len=50
    +50ms
    >> ACK seq=5002 ack=151
    recv C 100 = 50
    << FIN|ACK seq=151 ack=5002
    >> ACK ack=152
    poll C = IN|OUT|HUP|RDHUP
    recv C 10 = 0
    shutdown C WR = ENOTCONN
  )");
  PortLadder().established().run(R"(
    << ACK seq=101 ack=5001 len=10
    >> ACK ack=111
    shutdown C RD
    poll C = IN|OUT|RDHUP
    recv C 100 = 10
    recv C 100 = 0
    send C 5 = 5
    >> PSH|ACK len=5 ack=111
    shutdown C RDWR
    >> FIN|ACK
    poll C = IN|OUT|HUP|RDHUP
  )");
}

TEST(PortClose, BothAtOnce) {
  PortLadder().established().run(R"(
    close C
    >> FIN|ACK seq=5001 ack=101
    << FIN|ACK seq=101 ack=5001
    >> ACK seq=5002 ack=102
    << ACK seq=102 ack=5002
    >> nothing
    << FIN|ACK seq=101 ack=5002
    >> ACK seq=5002 ack=102
  )");
}

TEST(PortClose, TextNotReadIsToldByAReset) {
  PortLadder().established().run(R"(
    << PSH|ACK seq=101 ack=5001 len=10
    >> ACK ack=111
    recv C 5 = 5
    close C
    >> RST|ACK seq=5001
    << ACK seq=111 ack=5001
    >> RST seq=5001
  )");
}

TEST(PortClose, TextThatComesTooLate) {
  PortLadder().established().run(R"(
    close C
    >> FIN|ACK seq=5001
    << PSH|ACK seq=101 ack=5002 len=10
    >> RST seq=5002
    +10s
    >> nothing
  )");
}

// ... by the number that the peer expects: it has not seen the FIN, and would ask again after any
// other (RFC 5961 section 3).
TEST(PortClose, TextThatComesBeforeTheFinArrives) {
  PortLadder().established().run(R"(
    close C
    >> FIN|ACK seq=5001
    << PSH|ACK seq=101 ack=5001 len=10
    >> RST seq=5001
    +10s
    >> nothing
  )");
}

TEST(PortClose, LingerOfZeroIsAReset) {
  PortLadder().established().run(R"(
    opt C SO_LINGER 1 0
    get C SO_LINGER = 1
    send C 10 = 10
    >> PSH|ACK len=10
    close C
    >> RST|ACK seq=5011
  )");
  PortLadder().established().run(R"(
    opt C SO_LINGER 1 10
    close C
    >> FIN|ACK seq=5001
  )");
}

TEST(PortClose, NobodyEndsTheOtherHalf) {
  PortLadder().established("mss=1000", "opt L TCP_LINGER2 5").run(R"(
    get C TCP_LINGER2 = 5
    close C
    >> FIN|ACK seq=5001
    << ACK seq=101 ack=5002
    +4900ms
    << ACK seq=101 ack=5002 len=0
    >> nothing
    +200ms
    << ACK seq=101 ack=5002
    >> RST seq=5002
  )");
  PortLadder().established("mss=1000", "opt L TCP_LINGER2 -1").run(R"(
    get C TCP_LINGER2 = -1
    close C
    >> FIN|ACK seq=5001
    << ACK seq=101 ack=5002
    >> RST|ACK seq=5002
  )");
}

// FIN-WAIT-1 and LAST-ACK never acknowledged: given up like anything else.
TEST(PortClose, FinIsRepeatedAndGivenUp) {
  PortLadder l;
  l.established("mss=1000", "opt L TCP_USER_TIMEOUT 10000").run(R"(
    close C
    >> FIN|ACK seq=5001
    +221ms
    >> FIN|ACK seq=5001
    +441ms
    >> FIN|ACK seq=5001
    +20s
  )");
  l.taken();
  EXPECT_EQ(l.counters().connections, 0u);
  l.run(
      "peer 10.0.0.2 1235\n << SYN seq=100\n >> SYN|ACK\n << ACK seq=101 ack=5001\n accept C L\n"
      "<< FIN|ACK seq=101 ack=5001\n >> ACK\n close C\n >> FIN|ACK\n +20s");
  l.taken();
  EXPECT_EQ(l.counters().connections, 0u);
}

// A reset in each state (RFC 9293 section 3.10.7.4, second): believed at the exact number.
TEST(PortClose, ResetInEachState) {
  PortLadder().established().run(R"(
    << RST seq=102                      # in the window, not at its edge (RFC 5961 section 3)
    >> ACK seq=5001 ack=101
    << RST seq=50000                    # beyond it
    >> nothing
    poll C = OUT
    << RST seq=101
    poll C = IN|OUT|ERR|HUP|RDHUP
    send C 10 = ECONNRESET
    send C 10 = EPIPE
    recv C 10 = 0
  )");
  PortLadder().run(R"(
    socket L
    bind L 80
    listen L 4
    << RST seq=101                      # LISTEN
    << SYN seq=100
    >> SYN|ACK
    << RST seq=101                      # SYN-RECEIVED: back to listening
    << ACK seq=101 ack=5001
    >> RST seq=5001
    accept C L = EAGAIN
  )");
  PortLadder().established().run(R"(
    shutdown C WR
    >> FIN|ACK
    << RST seq=101                      # FIN-WAIT-1
    recv C 10 = ECONNRESET
  )");
  PortLadder().established().run(R"(
    shutdown C WR
    >> FIN|ACK
    << ACK seq=101 ack=5002
    << RST seq=101                      # FIN-WAIT-2
    recv C 10 = ECONNRESET
  )");
  PortLadder().established().run(R"(
    << FIN|ACK seq=101 ack=5001
    >> ACK
    << RST seq=102                      # CLOSE-WAIT
    get C SO_ERROR = 32
  )");
  PortLadder().established().run(R"(
    << FIN|ACK seq=101 ack=5001
    >> ACK
    close C
    >> FIN|ACK
    << RST seq=102                      # LAST-ACK
    << ACK seq=102 ack=5002
    >> RST seq=5002
  )");
  PortLadder().established().run(R"(
    close C
    >> FIN|ACK
    << FIN|ACK seq=101 ack=5001
    >> ACK
    << RST seq=102                      # CLOSING
    << ACK seq=102 ack=5002
    >> RST seq=5002
  )");
  PortLadder().established().run(R"(
    close C
    >> FIN|ACK
    << FIN|ACK seq=101 ack=5002
    >> ACK
    << RST seq=102                      # TIME-WAIT: ignored (RFC 1337)
    << FIN|ACK seq=101 ack=5002
    >> ACK seq=5002 ack=102
  )");
}

TEST(PortClose, ResetBeforeAccept) {
  PortLadder().run(R"(
    socket L
    bind L 80
    listen L 4
    << SYN seq=100
    >> SYN|ACK
    << ACK seq=101 ack=5001
    << PSH|ACK seq=101 ack=5001 len=10
    << RST seq=111
    poll L = IN
    accept C L = 0                      # as on Linux: what was said is there, then the error
    recv C 100 = 10
    recv C 100 = ECONNRESET
  )");
}

TEST(PortClose, ListenerGoesAway) {
  PortLadder().run(R"(
    socket L
    bind L 80
    listen L 4
    << SYN seq=100
    >> SYN|ACK
    << ACK seq=101 ack=5001
    peer 10.0.0.3 1234
    << SYN seq=100
    >> SYN|ACK
    close L
    peer 10.0.0.2 1234
    >> RST|ACK seq=5001
    peer 10.0.0.3 1234
    >> RST|ACK seq=5001
    << ACK seq=101 ack=5001
    >> RST seq=5001
  )");
}

TEST(PortClose, WhileOpening) {
  PortLadder().run(R"(
    socket C
    connect C 10.0.0.2 80 = EINPROGRESS
    >> SYN
    shutdown C WR
    >> nothing
    poll C = OUT|HUP
    connect C 10.0.0.2 80 = EINPROGRESS
    >> SYN
    close C
    << SYN|ACK seq=100 ack=5001
    >> RST seq=5001
  )");
}

// RFC 6191: a SYN in TIME-WAIT begins a new connection where its numbers are beyond the old ones.
TEST(PortClose, SynInTimeWait) {
  weft_sim_config c = PortLadder::plain();
  c.features &= ~WEFT_SIM_FIXED_SEQUENCE;
  PortLadder l(c);
  l.run("socket L\n bind L 80\n listen L 8\n << SYN seq=100");
  auto seen = l.taken();
  ASSERT_EQ(seen.size(), 1u);
  const std::uint32_t own = seen[0].seq + 1;
  l.run("<< ACK seq=101 ack=" + std::to_string(own) +
        "\n accept C L\n close C\n << FIN|ACK seq=101 ack=" + std::to_string(own + 1));
  l.taken();
  l.run("<< SYN seq=90");  // older: the connection that is over says where it is
  seen = l.taken();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].flags, TcpFrame::ack);
  EXPECT_EQ(seen[0].ack_seq, 102u);
  l.run("<< SYN seq=200");
  seen = l.taken();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].flags, TcpFrame::syn | TcpFrame::ack);
  EXPECT_EQ(seen[0].ack_seq, 201u);
  EXPECT_GT(static_cast<std::int32_t>(seen[0].seq - own), 0);  // beyond what the old one has sent
}

TEST(PortClose, PortInTimeWait) {
  PortLadder().established("mss=1000", "opt L SO_REUSEADDR 0").run(R"(
    close C
    >> FIN|ACK
    << FIN|ACK seq=101 ack=5002
    >> ACK
    close L
    socket M
    bind M 80 = EADDRINUSE
    opt M SO_REUSEADDR 1
    bind M 80
    listen M 1
  )");
}

TEST(PortClose, FinBeforeItsText) {
  PortLadder().established("mss=1000 sack_ok").run(R"(
    << FIN|ACK seq=111 ack=5001
    >> ACK ack=101
    poll C = OUT
    << PSH|ACK seq=101 ack=5001 len=10
    >> ACK ack=112
    recv C 100 = 10
    recv C 100 = 0
  )");
}

TEST(PortClose, FinAgainWithTextBehindIt) {
  PortLadder().established().run(R"(
    << FIN|ACK seq=101 ack=5001 len=10
    >> ACK ack=112
    << FIN|ACK seq=101 ack=5001 len=20
    >> ACK ack=112
    recv C 100 = 10
    recv C 100 = 0
  )");
}

TEST(PortClose, UseOfWhatIsClosed) {
  PortLadder().established().run("close C\n >> FIN|ACK\n close L");
  PortLadder l;
  weft_sim_tcp_info info;
  int value = 0;
  EXPECT_EQ(weft_sim_close(l.sim(), 3), -EBADF);
  EXPECT_EQ(weft_sim_send(l.sim(), 3, "x", 1, 0), -EBADF);
  EXPECT_EQ(weft_sim_recv(l.sim(), -1, &value, 1, 0), -EBADF);
  EXPECT_EQ(weft_sim_accept(l.sim(), 99, nullptr, nullptr), -EBADF);
  EXPECT_EQ(weft_sim_info(l.sim(), 0, &info), -EBADF);
  EXPECT_EQ(weft_sim_ioctl(l.sim(), 0, 0, &value), -EBADF);
  const int fd = weft_sim_socket(l.sim());
  EXPECT_EQ(weft_sim_accept(l.sim(), fd, nullptr, nullptr), -EINVAL);
  EXPECT_EQ(weft_sim_shutdown(l.sim(), fd, 7), -EINVAL);
  EXPECT_EQ(weft_sim_shutdown(l.sim(), fd, 1), -ENOTCONN);
  EXPECT_EQ(weft_sim_close(l.sim(), fd), 0);
  EXPECT_EQ(weft_sim_close(l.sim(), fd), -EBADF);
  EXPECT_EQ(weft_sim_socket(l.sim()), fd);  // the lowest free number
  EXPECT_EQ(weft_sim_close(l.sim(), fd), 0);
}

// A FIN takes no room: a closed window does not keep it out.
TEST(PortClose, FinAtAClosedWindow) {
  PortLadder().established("mss=1000", "opt L SO_RCVBUF 3000").run(R"(
    << ACK seq=101 ack=5001 len=1000
    << ACK seq=1101 ack=5001 len=1000
    << ACK seq=2101 ack=5001 len=1000
    >> ACK ack=1101 win=2000
    >> ACK ack=2101 win=1000
    >> ACK ack=3101 win=0
    << FIN|ACK seq=3101 ack=5001
    >> ACK ack=3102 win=0
    recv C 4000 = 3000
    recv C 10 = 0
  )");
}

// RFC 7323 section 3.2: a reset has timestamps as well.
TEST(PortClose, ResetWithTimestamps) {
  PortLadder l([] {
    auto config = PortLadder::plain();
    config.features |= WEFT_SIM_TIMESTAMPS;
    return config;
  }());
  l.run("socket L\n bind L 80\n listen L 4\n << SYN seq=100 mss=1000 ts=7,0\n >> SYN|ACK");
  l.run(R"(
    << ACK seq=101 ack=5001 ts=8,0
    accept C L
    << ACK seq=101 ack=5001 len=10 ts=9,0
    >> ACK ack=111
    close C
  )");
  const auto out = l.taken();
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].flags, TcpFrame::rst | TcpFrame::ack);
  ASSERT_EQ(out[0].options.count("ts"), 1u);
  EXPECT_EQ(out[0].options.at("ts")[1], 9u);
}

// Who has said that it neither reads nor sends any more has closed, as far as the peer goes (RFC
// 9293 section 3.6.1): what still comes is lost, and the peer is told so. Reading alone does not
// count.
TEST(PortClose, TextAfterShutdownOfBoth) {
  PortLadder().established().run(R"(
    shutdown C RD = 0
    << ACK seq=101 ack=5001 len=10
    >> ACK ack=111
    shutdown C WR = 0
    >> FIN|ACK seq=5001
    << ACK seq=111 ack=5002
    << ACK seq=111 ack=5002 len=10
    >> RST seq=5002
    info C state=7
  )");
}

}  // namespace
}  // namespace weft::test
