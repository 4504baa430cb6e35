// What is lost or late is sent again: acknowledgements twice, SACK and RACK, timeouts.
#include "tests/unit/sim/port_ladder.h"

namespace weft::test {
namespace {

TEST(PortRepair, FastRetransmitWithoutSack) {
  PortLadder().established().run(R"(
    send C 5000 = 5000
    >> ACK seq=5001 len=1000
    >> ACK seq=6001 len=1000
    >> ACK seq=7001 len=1000
    >> ACK seq=8001 len=1000
    >> PSH|ACK seq=9001 len=1000
    +20ms
    << ACK seq=101 ack=5001
    << ACK seq=101 ack=5001
    >> nothing
    info C ca_state=1
    << ACK seq=101 ack=5001
    >> ACK seq=5001 len=1000
    info C ca_state=3 lost=1 retrans=1 snd_ssthresh=2
    << ACK seq=101 ack=10001
    info C ca_state=0 total_retrans=1 snd_cwnd=2 bytes_retrans=1000
  )");
}

TEST(PortRepair, SackAndRack) {
  PortLadder().established("win=9000 mss=1000 sack_ok").run(R"(
    send C 6000 = 6000
    >> ACK seq=5001 len=1000
    >> ACK seq=6001 len=1000
    >> ACK seq=7001 len=1000
    >> ACK seq=8001 len=1000
    >> ACK seq=9001 len=1000
    >> PSH|ACK seq=10001 len=1000
    +20ms
    << ACK seq=101 ack=6001 win=9000
    << ACK seq=101 ack=6001 win=9000 sack=7001,8001
    >> nothing
    info C sacked=1 ca_state=1
    << ACK seq=101 ack=6001 win=9000 sack=7001,10001
    >> ACK seq=6001 len=1000            # three have overtaken it
    info C sacked=3 lost=1 ca_state=3
    << ACK seq=101 ack=11001 win=9000
    info C ca_state=0 unacked=0 delivered=7
  )");
}

// An acknowledgement that a later one has overtaken still says what came out of order; its number
// and its window are of the past.
TEST(PortRepair, SacksThatWereOvertaken) {
  PortLadder l;
  l.established("win=9000 mss=1000 sack_ok").run("send C 6000 = 6000");
  EXPECT_EQ(l.taken().size(), 6u);
  l.run(R"(
    +20ms
    << ACK seq=101 ack=7001 win=9000
    << ACK seq=101 ack=6001 win=100 sack=8001,11001
    >> ACK seq=7001 len=1000
    info C sacked=3 lost=1 ca_state=3 snd_wnd=9000
    << ACK seq=101 ack=6001 win=100 sack=8001,11001
    >> nothing
    << ACK seq=101 ack=11001 win=9000
    info C sacked=0 lost=0 ca_state=0
  )");
}

// Segments, however they are remembered: neighbours that have arrived are one record.
TEST(PortRepair, SegmentsAreCounted) {
  PortLadder l;
  l.established("win=20000 mss=1000 sack_ok").run("send C 8000 = 8000");
  EXPECT_EQ(l.taken().size(), 8u);
  l.run(R"(
    +20ms
    << ACK seq=101 ack=5001 win=20000 sack=7001,8001
    info C unacked=8 sacked=1 lost=0
    << ACK seq=101 ack=5001 win=20000 sack=7001,11001
    info C unacked=8 sacked=4 lost=2 retrans=2
    << ACK seq=101 ack=9001 win=20000 sack=9001,11001
    info C unacked=4 sacked=2 lost=0 retrans=0
    << ACK seq=101 ack=13001 win=20000
    info C unacked=0 sacked=0
  )");
}

// RFC 3708: all that was sent again has come twice. It may be told when the repair is over, by an
// acknowledgement that was overtaken.
TEST(PortRepair, SuperfluousRepairIsToldLate) {
  PortLadder l;
  l.established("win=60000 mss=1000 sack_ok").run("send C 10000 = 10000");
  EXPECT_EQ(l.taken().size(), 10u);
  l.run(R"(
    +20ms
    << ACK seq=101 ack=5001 win=60000 sack=6001,9001
    >> ACK seq=5001 len=1000
    << ACK seq=101 ack=15001 win=60000
    info C ca_state=0 snd_cwnd=5
    send C 1000
    >> PSH|ACK seq=15001 len=1000
    +20ms
    << ACK seq=101 ack=16001 win=60000
    << ACK seq=101 ack=15001 win=60000 sack=4001,5001    # older than that: of something else
    info C snd_cwnd=5 dsack_dups=1
    << ACK seq=101 ack=15001 win=60000 sack=5001,6001
    info C snd_cwnd=10 dsack_dups=2
  )");
}

// By how many segments one came late, at most: three as long as nothing else is known.
TEST(PortRepair, DegreeOfReordering) {
  PortLadder l;
  l.established("win=9000 mss=1000 sack_ok", "", 40).run("send C 8000 = 8000");
  EXPECT_EQ(l.taken().size(), 8u);
  l.run(R"(
    +40ms
    << ACK seq=101 ack=5001 win=9000 sack=11001,12001
    info C reordering=3 reord_seen=0
    << ACK seq=101 ack=5001 win=9000 sack=9001,10001,11001,12001
    info C reordering=3 reord_seen=1
    << ACK seq=101 ack=6001 win=9000 sack=9001,10001,11001,12001
    info C reordering=7 reord_seen=2
    << ACK seq=101 ack=13001 win=9000
    info C reordering=7 reord_seen=3 total_retrans=0
  )");
}

// A segment that was overtaken by less than three: RACK waits a quarter of a round trip.
TEST(PortRepair, ReorderingWindow) {
  PortLadder().established("win=9000 mss=1000 sack_ok", "", 40).run(R"(
    send C 100 = 100
    >> PSH|ACK len=100
    +40ms
    << ACK seq=101 ack=5101 win=9000
    send C 2000 = 2000
    >> ACK seq=5101 len=1000
    >> PSH|ACK seq=6101 len=1000
    +40ms
    << ACK seq=101 ack=5101 win=9000 sack=6101,7101
    +9ms
    >> nothing
    +2ms
    >> ACK seq=5101 len=1000
    << ACK seq=101 ack=7101 win=9000
  )");
  PortLadder().established("win=9000 mss=1000 sack_ok", "", 40).run(R"(
    send C 100 = 100
    >> PSH|ACK len=100
    +40ms
    << ACK seq=101 ack=5101 win=9000
    send C 2000 = 2000
    >> ACK seq=5101 len=1000
    >> PSH|ACK seq=6101 len=1000
    +40ms
    << ACK seq=101 ack=5101 win=9000 sack=6101,7101
    +5ms
    << ACK seq=101 ack=7101 win=9000    # it was late, not lost
    +100ms
    >> nothing
    info C total_retrans=0 ca_state=0
  )");
}

// How long nothing came since the timer ran out: 200 ms and the round trip, then 100 more.
TEST(PortRepair, TimeoutsAreTimed) {
  PortLadder().established("win=9000 mss=1000", "", 100).run(R"(
    send C 1000
    >> PSH|ACK len=1000
    +299ms
    info C total_rto=0 total_rto_recoveries=0 total_rto_time=0
    +101ms
    >> PSH|ACK len=1000
    info C total_rto=1 total_rto_recoveries=1 retransmits=1
    << ACK seq=101 ack=6001 win=9000
    info C retransmits=0
    +10s
    info C total_rto=1 total_rto_recoveries=1 total_rto_time=100
  )");
}

// RFC 8985 section 6.2 step 2: the round trip is that of each segment that arrives, in order. A
// retransmission was quicker than what had been sent once; by the time of that the last segment is
// not late yet.
TEST(PortRepair, RackTakesEachRoundTrip) {
  PortLadder l;
  l.established("win=20000 mss=1000 sack_ok", "", 10).run("send C 8000 = 8000");
  EXPECT_EQ(l.taken().size(), 8u);
  l.run(R"(
    +10ms
    << ACK seq=101 ack=5001 win=20000 sack=6001,7001
    << ACK seq=101 ack=5001 win=20000 sack=6001,8001
    << ACK seq=101 ack=5001 win=20000 sack=6001,8001,11001,12001
    >> ACK seq=5001 len=1000
    info C lost=4 retrans=1
    +12ms
    << ACK seq=101 ack=9001 win=20000 sack=11001,12001
    >> ACK seq=9001 len=1000
    >> ACK seq=10001 len=1000
    info C lost=2 retrans=2
    +3ms
    >> PSH|ACK seq=12001 len=1000
    info C lost=3 retrans=3
    << ACK seq=101 ack=13001 win=20000
  )");
}

// ... and what a timestamp shows to be an answer to the first sending says nothing of the second:
// the last segment was not overtaken by it.
TEST(PortRepair, RackKnowsTheFirstSending) {
  auto config = PortLadder::plain();
  config.features |= WEFT_SIM_TIMESTAMPS;
  PortLadder l(config);
  l.run(R"(
    +1s
    socket L
    bind L 80
    listen L 4
    << SYN seq=100 mss=1012 sack_ok ts=7,0
    >> SYN|ACK ts=1000,7
    +10ms
    << ACK seq=101 ack=5001 win=20000 ts=8,1000
    accept C L
    send C 6000
  )");
  EXPECT_EQ(l.taken().size(), 6u);
  l.run(R"(
    +10ms
    << ACK seq=101 ack=5001 win=20000 ts=9,1010 sack=7001,10001
    >> ACK seq=5001 len=1000 ts=1020,9
    >> ACK seq=6001 len=1000
    +12ms
    << ACK seq=101 ack=5001 win=20000 ts=10,1010 sack=6001,10001
    >> nothing
    info C sacked=4 lost=1 retrans=1
    << ACK seq=101 ack=11001 win=20000 ts=11,1010
  )");
}

TEST(PortRepair, TailLossProbe) {
  PortLadder().established("win=9000 mss=1000 sack_ok", "", 40).run(R"(
    send C 100 = 100
    >> PSH|ACK len=100
    +40ms
    << ACK seq=101 ack=5101 win=9000
    opt C TCP_NODELAY 1
    send C 2000 = 2000
    >> ACK seq=5101 len=1000
    >> PSH|ACK seq=6101 len=1000
    +79ms
    >> nothing
    +2ms
    >> PSH|ACK seq=6101 len=1000        # two round trips, before the timer
    +40ms
    << ACK seq=101 ack=5101 win=9000 sack=6101,7101
    >> ACK seq=5101 len=1000
    << ACK seq=101 ack=7101 win=9000
    info C ca_state=0 total_rto=0
  )");
}

TEST(PortRepair, TimeoutThenSlowStart) {
  PortLadder().established("win=20000 mss=1000").run(R"(
    << ACK seq=101 ack=5001 win=20000
    send C 10000 = 10000
    >> ACK seq=5001 len=1000
    >> ACK seq=6001 len=1000
    >> ACK seq=7001 len=1000
    >> ACK seq=8001 len=1000
    >> ACK seq=9001 len=1000
    >> ACK seq=10001 len=1000
    >> ACK seq=11001 len=1000
    >> ACK seq=12001 len=1000
    >> ACK seq=13001 len=1000
    >> PSH|ACK seq=14001 len=1000
    +225ms
    >> ACK seq=5001 len=1000
    info C snd_cwnd=1 snd_ssthresh=5
    >> nothing
    << ACK seq=101 ack=6001 win=20000
    >> ACK seq=6001 len=1000
    >> ACK seq=7001 len=1000
    info C snd_cwnd=2
    << ACK seq=101 ack=15001 win=20000
    info C ca_state=0
  )");
}

}  // namespace
}  // namespace weft::test
