// What is remembered of one connection. What an established connection touches for every segment
// comes first; what only opening, closing and loss need lies behind. Everything that grows (text
// waiting to be sent, segments in flight, text out of order) is a list of records from slabs, so an
// idle connection is this record, 24 bytes of timer and 16 of index.
#pragma once

#include <array>
#include <cstdint>

#include "stack-nodes/tcp/machine/sequence.h"
#include "stack-nodes/tcp/machine/tuple.h"

namespace weft::tcp {

inline constexpr std::uint32_t none = ~std::uint32_t{0};

// RFC 9293 section 3.3.2. LISTEN is a table of its own; `closed`: over, the application may still
// hold the record.
enum class State : std::uint8_t {
  closed,
  syn_sent,
  syn_received,
  established,
  fin_wait_1,
  fin_wait_2,
  close_wait,
  closing,
  last_ack,
  time_wait,
};

enum class Congestion : std::uint8_t { newreno, cubic };

// open: all is well; cwr: the network said so by ECN; fast: losses are being repaired; loss: the
// retransmission timer ran out.
enum class Recovery : std::uint8_t { open, cwr, fast, loss };

enum class Timer : std::uint8_t { retransmit, delayed_ack, keepalive, life, count };

// What the timer `retransmit` is set for.
enum class Wait : std::uint8_t { nothing, rto, tail_probe, reordering, persist };

// What an application is to be told; bits of Connection::events.
namespace event {
inline constexpr std::uint8_t new_conn = 1, connected = 2, data = 4, acked = 8, remote_closed = 16,
                              cleanup = 32, urgent = 64, stuck = 128;
}

// Why a connection ended; numbers of errno.h (Linux).
namespace reason {
inline constexpr std::uint8_t none = 0, reset = 104, timed_out = 110, refused = 111,
                              unreachable = 113, net_unreachable = 101, no_protocol = 92,
                              protocol = 71, aborted = 103, pipe = 32;
}

// A list of chunks: bytes handed over by the application, or waiting for it.
struct Chunks {
  std::uint32_t first = none;
  std::uint32_t last = none;
  bool empty() const { return first == none; }
};

struct Connection {
  // ---- every segment
  Tuple tuple;
  State state = State::closed;
  Recovery recovery = Recovery::open;
  Wait waits_for = Wait::nothing;
  std::uint8_t events = 0;

  Seq rcv_nxt = 0;
  Seq rcv_edge = 0;            // behind the last byte that the peer may send
  std::uint32_t rcv_buf = 0;   // bytes that may be held for the application
  std::uint32_t rcv_held = 0;  // of these, held by it or waiting for it
  std::uint32_t rcv_most = 0;  // what rcv_buf may grow to
  std::uint32_t rcv_soon = 0;  // bytes since it grew that the application has not left lying
  Seq acked_to = 0;            // rcv_nxt of the last acknowledgement sent
  std::uint32_t ts_recent = 0;
  std::uint16_t rcv_mss = 536;  // largest segment seen
  std::uint8_t rcv_scale = 0;   // of windows sent
  std::uint8_t snd_scale = 0;   // of windows received
  std::uint8_t quick_acks = 0;  // segments yet to be acknowledged without delay
  std::uint8_t acks_owed = 0;   // acknowledgements that must leave, each by itself

  Seq snd_una = 0;
  Seq snd_nxt = 0;
  Seq snd_end = 0;  // behind the last byte queued; the FIN's number
  Seq snd_wl1 = 0;
  Seq snd_wl2 = 0;
  std::uint32_t snd_wnd = 0;
  std::uint32_t max_wnd = 0;
  Seq small_end = 0;  // behind the last segment of less than full size
  std::uint32_t cwnd = 0;
  std::uint32_t ssthresh = ~std::uint32_t{0};
  std::uint16_t mss = 536;  // bytes of text in a segment, with the options that it has
  std::uint16_t peer_mss = 536;

