// The seventh step: text. In order it goes to the application, before its turn it waits in `Holes`.
#include <algorithm>

#include "stack-nodes/tcp/machine/stack.h"

namespace weft::tcp {
namespace {

// Packets of one connection that wait for the application, or for their turn: each holds a buffer,
// however few bytes are in it.
std::uint32_t most_chunks(const Connection& c) { return std::max(32u, c.rcv_buf / 512); }

}  // namespace

// When packets are scarce, those that have few go on: a few connections whose text nobody reads, in
// small segments, would take all buffers else. The last quarter is for text in order: what waits
// for its turn never keeps out what it waits for.
bool Tcp::may_wait(std::uint32_t already, bool in_order) const {
  constexpr std::uint32_t few = 16;
  const std::uint32_t most = config_.most_waiting - (in_order ? 0 : config_.most_waiting / 4);
  return waiting_ < config_.most_waiting / 2 || (already < few && waiting_ < most);
}

bool Tcp::queue_text(Chunks& list, const std::uint8_t* data, std::uint32_t len, void* buffer,
                     Seq seq) {
  const std::uint32_t at = chunks_.take();
  if (at == none) return false;
  chunks_[at] = {data, reinterpret_cast<std::uint64_t>(buffer), len, none, seq};
  if (list.last != none) {
    chunks_[list.last].next = at;
  } else {
    list.first = at;
  }
  list.last = at;
  return true;
}

void Tcp::take_text(Connection& c, const Segment& s) {
  if (!c.takes_text()) {  // behind its FIN, which the peer may not know to be here
    if (c.fin_received != 0) c.ack_now = 1;
    return;
  }
  Seq begin = s.seq, end = s.seq + s.len;
  if (before(begin, c.rcv_nxt)) {
    say_duplicate(c, begin, earlier(end, c.rcv_nxt));
    begin = c.rcv_nxt;
  }
  end = earlier(end, c.rcv_edge);
  if (c.fin_known != 0) end = earlier(end, c.fin_at);
  if (!before(begin, end)) {
    ++counters_.duplicate;
    c.answer_quickly();
    return;
  }
  if (c.released != 0 ||
      (c.deaf != 0 &&
       c.fin_queued != 0)) {  // RFC 9293 section 3.6.1 (SHLD-3): the peer is told that it was lost
    ++counters_.after_close;
    refuse(c, s);
    end_released(c);
    return;
  }
  const std::uint32_t own_mss = config_.mtu - c.tuple.local.header() - 20;
  c.rcv_mss = std::max(c.rcv_mss, static_cast<std::uint16_t>(std::min(s.len, own_mss)));
  Segment part = s;
  part.data += begin - s.seq;
  part.seq = begin;
  part.len = end - begin;
  if (begin != c.rcv_nxt) return take_out_of_order(c, part);

  if (c.unread_count >= most_chunks(c) || !may_wait(c.unread_count, true) ||
      !queue_text(c.unread, part.data, part.len, part.buffer, part.seq)) {
    ++counters_.no_room;
    c.ack_now = 1;
    return;
  }
  keep();
  ++c.unread_count;
  const Seq old = c.rcv_nxt;
  c.rcv_nxt = end;
  const bool gap = c.holes != none;
  if (gap) fill_from_holes(c);
  const std::uint32_t bytes = c.rcv_nxt - old;
  c.rcv_held += bytes;
  c.bytes_received += bytes;
  notify(c, event::data);
  measure_as_receiver(c, s);
  grow_buffer(c, bytes);
  if (gap) c.ack_now = 1;  // RFC 5681 section 4.2
  acknowledge_soon(c, bytes);
}

// Text that has come in order tells of the round trip, for information: by how long ago the time
// was that it echoes, or without timestamps by how long a whole window of text takes, at least.
void Tcp::measure_as_receiver(Connection& c, const Segment& s) {
  constexpr unsigned ticks = 14;  // of 2^14 ns: they wrap after 19 hours
  if (c.timestamps != 0) {
    if (s.options.ts_echo == c.rcv_rtt_mark || s.len < c.rcv_mss) return;
    c.rcv_rtt_mark = s.options.ts_echo;
    const std::uint32_t ms = timestamp(c) - s.options.ts_echo;
    if (ms >= 600'000) return;
    const std::uint32_t us = std::max(ms * 1000, 1u);
    c.rcv_rtt_us = c.rcv_rtt_us == 0 ? us : c.rcv_rtt_us - c.rcv_rtt_us / 8 + us / 8;
    return;
  }
  const std::uint32_t now = std::max(static_cast<std::uint32_t>(now_ns >> ticks), 1u);
  if (c.rcv_rtt_from != 0) {
    if (before(c.rcv_nxt, c.rcv_rtt_mark)) return;
    const std::uint64_t us = (std::uint64_t{now - c.rcv_rtt_from} << ticks) / 1000;
    const auto sample = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(us, 1, ~0u));
    c.rcv_rtt_us = c.rcv_rtt_us == 0 ? sample : std::min(c.rcv_rtt_us, sample);
  }
  c.rcv_rtt_mark = later(c.rcv_edge, c.rcv_nxt);
  c.rcv_rtt_from = now;
}

// A peer may have so much on its way as there is room for: with a fast path more than what a
// connection has at first. Who leaves text lying gets no more room for it.
void Tcp::grow_buffer(Connection& c, std::uint32_t bytes) {
  if (c.rcv_buf >= c.rcv_most) return;
  c.rcv_soon = c.rcv_held > c.rcv_buf / 2 ? 0 : c.rcv_soon + bytes;
  if (c.rcv_soon < 2 * c.rcv_buf) return;
  c.rcv_soon = 0;
  c.rcv_buf = std::min(2 * c.rcv_buf, c.rcv_most);
}

// Every second full segment at least, within the delay otherwise (RFC 9293 section 3.8.6.3).
void Tcp::acknowledge_soon(Connection& c, std::uint32_t) {
  if (c.quick_acks != 0) {
    --c.quick_acks;
    c.ack_now = 1;
  } else if (c.rcv_nxt - c.acked_to >= 2u * c.rcv_mss) {
    c.ack_now = 1;
  } else if (c.due[static_cast<std::size_t>(Timer::delayed_ack)] == 0) {
    arm(c, Timer::delayed_ack, now_ns + config_.delayed_ack * 1'000'000ull);
  }
}

// RFC 2883: what came twice is the first block of the next acknowledgement; of one segment the
// first part that did (section 4.1).
void Tcp::say_duplicate(Connection& c, Seq begin, Seq end) {
  if (c.sack == 0 || begin == end) return;
  if (duplicate_of_ == number(c) && duplicate_in_ == counters_.received) {
    if (begin == duplicate_.end) duplicate_.end = end;
    return;
  }
  duplicate_of_ = number(c);
  duplicate_in_ = counters_.received;
  duplicate_ = {begin, end};
}

void Tcp::take_out_of_order(Connection& c, const Segment& s) {
  ++c.out_of_order;
  c.answer_quickly();
  if (c.acks_owed < 32) ++c.acks_owed;
  if (c.holes == none) c.holes = holes_.take();
  if (c.holes == none) {
    ++counters_.no_room;
    return;
  }
  Holes& h = holes_[c.holes];
  Seq begin = s.seq, end = s.seq + s.len;
  std::uint32_t at = h.place(begin);
  // The part that a run before it has already.
  if (at < h.count && at_most(h.runs[at].begin, begin)) {
    if (at_most(end, h.runs[at].end)) {
      ++counters_.duplicate;
      say_duplicate(c, begin, end);
      h.heard_of(begin);
      return;
    }
    if (before(begin, h.runs[at].end)) say_duplicate(c, begin, h.runs[at].end);
    begin = h.runs[at].end;
  }
  const bool joins = at < h.count && h.runs[at].end == begin;
  std::uint32_t behind = joins ? at + 1 : at;
  // Runs that it covers go; the first that it reaches into keeps what it has.
  while (behind < h.count && at_most(h.runs[behind].end, end) &&
         before(h.runs[behind].begin, end)) {
    say_duplicate(c, h.runs[behind].begin, h.runs[behind].end);
    for (std::uint32_t i = h.runs[behind].text.first; i != none; i = chunks_[i].next) --h.chunks;
    drop_list(h.runs[behind].text, true);
    h.remove(behind);
  }
  if (behind < h.count && before(h.runs[behind].begin, end)) {
    say_duplicate(c, h.runs[behind].begin, end);
    end = h.runs[behind].begin;
  }
  Chunks* text = nullptr;
  Holes::Run run{begin, end, {}};
  if (joins) {
    text = &h.runs[at].text;
  } else if (h.count < Holes::most) {
    text = &run.text;
  }
  if (text == nullptr || h.chunks >= most_chunks(c) || !may_wait(h.chunks, false) ||
      !queue_text(*text, s.data + (begin - s.seq), end - begin, s.buffer, begin)) {
    ++counters_.no_room;
    if (h.count == 0) drop_holes(c);
    return;
  }
  keep();
  ++h.chunks;
  if (joins) {
    h.runs[at].end = end;
  } else {
    h.insert(at, run);
  }
  if (at + 1 < h.count && h.runs[at + 1].begin == end) {  // it closes a gap between two runs
    const Holes::Run& next = h.runs[at + 1];
    chunks_[h.runs[at].text.last].next = next.text.first;
    h.runs[at].text.last = next.text.last;
    h.runs[at].end = next.end;
    h.remove(at + 1);
  }
  h.heard_of(begin);
}

// What follows on rcv_nxt now is in order.
void Tcp::fill_from_holes(Connection& c) {
  Holes& h = holes_[c.holes];
  while (h.count != 0 && at_most(h.runs[0].begin, c.rcv_nxt)) {
    Chunks text = h.runs[0].text;
    h.remove(0);
    Chunk chunk;
    for (std::uint32_t at = text.first; at != none; at = text.first) {
      const Seq chunk_end = chunks_[at].seq + chunks_[at].len;
      --h.chunks;
      if (at_most(chunk_end, c.rcv_nxt)) {  // the segment that filled the gap had this too
        say_duplicate(c, chunks_[at].seq, chunk_end);
        pop(text, chunk);
        release(chunk);
        continue;
      }
      const std::uint32_t had = c.rcv_nxt - chunks_[at].seq;
      if (had != 0) say_duplicate(c, chunks_[at].seq, c.rcv_nxt);
      chunks_[at].data += had;
      chunks_[at].len -= had;
      chunks_[at].seq = c.rcv_nxt;
      text.first = chunks_[at].next;
      chunks_[at].next = none;
      if (c.unread.last != none) {
        chunks_[c.unread.last].next = at;
      } else {
        c.unread.first = at;
      }
      c.unread.last = at;
      ++c.unread_count;
      c.rcv_nxt = chunk_end;
    }
  }
  if (h.count == 0) drop_holes(c);
}

void Tcp::drop_holes(Connection& c) {
  if (c.holes == none) return;
  Holes& h = holes_[c.holes];
  for (std::uint32_t i = 0; i < h.count; ++i) drop_list(h.runs[i].text, true);
  holes_.give(c.holes);
  c.holes = none;
}

}  // namespace weft::tcp
