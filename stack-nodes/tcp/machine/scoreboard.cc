// Segments in flight: a list by sequence number, and one by the time when they were last sent.
// Those that have arrived out of order (SACK) or are given up for lost leave the list by time.
// Neighbours that have both been sacked become one record, so that both lists stay as short as what
// is open.
#include <algorithm>

#include "stack-nodes/tcp/machine/delivered.h"
#include "stack-nodes/tcp/machine/stack.h"

namespace weft::tcp {

// At the end of the list by sequence number. `none`: no record is left.
std::uint32_t Tcp::add_sent(Connection& c, Seq begin, Seq end, std::uint8_t flags) {
  if (c.sent_count >= config_.segments_of_one) return none;
  const std::uint32_t at = sent_.take();
  if (at == none) return none;
  Sent& r = sent_[at];
  r.begin = begin;
  r.end = end;
  r.flags = flags;
  r.segments = 1;
  r.chunk = c.send_chunk;
  r.offset = c.send_offset;
  r.previous = c.sent_last;
  if (c.sent_last != none) {
    sent_[c.sent_last].next = at;
  } else {
    c.sent_first = at;
  }
  c.sent_last = at;
  ++c.sent_count;
  return at;
}

void Tcp::leave_order(Connection& c, Sent& r) {
  if (r.in_order == 0) return;
  (r.older != none ? sent_[r.older].newer : c.oldest) = r.newer;
  (r.newer != none ? sent_[r.newer].older : c.newest) = r.older;
  r.older = r.newer = none;
  r.in_order = 0;
}

// Now: it is the newest.
void Tcp::was_sent(Connection& c, std::uint32_t at) {
  Sent& r = sent_[at];
  leave_order(c, r);
  r.sent_ns = now_ns;
  r.older = c.newest;
  (c.newest != none ? sent_[c.newest].newer : c.oldest) = at;
  c.newest = at;
  r.in_order = 1;
}

void Tcp::remove_sent(Connection& c, std::uint32_t at) {
  Sent& r = sent_[at];
  leave_order(c, r);
  if (r.is(Sent::sacked)) {
    c.sacked_bytes -= r.bytes();
  } else if (r.is(Sent::lost)) {
    c.lost_bytes -= r.bytes();
    if (r.is(Sent::again)) c.again_bytes -= r.bytes();
  }
  (r.previous != none ? sent_[r.previous].next : c.sent_first) = r.next;
  (r.next != none ? sent_[r.next].previous : c.sent_last) = r.previous;
  --c.sent_count;
  sent_.give(at);
}

// The place of a record's text, `bytes` further on: across chunks.
void Tcp::move_place(Sent& r, std::uint32_t bytes) const {
  while (r.chunk != none && r.offset + bytes >= chunks_[r.chunk].len) {
    bytes -= chunks_[r.chunk].len - r.offset;
    r.offset = 0;
    r.chunk = chunks_[r.chunk].next;
  }
  r.offset += bytes;
}

// Its first bytes, up to `where`, have been acknowledged.
void Tcp::trim_sent(Connection& c, std::uint32_t at, Seq where) {
  Sent& r = sent_[at];
  const std::uint32_t bytes = where - r.begin;
  if (r.is(Sent::sacked)) {
    c.sacked_bytes -= bytes;
  } else if (r.is(Sent::lost)) {
    c.lost_bytes -= bytes;
    if (r.is(Sent::again)) c.again_bytes -= bytes;
  }
  move_place(r, r.is(Sent::syn) ? bytes - 1 : bytes);
  r.flags &= static_cast<std::uint8_t>(~Sent::syn);
  r.begin = where;
  const std::uint32_t whole = (r.bytes() + c.mss - 1) / c.mss;
  if (r.segments > whole) r.segments = static_cast<std::uint16_t>(std::max(whole, 1u));
}

// Cuts a record in two; `at` keeps the part before `where`. The number of the part behind; `none`:
// no record is left, and nothing was cut.
std::uint32_t Tcp::split_sent(Connection& c, std::uint32_t at, Seq where) {
  const std::uint32_t behind = sent_.take();
  if (behind == none) return none;
  Sent& front = sent_[at];
  Sent& back = sent_[behind];
  back = front;
  back.begin = where;
  front.end = where;
  move_place(back, front.is(Sent::syn) ? front.bytes() - 1 : front.bytes());
  back.segments = front.segments > 1 ? static_cast<std::uint16_t>(front.segments - 1) : 1;
  front.segments = 1;
  front.flags &= static_cast<std::uint8_t>(~Sent::fin);
  back.flags &= static_cast<std::uint8_t>(~Sent::syn);
  back.previous = at;
  front.next = behind;
  (back.next != none ? sent_[back.next].previous : c.sent_last) = behind;
  if (back.in_order != 0) {  // right behind the front part in time
    back.older = at;
    front.newer = behind;
    (back.newer != none ? sent_[back.newer].older : c.newest) = behind;
  }
  ++c.sent_count;
  return behind;
}

// Two neighbours that have both arrived, or are both lost, become one record, the first.
void Tcp::join_sent(Connection& c, std::uint32_t at, std::uint32_t behind) {
  const Sent back = sent_[behind];
  remove_sent(c, behind);
  Sent& front = sent_[at];
  (front.is(Sent::sacked) ? c.sacked_bytes : c.lost_bytes) += back.bytes();
  front.end = back.end;
  front.segments = static_cast<std::uint16_t>(front.segments + back.segments);
  front.flags |= back.flags & (Sent::fin | Sent::ever_again);
}

void Tcp::mark_lost(Connection& c, std::uint32_t at) {
  Sent& r = sent_[at];
  leave_order(c, r);
  r.flags &= static_cast<std::uint8_t>(~Sent::large);
  if (r.is(Sent::sacked)) return;
  if (!r.is(Sent::lost)) {
    r.flags |= Sent::lost;
    c.lost_bytes += r.bytes();
  } else if (r.is(Sent::again)) {  // the retransmission is lost as well
    r.flags &= static_cast<std::uint8_t>(~Sent::again);
    c.again_bytes -= r.bytes();
  }
}

void Tcp::mark_all_lost(Connection& c) {
  for (std::uint32_t i = c.sent_first; i != none; i = sent_[i].next) mark_lost(c, i);
}

Flight Tcp::flight(const Connection& c) const {
  Flight f;
  for (std::uint32_t i = c.sent_first; i != none; i = sent_[i].next) {
    const Sent& r = sent_[i];
    f.sent += r.segments;
    if (r.is(Sent::sacked)) {
      f.sacked += r.segments;
    } else if (r.is(Sent::lost)) {
      f.lost += r.segments;
      if (r.is(Sent::again)) f.again += r.segments;
    }
  }
  return f;
}

// The receiver has thrown away what it had announced (RFC 2018 section 8).
void Tcp::forget_sacks(Connection& c) {
  for (std::uint32_t i = c.sent_first; i != none; i = sent_[i].next) {
    Sent& r = sent_[i];
    if (!r.is(Sent::sacked)) continue;
    r.flags = static_cast<std::uint8_t>((r.flags & (Sent::syn | Sent::fin)) | Sent::ever_again);
    c.sacked_bytes -= r.bytes();
  }
}

// The first that is lost and has not been sent again.
std::uint32_t Tcp::next_lost(const Connection& c) const {
  if (c.lost_bytes == c.again_bytes) return none;
  for (std::uint32_t i = c.sent_first; i != none; i = sent_[i].next) {
    const Sent& r = sent_[i];
    if (r.is(Sent::lost) && !r.is(Sent::again) && !r.is(Sent::sacked)) return i;
  }
  return none;
}

void Tcp::mark_sacked(Connection& c, std::uint32_t at, Delivered& d) {
  Sent& r = sent_[at];
  rack_delivered(c, r, d);
  d.delivered += r.bytes();
  leave_order(c, r);
  if (r.is(Sent::lost)) {
    c.lost_bytes -= r.bytes();
    if (r.is(Sent::again)) c.again_bytes -= r.bytes();
  }
  r.flags = static_cast<std::uint8_t>((r.flags & ~(Sent::lost | Sent::again)) | Sent::sacked);
  c.sacked_bytes += r.bytes();
  c.rack_fack = later(c.rack_fack, r.end);
}

// RFC 2018 and RFC 2883. Blocks are in no order that could be relied on; what lies outside of what
// is outstanding is a D-SACK, or nonsense.
void Tcp::take_sacks(Connection& c, const Segment& s, Delivered& d) {
  const auto& o = s.options;
  std::array<SackBlock, Options::most_sacks> blocks;
  unsigned n = 0;
  for (unsigned i = 0; i < o.sack_count; ++i) {
    const SackBlock& b = o.sacks[i];
    if (!before(b.begin, b.end)) continue;
    const bool below = at_most(b.end, s.ack_seq) && at_least(b.begin, c.snd_una - c.max_wnd);
    const bool inside = i == 0 && o.sack_count > 1 && at_most(o.sacks[1].begin, b.begin) &&
                        at_most(b.end, o.sacks[1].end);
    if (i == 0 && (below || inside)) {
      d.dsack = true;
      d.dsack_end = b.end;
      ++c.spurious;
      continue;
    }
    if (before(b.begin, c.snd_una) || after(b.end, c.snd_nxt)) continue;
    unsigned place = n++;  // in order
    for (; place > 0 && before(b.begin, blocks[place - 1].begin); --place)
      blocks[place] = blocks[place - 1];
    blocks[place] = b;
  }
  unsigned i = 0;
  for (std::uint32_t at = c.sent_first; at != none && i < n;) {
    if (at_most(blocks[i].end, sent_[at].begin)) {
      ++i;
      continue;
    }
    if (at_most(sent_[at].end, blocks[i].begin) || sent_[at].is(Sent::sacked)) {
      at = sent_[at].next;
      continue;
    }
    if (before(sent_[at].begin, blocks[i].begin)) {
      at = split_sent(c, at, blocks[i].begin);
      if (at == none) return;
    }
    if (after(sent_[at].end, blocks[i].end) && split_sent(c, at, blocks[i].end) == none) return;
    mark_sacked(c, at, d);
    const std::uint32_t before_it = sent_[at].previous, behind = sent_[at].next;
    if (behind != none && sent_[behind].is(Sent::sacked)) join_sent(c, at, behind);
    if (before_it != none && sent_[before_it].is(Sent::sacked)) {
      join_sent(c, before_it, at);
      at = before_it;
    }
    at = sent_[at].next;
  }
}

}  // namespace weft::tcp
