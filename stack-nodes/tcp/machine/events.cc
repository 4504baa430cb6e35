// How a connection ends, and what its application is told. Events wait as bits at the connection,
// and the connection in a list: whoever fetches them late finds all of them, and no queue can
// overflow.
#include <algorithm>

#include "stack-nodes/tcp/machine/stack.h"

namespace weft::tcp {

void Tcp::notify(Connection& c, std::uint8_t bits) {
  if (c.disposed != 0) return;
  if ((bits & event::new_conn) != 0) c.told = 1;
  c.events |= bits;
  if (c.in_ready != 0) return;
  c.in_ready = 1;
  c.ready_next = none;
  const std::uint32_t at = number(c);
  (ready_last_ != none ? connections_[ready_last_].ready_next : ready_first_) = at;
  ready_last_ = at;
}

Connection* Tcp::next_ready() {
  while (ready_first_ != none) {
    Connection& c = connections_[ready_first_];
    ready_first_ = c.ready_next;
    if (ready_first_ == none) ready_last_ = none;
    c.in_ready = 0;
    if (c.forgotten != 0) {
      give_back(c);
    } else if (c.events != 0) {
      return &c;
    }
  }
  return nullptr;
}

bool Tcp::pop(Chunks& list, Chunk& chunk) {
  const std::uint32_t at = list.first;
  if (at == none) return false;
  chunk = chunks_[at];
  list.first = chunk.next;
  if (list.first == none) list.last = none;
  chunks_.give(at);
  return true;
}

void Tcp::drop_list(Chunks& list, bool buffers) {
  Chunk chunk;
  while (pop(list, chunk)) {
    if (buffers) release(chunk);
  }
}

// A reset of this side's own accord: it must hit the peer's next number exactly (RFC 5961).
void Tcp::reset_peer(const Connection& c) { send_reset(c, rst | ack, c.snd_nxt, c.rcv_nxt); }

// A segment that comes when there is nobody for it: the answer has the number that its sender
// expects, else he would doubt it where something of this side is lost (RFC 5961 section 3).
void Tcp::refuse(const Connection& c, const Segment& s) { send_reset(c, rst, s.ack_seq, 0); }

void Tcp::send_reset(const Connection& c, std::uint8_t flags, Seq seq, Seq ack_seq) {
  OutSegment out;
  out.tuple = c.tuple;
  out.flags = flags;
  out.seq = seq;
  out.ack_seq = ack_seq;
  OptionWriter options(out.options);
  if (c.timestamps != 0) options.timestamps(timestamp(c), c.ts_recent);  // RFC 7323 section 3.2
  out.option_bytes = options.bytes();
  ++counters_.resets_sent;
  reply(out);
}

// Both have said all, and all has been acknowledged; what is still on its way dies out (MUST-13).
void Tcp::enter_time_wait(Connection& c) {
  c.state = State::time_wait;
  c.due = {};
  arm(c, Timer::life, now_ns + config_.time_wait * 1'000'000ull);
  if (c.released != 0) notify(c, event::cleanup);
}

// The peer has all, nobody reads any more, and the peer says no end: not for ever.
void Tcp::enter_fin_wait_2(Connection& c) {
  if (c.fin_wait_2_ms == Settings::no_fin_wait_2) {
    reset_peer(c);
    return end(c, reason::none);
  }
  arm(c, Timer::life, now_ns + c.fin_wait_2_ms * 1'000'000ull);
}

// The connection is over; the record stays until its application has been told. Text that it has
// queued is its own again, though it was not delivered.
void Tcp::end(Connection& c, std::uint8_t why) {
  if (c.state == State::closed) return;
  take_place(c);
  c.state = State::closed;
  if (why != reason::none) c.error = why;
  if (c.indexed != 0) index_.erase(hash(c.tuple), number(c));
  c.indexed = 0;
  wheel_.cancel(number(c));
  c.due = {};
  while (c.sent_first != none) remove_sent(c, c.sent_first);
  drop_holes(c);
  if (!c.unsent_and_sent.empty()) {
    (c.acked.last != none ? chunks_[c.acked.last].next : c.acked.first) = c.unsent_and_sent.first;
    c.acked.last = c.unsent_and_sent.last;
    c.unsent_and_sent = {};
  }
  if (c.told == 0 || c.disposed != 0) return forget(c);
  notify(c, event::cleanup);
}

void Tcp::forget(Connection& c) {
  drop_list(c.unread, true);
  drop_list(c.acked, false);
  c.generation = 0;
  c.listener = none;
  c.forgotten = 1;
  give_back(c);
}

// When no list holds it any more.
void Tcp::give_back(Connection& c) {
  if (c.in_ready != 0 || c.in_output != 0) return;
  connections_.give(number(c));
}

}  // namespace weft::tcp
