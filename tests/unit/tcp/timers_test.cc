// Keepalive (RFC 9293 section 3.8.4), ICMP (section 3.9.2.2, RFC 1191, RFC 5927), black holes, and
// what is left when nothing is.
#include "tests/unit/tcp/ladder.h"

namespace weft::test {
namespace {

// MUST-24 to MUST-29.
TEST(TcpKeepalive, ProbesWhenIdle) {
  Opened l;
  l.run(R"(
    +10000s
    >> nothing               # off unless asked for
    keepalive
    +10ms
    >> ACK seq=5000 ack=101  # idle for two hours already
    << ACK seq=101 ack=5001
    +7199s
    >> nothing
    +2s
    >> ACK seq=5000 ack=101 len=0
    +75s
    >> ACK seq=5000
    << ACK seq=101 ack=5001
    +7199s
    >> nothing
    state established
  )");
}

// MUST-26: whoever is heard of is not idle.
TEST(TcpKeepalive, OnlyWhenIdle) {
  Opened l;
  l.run(R"(
    keepalive
    +5000s
    << ACK seq=101 ack=5001 len=10
    +50ms
    >> ACK ack=111
    read
    +2300s
    >> nothing
    +4900s
    >> ACK seq=5000
  )");
}

TEST(TcpKeepalive, NobodyAnswers) {
  Opened l;
  l.run(R"(
    keepalive
    +7201s
    >> ACK seq=5000
    +600s
    >> anything
    state established
    +100s
    >> RST|ACK seq=5001
    state closed
    error 110
  )");
}

TEST(TcpKeepalive, ProbesAreAnswered) {
  Opened l;
  l.run(R"(
    << ACK seq=100 ack=5001
    >> ACK seq=5001 ack=101
    << ACK seq=100 ack=5001 len=1
    >> ACK seq=5001 ack=101
    event
  )");
}

TEST(TcpIcmp, FragmentationNeeded) {
  Opened l(Ladder::plain(), "mss=1460");
  l.run("send 2920\n>> ACK seq=5001 len=1460\n>> ACK seq=6461 len=1460\n");
  l.stack().path_mtu(l.tuple_, 4000, 1000);  // about nothing that is in flight
  l.run("mss 1460\n>> nothing");
  l.stack().path_mtu(l.tuple_, 5001, 1000);
  l.run(R"(
    mss 960
    cwnd 14600                     # no sign of congestion
    send 10                        # (has the stack send)
    >> ACK seq=5001 len=960
    >> ACK seq=5961 len=960
    >> ACK seq=6921 len=960
    >> ACK seq=7881 len=40
    << ACK seq=101 ack=7921
    >> ACK seq=7921 len=10
  )");
}

TEST(TcpIcmp, TinyMtusAreNotBelieved) {
  for (const std::uint16_t mtu : {0, 1, 68, 551}) {
    Opened l(Ladder::plain(), "mss=1460");
    l.run("send 1460\n>> anything");
    l.stack().path_mtu(l.tuple_, 5001, mtu);
    l.run("mss 512\nsend 1\n>> anything");
  }
  Opened l(Ladder::plain(), "mss=1460");
  l.run("send 1460\n>> anything");
  l.stack().path_mtu(l.tuple_, 5001, 9000);  // more than is known is no news
  l.run("mss 1460\nsend 1\n>> anything");
}

// SHLD-25, MUST-56; RFC 5927 section 5.2.
TEST(TcpIcmp, UnreachableWhileConnected) {
  Opened l;
  l.run("send 100\n>> anything");
  l.stack().unreachable(l.tuple_, 5001, tcp::reason::refused, true);
  l.run("state established\n+1000s\n>> anything\nstate closed\nerror 111");
}

// MUST-55: nothing that ICMP says makes the sender slower (source quench is not even asked for).
TEST(TcpIcmp, ErrorsChangeNoWindow) {
  Opened l;
  l.run("send 100\n>> anything");
  const std::uint32_t cwnd = l.connection()->cwnd, ssthresh = l.connection()->ssthresh;
  l.stack().unreachable(l.tuple_, 5001, tcp::reason::unreachable, false);
  l.stack().unreachable(l.tuple_, 5001, tcp::reason::refused, true);
  EXPECT_EQ(l.connection()->cwnd, cwnd);
  EXPECT_EQ(l.connection()->ssthresh, ssthresh);
}

TEST(TcpIcmp, UnreachableWhileOpening) {
  Ladder l;
  l.run("connect\n>> SYN seq=5000");
  l.stack().unreachable(l.tuple_, 5001, tcp::reason::refused, true);  // not the SYN's number
  l.run("state syn_sent");
  l.stack().unreachable(l.tuple_, 5000, tcp::reason::unreachable, false);
  l.run("state syn_sent\nevent stuck");
  l.stack().unreachable(l.tuple_, 5000, tcp::reason::refused, true);
  l.run("state closed\nevent cleanup\nerror 111");
}

// RFC 5461 section 4.1: the third that meets with it is the last.
TEST(TcpIcmp, UnreachableForEverySyn) {
  Ladder l;
  l.run("connect\n>> SYN seq=5000");
  for (const char* next : {"event stuck\n+1001ms\n>> SYN seq=5000\nstate syn_sent",
                           "event stuck\n+2001ms\n>> SYN seq=5000\nstate syn_sent",
                           "event cleanup\nstate closed\nerror 113"}) {
    l.stack().unreachable(l.tuple_, 5000, tcp::reason::unreachable, false);
    l.run(next);
  }
}

// What was said before the peer was heard again is not the reason of what comes later.
TEST(TcpIcmp, ForgottenWhenThePeerAnswers) {
  Opened l;
  l.run("send 100\n>> anything");
  l.stack().unreachable(l.tuple_, 5001, tcp::reason::unreachable, false);
  l.run("event stuck\n<< ACK seq=101 ack=5101\nsend 100\n>> anything");
  l.run("+1000s\n>> anything\nstate closed\nerror 110");
}

TEST(TcpIcmp, BlackHole) {
  Opened l(Ladder::plain(), "mss=1460");
  l.run(R"(
    send 1460
    >> ACK seq=5001 len=1460
    +201ms
    >> ACK seq=5001 len=1460
    +402ms
    >> ACK seq=5001 len=1460
    +804ms
    >> ACK seq=5001 len=1240
    << ACK seq=101 ack=6241
    >> ACK seq=6241 len=220
    << ACK seq=101 ack=6461
    texts 0
    mss 1240
  )");
}

// Segments of 1,460 bytes become those of 1,240.
void told_of_a_narrow_path(Opened& l) {
  l.run("send 1460\n>> anything");
  l.stack().path_mtu(l.tuple_, 5001, 1280);
  l.run(R"(
    send 10
    >> ACK seq=5001 len=1240
    >> ACK seq=6241 len=220
    << ACK seq=101 ack=6461
    >> ACK seq=6461 len=10
    << ACK seq=101 ack=6471
  )");
}

// It was plain loss, or the path has changed: a larger segment goes through.
TEST(TcpIcmp, LargeSegmentsAreTriedAgain) {
  Opened l(Ladder::plain(), "mss=1460");
  told_of_a_narrow_path(l);
  l.run(R"(
    +599s
    send 6000
    >> ACK seq=6471 len=1240
    >> ACK seq=7711 len=1240
    >> anything
    << ACK seq=101 ack=12471
    +2s
    send 6000
    >> ACK seq=12471 len=1460
    >> ACK seq=13931 len=1240
    >> anything
    << ACK seq=101 ack=18471
    mss 1460
  )");
}

// One that is lost is sent again in parts. The window stays, and it is not tried again soon.
TEST(TcpIcmp, LostLargeSegmentsAreNoCongestion) {
  auto config = Ladder::plain();
  config.sack = true;
  Opened l(config, "mss=1460 sackok");
  told_of_a_narrow_path(l);
  l.run(R"(
    +601s
    send 6000
    >> ACK seq=6471 len=1460
    >> ACK seq=7931 len=1240
    >> ACK seq=9171 len=1240
    >> ACK seq=10411 len=1240
    >> ACK seq=11651 len=820
    << ACK seq=101 ack=6471 sack=7931-11651
    >> ACK seq=6471 len=1240
    >> ACK seq=7711 len=220
    << ACK seq=101 ack=12471
    mss 1240
    send 6000
    >> ACK seq=12471 len=1240
    >> anything
  )");
  EXPECT_EQ(l.connection()->ssthresh, ~std::uint32_t{0});
}

// IPv6: nothing but the size of the header differs.
TEST(TcpFamilies, Version6) {
  Ladder l;
  l.tuple_.local = {0x20010db800000000, 1};
  l.tuple_.peer = {0x20010db800000000, 2};
  l.run(R"(
    listen
    << SYN seq=100 win=8000
    >> SYN|ACK seq=5000 ack=101 mss=1440
    << ACK seq=101 ack=5001 len=10
    >> ACK
    event new_conn data
    mss 1220
    read
    text 10
  )");
}

TEST(TcpFamilies, ListenersForAllAddresses) {
  auto config = Ladder::plain();
  tcp::Tcp stack(config, {});
  EXPECT_EQ(stack.listen(tcp::Address{}, 80, 4, 1), 0);
  EXPECT_EQ(stack.listen(tcp::Address{}, 80, 4, 1), -98);
  EXPECT_EQ(stack.listen(tcp::Address::v4(1), 80, 4, 2), 0);  // MUST-42
  tcp::Segment s;
  s.flags = tcp::syn;
  for (const std::uint32_t to : {1u, 2u}) {
    s.tuple = {tcp::Address::v4(to), tcp::Address::v4(9), 80, 1000};
    stack.arrive(s);
    tcp::OutSegment out;
    ASSERT_TRUE(stack.produce(out));
    tcp::Segment a = s;
    a.flags = tcp::ack;
    a.seq = 1;
    a.ack_seq = out.seq + 1;
    stack.arrive(a);
    EXPECT_EQ(stack.next_ready()->cookie, to == 1 ? 2u : 1u);
  }
}

TEST(TcpExhaustion, NoConnectionIsLeft) {
  auto config = Ladder::plain();
  config.connections = 1;
  config.syn_cookies = false;
  Ladder l(config);
  l.run(R"(
    listen
    << SYN seq=100 mss=1000
    >> SYN|ACK seq=5000
    port 1235
    << SYN seq=100 mss=1000
    >> nothing
  )");
  tcp::Id id;
  tcp::Tuple t = l.tuple_;
  t.local_port = 99;
  EXPECT_EQ(l.stack().connect(t, id), -105);
}

TEST(TcpExhaustion, NoRecordIsLeft) {
  auto config = Ladder::plain();
  config.chunks = 2;
  config.sent = 3;
  config.reorders = 1;
  Opened l(config, "mss=1000 sackok");
  l.run(R"(
    send 5000
    send 100
    send 100 -105
    >> ACK seq=5001 len=1000
    >> ACK seq=6001 len=1000
    >> ACK seq=7001 len=1000
    >> nothing
    << ACK seq=101 ack=5001 sack=6001-6501     # the record can't be cut in two
    << ACK seq=101 ack=8001
    >> ACK seq=8001 len=1000
    >> ACK seq=9001 len=1000
    >> PSH|ACK seq=10001 len=100
    >> nothing
    << ACK seq=101 ack=5001 len=100
    >> anything
    << ACK seq=101 ack=10001
    << ACK seq=101 ack=10101
    texts 0
    << ACK seq=101 ack=10101 len=100
    event acked data
    read
    >> anything
  )");
}

}  // namespace
}  // namespace weft::test