  // ---- flags
  std::uint32_t in_ready : 1 = 0;   // in the list of those with events
  std::uint32_t in_output : 1 = 0;  // in the list of those with something to send
  std::uint32_t indexed : 1 = 0;    // in the table of tuples
  std::uint32_t timestamps : 1 = 0;
  std::uint32_t sack : 1 = 0;
  std::uint32_t scaling : 1 = 0;
  std::uint32_t ecn_wanted : 1 = 0;   // the SYN asks for it
  std::uint32_t ecn : 1 = 0;          // agreed on
  std::uint32_t ecn_echo : 1 = 0;     // the peer is told of congestion until it answers
  std::uint32_t ecn_reduced : 1 = 0;  // ... and is to be told that it was heard (CWR)
  std::uint32_t ecn_pause : 1 = 0;    // nothing new before the retransmission timer runs out
  std::uint32_t syn_acked : 1 = 0;
  std::uint32_t passive : 1 = 0;
  std::uint32_t ack_now : 1 = 0;
  std::uint32_t fin_queued : 1 = 0;  // the application sends no more
  std::uint32_t fin_sent : 1 = 0;
  std::uint32_t fin_received : 1 = 0;
  std::uint32_t fin_known : 1 = 0;  // where the peer's text ends: fin_at
  std::uint32_t released : 1 = 0;   // the application has closed: nobody reads any more
  std::uint32_t disposed : 1 = 0;   // ... and looks at the record no more
  std::uint32_t told : 1 = 0;       // it knows of the connection
  std::uint32_t forgotten : 1 = 0;  // to be given back when it has left both lists
  std::uint32_t no_delay : 1 = 0;   // Nagle's algorithm is off
  std::uint32_t cork : 1 = 0;
  std::uint32_t more_comes : 1 = 0;  // said with the last text (MSG_MORE); until the peer answers
  std::uint32_t keepalive : 1 = 0;
  std::uint32_t force_one : 1 = 0;   // one retransmission whatever the window of congestion says
  std::uint32_t probe_tail : 1 = 0;  // a tail loss probe is due
  std::uint32_t probe_window : 1 = 0;
  std::uint32_t probe_alive : 1 = 0;
  std::uint32_t cwnd_limited : 1 = 0;  // it was cwnd that held text back, in this window of text
  std::uint32_t records : 1 = 0;       // some chunk has record_ends
  std::uint32_t deaf : 1 = 0;          // the application reads no more, but has not closed
  std::uint32_t was_busy : 1 = 0;  // since then_ns: text waited for acknowledgements, or to leave
  std::uint32_t was_shut_out : 1 = 0;      // ... the peer's window held text back
  std::uint32_t window_full : 1 = 0;       // ... just now
  std::uint32_t cwnd_full : 1 = 0;         // ... just now
  std::uint32_t flight_new : 1 = 0;        // something new was sent just now
  std::uint32_t tail_probe_again : 1 = 0;  // the last probe was a retransmission
  std::uint32_t tail_probe_open : 1 = 0;
  std::uint32_t listener_counts : 1 = 0;  // it takes a place of its listener
  std::uint32_t push_window : 1 = 0;      // send what there is, though it is small (override timer)
  std::uint32_t ts_recent_set : 1 = 0;
  std::uint32_t urgent_out : 1 = 0;  // snd_up counts
  std::uint32_t recovery_point_set : 1 = 0;
  std::uint32_t after_timeout : 1 = 0;  // slow start that follows a retransmission timeout

  // ---- lists
  Chunks unsent_and_sent;           // text of the application, in order; the first holds snd_una
  Chunks acked;                     // given back to it by data_acked
  Chunks unread;                    // text for it
  std::uint32_t send_chunk = none;  // where snd_nxt is
  std::uint32_t send_offset = 0;
  std::uint32_t sent_first = none;  // segments in flight, by sequence number
  std::uint32_t sent_last = none;
  std::uint32_t oldest = none;  // of these, by time of (re)transmission; not those sacked or lost
  std::uint32_t newest = none;
  std::uint32_t sent_count = 0;
  std::uint32_t unread_count = 0;
  std::uint32_t holes = none;  // record of what came out of order
  std::uint32_t ready_next = none;
  std::uint32_t output_next = none;
  std::uint32_t listener = none;
  std::uint32_t generation = 0;
  std::uint64_t cookie = 0;  // the application's own

  // ---- in flight
  std::uint32_t sacked_bytes = 0;
  std::uint32_t lost_bytes = 0;   // marked lost, not sacked
  std::uint32_t again_bytes = 0;  // of these, sent again and on their way
  std::uint32_t dup_acks = 0;
  Seq recovery_point = 0;
  std::uint32_t most_flight = 0;  // on its way at once, in this window of text
  Seq flight_end = 0;             // ... which ends here

  // ---- RACK (RFC 8985 section 5.2), for each acknowledgement
  std::uint32_t rack_rtt_us = 0;
  std::uint64_t rack_sent_ns = 0;
  Seq rack_end = 0;
  Seq rack_fack = 0;
  std::uint64_t reorder_due_ns = 0;  // 0: nothing waits for it

