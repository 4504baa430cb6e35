// Opening, through the calls of sockets: what they return, and what goes over the wire.
#include <cerrno>
#include <utility>

#include "tests/unit/sim/port_ladder.h"

namespace weft::test {
namespace {

weft_sim_config all_options() {
  weft_sim_config c = PortLadder::plain();
  c.features |= WEFT_SIM_TIMESTAMPS | WEFT_SIM_WINDOW_SCALING;
  c.receive_buffer = 262144;
  return c;
}

TEST(PortOpen, Passive) {
  PortLadder().run(R"(
    socket L
    listen L 8
    get L SO_ACCEPTCONN = 1
    close L
    socket L
    bind L 80
    listen L 8
    poll L = NONE
    << SYN seq=100 win=8000 mss=1000 sack_ok
    >> SYN|ACK seq=5000 ack=101 win=10000 mss=1460 sack_ok no=ws no=ts
    accept C L = EAGAIN
    << ACK seq=101 ack=5001
    poll L = IN
    accept C L = 0
    poll L = NONE
    poll C = OUT
    info C state=1 snd_mss=1000 snd_cwnd=10 options=2
    recv C 10 = EAGAIN
    info L state=10
  )");
}

TEST(PortOpen, OptionsOfEveryCombination) {
  for (unsigned bits = 0; bits < 8; ++bits) {
    PortLadder l(all_options());
    std::string syn = "<< SYN seq=100 mss=1000", answer = ">> SYN|ACK ack=101 mss=1460";
    syn += (bits & 1) != 0 ? " ts=700,0" : "";
    syn += (bits & 2) != 0 ? " sack_ok" : "";
    syn += (bits & 4) != 0 ? " ws=7" : "";
    answer += (bits & 1) != 0 ? " ts=0,700" : " no=ts";
    answer += (bits & 2) != 0 ? " sack_ok" : " no=sack_ok";
    answer += (bits & 4) != 0 ? " ws=3" : " no=ws";
    const std::string ts = (bits & 1) != 0 ? " ts=701,0" : "";
    l.run("socket L\n bind L 80\n listen L 4\n" + syn + "\n" + answer +
          "\n << ACK seq=101 ack=5001" + " win=100" + ts +
          "\n accept C L\n info C options=" + std::to_string((bits & 1) | (bits & 2) | (bits & 4)) +
          " snd_wnd=" + ((bits & 4) != 0 ? "12800" : "100") +
          " snd_mss=" + ((bits & 1) != 0 ? "988" : "1000"));
  }
}

TEST(PortOpen, Active) {
  PortLadder(all_options()).run(R"(
    socket C
    poll C = OUT|HUP
    send C 10 = EPIPE
    recv C 10 = ENOTCONN
    bind C 4000
    connect C 10.0.0.2 80 = EINPROGRESS
    >> SYN seq=5000 ack=0 mss=1460 sack_ok ts=0,0 ws=3 df=1
    connect C 10.0.0.2 80 = EALREADY
    poll C = NONE
    send C 10 = EAGAIN
    recv C 10 = EAGAIN
    info C state=2
    << SYN|ACK seq=100 ack=5001 win=8000 mss=1000 sack_ok ts=700,0 ws=2
    >> ACK seq=5001 ack=101 ts=0,700
    poll C = OUT
    get C SO_ERROR = 0
    connect C 10.0.0.2 80 = 0
    connect C 10.0.0.2 80 = EISCONN
    listen C 1 = EINVAL
    send C 10 = 10
    >> PSH|ACK seq=5001 ack=101 len=10
    << ACK seq=101 ack=5011 ts=701,0
  )");
}

TEST(PortOpen, Refused) {
  PortLadder().run(R"(
    socket C
    connect C 10.0.0.2 80 = EINPROGRESS
    >> SYN seq=5000
    << RST|ACK seq=0 ack=5000            # acknowledges nothing: ignored
    >> nothing
    << RST seq=0                         # could be anybody's
    >> nothing
    << RST|ACK seq=0 ack=5001
    >> nothing
    poll C = IN|OUT|ERR|HUP|RDHUP
    get C SO_ERROR = 111
    get C SO_ERROR = 0
    recv C 10 = ENOTCONN
    connect C 10.0.0.2 80 = EINPROGRESS  # the same socket may try again
    >> SYN seq=5000
    << RST|ACK seq=0 ack=5001
    connect C 10.0.0.2 80 = ECONNREFUSED
    connect C 10.0.0.2 80 = EINPROGRESS
    >> SYN
    << SYN|ACK seq=100 ack=5001 mss=1000
    >> ACK ack=101
    send C 5 = 5
    >> PSH|ACK len=5
  )");
}

TEST(PortOpen, SynIsRepeatedAndGivenUp) {
  PortLadder().run(R"(
    socket C
    connect C 10.0.0.2 80 = EINPROGRESS
    >> SYN seq=5000
    +990ms
    >> nothing
    +20ms
    >> SYN seq=5000 mss=1460
    +1980ms
    >> nothing
    +30ms
    >> SYN
    +4s
    >> SYN
    +8s
    >> SYN
    +16s
    >> SYN
    +32s
    >> SYN
    info C state=2 total_retrans=6 rto=60000000
    +60s
    >> SYN
    +60s
    >> nothing
    poll C = IN|OUT|ERR|HUP|RDHUP
    connect C 10.0.0.2 80 = ETIMEDOUT
  )");
  PortLadder().run(R"(
    socket C
    opt C TCP_SYNCNT 2
    get C TCP_SYNCNT = 2
    connect C 10.0.0.2 80 = EINPROGRESS
    >> SYN
    +1.1s
    >> SYN
    +2.1s
    >> SYN
    +3.7s
    poll C = NONE
    +0.2s
    >> nothing
    get C SO_ERROR = 110
  )");
}

TEST(PortOpen, SynAckIsRepeated) {
  PortLadder().run(R"(
    socket L
    bind L 80
    listen L 4
    << SYN seq=100 mss=1000
    >> SYN|ACK seq=5000 ack=101
    +1.01s
    >> SYN|ACK seq=5000 ack=101
    +2.01s
    >> SYN|ACK
    << SYN seq=100 mss=1000             # the answer was lost
    >> SYN|ACK seq=5000 ack=101
    << ACK seq=101 ack=5001
    accept C L = 0
    info C state=1 snd_cwnd=1           # RFC 6298 section 5.7, RFC 5681 section 3.1
  )");
  PortLadder().run(R"(
    socket L
    bind L 80
    listen L 4
    << SYN seq=100
    >> SYN|ACK
    +1.1s
    >> SYN|ACK
    +130s
    accept C L = EAGAIN
  )");
}

TEST(PortOpen, BothSidesAtOnce) {
  PortLadder().run(R"(
    socket C
    bind C 80
    connect C 10.0.0.2 1234 = EINPROGRESS
    >> SYN seq=5000
    << SYN seq=100 mss=1000
    >> SYN|ACK seq=5000 ack=101
    info C state=3
    << SYN|ACK seq=100 ack=5001 mss=1000
    poll C = OUT
    info C state=1
  )");
  PortLadder().run(R"(
    socket C
    bind C 80
    connect C 10.0.0.2 1234 = EINPROGRESS
    >> SYN seq=5000
    << SYN seq=100 mss=1000
    >> SYN|ACK seq=5000 ack=101
    << ACK seq=101 ack=5001
    poll C = OUT
    shutdown C WR
    >> FIN|ACK seq=5001 ack=101
  )");
}

TEST(PortOpen, Addresses) {
  PortLadder().run(R"(
    socket A
    bind A 80 10.0.0.7 = EADDRNOTAVAIL
    bind A 80
    bind A 81 = EINVAL
    listen A 1
    socket B
    bind B 80 = EADDRINUSE
    bind B 80 10.0.0.1 = EADDRINUSE
    opt B SO_REUSEADDR 1
    bind B 80 = EADDRINUSE              # the other listens
    bind B 0
    listen B 1
    bind B 1 = EINVAL
    connect B 10.0.0.2 9 = EISCONN
    socket D
    connect D 10.0.0.255 9 = ENETUNREACH
    connect D 224.0.0.1 9 = ENETUNREACH
    connect D 192.168.3.4 9 = ENETUNREACH
    connect D 10.0.0.2 0 = EINVAL
    close A
    close D
    socket E
    bind E 80
  )");
}

TEST(PortOpen, TwoAddresses) {
  PortLadder l;
  EXPECT_EQ(weft_sim_add_address(l.sim(), 0x0a000005, 24), 0);
  EXPECT_EQ(weft_sim_add_address(l.sim(), 0x0a000005, 24), -EEXIST);
  l.run(R"(
    socket A
    bind A 80 10.0.0.1
    listen A 1
    socket B
    bind B 80 10.0.0.5
    listen B 1
    << SYN seq=100
    >> SYN|ACK
    << ACK seq=101 ack=5001
    poll A = IN
    poll B = NONE
  )");
}

TEST(PortOpen, SourceOfTheWayOut) {
  PortLadder l;
  ASSERT_EQ(weft_sim_add_address(l.sim(), 0x0a010005, 24), 0);
  for (const auto& [to, from] : {std::pair{0x0a010009u, 0x0a010005u}, {0x0a000009u, 0x0a000001u}}) {
    const int fd = weft_sim_socket(l.sim());
    ASSERT_EQ(weft_sim_connect(l.sim(), fd, to, 80), -EINPROGRESS);
    const auto seen = l.taken();
    ASSERT_EQ(seen.size(), 1u);
    EXPECT_EQ(seen[0].own, from);
    weft_sim_close(l.sim(), fd);
  }
}

// Nobody on the link has the address: told when ARP gives up, not after minutes.
TEST(PortOpen, NoNeighbour) {
  PortLadder l;
  l.answers_arp = false;
  l.run(R"(
    socket C
    connect C 10.0.0.77 80 = EINPROGRESS
    +2.5s
    poll C = NONE
    +2s
    poll C = IN|OUT|ERR|HUP|RDHUP
    connect C 10.0.0.77 80 = EHOSTUNREACH
    connect C 10.0.0.77 80 = EINPROGRESS
  )");
  l.taken();
  EXPECT_EQ(l.counters().waiting, 1u);
  l.answers_arp = true;
  l.run("+1.5s\n connect C 10.0.0.77 80 = EALREADY");
  l.taken();
  l.run("<< SYN|ACK seq=100 ack=5001\n >> ACK ack=101\n poll C = OUT");
}

TEST(PortOpen, BacklogIsFull) {
  weft_sim_config c = PortLadder::plain();
  c.features &= ~WEFT_SIM_SYN_COOKIES;
  PortLadder(c).run(R"(
    socket L
    bind L 80
    listen L 1
    << SYN seq=100
    >> SYN|ACK
    << ACK seq=101 ack=5001
    peer 10.0.0.3 1234
    << SYN seq=100                      # nobody accepts: no answer, the peer asks again
    >> nothing
    accept C L = 0
    << SYN seq=100
    >> SYN|ACK
    << ACK seq=101 ack=5001
    accept D L = 0
    accept E L = EAGAIN
  )");
}

TEST(PortOpen, Cookies) {
  weft_sim_config c = PortLadder::plain();
  c.features =
      (c.features | WEFT_SIM_ALWAYS_COOKIES | WEFT_SIM_TIMESTAMPS | WEFT_SIM_WINDOW_SCALING) &
      ~WEFT_SIM_FIXED_SEQUENCE;
  PortLadder l(c);
  l.run("socket L\n bind L 80\n listen L 4\n << SYN seq=100 mss=1000 ws=7 sack_ok ts=700,0");
  const auto seen = l.taken();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(l.counters().connections, 0u);
  const std::string ts = " ts=701," + std::to_string(seen[0].options.at("ts")[0]);
  l.run("<< ACK seq=101 win=10 ack=" + std::to_string(seen[0].seq) + ts +
        "\n accept C L = EAGAIN\n << ACK seq=101 win=10 ack=" + std::to_string(seen[0].seq + 1) +
        ts + "\n accept C L = 0\n info C options=7 snd_wnd=1280 state=1");
  l.taken();
}

TEST(PortOpen, DeferAccept) {
  PortLadder().run(R"(
    socket L
    opt L TCP_DEFER_ACCEPT 3
    bind L 80
    listen L 4
    << SYN seq=100
    >> SYN|ACK
    << ACK seq=101 ack=5001
    poll L = NONE
    accept C L = EAGAIN
    << PSH|ACK seq=101 ack=5001 len=10
    >> ACK ack=111
    poll L = IN
    accept C L = 0
    recv C 100 = 10
    peer 10.0.0.3 1234
    << SYN seq=100
    >> SYN|ACK
    << ACK seq=101 ack=5001
    accept D L = EAGAIN
    +3.1s
    accept D L = 0
  )");
}

TEST(PortOpen, ListenersOptionsAreInherited) {
  PortLadder()
      .established("mss=1400", R"(
    opt L TCP_NODELAY 1
    opt L SO_RCVBUF 3000
    opt L TCP_MAXSEG 500
    opt L TCP_KEEPIDLE 7
    opt L TCP_USER_TIMEOUT 1234
    opt L TCP_CONGESTION cubic)")
      .run(R"(
    get C TCP_NODELAY = 1
    get C SO_RCVBUF = 6000
    get C TCP_KEEPIDLE = 7
    get C TCP_USER_TIMEOUT = 1234
    get C TCP_MAXSEG = 500
    info C rcv_wnd=3000 snd_mss=500
  )");
}

TEST(PortOpen, LargestSegmentOfChoice) {
  PortLadder().run(R"(
    socket C
    get C TCP_MAXSEG = 536
    opt C TCP_MAXSEG 20 = EINVAL
    opt C TCP_MAXSEG 700
    connect C 10.0.0.2 80 = EINPROGRESS
    >> SYN mss=700
    << SYN|ACK seq=100 ack=5001 mss=1400
    >> ACK
    send C 1000 = 1000
    >> ACK len=700
    << ACK seq=101 ack=5701
    >> PSH|ACK len=300
  )");
}

// RFC 9293 section 3.5.3: a SYN with text is answered, its text is not told before the handshake.
TEST(PortOpen, SynWithText) {
  PortLadder().run(R"(
    socket L
    bind L 80
    listen L 4
    << SYN seq=100 len=20
    >> SYN|ACK ack=101
    << ACK seq=101 ack=5001
    accept C L = 0
    recv C 100 = EAGAIN
    << ACK seq=101 ack=5001 len=20
    >> ACK ack=121
    recv C 100 = 20
  )");
}

TEST(PortOpen, SplitHandshake) {
  PortLadder().run(R"(
    socket C
    bind C 80
    connect C 10.0.0.2 1234 = EINPROGRESS
    >> SYN seq=5000
    << ACK seq=100 ack=5001             # an acknowledgement alone says nothing
    >> nothing
    << SYN seq=100 mss=1000
    >> SYN|ACK seq=5000 ack=101
    << ACK seq=101 ack=5001
    poll C = OUT
  )");
}

// RFC 9293 section 3.10.7.4 holds before the handshake is done, too: a reset counts at the exact
// number, is doubted in the window, and is nothing beyond it.
TEST(PortOpen, ResetsInTheHandshake) {
  PortLadder().run(R"(
    socket L
    bind L 80
    listen L 4
    << SYN seq=100
    >> SYN|ACK seq=5000 ack=101
    << RST seq=102
    >> ACK seq=5001 ack=101
    << RST|ACK seq=102 ack=9999
    >> ACK seq=5001 ack=101
    << RST seq=200000
    >> nothing
    << ACK seq=101 ack=5001
    accept C L
    peer 10.0.0.3 4000
    << SYN seq=100
    >> SYN|ACK seq=5000 ack=101
    << RST seq=101
    >> nothing
    << ACK seq=101 ack=5001
    >> RST seq=5001
    accept D L = EAGAIN
  )");
}

TEST(PortOpen, AcknowledgementThatCannotBe) {
  PortLadder().run(R"(
    socket C
    bind C 80
    connect C 10.0.0.2 1234 = EINPROGRESS
    >> SYN seq=5000
    << SYN|ACK seq=100 ack=5000
    >> RST seq=5000
    << SYN|ACK seq=100 ack=5002
    >> RST seq=5002
    << SYN|ACK seq=100 ack=5001
    >> ACK
  )");
}

TEST(PortOpen, EcnIsAskedForAndAgreedOn) {
  weft_sim_config c = PortLadder::plain();
  c.features |= WEFT_SIM_ECN;
  PortLadder(c).run(R"(
    socket C
    connect C 10.0.0.2 80 = EINPROGRESS
    >> SYN|ECE|CWR
    << SYN|ACK|ECE seq=100 ack=5001 mss=1000
    >> ACK
    info C options=8
  )");
  PortLadder(c).run(R"(
    socket C
    connect C 10.0.0.2 80 = EINPROGRESS
    >> SYN|ECE|CWR
    +1.1s
    >> SYN                              # RFC 3168 section 6.1.1.1
    << SYN|ACK seq=100 ack=5001 mss=1000
    >> ACK
    info C options=0
  )");
  PortLadder().run(R"(
    socket L
    bind L 80
    listen L 4
    << SYN|ECE|CWR seq=100 mss=1000
    >> SYN|ACK|ECE
  )");
}

TEST(PortOpen, PortsRunOut) {
  weft_sim_config c = PortLadder::plain();
  c.connections = 40000;
  c.features &= ~WEFT_SIM_FIXED_SEQUENCE;
  PortLadder l(c);
  std::vector<int> fds;
  int last = -EINPROGRESS;
  while (last == -EINPROGRESS && fds.size() < 30000) {
    fds.push_back(weft_sim_socket(l.sim()));
    last = weft_sim_connect(l.sim(), fds.back(), 0x0a000002, 80);
    l.taken();
  }
  EXPECT_EQ(last, -EADDRNOTAVAIL);
  EXPECT_EQ(fds.size(), 60999u - 32768 + 2);
  // To somebody else there are ports still.
  const int other = weft_sim_socket(l.sim());
  EXPECT_EQ(weft_sim_connect(l.sim(), other, 0x0a000003, 80), -EINPROGRESS);
  weft_sim_close(l.sim(), other);
  for (const int fd : fds) weft_sim_close(l.sim(), fd);
}

TEST(PortOpen, NoConnectionIsLeft) {
  weft_sim_config c = PortLadder::plain();
  c.connections = 2;
  PortLadder l(c);
  l.run(R"(
    socket A
    connect A 10.0.0.2 80 = EINPROGRESS
    >> SYN
    socket B
    connect B 10.0.0.2 80 = EINPROGRESS
    >> SYN
    socket D
    connect D 10.0.0.2 80 = ENOBUFS
    close A
    connect D 10.0.0.2 80 = EINPROGRESS
    >> SYN
    close D
  )");
}

}  // namespace
}  // namespace weft::test
