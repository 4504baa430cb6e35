// How windows of congestion grow, and what goes out for how long nothing comes.
#include "tests/unit/sim/port_ladder.h"

namespace weft::test {
namespace {

// RFC 5681 section 3.1 with RFC 3465: all that has arrived counts, however few acknowledgements say
// so (receivers that coalesce say it for many segments at once).
TEST(PortGrowth, OneAcknowledgementForAll) {
  PortLadder l;
  l.established("win=60000 mss=1000").run("<< ACK seq=101 ack=5001 win=60000\n send C 9999");
  EXPECT_EQ(l.taken().size(), 10u);
  l.run(R"(
    << ACK seq=101 ack=15000 win=60000
    info C snd_cwnd=19
  )");
}

// RFC 2861: a window that was not used has not been tried. Half of it is enough in slow start.
TEST(PortGrowth, UnusedWindowsDoNotGrow) {
  PortLadder l;
  l.established("win=60000 mss=1000").run("<< ACK seq=101 ack=5001 win=60000\n send C 5000 = 5000");
  EXPECT_EQ(l.taken().size(), 5u);
  l.run(R"(
    << ACK seq=101 ack=7001 win=60000
    << ACK seq=101 ack=10001 win=60000
    info C snd_cwnd=10
    send C 8000 = 8000
  )");
  EXPECT_EQ(l.taken().size(), 8u);
  l.run(R"(
    << ACK seq=101 ack=12001 win=60000
    << ACK seq=101 ack=18001 win=60000      # (less is on its way by now than there was)
    info C snd_cwnd=18
  )");
}

// What SACKs and duplicates have told of before is no news when the gap is filled.
TEST(PortGrowth, WhatWasKnownDoesNotCountAgain) {
  for (const bool sack : {false, true}) {
    PortLadder l;
    l.established(sack ? "win=60000 mss=1000 sack_ok" : "win=60000 mss=1000")
        .run("<< ACK seq=101 ack=5001 win=60000\n send C 30000");
    EXPECT_EQ(l.taken().size(), 10u);
    l.run("+20ms");
    l.run(sack ? "<< ACK seq=101 ack=5001 win=60000 sack=6001,7001"
               : "<< ACK seq=101 ack=5001 win=60000");
    EXPECT_EQ(l.taken().size(), 1u);  // RFC 3042: limited transmit
    l.run(R"(
      << ACK seq=101 ack=7001 win=60000
      info C snd_cwnd=11
    )");
    l.taken();
  }
}

// The acknowledgement that ends a repair opens no window (RFC 6582 section 3.2).
TEST(PortGrowth, EndOfRepair) {
  PortLadder().established("win=60000 mss=1000").run(R"(
    << ACK seq=101 ack=5001 win=60000
    send C 4000 = 4000
    >> ACK len=1000
    >> ACK len=1000
    >> ACK len=1000
    >> PSH|ACK len=1000
    << ACK seq=101 ack=5001 win=60000
    << ACK seq=101 ack=5001 win=60000
    << ACK seq=101 ack=5001 win=60000
    >> ACK seq=5001 len=1000
    << ACK seq=101 ack=9001 win=60000
    info C ca_state=0 snd_ssthresh=2 snd_cwnd=2
  )");
}

// RFC 8985 section 7.2: where the timer would run out before the probe is due, the probe takes its
// time, and the timer starts again.
TEST(PortGrowth, TailProbeInPlaceOfTheTimer) {
  PortLadder().established("win=9000 mss=1000 sack_ok", "", 400).run(R"(
    << ACK seq=101 ack=5001 win=9000
    send C 100 = 100
    >> PSH|ACK seq=5001 len=100
    +400ms
    << ACK seq=101 ack=5101 win=9000
    info C rtt=400000 rto=1000000
    send C 100 = 100
    >> PSH|ACK seq=5101 len=100
    +998ms
    >> nothing
    +4ms
    >> PSH|ACK seq=5101 len=100
    info C ca_state=0 total_rto=0
    +998ms
    >> nothing
    +4ms
    >> PSH|ACK seq=5101 len=100
    info C ca_state=4 total_rto=1
  )");
}

// MSG_MORE is a cork for what this call leaves over, until the peer answers or a retransmission
// time is over; TCP_NODELAY sends what is there.
TEST(PortGrowth, MoreAndNoDelay) {
  PortLadder().established("win=9000 mss=1000").run(R"(
    send C 1500 MORE = 1500
    >> ACK seq=5001 len=1000
    >> nothing
    << ACK seq=101 ack=6001 win=9000
    >> PSH|ACK seq=6001 len=500
    << ACK seq=101 ack=6501 win=9000
    send C 10 MORE = 10
    +100ms
    >> nothing
    +150ms
    >> PSH|ACK seq=6501 len=10
    << ACK seq=101 ack=6511 win=9000
    opt C TCP_CORK 1
    send C 40 = 40
    >> nothing
    opt C TCP_NODELAY 1
    >> PSH|ACK seq=6511 len=40
    send C 40 = 40
    >> nothing                          # the cork is in all the same
    opt C TCP_CORK 0
    >> PSH|ACK seq=6551 len=40
  )");
}

}  // namespace
}  // namespace weft::test