  // ---- round trips (RFC 6298), in microseconds
  std::uint32_t srtt_us = 0;
  std::uint32_t rttvar_us = 0;
  std::uint32_t min_rtt_us = 0;
  std::uint32_t rto_us = 0;
  std::uint8_t backoff = 0;
  std::uint8_t keepalives_sent = 0;
  std::uint8_t window_probes = 0;    // of a closed window, since anything was heard
  std::uint8_t timeouts_on_end = 0;  // since anything was acknowledged
  std::uint8_t challenges = 0;
  std::uint8_t soft_error = reason::none;
  std::uint8_t error = reason::none;
  std::uint8_t syn_again = 0;

  // ---- time
  std::array<std::uint64_t, static_cast<std::size_t>(Timer::count)> due{};  // 0: not set
  std::uint64_t rto_from_ns = 0;
  std::uint64_t stuck_since_ns = 0;  // no progress since then; 0: all is well
  std::uint64_t last_sent_ns = 0;
  std::uint64_t last_heard_ns = 0;
  std::uint64_t ts_recent_ns = 0;
  std::uint32_t rto_since_ms = 0;  // nothing has come since the timer ran out then; 0: all is well
  std::uint32_t user_timeout_ms = 0;  // 0: the stack's
  std::uint32_t ts_offset = 0;

  // ---- information about what comes and goes
  std::uint32_t segments_in = 0;
  std::uint32_t segments_out = 0;
  std::uint32_t texts_in = 0;  // segments with text
  std::uint32_t texts_out = 0;
  std::uint32_t delivered = 0;     // segments known to have arrived
  std::uint32_t rcv_rtt_us = 0;    // the round trip as the receiver sees it
  std::uint32_t rcv_rtt_mark = 0;  // the last echo; without timestamps where the window ended ...
  std::uint32_t rcv_rtt_from = 0;  // ... when, in ticks of 2^14 ns
  std::uint8_t ttl = 0;            // of segments sent; 0: the host's own
  std::uint8_t dscp = 0;
  std::uint16_t path_mtu = 0;
  std::uint64_t bytes_acked = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t then_ns = 0;
  std::uint64_t busy_ns = 0;
  std::uint64_t search_ns = 0;  // when a larger segment is tried; 0: never

  // ---- from here on what a request and its answer do not touch: growth (stack.h: prefetch())
  Congestion congestion = Congestion::cubic;
  std::uint16_t reorderings = 0;  // acknowledgements of what something else had overtaken
  std::uint32_t w_max = 0;        // CUBIC: window before the last loss, bytes
  std::uint32_t k_ms = 0;         // CUBIC: time to reach it again
  std::uint32_t counted = 0;      // Reno: bytes acknowledged towards the next step
  double w_est = 0;               // CUBIC: what Reno would have, bytes
  std::uint64_t epoch_ns = 0;     // CUBIC: when growth began; 0: not yet

  // ---- repair of losses
  std::uint32_t prr_delivered = 0;
  std::uint32_t prr_out = 0;
  std::uint32_t recover_flight = 0;
  std::uint32_t prior_cwnd = 0;
  std::uint32_t prior_ssthresh = 0;
  Seq undo_point = 0;
  std::int32_t undo_left = 0;        // retransmissions not yet reported as superfluous; -1: no undo
  std::uint32_t last_again_ts = 0;   // timestamp of the latest retransmission
  std::uint32_t first_again_ts = 0;  // timestamp of the episode's first retransmission
  Seq rack_round = 0;                // of the last D-SACK
  std::uint8_t reo_mult = 1;
  std::uint8_t reo_persist = 0;
  std::uint16_t reordering = 3;  // segments by which one was late, at most; for information
  Seq tail_probe_end = 0;

  // ---- opening, closing, urgent text, and what was chosen for it
  Seq iss = 0;
  Seq irs = 0;
  Seq rcv_up = 0;  // behind the last urgent byte of the peer
  Seq snd_up = 0;  // ... of this side
  Seq fin_at = 0;
  std::uint32_t keepalive_idle_ms = 0;
  std::uint32_t keepalive_interval_ms = 0;
  std::uint32_t fin_wait_2_ms = 0;
  std::uint8_t keepalive_count = 0;
  std::uint8_t syn_retries = 0;      // 0: by time
  std::uint16_t user_mss = 0;        // 0: what the path carries
  std::uint32_t search_wait_ms = 0;  // until a larger segment is tried after one that was lost
  std::uint64_t challenge_ns = 0;

