// Segments that belong to no connection: new ones, SYN cookies, resets (RFC 9293 sections 3.10.7.1
// and 3.10.7.2; RFC 4987 section 3.6).
//
// A cookie is an initial sequence number from which, when it is acknowledged, the connection can be
// made: 5 bits say in which 64 s it was sent, 3 bits the peer's segment size, 24 are a keyed hash
// over these, the addresses and the peer's number. With timestamps, the low 6 bits of the one sent
// carry what else the SYN offered.
#include <algorithm>
#include <utility>

#include "stack-nodes/tcp/machine/congestion.h"
#include "stack-nodes/tcp/machine/stack.h"

namespace weft::tcp {
namespace {

constexpr std::array<std::uint16_t, 8> cookie_mss = {216, 536, 896, 1220, 1300, 1380, 1440, 1460};
constexpr std::uint64_t cookie_step_ns = 64'000'000'000;
constexpr std::uint32_t cookie_steps = 2;  // for so many it is taken
constexpr std::uint32_t ts_scale_none = 15, ts_sack = 16, ts_ecn = 32, ts_bits = 63;

std::uint32_t step_of(std::uint64_t now_ns) {
  return static_cast<std::uint32_t>(now_ns / cookie_step_ns);
}

}  // namespace

std::uint32_t Tcp::find_listener(const Tuple& t) const {
  return listeners_.find_for(t.local, t.local_port);
}

bool Tcp::arrive_unknown(Segment& s) {
  const bool to_itself = s.tuple.local == s.tuple.peer && s.tuple.local_port == s.tuple.peer_port;
  if (to_itself || (s.has(syn) && (s.has(fin) || s.has(rst)))) {
    ++counters_.bad_flags;
    return false;
  }
  const std::uint32_t listener = find_listener(s.tuple);
  if (listener != none) return arrive_listen(listener, s);
  if (s.has(rst)) {
    ++counters_.to_closed_quiet;
    return false;
  }
  ++counters_.no_connection;
  reply_reset(s);
  return false;
}

bool Tcp::arrive_listen(std::uint32_t listener, Segment& s) {
  const bool reused = std::exchange(reused_, false);
  if (s.has(rst)) {
    ++counters_.to_closed_quiet;
    return false;
  }
  if (s.has(ack)) {
    if (!s.has(syn) && arrive_cookie(listener, s)) return kept_;
    // While cookies are about, what follows the acknowledgement that makes the connection may
    // overtake it: a reset would end what has not begun.
    if (cookies_valid()) {
      ++counters_.bad_cookie;
      return false;
    }
    ++counters_.no_connection;
    reply_reset(s);
    return false;
  }
  if (!s.has(syn)) {
    ++counters_.bad_flags;
    return false;
  }
  Listener& l = listeners_[listener];
  if (l.unaccepted >= l.backlog) {  // the application does not keep up: the peer asks again
    ++counters_.backlog_full;
    return false;
  }
  const bool full = l.half_open >= l.backlog || connections_.room() == 0;
  if (config_.always_cookies || (full && config_.syn_cookies)) {
    send_cookie(l, s);
    return false;
  }
  if (full) {
    ++counters_.backlog_full;
    return false;
  }
  const Seq iss = reused && !config_.initial_sequence
                      ? later(reused_iss_, initial_sequence(s.tuple))
                      : initial_sequence(s.tuple);
  const std::uint32_t at = open_passive(listener, s, iss, false);
  if (at != none) want_output(connections_[at]);
  return false;
}

// Text that comes with a SYN is not taken: its sender sends it again (section 3.10.7.2 allows to
// queue it; nobody may be told of it before the handshake is done).
std::uint32_t Tcp::open_passive(std::uint32_t listener, const Segment& s, Seq iss, bool by_cookie) {
  const std::uint32_t at = make_connection(s.tuple, listeners_[listener].settings);
  if (at == none) return none;
  Connection& c = connections_[at];
  Listener& l = listeners_[listener];
  c.passive = 1;
  c.listener = listener;
  c.listener_counts = 1;
  c.cookie = l.cookie;
  c.state = State::syn_received;
  c.irs = by_cookie ? s.seq - 1 : s.seq;
  c.rcv_nxt = c.acked_to = c.irs + 1;
  c.rcv_edge += c.rcv_nxt;
  c.iss = c.snd_una = c.snd_nxt = iss;
  c.snd_end = c.small_end = c.rack_fack = c.rack_round = c.flight_end = iss + 1;
  c.rcv_up = c.irs;
  c.snd_wnd = c.max_wnd = s.window;
  c.snd_wl1 = s.seq;
  c.snd_wl2 = s.ack_seq;
  c.ecn = !by_cookie && s.has(ece) && s.has(cwr) ? 1 : 0;  // RFC 3168 section 6.1.1
  ++l.half_open;
  if (!by_cookie) take_options(c, s.options, s.options.scale);
  return at;
}

// What both sides have agreed on, from the peer's SYN.
void Tcp::take_options(Connection& c, const Options& o, std::uint8_t scale) {
  c.scaling = config_.window_scaling && o.has_scale ? 1 : 0;
  c.snd_scale = c.scaling != 0 ? scale : std::uint8_t{0};
  if (c.scaling == 0) c.rcv_scale = 0;
  c.sack = config_.sack && o.sack_permitted ? 1 : 0;
  c.timestamps = config_.timestamps && o.has_timestamps ? 1 : 0;
  if (c.timestamps != 0) {
    c.ts_recent = o.ts_value;
    c.ts_recent_ns = now_ns;
    c.ts_recent_set = 1;
  }
  // MUST-15: 536 (1220 with IPv6) where nothing is said. A peer that asks for next to nothing has
  // us send no more headers than text (CVE-2019-11477 and its like).
  constexpr std::uint16_t least = 64;
  const std::uint16_t assumed = c.tuple.peer.is_v4() ? 536 : 1220;
  c.peer_mss = o.has_mss ? std::max(o.mss, least) : assumed;
  limit_mss(c);
  c.rcv_mss = std::min<std::uint16_t>(c.mss, 536);  // it grows with what comes
  congestion::start(c, config_.initial_segments);
}

void Tcp::established(Connection& c) {
  c.state = c.fin_queued != 0 ? State::fin_wait_1 : State::established;
  c.error = reason::none;
  disarm(c, Timer::life);
  c.quick_acks = 8;
  if (c.syn_again != 0) {  // RFC 5681 section 3.1; RFC 6298 section 5.7
    c.cwnd = c.mss;
    c.ssthresh = ~std::uint32_t{0};
    c.rto_us = 3'000'000;
  }
  if (c.keepalive != 0) arm(c, Timer::keepalive, now_ns + c.keepalive_idle_ms * 1'000'000ull);
  if (c.passive != 0) {
    if (c.listener_counts != 0) {
      --listeners_[c.listener].half_open;
      ++listeners_[c.listener].unaccepted;
    }
    ++counters_.opened_passive;
    notify(c, event::new_conn);
  } else {
    ++counters_.opened_active;
    notify(c, event::connected);
  }
}

// The listener's place is free for another connection.
void Tcp::take_place(Connection& c) {
  if (c.listener_counts == 0) return;
  Listener& l = listeners_[c.listener];
  if (c.told == 0) {
    --l.half_open;
  } else {
    --l.unaccepted;
  }
  c.listener_counts = 0;
}

std::uint32_t Tcp::cookie_code(const Tuple& t, Seq irs, std::uint32_t step,
                               std::uint32_t size) const {
  const std::uint64_t what = std::uint64_t{irs} << 32 | (step << 3 | size) << 2 | 3;
  return static_cast<std::uint32_t>(keyed_hash(config_.secret, t, what)) & 0xffffff;
}

void Tcp::send_cookie(const Listener& l, const Segment& s) {
  const Options& o = s.options;
  const std::uint32_t buffer =
      l.settings.receive_buffer != 0 ? l.settings.receive_buffer : config_.receive_buffer;
  std::uint32_t own = config_.mtu - s.tuple.peer.header() - 20;
  if (l.settings.max_segment != 0) own = std::min<std::uint32_t>(own, l.settings.max_segment);
  std::uint32_t size = 0;
  const std::uint16_t peer_mss = o.has_mss ? o.mss : std::uint16_t{536};
  while (size + 1 < cookie_mss.size() && cookie_mss[size + 1] <= peer_mss) ++size;
  const std::uint32_t step = step_of(now_ns);
  OutSegment out;
  out.tuple = s.tuple;
  out.flags = syn | ack;
  out.seq = (step & 31) << 27 | size << 24 | cookie_code(s.tuple, s.seq, step, size);
  out.ack_seq = s.seq + 1;
  out.window = static_cast<std::uint16_t>(std::min<std::uint32_t>(buffer, 0xffff));
  OptionWriter options(out.options);
  options.mss(static_cast<std::uint16_t>(own));
  if (config_.timestamps && o.has_timestamps) {
    std::uint32_t said = o.has_scale && config_.window_scaling ? o.scale : ts_scale_none;
    if (o.sack_permitted && config_.sack) said |= ts_sack;
    if (s.has(ece) && s.has(cwr)) said |= ts_ecn;
    std::uint32_t value =
        static_cast<std::uint32_t>(now_ns / 1'000'000) + timestamp_offset(s.tuple);
    const std::uint32_t base = value & ~ts_bits;
    value = after(base | said, value) ? (base | said) - (ts_bits + 1) : base | said;
    options.timestamps(value, o.ts_value);
    if ((said & ts_sack) != 0) options.sack_permitted();
    const std::uint32_t most = l.settings.receive_buffer != 0 ? 0 : config_.most_receive_buffer;
    if ((said & ts_scale_none) != ts_scale_none) options.scale(make_scale(std::max(buffer, most)));
    if ((said & ts_ecn) != 0) out.flags |= ece;
  }
  out.option_bytes = options.bytes();
  cookies_sent_ns_ = std::max<std::uint64_t>(now_ns, 1);
  ++counters_.cookies_sent;
  reply(out);
}

bool Tcp::cookies_valid() const {
  return cookies_sent_ns_ != 0 && now_ns - cookies_sent_ns_ <= cookie_steps * cookie_step_ns;
}

// True: it was one of ours, and the connection is there (or has no room).
bool Tcp::arrive_cookie(std::uint32_t listener, Segment& s) {
  if (!cookies_valid()) return false;
  const Seq cookie = s.ack_seq - 1;
  const std::uint32_t size = cookie >> 24 & 7;
  const std::uint32_t age = (step_of(now_ns) - (cookie >> 27)) & 31;
  if (age >= cookie_steps ||
      (cookie & 0xffffff) != cookie_code(s.tuple, s.seq - 1, step_of(now_ns) - age, size)) {
    return false;
  }
  Listener& l = listeners_[listener];
  if (l.unaccepted >= l.backlog) {
    ++counters_.backlog_full;
    return true;
  }
  const std::uint32_t at = open_passive(listener, s, cookie, true);
  if (at == none) return true;
  Connection& c = connections_[at];
  Options o;
  o.has_mss = true;
  o.mss = cookie_mss[size];
  if (s.options.has_timestamps) {
    const std::uint32_t said = s.options.ts_echo & ts_bits;
    o.has_timestamps = true;
    o.ts_value = s.options.ts_value;
    o.sack_permitted = (said & ts_sack) != 0;
    o.has_scale = (said & ts_scale_none) != ts_scale_none;
    o.scale = static_cast<std::uint8_t>(said & ts_scale_none);
    c.ecn = (said & ts_ecn) != 0 ? 1 : 0;
  }
  take_options(c, o, o.scale);
  c.snd_nxt = cookie + 1;  // its SYN has been sent, and is acknowledged
  ++counters_.cookies_accepted;
  return arrive_known(c, s), true;
}

// RFC 9293 section 3.5.2, group 1: a reset that the sender of `s` must believe.
void Tcp::reply_reset(const Segment& s) {
  OutSegment out;
  out.tuple = s.tuple;
  if (s.has(ack)) {
    out.flags = rst;
    out.seq = s.ack_seq;
  } else {
    out.flags = rst | ack;
    out.ack_seq = s.end();
  }
  ++counters_.resets_sent;
  reply(out);
}

void Tcp::reply(const OutSegment& s) {
  if (replies_end_ - replies_begin_ == most_replies) {
    ++counters_.replies_lost;
    return;
  }
  replies_[replies_end_++ % most_replies] = s;
}

}  // namespace weft::tcp
