// What a connection sends next, one segment at a time, when its owner has room for it: a SYN, what
// is lost, probes, new text (with Nagle's algorithm and the sender's half of silly window
// avoidance, RFC 9293 sections 3.7.4 and 3.8.6.2.1), or a bare acknowledgement.
#include <algorithm>
#include <cstring>

#include "stack-nodes/tcp/machine/congestion.h"
#include "stack-nodes/tcp/machine/stack.h"

namespace weft::tcp {

void Tcp::want_output(Connection& c) {
  if (c.in_output != 0) return;
  c.in_output = 1;
  c.output_next = none;
  const std::uint32_t at = number(c);
  (output_last_ != none ? connections_[output_last_].output_next : output_first_) = at;
  output_last_ = at;
}

bool Tcp::produce(OutSegment& out) {
  if (replies_begin_ != replies_end_) {
    out = replies_[replies_begin_++ % most_replies];
    ++counters_.sent;
    return true;
  }
  while (output_first_ != none) {
    Connection& c = connections_[output_first_];
    if (c.state != State::closed && make_segment(c, out)) {
      ++counters_.sent;
      ++c.segments_out;
      return true;
    }
    output_first_ = c.output_next;
    if (output_first_ == none) output_last_ = none;
    c.in_output = 0;
    if (c.forgotten != 0) {
      give_back(c);
    } else if (c.state != State::closed) {
      keep_times(c);
      watch_flight(c);
      arm_retransmit(c);
      // (Among many, taking a timer out while it is at hand is cheaper than that it fires for
      // nothing when all of it has left the cache.)
      if (crowded() && c.due == decltype(c.due){}) wheel_.cancel(number(c));
    }
  }
  return false;
}

// For how long there was something to send, and for how long the peer's window kept it from
// leaving.
void Tcp::keep_times(Connection& c) {
  if (c.was_busy != 0) c.busy_ns += now_ns - c.then_ns;
  if (c.was_shut_out != 0) c.shut_out_ns += now_ns - c.then_ns;
  c.then_ns = now_ns;
  c.was_busy = c.synchronised() && c.snd_end != data_una(c) ? 1 : 0;
  c.was_shut_out = c.window_full;
  c.window_full = 0;
}

// How much of the window of congestion the application uses: the most of it within a window of text
// counts, as acknowledgements come when less is on its way.
void Tcp::watch_flight(Connection& c) {
  const bool full = c.cwnd_full != 0 || c.in_flight() + c.mss > c.cwnd;
  const bool sent = c.flight_new != 0;
  c.cwnd_full = c.flight_new = 0;
  if ((!sent && !full) || !c.synchronised()) return;
  const bool over = at_least(c.snd_una, c.flight_end);
  const bool more = c.cwnd_limited == 0 && c.outstanding() > c.most_flight;
  if (!over && !full && !more) return;
  c.cwnd_limited = full ? 1 : 0;
  c.most_flight = c.outstanding();
  c.flight_end = c.snd_nxt;
}

bool Tcp::make_segment(Connection& c, OutSegment& out) {
  if (!c.synchronised() && c.snd_nxt == c.iss) return send_syn(c, out);
  if (const std::uint32_t at = next_lost(c); at != none) {
    const Sent& r = sent_[at];
    if (c.force_one != 0 || c.in_flight() + std::min<std::uint32_t>(r.bytes(), c.mss) <= c.cwnd) {
      if (send_again(c, out, at)) return true;
    }
  }
  c.force_one = 0;
  if (send_probe(c, out)) return true;
  if (c.sends_text()) {
    std::uint32_t len = 0;
    bool with_fin = false;
    if (may_send_new(c, len, with_fin)) {
      if (len == c.mss && !with_fin && may_send_large(c, len)) return send_large(c, out, len);
      send_new(c, out, len, with_fin);
      return true;
    }
  }
  // (In SYN-RECEIVED, too: what is unacceptable, and challenges.)
  if ((c.ack_now != 0 || c.acks_owed != 0) && c.state >= State::syn_received) {
    send_ack(c, out);
    return true;
  }
  return false;
}

// How much text may leave now, and whether the FIN goes with it. False: nothing.
bool Tcp::may_send_new(Connection& c, std::uint32_t& len, bool& with_fin) {
  if (c.fin_sent != 0) return false;
  const std::uint32_t queued = c.snd_end - c.snd_nxt;
  if ((queued == 0 && c.fin_queued == 0) || pauses(c)) return false;
  const std::int32_t usable = distance(c.snd_nxt, c.snd_una + c.snd_wnd);
  const std::uint32_t room = usable > 0 ? static_cast<std::uint32_t>(usable) : 0;
  if (room == 0) {
    c.window_full = queued != 0 ? 1 : 0;
    return false;
  }
  len = std::min({queued, std::uint32_t{c.mss}, room});
  const std::uint32_t of_all = len;
  if (c.records != 0) len = of_record(c, len);
  with_fin = c.fin_queued != 0 && len == queued && room > len;
  // RFC 5681 section 4.1: what was learned of the path before a silence may be wrong by now.
  if (c.outstanding() == 0 && c.last_sent_ns != 0 && c.recovery == Recovery::open &&
      now_ns - c.last_sent_ns > rto_ns(c)) {
    const std::uint32_t initial = congestion::initial_window(c, config_.initial_segments);
    if (c.cwnd > initial) {
      c.ssthresh = std::max(c.ssthresh, c.cwnd / 4 * 3);
      c.cwnd = initial;
    }
    congestion::begin_epoch(c);
  }
  const std::uint32_t flight = c.in_flight();
  if (flight != 0 && flight + len > c.cwnd) {
    c.cwnd_full = 1;
    return false;
  }
  if (c.sent_count >= config_.segments_of_one || sent_.room() == 0) return false;
  if (len == c.mss || with_fin || len < of_all) return true;
  if (c.push_window != 0) {
    c.push_window = 0;
    return len != 0;
  }
  if (len < queued) {  // the window is the limit
    const bool enough = len != 0 && len >= c.max_wnd / 2;
    c.window_full = enough ? 0 : 1;
    return enough;
  }
  if (len == 0) return false;
  if (c.cork != 0 || c.more_comes != 0) return false;
  // Nagle's algorithm as of RFC 9293 appendix A.3: one small segment at a time is on its way. (The
  // last part of a larger piece does not wait for a delayed acknowledgement.)
  const bool small_on_its_way = c.outstanding() != 0 && after(c.small_end, c.snd_una);
  return c.no_delay != 0 || !small_on_its_way || c.fin_queued != 0;
}

// Of the next `len` bytes those up to the end of a record.
std::uint32_t Tcp::of_record(const Connection& c, std::uint32_t len) const {
  std::uint32_t bytes = 0, offset = c.send_offset;
  for (std::uint32_t at = c.send_chunk; at != none && bytes < len; at = chunks_[at].next) {
    bytes += chunks_[at].len - offset;
    offset = 0;
    if (chunks_[at].record_ends && bytes != 0) return std::min(bytes, len);
  }
  return len;
}

// In place of the `len` bytes that may leave: a larger segment, with more behind it that tells of
// its loss. `len` becomes its size.
bool Tcp::may_send_large(const Connection& c, std::uint32_t& len) const {
  const std::uint32_t large = large_text(c);
  const std::int32_t usable = distance(c.snd_nxt, c.snd_una + c.snd_wnd);
  const std::uint32_t more = large + 3u * c.mss;
  if (large <= len || c.records != 0 || c.snd_end - c.snd_nxt < more ||
      usable < static_cast<std::int32_t>(more) || c.in_flight() + large > c.cwnd)
    return false;
  len = large;
  return true;
}

bool Tcp::send_large(Connection& c, OutSegment& out, std::uint32_t len) {
  send_new(c, out, len, false);
  sent_[c.sent_last].flags |= Sent::large;
  search_later(c);
  return true;
}

// Everything but number, text and flags.
void Tcp::begin_segment(Connection& c, OutSegment& out, std::uint8_t flags, std::uint32_t len) {
  out.tuple = c.tuple;
  out.flags = flags;
  out.urgent = 0;
  out.ecn = ecn_none;
  out.ttl = c.ttl;
  out.dscp = c.dscp;
  out.payload = {};
  sacks_unsaid_ = false;
  OptionWriter options(out.options);
  if ((flags & syn) != 0) {
    const bool answer = (flags & ack) != 0;
    const std::uint16_t mtu = c.path_mtu != 0 ? c.path_mtu : config_.mtu;
    std::uint32_t own = mtu - c.tuple.peer.header() - 20;
    if (c.user_mss != 0) own = std::min<std::uint32_t>(own, c.user_mss);
    options.mss(static_cast<std::uint16_t>(own));
    if (answer ? c.sack != 0 : config_.sack) options.sack_permitted();
    if (answer ? c.timestamps != 0 : config_.timestamps)
      options.timestamps(timestamp(c), c.ts_recent);
    if (answer ? c.scaling != 0 : config_.window_scaling) options.scale(c.rcv_scale);
    if (!answer && c.ecn_wanted != 0 && c.syn_again == 0) out.flags |= ece | cwr;
    if (answer && c.ecn != 0) out.flags |= ece;
  } else {
    if (c.timestamps != 0) options.timestamps(timestamp(c), c.ts_recent);
    if (c.sack != 0) say_sacks(c, options, len);
    if (c.ecn_echo != 0) out.flags |= ece;
  }
  out.option_bytes = options.bytes();
  out.ack_seq = (out.flags & ack) != 0 ? c.rcv_nxt : 0;
  out.window = window_to_tell(c, (flags & syn) != 0);
  if ((out.flags & ack) != 0) {
    c.acked_to = c.rcv_nxt;
    c.ack_now = sacks_unsaid_ ? 1 : 0;
    if (c.acks_owed != 0) --c.acks_owed;
    disarm(c, Timer::delayed_ack);
  }
}

// As many blocks as fit beside `len` bytes of text; where there is no room for any, a bare
// acknowledgement has to follow.
void Tcp::say_sacks(Connection& c, OptionWriter& options, std::uint32_t len) {
  const bool twice = duplicate_of_ == number(c);
  if (!twice && c.holes == none) return;
  const std::uint32_t space = c.mss > len + 4 ? (c.mss - len - 4) / 8 : 0;
  const std::uint32_t room = std::min<std::uint32_t>(space, c.timestamps != 0 ? 3 : 4);
  if (room == 0) {
    sacks_unsaid_ = c.ack_now != 0;
    return;
  }
  std::array<SackBlock, 4> blocks;
  std::uint32_t n = 0;
  if (twice) blocks[n++] = duplicate_;
  if (twice) duplicate_of_ = none;
  if (c.holes != none) {
    std::array<SackBlock, 4> runs;
    const std::uint32_t count = holes_[c.holes].blocks(runs, room - n);
    for (std::uint32_t i = 0; i < count; ++i) blocks[n++] = runs[i];
  }
  options.sacks({blocks.data(), n});
}

// RFC 9293 section 3.8.6.2.2: the right edge never moves back, and moves on by a segment, or half
// of the buffer, at least.
std::uint16_t Tcp::window_to_tell(Connection& c, bool with_syn) {
  if (with_syn) {
    return static_cast<std::uint16_t>(std::min<std::uint32_t>(c.rcv_buf, 0xffff));
  }
  const std::uint32_t free = c.rcv_buf > c.rcv_held ? c.rcv_buf - c.rcv_held : 0;
  const std::uint32_t most = 0xffffu << c.rcv_scale;
  const Seq edge = c.rcv_nxt + (std::min(free, most) >> c.rcv_scale << c.rcv_scale);
  const std::uint32_t step = std::min<std::uint32_t>(c.rcv_buf / 2, c.rcv_mss);
  if (distance(c.rcv_edge, edge) >= static_cast<std::int32_t>(step)) c.rcv_edge = edge;
  const std::uint32_t window = std::min(c.receive_window(), most);
  return static_cast<std::uint16_t>(window >> c.rcv_scale);
}

void Tcp::advance_send_place(Connection& c, std::uint32_t bytes) {
  while (bytes != 0) {
    const Chunk& k = chunks_[c.send_chunk];
    const std::uint32_t left = k.len - c.send_offset;
    if (bytes < left) {
      c.send_offset += bytes;
      return;
    }
    bytes -= left;
    if (k.next == none) {  // what is queued next goes on from here
      c.send_offset = k.len;
      return;
    }
    c.send_chunk = k.next;
    c.send_offset = 0;
  }
}

void Tcp::send_new(Connection& c, OutSegment& out, std::uint32_t len, bool with_fin) {
  if (len != 0 && c.send_chunk != none && c.send_offset == chunks_[c.send_chunk].len) {
    c.send_chunk = chunks_[c.send_chunk].next;
    c.send_offset = 0;
  }
  const Seq end = c.snd_nxt + len + (with_fin ? 1 : 0);
  const std::uint32_t at = add_sent(c, c.snd_nxt, end, with_fin ? Sent::fin : std::uint8_t{0});
  std::uint8_t flags = ack;
  if (with_fin) flags |= fin;
  if (len != 0 && c.snd_nxt + len == c.snd_end) flags |= psh;  // MUST-60, MUST-61
  begin_segment(c, out, flags, len);
  out.seq = c.snd_nxt;
  out.payload = {c.send_chunk, c.send_offset, len};
  say_urgent(c, out);
  if (c.may_be_marked() && len != 0 && c.snd_wnd != 0) {  // (RFC 3168 section 6.1.6: no probes)
    out.ecn = ecn_capable;
    if (c.ecn_reduced != 0) {
      out.flags |= cwr;
      c.ecn_reduced = 0;
    }
  }
  was_sent(c, at);
  advance_send_place(c, len);
  if (c.outstanding() == 0) c.rto_from_ns = now_ns;
  c.snd_nxt = end;
  c.flight_new = 1;
  if (with_fin) c.fin_sent = 1;
  c.last_sent_ns = now_ns;
  if (len != 0) ++c.texts_out;
  if (len != 0 && len < c.mss) c.small_end = c.snd_nxt;
  if (c.recovery == Recovery::fast || c.recovery == Recovery::cwr) c.prr_out += end - out.seq;
}

// RFC 9293 section 3.8.5: the pointer says where the urgent text ends (MUST-62).
void Tcp::say_urgent(Connection& c, OutSegment& out) const {
  if (c.urgent_out == 0) return;
  if (!before(out.seq, c.snd_up)) {
    if (at_least(c.snd_una, c.snd_up)) c.urgent_out = 0;
    return;
  }
  out.flags |= urg;
  out.urgent = static_cast<std::uint16_t>(std::min<std::uint32_t>(c.snd_up - out.seq, 0xffff));
}

// False: it is too long for one segment now, and no record is left for the rest.
bool Tcp::send_again(Connection& c, OutSegment& out, std::uint32_t at) {
  Sent* r = &sent_[at];
  r->flags &= static_cast<std::uint8_t>(~Sent::large);
  const std::uint32_t text = r->bytes() - (r->is(Sent::fin) ? 1 : 0) - (r->is(Sent::syn) ? 1 : 0);
  if (text > c.mss && split_sent(c, at, r->begin + c.mss) == none) return false;
  r = &sent_[at];
  const bool first = r->is(Sent::syn);
  const std::uint32_t len = r->bytes() - (r->is(Sent::fin) ? 1 : 0) - (first ? 1 : 0);
  if (first) {
    if (c.syn_again < 255) ++c.syn_again;
    begin_segment(c, out, c.state == State::syn_sent ? syn : syn | ack, 0);
  } else {
    std::uint8_t flags = ack;
    if (r->is(Sent::fin)) flags |= fin;
    if (len != 0 && r->begin + len == c.snd_end) flags |= psh;
    begin_segment(c, out, flags, len);
  }
  out.seq = r->begin;
  out.payload = {r->chunk, r->offset, len};
  say_urgent(c, out);
  if (r->is(Sent::lost)) {
    r->flags |= Sent::again;
    c.again_bytes += r->bytes();
  }
  r->flags |= Sent::ever_again;
  was_sent(c, at);
  c.last_again_ts = timestamp(c);
  if (c.first_again_ts == 0) c.first_again_ts = c.last_again_ts;
  if (c.undo_left >= 0) ++c.undo_left;
  c.force_one = 0;
  c.rto_from_ns = now_ns;
  c.last_sent_ns = now_ns;
  ++c.retransmitted;
  c.bytes_again += len;
  if (len != 0) ++c.texts_out;
  ++counters_.sent_again;
  if (c.recovery == Recovery::fast || c.recovery == Recovery::cwr) c.prr_out += r->bytes();
  return true;
}

// False: no record is left for it; the timer asks again.
bool Tcp::send_syn(Connection& c, OutSegment& out) {
  const std::uint32_t at = add_sent(c, c.iss, c.iss + 1, Sent::syn);
  if (at == none) {
    arm(c, Timer::retransmit, now_ns + config_.rto_initial * 1'000'000ull);
    return false;
  }
  begin_segment(c, out, c.state == State::syn_sent ? syn : syn | ack, 0);
  out.seq = c.iss;
  c.snd_nxt = c.iss + 1;
  was_sent(c, at);
  c.rto_from_ns = now_ns;
  c.last_sent_ns = now_ns;
  return true;
}

void Tcp::send_ack(Connection& c, OutSegment& out) {
  begin_segment(c, out, ack, 0);
  out.seq = c.snd_nxt;
}

// Of the tail, of a closed window, of whether the peer is there.
bool Tcp::send_probe(Connection& c, OutSegment& out) {
  if (c.probe_tail != 0) {
    c.probe_tail = 0;
    std::uint32_t len = 0;
    bool with_fin = false;
    const std::uint32_t cwnd = c.cwnd;
    c.cwnd = ~std::uint32_t{0} / 2;
    const bool fresh = c.sends_text() && may_send_new(c, len, with_fin);
    c.cwnd = cwnd;
    if (!fresh && c.sent_last == none) return false;
    ++counters_.tail_probes;
    c.tail_probe_open = 1;
    c.tail_probe_again = fresh ? 0 : 1;
    c.tail_probe_end = c.snd_nxt;
    if (!fresh) return send_again(c, out, c.sent_last);
    send_new(c, out, len, with_fin);
    c.tail_probe_end = c.snd_nxt;
    return true;
  }
  if (c.probe_window != 0) {
    c.probe_window = 0;
    if (c.sent_first != none) return send_again(c, out, c.sent_first);
    if (c.fin_sent == 0 && (c.snd_end != c.snd_nxt || c.fin_queued != 0) && c.sends_text() &&
        sent_.room() != 0) {
      const std::uint32_t len = c.snd_end != c.snd_nxt ? 1 : 0;
      send_new(c, out, len, len == 0);
      return true;
    }
  }
  if (c.probe_alive != 0) {
    c.probe_alive = 0;
    begin_segment(c, out, ack, 0);
    out.seq = c.snd_nxt - 1;  // outside of the window: it must be answered
    return true;
  }
  return false;
}

void Tcp::copy_payload(const OutSegment& s, std::uint8_t* to) const {
  std::uint32_t at = s.payload.chunk, offset = s.payload.offset;
  for (std::uint32_t left = s.payload.len; left != 0;) {
    const Chunk& k = chunks_[at];
    const std::uint32_t bytes = std::min(left, k.len - offset);
    std::memcpy(to, k.data + offset, bytes);
    to += bytes;
    left -= bytes;
    offset = 0;
    at = k.next;
  }
}

}  // namespace weft::tcp