  // ---- information about what is rare
  std::uint32_t retransmitted = 0;  // segments
  std::uint32_t spurious = 0;       // D-SACKs
  std::uint32_t timeouts = 0;
  std::uint16_t rto_episodes = 0;  // times that the retransmission timer ran out, and again
  std::uint32_t delivered_ce =
      0;                     // segments known to have arrived, when the peer told of congestion
  std::uint32_t rto_ms = 0;  // for how long nothing had come since the timer ran out, in all
  std::uint32_t out_of_order = 0;  // segments that came before their turn
  std::uint64_t bytes_again = 0;
  std::uint64_t shut_out_ns = 0;

  bool synchronised() const { return state >= State::established; }
  // Text from the peer is taken in these (RFC 9293 section 3.10.7.4, seventh).
  bool takes_text() const {
    return state == State::established || state == State::fin_wait_1 || state == State::fin_wait_2;
  }
  // Queued text and FIN may leave.
  bool sends_text() const {
    return state == State::established || state == State::close_wait ||
           state == State::fin_wait_1 || state == State::closing || state == State::last_ack;
  }
  // New text says that the network may mark it: not where a SYN was sent that does not ask for it
  // (RFC 3168 section 6.1.1).
  bool may_be_marked() const { return ecn != 0 && (passive != 0 || syn_again == 0); }
  std::uint32_t outstanding() const { return snd_nxt - snd_una; }
  // What is believed to be on its way (the pipe of RFC 6675).
  std::uint32_t in_flight() const {
    const std::uint32_t gone = sacked_bytes + lost_bytes;
    std::uint32_t flight = outstanding() - gone + again_bytes;
    if (sack == 0 && dup_acks != 0) {  // each duplicate says that one segment has left
      const std::uint32_t left = dup_acks * mss;
      flight = flight > left ? flight - left : 0;
    }
    return flight;
  }
  // What comes before its turn, or twice, is from a peer that repairs: its window is of a few
  // segments then, and every acknowledgement that waits is a pause for it.
  void answer_quickly() {
    constexpr std::uint8_t following = 16;
    ack_now = 1;
    quick_acks = quick_acks < following ? following : quick_acks;
  }
  std::uint32_t receive_window() const { return after(rcv_edge, rcv_nxt) ? rcv_edge - rcv_nxt : 0; }
};
static_assert(sizeof(Connection) <= 640, "an idle connection costs at most 1 KiB all told");

// Text: on its way from the application to the peer, or the other way.
struct Chunk {
  const std::uint8_t* data = nullptr;
  std::uint64_t token = 0;  // whose it is: the application's number, or the packet's buffer
  std::uint32_t len = 0;
  std::uint32_t next = none;
  Seq seq = 0;
  bool record_ends = false;  // no segment goes on behind it
};
static_assert(sizeof(Chunk) == 32);

// How many segments are in flight, and what is known of them.
struct Flight {
  std::uint32_t sent = 0;
  std::uint32_t sacked = 0;
  std::uint32_t lost = 0;
  std::uint32_t again = 0;
};

// A segment that was sent and is not acknowledged yet.
struct Sent {
  static constexpr std::uint8_t sacked = 1;
  static constexpr std::uint8_t lost = 2;
  static constexpr std::uint8_t again = 4;       // sent again since it was lost
  static constexpr std::uint8_t ever_again = 8;  // its round trip says nothing (Karn)
  static constexpr std::uint8_t syn = 16;
  static constexpr std::uint8_t fin = 32;
  static constexpr std::uint8_t large = 64;  // to see whether the path carries more again

  std::uint64_t sent_ns = 0;
  Seq begin = 0;
  Seq end = 0;
  std::uint32_t chunk = none;
  std::uint32_t offset = 0;
  std::uint32_t next = none;  // by sequence number
  std::uint32_t previous = none;
  std::uint32_t newer = none;  // by time
  std::uint32_t older = none;
  std::uint8_t flags = 0;
  std::uint8_t in_order = 0;   // in the list by time
  std::uint16_t segments = 1;  // several where neighbours that have arrived are one record

  std::uint32_t bytes() const { return end - begin; }
  bool is(std::uint8_t flag) const { return (flags & flag) != 0; }
};

}  // namespace weft::tcp
