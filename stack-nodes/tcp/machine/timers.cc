// One timer of the wheel for each connection, set for the earliest of what it waits for. A time
// that moves back leaves the wheel alone: the timer finds when it fires that it is too early.
#include <algorithm>

#include "stack-nodes/tcp/machine/delivered.h"
#include "stack-nodes/tcp/machine/stack.h"

namespace weft::tcp {
namespace {

constexpr std::uint64_t ms_ns = 1'000'000;

}  // namespace

void Tcp::arm(Connection& c, Timer timer, std::uint64_t due_ns) {
  c.due[static_cast<std::size_t>(timer)] = due_ns;
  const std::uint32_t at = number(c);
  const std::uint64_t tick = tick_of(due_ns);
  if (tick < wheel_.tick_of(at)) wheel_.set(at, tick);
}

void Tcp::advance() {
  wheel_.advance(now_ns >> tick_shift, [this](std::uint32_t at) { expire(connections_[at]); });
}

std::uint64_t Tcp::next_timer_ns() const {
  const std::uint64_t tick = wheel_.next();
  return tick == TimerWheel::never ? TimerWheel::never : tick << tick_shift;
}

void Tcp::expire(Connection& c) {
  const auto take = [&](Timer timer) {
    std::uint64_t& due = c.due[static_cast<std::size_t>(timer)];
    if (due == 0 || due > now_ns) return false;
    due = 0;
    return true;
  };
  if (take(Timer::life)) return end(c, reason::none);
  if (take(Timer::delayed_ack)) {
    c.ack_now = 1;
    want_output(c);
  }
  if (take(Timer::retransmit)) expire_retransmit(c);
  if (c.state != State::closed && take(Timer::keepalive)) expire_keepalive(c);
  if (c.state == State::closed) return;
  for (const std::uint64_t due : c.due) {
    if (due != 0 && tick_of(due) < wheel_.tick_of(number(c))) wheel_.set(number(c), tick_of(due));
  }
}

std::uint64_t Tcp::rto_ns(const Connection& c) const {
  const std::uint64_t rto = std::uint64_t{c.rto_us} << std::min<unsigned>(c.backoff, 16);
  return std::min(rto * 1000, config_.rto_max * ms_ns);
}

// What the connection waits for now: nothing, a closed window, an acknowledgement.
void Tcp::arm_retransmit(Connection& c) {
  // (Who has given the connection a time is told when it is over, not at the next retransmission.)
  const std::uint64_t limit_ns = c.user_timeout_ms != 0 && c.stuck_since_ns != 0
                                     ? c.stuck_since_ns + c.user_timeout_ms * ms_ns
                                     : ~std::uint64_t{0};
  const auto set = [&](Wait what, std::uint64_t due_ns) {
    c.waits_for = what;
    if (what == Wait::rto || what == Wait::persist) due_ns = std::min(due_ns, limit_ns);
    arm(c, Timer::retransmit, due_ns);
  };
  const bool open = c.state != State::closed && c.state != State::time_wait;
  const bool closed_window = c.snd_wnd == 0 && c.synchronised();
  if (!open || (c.sent_first == none && (!c.sends_text() || c.fin_sent != 0 ||
                                         (c.snd_end == c.snd_nxt && c.fin_queued == 0)))) {
    c.waits_for = Wait::nothing;
    return disarm(c, Timer::retransmit);
  }
  if (c.sent_first == none && pauses(c)) return set(Wait::persist, c.rto_from_ns + rto_ns(c));
  if (c.sent_first == none || closed_window) {
    if (c.waits_for == Wait::persist && c.due[0] != 0) return;
    return set(Wait::persist, now_ns + rto_ns(c));
  }
  const std::uint64_t rto_due = c.rto_from_ns + rto_ns(c);
  if (c.reorder_due_ns != 0) return set(Wait::reordering, std::min(c.reorder_due_ns, rto_due));
  if (may_probe_tail(c)) {
    const std::uint64_t due = std::max(c.last_sent_ns, c.rto_from_ns) + tail_probe_ns(c);
    return set(Wait::tail_probe, std::min(due, rto_due));
  }
  set(Wait::rto, rto_due);
}

// RFC 3168 section 6.1.2: a window of one segment can't be halved; the retransmission timer, which
// the acknowledgement that told of congestion has set anew, says when the next one leaves.
bool Tcp::pauses(Connection& c) const {
  if (c.ecn_pause != 0 && now_ns >= c.rto_from_ns + rto_ns(c)) c.ecn_pause = 0;
  return c.ecn_pause != 0;
}

void Tcp::expire_retransmit(Connection& c) {
  const Wait waited = c.waits_for;
  c.waits_for = Wait::nothing;
  if (waited == Wait::persist || waited == Wait::rto) c.ecn_pause = 0;
  switch (waited) {
    case Wait::nothing: return want_output(c);
    case Wait::reordering: {
      c.reorder_due_ns = 0;
      if (rack_detect(c)) {
        Delivered d;
        d.new_loss = true;
        d.una_before = c.snd_una;
        if (c.recovery == Recovery::open || c.recovery == Recovery::cwr)
          enter_recovery(c, Recovery::fast);
        if (c.recovery == Recovery::fast) proportional_reduction(c, d);
        c.force_one = 1;
      }
      break;
    }
    case Wait::tail_probe: c.probe_tail = 1; break;
    case Wait::persist:
      if (c.snd_wnd != 0) {  // a small segment, or a corked one: it has waited long enough
        c.push_window = 1;
        break;
      }
      if (gave_up(c)) return;
      if (c.window_probes < 255) ++c.window_probes;
      c.probe_window = 1;
      if (c.backoff < 16) ++c.backoff;
      break;
    case Wait::rto:
      if (gave_up(c)) return;
      if (c.sent_first == none) break;
      timed_out(c);
      suspect_black_hole(c);
      if (c.backoff < 16) ++c.backoff;
      // R1 (RFC 9293 section 3.8.3): whoever sends for this host may ask for another way.
      if (c.backoff == 3) notify(c, event::stuck);
      break;
  }
  c.rto_from_ns = now_ns;
  arm_retransmit(c);
  want_output(c);
}

// R2 of RFC 9293 section 3.8.3, or the user timeout. A peer that answers and keeps its window
// closed is there (MUST-35): only who has asked for a timeout gives it up, or who has closed and
// waits for nothing else (peers that do so to many are an attack).
bool Tcp::gave_up(Connection& c) {
  if (c.stuck_since_ns == 0) {
    c.stuck_since_ns = c.rto_from_ns != 0 ? c.rto_from_ns : now_ns;
  }
  std::uint64_t since = c.stuck_since_ns;
  std::uint64_t limit = config_.give_up;
  if (!c.synchronised()) limit = c.passive != 0 ? config_.give_up_syn_ack : config_.give_up_syn;
  if (!c.synchronised() && c.syn_retries != 0) {
    if (c.syn_again < c.syn_retries) return false;
    limit = 0;
  }
  if (c.user_timeout_ms != 0) {
    limit = c.user_timeout_ms;
  } else if (c.snd_wnd == 0 && c.released == 0) {
    since = std::max(since, c.last_heard_ns);
  }
  if (now_ns - since < limit * ms_ns) return false;
  ++counters_.given_up;
  if (c.synchronised()) reset_peer(c);
  end(c, c.soft_error != reason::none ? c.soft_error : reason::timed_out);
  return true;
}

void Tcp::expire_keepalive(Connection& c) {
  const std::uint64_t idle_ns = c.keepalive_idle_ms * ms_ns;
  if (c.keepalive == 0 || !c.synchronised() || c.state == State::time_wait) return;
  if (c.outstanding() != 0 || (c.keepalives_sent == 0 && now_ns - c.last_heard_ns < idle_ns)) {
    return arm(c, Timer::keepalive,
               std::max(c.last_heard_ns, now_ns - idle_ns) + idle_ns +
                   (c.outstanding() != 0 ? tick_ns : 0));
  }
  const bool late = c.user_timeout_ms != 0 && c.keepalives_sent != 0 &&
                    now_ns - c.last_heard_ns >= c.user_timeout_ms * ms_ns;
  if (late || c.keepalives_sent >= c.keepalive_count) {
    ++counters_.given_up;
    reset_peer(c);
    return end(c, reason::timed_out);
  }
  ++c.keepalives_sent;
  c.probe_alive = 1;
  want_output(c);
  arm(c, Timer::keepalive, now_ns + c.keepalive_interval_ms * ms_ns);
}

void Tcp::heard(Connection& c) {
  c.last_heard_ns = now_ns;
  c.window_probes = 0;
  if (c.keepalives_sent == 0) return;
  c.keepalives_sent = 0;
  arm(c, Timer::keepalive, now_ns + c.keepalive_idle_ms * ms_ns);
}

}  // namespace weft::tcp
