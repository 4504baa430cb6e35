// A segment arrives: RFC 9293 section 3.10.7, in its order.
#include <algorithm>

#include "stack-nodes/tcp/machine/stack.h"

namespace weft::tcp {
namespace {

// A remembered timestamp says nothing any more after this (RFC 7323 section 5.5: 24 days).
constexpr std::uint64_t timestamp_life_ns = 24ull * 24 * 3600 * 1'000'000'000;

}  // namespace

Arrived Tcp::take(Segment& s) {
  kept_ = false;
  ++counters_.received;
  const std::uint64_t refused = counters_.refused(), closed = counters_.closed();
  const std::uint32_t at = find(s.tuple);
  if (at == none) {
    arrive_unknown(s);
  } else {
    arrive_known(connections_[at], s);
  }
  if (kept_) return Arrived::kept;
  if (counters_.closed() != closed) return Arrived::closed;
  return counters_.refused() != refused ? Arrived::refused : Arrived::done;
}

bool Tcp::arrive_known(Connection& c, Segment& s) {
  ++c.segments_in;
  if (s.len != 0) ++c.texts_in;
  if (c.state == State::syn_sent) {
    arrive_syn_sent(c, s);
    return kept_;
  }
  if (c.state == State::time_wait && s.has(syn) && !s.has(rst) && !s.has(ack)) {
    if (reuse_time_wait(c, s)) return arrive_unknown(s);
  }
  if (c.state == State::syn_received && s.has(syn) && !s.has(rst) && s.seq == c.irs) {
    // The SYN again: so is the answer, and ECN is what this one says (RFC 3168 section 6.1.1.1).
    if (!s.has(ack)) {
      if (!s.has(ece) || !s.has(cwr)) c.ecn = 0;
      if (c.sent_first != none) mark_lost(c, c.sent_first);
      c.force_one = 1;
      want_output(c);
      return false;
    }
    // Both sides have opened (section 3.5, figure 7): what is new in this is the acknowledgement.
    s.flags &= static_cast<std::uint8_t>(~syn);
    ++s.seq;
  }
  if (!timestamp_ok(c, s) || !sequence_ok(c, s) || reset_or_syn(c, s)) return false;
  if (!s.has(ack) || !acknowledgement_ok(c, s)) return false;
  remember_timestamp(c, s);
  heard(c);
  if (c.state == State::syn_received) {
    established(c);
    c.snd_wnd = static_cast<std::uint32_t>(s.window) << c.snd_scale;
    c.snd_wl1 = s.seq;
    c.snd_wl2 = s.ack_seq;
  }
  acknowledge(c, s);
  after_acknowledgement(c);
  if (c.state == State::closed) return kept_;
  if (c.ecn != 0) {
    if (s.has(cwr)) c.ecn_echo = 0;
    if (s.ecn == ecn_congested && s.len != 0) {
      c.ecn_echo = 1;
      c.ack_now = 1;
    }
  }
  if (s.has(urg)) take_urgent(c, s);
  if (s.len != 0) take_text(c, s);
  if (c.state == State::closed) return kept_;
  if (s.has(fin) && c.takes_text() && c.fin_known == 0) {
    const Seq at = s.seq + s.len;
    if (at_least(at, c.rcv_nxt) && at_most(at, c.rcv_edge)) {
      c.fin_known = 1;
      c.fin_at = at;
      c.ack_now = 1;
    }
  }
  if (c.fin_known != 0 && c.fin_received == 0 && c.rcv_nxt == c.fin_at) take_fin(c);
  want_output(c);
  return kept_;
}

// Section 3.10.7.3.
void Tcp::arrive_syn_sent(Connection& c, Segment& s) {
  if (s.has(ack) && (at_most(s.ack_seq, c.iss) || after(s.ack_seq, c.snd_nxt))) {
    ++counters_.bad_ack;
    if (!s.has(rst)) reply_reset(s);
    return;
  }
  if (s.has(rst)) {
    // Without an acknowledgement of the SYN it may be anybody's (RFC 5961 section 3.2).
    if (s.has(ack)) {
      ++counters_.resets_heard;
      end(c, reason::refused);
    } else {
      ++counters_.bad_reset;
    }
    return;
  }
  if (!s.has(syn) || s.has(fin)) {
    ++counters_.bad_flags;
    return;
  }
  c.irs = c.rcv_up = s.seq;
  c.rcv_nxt = s.seq + 1;
  c.acked_to = c.rcv_nxt;
  c.rcv_edge += c.rcv_nxt;
  take_options(c, s.options, s.options.scale);
  c.snd_wnd = c.max_wnd = s.window;  // that of a SYN is not scaled (RFC 7323 section 2.2)
  c.snd_wl1 = s.seq;
  c.snd_wl2 = s.ack_seq;
  if (!s.has(ack)) {
    c.state = State::syn_received;
    c.ecn = 0;
    mark_lost(c, c.sent_first);  // from now on it is a SYN with an acknowledgement
    c.force_one = 1;
    want_output(c);
    return;
  }
  established(c);
  heard(c);
  acknowledge(c, s);
  if (c.ecn_wanted != 0 && s.has(ece) && !s.has(cwr)) c.ecn = 1;  // RFC 3168 section 6.1.1
  c.ack_now = 1;
  ++s.seq;
  s.flags &= static_cast<std::uint8_t>(~syn);
  if (s.has(urg)) take_urgent(c, s);
  if (s.len != 0) take_text(c, s);
  want_output(c);
}

// RFC 7323 section 5.3: what is older than the last in order is not this connection's any more.
bool Tcp::timestamp_ok(Connection& c, const Segment& s) {
  if (c.timestamps == 0 || s.has(rst)) return true;
  if (!s.options.has_timestamps) {  // section 3.2
    ++counters_.no_timestamp;
    return false;
  }
  if (c.ts_recent_set == 0 || !before(s.options.ts_value, c.ts_recent)) return true;
  if (now_ns - c.ts_recent_ns > timestamp_life_ns) return true;
  ++counters_.old_timestamp;
  if (s.len != 0 || s.has(fin)) {
    say_duplicate(c, s.seq, s.seq + s.len);
    c.ack_now = 1;
    want_output(c);
  } else {
    challenge(c);
  }
  return false;
}

// The first step: is it in the window?
bool Tcp::sequence_ok(Connection& c, Segment& s) {
  const std::uint32_t window = c.receive_window();
  const std::uint32_t length = s.length();
  if (length == 0) {
    // (The right edge itself counts: an acknowledgement by who has filled the window.)
    if (s.seq - c.rcv_nxt <= window) return true;
  } else if (window == 0) {
    if (s.seq == c.rcv_nxt) {  // its acknowledgement counts, its text does not (MUST-66)
      // (A FIN alone needs no room: not to take it would only make the peer ask for ever.)
      if (s.len != 0) s.flags &= static_cast<std::uint8_t>(~fin);
      s.len = 0;
      c.ack_now = 1;
      if (s.has(syn)) challenge(c);
      return !s.has(syn);
    }
  } else if (within(s.seq, c.rcv_nxt, c.rcv_edge) || within(s.end() - 1, c.rcv_nxt, c.rcv_edge)) {
    return true;
  }
  ++counters_.out_of_window;
  if (s.has(rst)) return false;
  if (s.has(syn) || length == 0) {
    challenge(c);
    return false;
  }
  // Text or a FIN once more: the acknowledgement was lost.
  if (c.state == State::time_wait) arm(c, Timer::life, now_ns + config_.time_wait * 1'000'000ull);
  if (s.len != 0 && at_most(s.seq + s.len, c.rcv_nxt)) {
    ++counters_.duplicate;
    say_duplicate(c, s.seq, s.seq + s.len);
    c.answer_quickly();
  }
  c.ack_now = 1;
  want_output(c);
  return false;
}

// The second and the fourth step, as RFC 5961 has them. True: that was all.
bool Tcp::reset_or_syn(Connection& c, const Segment& s) {
  if (s.has(rst)) {
    if (c.state == State::time_wait) return true;  // RFC 1337
    if (s.seq != c.rcv_nxt) {
      ++counters_.bad_reset;
      challenge(c);
      return true;
    }
    ++counters_.resets_heard;
    std::uint8_t why = reason::reset;
    if (c.state == State::syn_received && c.passive == 0) why = reason::refused;
    if (c.state == State::close_wait) why = reason::pipe;  // who has said all reads no more of it
    end(c, why);
    return true;
  }
  if (!s.has(syn)) return false;
  ++counters_.syn_in_connection;
  challenge(c);
  return true;
}

// The fifth step, as far as it refuses.
bool Tcp::acknowledgement_ok(Connection& c, const Segment& s) {
  if (c.state == State::syn_received) {
    if (after(s.ack_seq, c.snd_una) && at_most(s.ack_seq, c.snd_nxt)) return true;
    ++counters_.bad_ack;
    reply_reset(s);
    return false;
  }
  // RFC 5961 section 5.2: neither what was never sent, nor what is older than any window.
  if (at_most(s.ack_seq, c.snd_nxt) && at_least(s.ack_seq, c.snd_una - c.max_wnd)) return true;
  ++counters_.bad_ack;
  challenge(c);
  return false;
}

void Tcp::after_acknowledgement(Connection& c) {
  if (c.fin_sent == 0 || c.snd_una != c.snd_end + 1) return;
  switch (c.state) {
    case State::fin_wait_1:
      c.state = State::fin_wait_2;
      if (c.released != 0) enter_fin_wait_2(c);
      break;
    case State::closing: enter_time_wait(c); break;
    case State::last_ack: end(c, reason::none); break;
    default: break;
  }
}

// The eighth step. The FIN is the next in order.
void Tcp::take_fin(Connection& c) {
  ++c.rcv_nxt;
  c.fin_received = 1;
  c.ack_now = 1;
  drop_holes(c);
  notify(c, event::remote_closed);
  switch (c.state) {
    case State::established: c.state = State::close_wait; break;
    case State::fin_wait_1: c.state = State::closing; break;  // (its own FIN is not acknowledged)
    case State::fin_wait_2: enter_time_wait(c); break;
    default: break;
  }
}

// The urgent text stays in the stream (RFC 6093); the application is told where it ends.
void Tcp::take_urgent(Connection& c, const Segment& s) {
  const Seq points_to = s.seq + s.urgent;
  if (!c.takes_text() || !after(points_to, c.rcv_nxt) || !after(points_to, c.rcv_up)) return;
  c.rcv_up = points_to;
  notify(c, event::urgent);
}

// RFC 7323 section 4.3: of segments that cover the place up to which was acknowledged.
void Tcp::remember_timestamp(Connection& c, const Segment& s) {
  if (c.timestamps == 0 || !s.options.has_timestamps || after(s.seq, c.acked_to)) return;
  c.ts_recent = s.options.ts_value;
  c.ts_recent_ns = now_ns;
  c.ts_recent_set = 1;
}

// An acknowledgement that tells the peer where this side is: ten in five seconds for each
// connection (RFC 5961 section 7), so that neither storms nor side channels come of it.
void Tcp::challenge(Connection& c) {
  constexpr std::uint64_t span_ns = 5'000'000'000;
  if (c.challenge_ns == 0 || now_ns - c.challenge_ns >= span_ns) {
    c.challenge_ns = std::max<std::uint64_t>(now_ns, 1);
    c.challenges = 0;
  }
  if (c.challenges >= 10) {
    ++counters_.quiet;
    return;
  }
  ++c.challenges;
  ++counters_.challenges;
  c.ack_now = 1;
  want_output(c);
}

// RFC 6191: a new connection may take the place of one that is over, where its segments can't be
// taken for those of the old one.
bool Tcp::reuse_time_wait(Connection& c, Segment& s) {
  const bool newer = c.timestamps != 0 && s.options.has_timestamps && c.ts_recent_set != 0
                         ? after(s.options.ts_value, c.ts_recent) ||
                               (s.options.ts_value == c.ts_recent && after(s.seq, c.rcv_nxt))
                         : after(s.seq, c.rcv_nxt);
  if (!newer || find_listener(s.tuple) == none) return false;
  reused_iss_ = c.snd_nxt + 65536;
  reused_ = true;
  end(c, reason::none);
  return true;
}

}  // namespace weft::tcp
