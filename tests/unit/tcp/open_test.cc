// Opening connections: RFC 9293 sections 3.5, 3.10.7.2, 3.10.7.3; RFC 4987.
#include "tests/unit/tcp/ladder.h"

namespace weft::test {
namespace {

TEST(TcpOpen, Passive) {
  Ladder l;
  l.run(R"(
    listen
    << SYN seq=100 win=8000 mss=1000
    >> SYN|ACK seq=5000 ack=101 win=10000 mss=1460 no_ws no_ts
    >> nothing
    << ACK seq=101 ack=5001 win=8000
    event new_conn
    state established
    mss 1000
    >> nothing
  )");
}

TEST(TcpOpen, Active) {
  Ladder l;
  l.run(R"(
    connect
    >> SYN seq=5000 ack=0 win=10000 mss=1460 sackok
    state syn_sent
    << SYN|ACK seq=100 ack=5001 win=8000 mss=1000
    >> ACK seq=5001 ack=101
    event connected
    state established
  )");
}

// MUST-10, figure 7.
TEST(TcpOpen, BothSidesAtOnce) {
  Ladder l;
  l.run(R"(
    connect
    >> SYN seq=5000
    << SYN seq=100 mss=1000
    >> SYN|ACK seq=5000 ack=101
    state syn_received
    << SYN|ACK seq=100 ack=5001
    state established
    event connected
    << ACK seq=101 ack=5001
    state established
  )");
}

TEST(TcpOpen, BothSidesAtOnceByBareAcknowledgement) {
  Ladder l;
  l.run(R"(
    connect
    >> SYN seq=5000
    << SYN seq=100 mss=1000
    >> SYN|ACK seq=5000 ack=101
    << ACK seq=101 ack=5001
    state established
    >> nothing
  )");
}

TEST(TcpOpen, OptionsAreAgreedOn) {
  auto config = Ladder::plain();
  config.timestamps = config.window_scaling = true;
  config.receive_buffer = 1 << 20;
  Ladder l(config);
  l.run(R"(
    listen
    << SYN seq=100 win=8000 mss=1460 ws=7 sackok ts=77,0
    >> SYN|ACK seq=5000 ack=101 win=65535 mss=1460 ws=5 sackok ts=1000000,77
    << ACK seq=101 ack=5001 win=100 ts=78,1000000
    mss 1448
    send 20000
    >> ACK seq=5001 len=1448 ts=1000000,78
    >> ACK seq=6449 len=1448
    >> ACK seq=7897 len=1448
    >> ACK seq=9345 len=1448
    >> ACK seq=10793 len=1448
    >> ACK seq=12241 len=1448
    >> ACK seq=13689 len=1448
    >> ACK seq=15137 len=1448
    >> nothing         # of the window, 100 << 7, less than half is left
  )");
}

// Nothing is used that the peer did not offer.
TEST(TcpOpen, OptionsThatAreNotOffered) {
  auto config = Ladder::plain();
  config.timestamps = config.window_scaling = true;
  Ladder l(config);
  l.run(R"(
    listen
    << SYN seq=100 win=8000
    >> SYN|ACK seq=5000 no_ws no_ts no_sackok
    << ACK seq=101 ack=5001
    mss 536           # MUST-15
  )");
}

TEST(TcpOpen, SynAgainIsAnsweredAgain) {
  Ladder l;
  l.run(R"(
    listen
    << SYN seq=100 mss=1000
    >> SYN|ACK seq=5000 ack=101
    << SYN seq=100 mss=1000
    >> SYN|ACK seq=5000 ack=101
    << ACK seq=101 ack=5001
    event new_conn
  )");
}

TEST(TcpOpen, AnswerIsRepeatedAndGivenUp) {
  Ladder l;
  l.run(R"(
    listen
    << SYN seq=100 mss=1000
    >> SYN|ACK seq=5000 ack=101
    +999ms
    >> nothing
    +2ms
    >> SYN|ACK seq=5000 ack=101
    +2001ms
    >> SYN|ACK seq=5000 ack=101
    +100s
    >> anything
    event
  )");
  EXPECT_EQ(l.stack().live_connections(), 0u);
}

// MUST-23: three minutes at least.
TEST(TcpOpen, NobodyAnswers) {
  Ladder l;
  l.run(R"(
    connect
    >> SYN seq=5000
    +1001ms
    >> SYN seq=5000
    +2001ms
    >> SYN seq=5000
    +175s
    >> anything
    state syn_sent
    +60s
    event cleanup stuck
    error 110
  )");
}

TEST(TcpOpen, Refused) {
  Ladder l;
  l.run(R"(
    connect
    >> SYN seq=5000
    << RST seq=0 ack=0            # without an acknowledgement: anybody's
    state syn_sent
    << RST|ACK seq=0 ack=5002     # of what was never sent
    state syn_sent
    << RST|ACK seq=0 ack=5001
    event cleanup
    error 111
    >> nothing
  )");
}

TEST(TcpOpen, WrongAcknowledgementOfSyn) {
  Ladder l;
  l.run(R"(
    connect
    >> SYN seq=5000
    << SYN|ACK seq=100 ack=5002
    >> RST seq=5002
    << ACK seq=100 ack=4000
    >> RST seq=4000
    state syn_sent
  )");
}

TEST(TcpOpen, WrongAcknowledgementInSynReceived) {
  Ladder l;
  l.run(R"(
    listen
    << SYN seq=100 mss=1000
    >> SYN|ACK seq=5000 ack=101
    << ACK seq=101 ack=5002
    >> RST seq=5002
    << ACK seq=101 ack=5001
    event new_conn
  )");
}

// An open attempt that is reset goes back to listening without a word to anybody.
TEST(TcpOpen, ResetInSynReceived) {
  Ladder l;
  l.run(R"(
    listen
    << SYN seq=100 mss=1000
    >> SYN|ACK seq=5000 ack=101
    << RST seq=101
    >> nothing
    event
    << SYN seq=200 mss=1000
    >> SYN|ACK seq=5000 ack=201
    << ACK seq=201 ack=5001
    event new_conn
  )");
}

// MUST-11: who has opened is told; a listener goes on listening.
TEST(TcpOpen, ResetWhenBothOpen) {
  Ladder l;
  l.run(R"(
    connect
    >> SYN seq=5000
    << SYN seq=100 mss=1000
    >> SYN|ACK seq=5000 ack=101
    << RST seq=101
    event cleanup
    error 111
  )");
}

TEST(TcpOpen, TextWithTheLastAcknowledgement) {
  Ladder l;
  l.run(R"(
    listen
    << SYN seq=100 mss=1000
    >> SYN|ACK seq=5000 ack=101
    << ACK seq=101 ack=5001 len=50
    >> ACK ack=151
    event new_conn data
    read
    text 50
  )");
}

TEST(TcpOpen, TextWithSynIsTakenFromItsRepetition) {
  Ladder l;
  l.run(R"(
    listen
    << SYN seq=100 mss=1000 len=10
    >> SYN|ACK seq=5000 ack=101
    << ACK seq=101 ack=5001 len=10
    >> ACK ack=111
    read
    text 10
  )");
}

TEST(TcpOpen, BacklogThenCookies) {
  Ladder l;
  l.run(R"(
    listen 1
    << SYN seq=100 mss=1000
    >> SYN|ACK seq=5000 ack=101
    port 1235
    << SYN seq=300 mss=1460
  )");
  EXPECT_EQ(l.stack().counters().cookies_sent, 1u);
  EXPECT_EQ(l.stack().live_connections(), 1u);
  l.run(">> anything");
}

TEST(TcpOpen, CookieMakesTheConnection) {
  auto config = Ladder::plain();
  config.always_cookies = config.timestamps = config.window_scaling = true;
  tcp::Tcp stack(config, {});
  tcp::Segment s;
  s.tuple = {tcp::Address::v4(1), tcp::Address::v4(2), 80, 1234};
  ASSERT_EQ(stack.listen(tcp::Address{}, 80, 4, 0), 0);
  s.flags = tcp::syn;
  s.seq = 100;
  s.window = 500;
  s.options = {.has_mss = true,
               .has_scale = true,
               .sack_permitted = true,
               .has_timestamps = true,
               .scale = 9,
               .mss = 1400,
               .ts_value = 33};
  EXPECT_FALSE(stack.arrive(s));
  tcp::OutSegment out;
  ASSERT_TRUE(stack.produce(out));
  EXPECT_EQ(out.flags, tcp::syn | tcp::ack);
  EXPECT_EQ(out.ack_seq, 101u);
  EXPECT_EQ(stack.live_connections(), 0u);
  const auto told = tcp::read_options({out.options.data(), out.option_bytes});

  tcp::Segment answer;
  answer.tuple = s.tuple;
  answer.flags = tcp::ack;
  answer.seq = 101;
  answer.window = 7;
  answer.options.has_timestamps = true;
  answer.options.ts_value = 40;
  answer.options.ts_echo = told.ts_value;
  // Somebody who guesses gets no answer.
  answer.ack_seq = out.seq + 2;
  EXPECT_FALSE(stack.arrive(answer));
  EXPECT_EQ(stack.live_connections(), 0u);
  EXPECT_EQ(stack.counters().bad_cookie, 1u);
  EXPECT_FALSE(stack.wants_output());

  answer.ack_seq = out.seq + 1;
  stack.now_ns += 64 * Ladder::second;  // the next step of 64 s
  EXPECT_FALSE(stack.arrive(answer));
  ASSERT_EQ(stack.live_connections(), 1u);
  tcp::Connection* c = stack.next_ready();
  ASSERT_NE(c, nullptr);
  EXPECT_EQ(c->state, tcp::State::established);
  EXPECT_EQ(c->mss, 1380 - 12);
  EXPECT_EQ(c->snd_wnd, 7u << 9);
  EXPECT_TRUE(c->sack);
  EXPECT_EQ(stack.counters().cookies_accepted, 1u);

  // An old one is worth nothing.
  stack.now_ns += 200 * Ladder::second;
  answer.tuple.peer_port = 1235;
  EXPECT_FALSE(stack.arrive(answer));
  EXPECT_EQ(stack.live_connections(), 1u);
}

TEST(TcpOpen, ApplicationDoesNotAccept) {
  Ladder l;
  l.run(R"(
    listen 1
    << SYN seq=100 mss=1000
    >> SYN|ACK seq=5000 ack=101
    << ACK seq=101 ack=5001
    event new_conn
    port 1235
    << SYN seq=300 mss=1000
    >> nothing
    port 1234
    accept
    port 1235
    << SYN seq=300 mss=1000
    >> SYN|ACK seq=5000 ack=301
  )");
}

TEST(TcpOpen, ListenerGoesAway) {
  Ladder l;
  l.run(R"(
    listen
    << SYN seq=100 mss=1000
    >> SYN|ACK seq=5000 ack=101
    << ACK seq=101 ack=5001
    event new_conn
    unlisten
    >> RST|ACK seq=5001 ack=101
    event cleanup
    port 1235
    << SYN seq=300
    >> RST|ACK seq=0 ack=301
  )");
}

TEST(TcpOpen, NumbersAreKeyed) {
  auto config = Ladder::plain();
  config.initial_sequence.reset();
  std::set<std::uint32_t> steps;
  std::uint32_t last = 0;
  tcp::Tcp stack(config, {});
  tcp::Tuple t{tcp::Address::v4(1), tcp::Address::v4(2), 0, 80};
  std::set<std::uint16_t> ports;
  for (unsigned i = 0; i < 50; ++i) {
    tcp::Id id;
    ASSERT_EQ(stack.connect(t, id), 0);
    tcp::OutSegment out;
    ASSERT_TRUE(stack.produce(out));
    steps.insert(out.seq - last);
    last = out.seq;
    ports.insert(out.tuple.local_port);
    EXPECT_GE(out.tuple.local_port, 32768);
  }
  EXPECT_EQ(steps.size(), 50u);
  EXPECT_EQ(ports.size(), 50u);
}

// MUST-8: the same connection some time later begins at a number that a clock of 4 us has moved.
// RFC 6056: where the search for a port begins is a secret, each host's own.
TEST(TcpOpen, NumbersFollowAClock) {
  auto config = Ladder::plain();
  config.initial_sequence.reset();
  std::uint32_t seq[2];
  std::uint16_t port[2];
  for (unsigned i = 0; i < 2; ++i) {
    tcp::Tcp stack(config, {});
    stack.now_ns += i * 4'000'000;
    tcp::Id id;
    tcp::OutSegment out;
    tcp::Tuple t{tcp::Address::v4(1), tcp::Address::v4(2), 4000, 80};
    ASSERT_EQ(stack.connect(t, id), 0);
    ASSERT_TRUE(stack.produce(out));
    seq[i] = out.seq;
    config.secret = {5, 6};
    tcp::Tcp other(config, {});
    t.local_port = 0;
    for (unsigned k = 0; k <= i; ++k, ++t.peer_port) {
      ASSERT_EQ(other.connect(t, id), 0);
      ASSERT_TRUE(other.produce(out));
    }
    port[i] = out.tuple.local_port;
    config.secret = Ladder::plain().secret;
  }
  EXPECT_EQ(seq[1] - seq[0], 1000u);
  EXPECT_GT((port[1] - port[0]) & 0xffff, 600);  // to another peer: elsewhere
}

// MUST-45, MUST-65: what leaves has the connection's addresses, and the segment size in the SYN
// alone.
TEST(TcpOpen, SegmentsOfTheConnection) {
  tcp::Tcp stack(Ladder::plain(), {});
  const tcp::Tuple t{tcp::Address::v4(1), tcp::Address::v4(2), 4000, 80};
  tcp::Id id;
  ASSERT_EQ(stack.connect(t, id), 0);
  tcp::OutSegment out;
  ASSERT_TRUE(stack.produce(out));
  EXPECT_EQ(out.tuple, t);
  EXPECT_TRUE(tcp::read_options({out.options.data(), out.option_bytes}).has_mss);
  tcp::Segment s;
  s.tuple = t;
  s.seq = 100, s.ack_seq = out.seq + 1, s.flags = tcp::syn | tcp::ack, s.window = 8000;
  stack.arrive(s);
  ASSERT_TRUE(stack.produce(out));
  EXPECT_EQ(out.tuple, t);
  EXPECT_EQ(out.flags, tcp::ack);
  EXPECT_FALSE(tcp::read_options({out.options.data(), out.option_bytes}).has_mss);
  stack.abort_all();
}

TEST(TcpOpen, PortsRunOut) {
  auto config = Ladder::plain();
  config.first_port = 40000;
  config.last_port = 40003;
  tcp::Tcp stack(config, {});
  tcp::Tuple t{tcp::Address::v4(1), tcp::Address::v4(2), 0, 80};
  tcp::Id id;
  for (unsigned i = 0; i < 4; ++i) EXPECT_EQ(stack.connect(t, id), 0);
  EXPECT_EQ(stack.connect(t, id), -99);
  t.peer_port = 81;  // another destination has all of them
  EXPECT_EQ(stack.connect(t, id), 0);
}

}  // namespace
}  // namespace weft::test
