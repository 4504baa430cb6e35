// RACK-TLP (RFC 8985): a segment is lost when one that was sent later has arrived, and a reordering
// window is over; when nothing comes at all, the last segment is sent once more before the timer
// runs out.
#include <algorithm>
#include <utility>

#include "stack-nodes/tcp/machine/delivered.h"
#include "stack-nodes/tcp/machine/stack.h"

namespace weft::tcp {
namespace {

bool sent_after(std::uint64_t a_ns, Seq a_end, std::uint64_t b_ns, Seq b_end) {
  return a_ns > b_ns || (a_ns == b_ns && after(a_end, b_end));
}

}  // namespace

// Section 6.2 steps 1 to 3, for one segment that has arrived.
void Tcp::rack_delivered(Connection& c, const Sent& r, Delivered& d) {
  ++c.delivered;
  if (r.is(Sent::large)) path_is_whole(c);
  if (r.sent_ns == 0) return;
  const std::uint64_t rtt_ns = now_ns - r.sent_ns;
  if (r.is(Sent::ever_again)) {
    d.again = true;
    // An answer to what was said before it, or faster than any seen, is to the first sending.
    const std::uint32_t said = static_cast<std::uint32_t>(r.sent_ns / 1'000'000) + c.ts_offset;
    if (d.echoes && before(d.echo, said)) return;
    if (rtt_ns < std::uint64_t{c.min_rtt_us} * 1000) return;
  } else {
    d.rtt_ns = rtt_ns == 0 ? 1 : rtt_ns;
    if (before(r.end, c.rack_fack)) was_reordered(c, r.begin, d);
  }
  c.rack_fack = later(c.rack_fack, r.end);
  // (Of each, not of the latest sent alone: section 6.2 step 2.)
  c.rack_rtt_us = static_cast<std::uint32_t>(std::min<std::uint64_t>(rtt_ns / 1000, 600'000'000));
  if (c.rack_sent_ns == 0 || sent_after(r.sent_ns, r.end, c.rack_sent_ns, c.rack_end)) {
    c.rack_sent_ns = r.sent_ns;
    c.rack_end = r.end;
  }
}

// By how many segments it was late, at most.
void Tcp::was_reordered(Connection& c, Seq begin, Delivered& d) {
  if (!std::exchange(d.reordered, true) && c.reorderings != 0xffff) ++c.reorderings;
  const std::uint32_t segments = (c.rack_fack - begin + c.mss - 1) / c.mss;
  const auto degree = static_cast<std::uint16_t>(std::min(segments, 300u));
  c.reordering = std::max(c.reordering, degree);
}

// Section 6.2 step 4.
std::uint64_t Tcp::rack_window_ns(const Connection& c) const {
  if (c.reorderings == 0) {
    if (c.recovery == Recovery::fast || c.recovery == Recovery::loss) return 0;
    if (c.sacked_bytes >= 3u * c.mss) return 0;
  }
  const std::uint64_t window = std::uint64_t{c.reo_mult} * c.min_rtt_us * 1000 / 4;
  return std::min(window, std::uint64_t{c.srtt_us} * 1000);
}

// Section 6.2 step 5. True: something is newly given up for lost.
bool Tcp::rack_detect(Connection& c) {
  if (c.rack_sent_ns == 0) return false;
  const std::uint64_t limit_ns = std::uint64_t{c.rack_rtt_us} * 1000 + rack_window_ns(c);
  bool found = false;
  c.reorder_due_ns = 0;
  for (std::uint32_t at = c.oldest; at != none;) {
    Sent& r = sent_[at];
    if (!sent_after(c.rack_sent_ns, c.rack_end, r.sent_ns, r.end)) break;
    const std::uint32_t newer = r.newer;
    if (r.sent_ns + limit_ns <= now_ns) {
      const bool large = r.is(Sent::large);
      mark_lost(c, at);
      found = found || !large;
    } else {
      c.reorder_due_ns = std::max(c.reorder_due_ns, r.sent_ns + limit_ns);
    }
    at = newer;
  }
  return found;
}

// Section 7.2: nothing is being repaired, and nothing has come out of order.
bool Tcp::may_probe_tail(const Connection& c) const {
  return c.sack != 0 && c.state >= State::established && c.recovery == Recovery::open &&
         c.sacked_bytes == 0 && c.lost_bytes == 0 && c.backoff == 0 && c.tail_probe_open == 0 &&
         c.snd_wnd != 0;
}

std::uint64_t Tcp::tail_probe_ns(const Connection& c) const {
  if (c.srtt_us == 0) return 1'000'000'000;
  std::uint64_t wait = 2ull * c.srtt_us * 1000;
  // A single segment may wait for the peer's delayed acknowledgement.
  if (c.sent_count == 1) wait += 200'000'000;
  return std::max(wait, std::uint64_t{2'000'000});
}

// Section 7.4: was the probe the first copy to arrive? Then a loss was repaired by it, of which
// nothing else tells.
void Tcp::tail_probe_answered(Connection& c, const Segment& s, const Delivered& d) {
  if (before(s.ack_seq, c.tail_probe_end)) return;
  const bool repaired = c.tail_probe_again != 0 && !d.dsack;
  if (!repaired || (d.duplicate && s.options.sack_count == 0)) {
    c.tail_probe_open = 0;
  } else if (after(s.ack_seq, c.tail_probe_end)) {
    c.tail_probe_open = 0;
    if (c.recovery == Recovery::open) enter_recovery(c, Recovery::cwr);
  }
}

}  // namespace weft::tcp
