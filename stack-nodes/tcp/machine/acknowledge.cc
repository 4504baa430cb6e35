// What an acknowledgement says: text that has arrived (in order or not), the peer's window, the
// time of a round trip.
#include <algorithm>

#include "stack-nodes/tcp/machine/delivered.h"
#include "stack-nodes/tcp/machine/stack.h"

namespace weft::tcp {

void Tcp::acknowledge(Connection& c, const Segment& s) {
  if (before(s.ack_seq, c.snd_una)) return take_overtaken(c, s);
  c.more_comes = 0;
  const std::uint32_t wnd_before = c.snd_wnd;
  const Seq una_before = c.snd_una;
  update_window(c, s);

  Delivered d;
  d.una_before = una_before;
  d.advanced = after(s.ack_seq, una_before);
  d.take_echo(c, s);
  const std::uint32_t delivered = c.delivered;
  if (d.advanced) acknowledged_to(c, s.ack_seq, d);
  if (c.sack != 0 && s.options.sack_count != 0) take_sacks(c, s, d);
  if (c.ecn != 0 && s.has(ece)) c.delivered_ce += c.delivered - delivered;
  // RFC 5681 section 2.
  d.duplicate = !d.advanced && s.length() == 0 && c.outstanding() != 0 && wnd_before == c.snd_wnd;
  measure(c, s, d);
  if (d.advanced) {
    c.soft_error = reason::none;
    c.stuck_since_ns = 0;
    c.rto_from_ns = now_ns;
    c.timeouts_on_end = 0;
    if (c.rto_since_ms != 0) c.rto_ms += now_ms() - c.rto_since_ms;
    c.rto_since_ms = 0;
  }
  if (c.tail_probe_open != 0) tail_probe_answered(c, s, d);
  if (d.advanced || c.outstanding() != 0) recover(c, s, d);
  // The window has opened, and what was sent to probe it was not taken.
  if (wnd_before == 0 && c.snd_wnd != 0) {
    c.backoff = 0;
    c.stuck_since_ns = 0;
    if (c.waits_for == Wait::persist && c.sent_first != none) {
      mark_lost(c, c.sent_first);
      c.force_one = 1;
    }
  }
  arm_retransmit(c);
  want_output(c);
}

// A later acknowledgement has come before this one: its number and its window are no news, what it
// says of text that came out of order may be.
void Tcp::take_overtaken(Connection& c, const Segment& s) {
  if (c.sack == 0 || s.options.sack_count == 0) return;
  Delivered d;
  d.una_before = c.snd_una;
  d.take_echo(c, s);
  take_sacks(c, s, d);
  if (d.delivered == 0 && !d.dsack) return;
  recover(c, s, d);
  arm_retransmit(c);
  want_output(c);
}

// Section 3.10.7.4, fifth: the window of the latest segment counts.
void Tcp::update_window(Connection& c, const Segment& s) {
  if (!(before(c.snd_wl1, s.seq) || (c.snd_wl1 == s.seq && at_most(c.snd_wl2, s.ack_seq)))) {
    return;
  }
  c.snd_wnd = static_cast<std::uint32_t>(s.window) << (s.has(syn) ? 0 : c.snd_scale);
  c.max_wnd = std::max(c.max_wnd, c.snd_wnd);
  c.snd_wl1 = s.seq;
  c.snd_wl2 = s.ack_seq;
}

void Tcp::acknowledged_to(Connection& c, Seq to, Delivered& d) {
  const Seq text_from = data_una(c);
  while (c.sent_first != none) {
    const std::uint32_t at = c.sent_first;
    if (!before(sent_[at].begin, to)) break;
    const Sent& r = sent_[at];
    const bool whole = at_most(r.end, to);
    const std::uint32_t bytes = whole ? r.bytes() : to - r.begin;
    d.bytes += bytes;
    if (!r.is(Sent::sacked)) {
      rack_delivered(c, r, d);
      d.delivered += bytes;
    }
    if (!whole) {
      trim_sent(c, at, to);
      break;
    }
    remove_sent(c, at);
  }
  c.snd_una = to;
  c.syn_acked = 1;
  const Seq text_to = earlier(to, c.snd_end);
  if (after(text_to, text_from)) {
    c.bytes_acked += text_to - text_from;
    free_acked_chunks(c, text_to);
    notify(c, event::acked);
  }
}

// Chunks that have been acknowledged to their last byte are the application's again.
void Tcp::free_acked_chunks(Connection& c, Seq to) {
  while (!c.unsent_and_sent.empty()) {
    const std::uint32_t at = c.unsent_and_sent.first;
    Chunk& k = chunks_[at];
    if (after(k.seq + k.len, to)) return;
    c.unsent_and_sent.first = k.next;
    if (k.next == none) c.unsent_and_sent.last = none;
    if (c.send_chunk == at) {
      c.send_chunk = k.next;
      c.send_offset = 0;
    }
    k.next = none;
    (c.acked.last != none ? chunks_[c.acked.last].next : c.acked.first) = at;
    c.acked.last = at;
  }
}

// RFC 6298 section 2, in microseconds. A segment sent once gives the exact time; else the
// timestamp that came back, where something new is acknowledged (RFC 7323 section 4).
void Tcp::measure(Connection& c, const Segment& s, const Delivered& d) {
  std::uint64_t rtt_us = 0;
  // (Where a gap has been filled, what lies behind it was acknowledged late.)
  if (d.rtt_ns != 0 && !d.again) {
    rtt_us = std::max<std::uint64_t>(d.rtt_ns / 1000, 1);
  } else if (d.advanced && c.timestamps != 0 && s.options.has_timestamps &&
             s.options.ts_echo != 0 &&
             (c.last_again_ts == 0 || !before(s.options.ts_echo, c.last_again_ts))) {
    // (An echo from before the last retransmission: an acknowledgement was lost, and this one says
    // how long the timer was.)
    const std::int32_t ms = static_cast<std::int32_t>(timestamp(c) - s.options.ts_echo);
    if (ms >= 0 && ms < 600'000) rtt_us = std::max(1000ull * static_cast<unsigned>(ms), 1ull);
  }
  if (rtt_us == 0) return;
  c.backoff = 0;  // not before: section 5, the note at its end
  const auto r = static_cast<std::uint32_t>(std::min<std::uint64_t>(rtt_us, 600'000'000));
  if (c.min_rtt_us == 0 || r < c.min_rtt_us) c.min_rtt_us = r;
  if (c.srtt_us == 0) {
    c.srtt_us = r;
    c.rttvar_us = r / 2;
  } else {
    const std::uint32_t off = r > c.srtt_us ? r - c.srtt_us : c.srtt_us - r;
    c.rttvar_us = c.rttvar_us - c.rttvar_us / 4 + off / 4;
    c.srtt_us = c.srtt_us - c.srtt_us / 8 + r / 8;
  }
  c.srtt_us = std::max(c.srtt_us, 1u);
  // (The minimum is one of the margin: a peer may hold an acknowledgement back for as long.)
  const std::uint32_t margin = std::max(4 * c.rttvar_us, config_.rto_min * 1000);
  c.rto_us = std::min(c.srtt_us + margin, config_.rto_max * 1000);
}

}  // namespace weft::tcp
