// Repair of losses: fast recovery with proportional rate reduction (RFC 6937), the same for ECN
// (RFC 3168), NewReno where the peer knows no SACK (RFC 6582), the retransmission timeout (RFC 6298
// section 5, RFC 8985 section 6.3), and the way back where nothing was lost after all (RFC 3522,
// RFC 3708).
#include <algorithm>

#include "stack-nodes/tcp/machine/congestion.h"
#include "stack-nodes/tcp/machine/delivered.h"
#include "stack-nodes/tcp/machine/stack.h"

namespace weft::tcp {
namespace {

constexpr std::uint32_t dup_threshold = 3;

// The network has told of congestion: the reduction stays, whether something was lost or not.
void keep_reduced(Connection& c) { c.prior_cwnd = c.prior_ssthresh = c.ssthresh; }

}  // namespace

void Tcp::recover(Connection& c, const Segment& s, Delivered& d) {
  if (d.dsack && c.undo_left > 0 && after(d.dsack_end, c.undo_point)) --c.undo_left;
  // The reordering window grows by a quarter of a round trip for each round in which something was
  // sent twice for nothing (RFC 8985 section 6.2 step 4).
  if (d.dsack && at_least(c.snd_una, c.rack_round)) {
    c.rack_round = c.snd_nxt;
    if (c.reo_mult < 16) ++c.reo_mult;
    c.reo_persist = 16;
    c.reorderings = std::max<std::uint16_t>(c.reorderings, 1);
  }
  const bool told = c.ecn != 0 && s.has(ece);
  if (told && c.recovery != Recovery::open) keep_reduced(c);
  if (try_undo(c, s, d)) return;
  const bool repaired = c.recovery == Recovery::fast || c.recovery == Recovery::cwr;
  if (c.recovery != Recovery::open && at_least(c.snd_una, c.recovery_point)) leave_recovery(c);
  // What is new since the last reduction has arrived: news of congestion is no echo of it.
  if (after(c.snd_una, c.recovery_point)) c.recovery_point_set = 0;

  if (c.sack != 0) {
    d.new_loss = rack_detect(c);
  } else if (d.duplicate) {
    ++c.dup_acks;
    if (c.dup_acks == dup_threshold && c.recovery != Recovery::loss && c.recovery_point_set == 0) {
      mark_lost(c, c.sent_first);
      d.new_loss = true;
    }
  } else if (d.advanced) {
    // (RFC 6937 section 3.1: what duplicates have told of is no news.)
    d.delivered -= std::min(d.delivered, c.dup_acks * c.mss);
    const std::uint32_t left = d.bytes / c.mss;
    c.dup_acks = c.recovery == Recovery::fast && c.dup_acks > left ? c.dup_acks - left : 0;
    if (c.recovery == Recovery::fast && c.sent_first != none &&
        !sent_[c.sent_first].is(Sent::lost)) {
      mark_lost(c, c.sent_first);  // a partial acknowledgement: the next one is missing too
      c.force_one = 1;
    }
  }
  if (d.new_loss && (c.recovery == Recovery::open || c.recovery == Recovery::cwr)) {
    enter_recovery(c, Recovery::fast);
    c.force_one = 1;
  }
  if (told && c.recovery == Recovery::open && d.advanced && c.recovery_point_set == 0) {
    enter_recovery(c, Recovery::cwr);
    keep_reduced(c);
  }
  if (c.recovery == Recovery::fast || c.recovery == Recovery::cwr) {
    proportional_reduction(c, d);
  } else if (d.advanced && !repaired && !(told && c.recovery == Recovery::open)) {
    // What the application did not use says nothing of what the path carries (RFC 9293 section
    // 3.8.2 with RFC 2861; in slow start half of the window is use enough, as it is to double).
    const bool limited = c.cwnd_limited != 0 || c.recovery == Recovery::loss ||
                         (c.cwnd < c.ssthresh && c.cwnd / 2 < c.most_flight);
    if (limited) congestion::acknowledged(c, d.delivered, now_ns);
  }
}

void Tcp::enter_recovery(Connection& c, Recovery how) {
  if (c.recovery == Recovery::open) {
    c.prior_cwnd = c.cwnd;
    c.prior_ssthresh = c.ssthresh;
    const bool marked = how == Recovery::cwr;
    const std::uint32_t to = congestion::reduced(c, marked ? c.cwnd : c.outstanding());
    c.ssthresh = std::max(to, congestion::least(c));
    if (marked && to < c.ssthresh) {
      // No room for a gradual way down. Whose window is of one segment already pauses, too.
      c.ecn_pause = c.cwnd < congestion::least(c) ? 1 : 0;
      c.cwnd = std::max(to, std::uint32_t{c.mss});
      how = Recovery::open;
    }
  }
  c.ecn_reduced = 1;  // RFC 3168 section 6.1.2: whatever it was for
  c.undo_point = c.snd_una;
  c.undo_left = how == Recovery::fast ? 0 : -1;
  c.first_again_ts = 0;
  c.recovery = how;
  c.recovery_point = c.snd_nxt;
  c.recovery_point_set = 1;
  c.recover_flight = std::max(c.outstanding(), 1u);
  c.prr_delivered = 0;
  c.prr_out = 0;
}

void Tcp::leave_recovery(Connection& c) {
  if (c.recovery == Recovery::fast || c.recovery == Recovery::cwr) {
    c.cwnd = std::max(c.ssthresh, congestion::least(c));
    if (c.reo_persist != 0 && --c.reo_persist == 0) c.reo_mult = 1;
  }
  c.recovery = Recovery::open;
  c.dup_acks = 0;
}

// Nothing was lost: what came back was sent before the first retransmission (RFC 3522), or all that
// was sent again has come twice (RFC 3708). That may be told when all is repaired.
bool Tcp::try_undo(Connection& c, const Segment& s, const Delivered& d) {
  const bool repairs = c.recovery == Recovery::fast || c.recovery == Recovery::loss;
  const bool by_timestamp = repairs && d.advanced && c.first_again_ts != 0 && c.timestamps != 0 &&
                            s.options.has_timestamps && before(s.options.ts_echo, c.first_again_ts);
  const bool by_dsack = d.dsack && c.undo_left == 0 && c.first_again_ts != 0;
  if (!by_timestamp && !by_dsack) return false;
  ++counters_.undone;
  for (std::uint32_t i = c.sent_first; i != none; i = sent_[i].next) {
    Sent& r = sent_[i];
    if (!r.is(Sent::lost)) continue;
    c.lost_bytes -= r.bytes();
    if (r.is(Sent::again)) c.again_bytes -= r.bytes();
    r.flags &= static_cast<std::uint8_t>(~(Sent::lost | Sent::again));
    if (r.in_order == 0) was_sent(c, i);
  }
  c.cwnd = std::max(c.cwnd, c.prior_cwnd);
  c.ssthresh = std::max(c.ssthresh, c.prior_ssthresh);
  congestion::begin_epoch(c);
  c.recovery = Recovery::open;
  c.dup_acks = 0;
  c.undo_left = -1;
  c.after_timeout = 0;
  return true;
}

// RFC 6937 section 3, with the slow start bound only where the acknowledgement brought news of no
// further loss (RFC 9937).
void Tcp::proportional_reduction(Connection& c, const Delivered& d) {
  std::uint32_t delivered = d.delivered;
  if (c.sack == 0 && d.duplicate) delivered += c.mss;
  c.prr_delivered += delivered;
  const std::uint32_t flight = c.in_flight();
  std::uint32_t more = 0;
  if (flight > c.ssthresh) {
    const std::uint64_t may =
        (std::uint64_t{c.prr_delivered} * c.ssthresh + c.recover_flight - 1) / c.recover_flight;
    more = may > c.prr_out ? static_cast<std::uint32_t>(may - c.prr_out) : 0;
  } else {
    std::uint32_t limit = c.prr_delivered > c.prr_out ? c.prr_delivered - c.prr_out : 0;
    limit = std::max(limit, delivered);
    if (d.advanced && !d.new_loss) limit += c.mss;
    more = std::min(c.ssthresh - flight, limit);
  }
  c.cwnd = std::max(flight + more, std::uint32_t{c.mss});
}

// RFC 6298 section 5 (5.4 to 5.6).
void Tcp::timed_out(Connection& c) {
  ++counters_.timeouts;
  ++c.timeouts;
  if (c.timeouts_on_end < 255) ++c.timeouts_on_end;
  if (c.rto_since_ms == 0) {
    c.rto_since_ms = std::max(now_ms(), 1u);
    ++c.rto_episodes;
  }
  const std::uint32_t flight = c.outstanding();
  if (c.sent_first != none && sent_[c.sent_first].is(Sent::sacked)) forget_sacks(c);
  if (c.recovery != Recovery::loss) {
    if (c.recovery == Recovery::open) {
      c.prior_cwnd = c.cwnd;
      c.prior_ssthresh = c.ssthresh;
      c.ssthresh = std::max(congestion::reduced(c, flight), congestion::least(c));
    }
    c.ecn_reduced = 1;
    c.undo_point = c.snd_una;
    c.undo_left = 0;
    c.first_again_ts = 0;
  }
  c.recovery = Recovery::loss;
  c.recovery_point = c.snd_nxt;
  c.recovery_point_set = 1;
  c.cwnd = c.mss;
  c.after_timeout = 1;
  c.dup_acks = 0;
  c.tail_probe_open = 0;
  c.reorder_due_ns = 0;
  // Without SACK all may be lost. With it: the first one, and what RACK gives up (RFC 8985 section
  // 6.3); the others are waited for.
  const std::uint64_t limit_ns = std::uint64_t{c.rack_rtt_us} * 1000 + rack_window_ns(c);
  for (std::uint32_t i = c.sent_first; i != none; i = sent_[i].next) {
    if (i == c.sent_first || c.sack == 0 || sent_[i].sent_ns + limit_ns <= now_ns) mark_lost(c, i);
  }
  c.force_one = 1;
}

}  // namespace weft::tcp
