// TCP of one net core: connections, listeners, and what becomes of segments, commands and time. It
// knows no clock (`now_ns` is set by who calls), no packet buffers but as handles, and no card:
// segments come in by arrive(), and go out when the owner asks for them by produce(). What
// applications are to be told waits at the connection until the owner fetches it (next_ready()).
// Nothing is allocated after construction.
//
// Functions are grouped by file: arrive.cc (RFC 9293 section 3.10.7 in its order), listen.cc,
// text.cc, acknowledge.cc, scoreboard.cc, rack.cc, recovery.cc, output.cc, timers.cc, commands.cc,
// open.cc, icmp.cc, events.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "stack-nodes/table/hash_index.h"
#include "stack-nodes/table/random.h"
#include "stack-nodes/table/slab.h"
#include "stack-nodes/table/timer_wheel.h"
#include "stack-nodes/tcp/machine/config.h"
#include "stack-nodes/tcp/machine/connection.h"
#include "stack-nodes/tcp/machine/counters.h"
#include "stack-nodes/tcp/machine/holes.h"
#include "stack-nodes/tcp/machine/listener.h"
#include "stack-nodes/tcp/machine/path_error.h"
#include "stack-nodes/tcp/machine/segment.h"
#include "stack-nodes/tcp/machine/settings.h"

namespace weft::tcp {

// How a packet's buffer goes back to where it came from.
struct Release {
  void (*call)(void* context, void* buffer) = nullptr;
  void* context = nullptr;
};

// A connection, as applications name it: a number, and how often it has been used before.
struct Id {
  std::uint32_t index = none;
  std::uint32_t generation = 0;
  bool operator==(const Id&) const = default;
};

// What became of a segment: its buffer was kept; it was looked at; its connection could not take it
// (the counters say why); nobody was there.
enum class Arrived { kept, done, refused, closed };

class Tcp {
 public:
  Tcp(const Config& config, Release release);

  std::uint64_t now_ns;  // set before any of the calls below

  // ---- packets
  // A segment whose checksum is right. True: its buffer was kept, and comes back by Release or by
  // an application's recv_done; else it is the caller's still.
  bool arrive(Segment& s) { return take(s) == Arrived::kept; }
  Arrived take(Segment& s);
  // The next segment to be sent. False: there is none now.
  bool produce(OutSegment& out);
  bool wants_output() const { return output_first_ != none || replies_begin_ != replies_end_; }
  void copy_payload(const OutSegment& s, std::uint8_t* to) const;
  // What segments of a burst will look at, asked for before the first of them is taken: their
  // places in the index, then the records found there. Where there are few, all is in the cache.
  static constexpr std::uint32_t most_cached = (std::uint32_t{1} << 20) / sizeof(Connection);
  bool crowded() const { return connections_.live() > most_cached; }
  std::uint32_t prefetch(const Tuple& tuple) const {
    const std::uint32_t h = hash(tuple);
    index_.prefetch(h);
    return h;
  }
  void prefetch_connection(std::uint32_t hash) const {
    const std::uint32_t at = index_.find(hash, [](std::uint32_t) { return true; });
    if (at == none) return;
    connections_.prefetch(at, offsetof(Connection, congestion));
    wheel_.prefetch(at);
  }

  // ---- time
  void advance();                       // runs what is due at now_ns
  std::uint64_t next_timer_ns() const;  // when advance() is to be called next; ~0: no timer

  // ---- ICMP about a segment that this host sent with sequence number `seq`
  void path_error(const PathError& error);
  bool knows(const Tuple& tuple) const { return find(tuple) != none; }
  void path_mtu(const Tuple& tuple, Seq seq, std::uint16_t mtu);
  void unreachable(const Tuple& tuple, Seq seq, std::uint8_t why, bool hard);

  // ---- commands; 0 or a negative number of errno.h
  int listen(const Address& local, std::uint16_t port, std::uint32_t backlog, std::uint64_t cookie,
             const Settings& settings = {});
  // For those that come from now on. -ENOENT.
  int listen_on(const Address& local, std::uint16_t port, std::uint32_t backlog,
                const Settings& settings);
  int unlisten(const Address& local, std::uint16_t port);
  // local.any(): not allowed, the caller picks the address of the way out. local_port 0: picked, of
  // the ports that `may_be`. -EADDRNOTAVAIL: all of these are in use; -EXDEV: none is such.
  using PortTest = std::function<bool(const Tuple&)>;
  int connect(Tuple tuple, Id& id, const Settings& settings = {}, const PortTest& may_be = nullptr);
  // True: a connection has this port, in whatever state.
  bool port_used(std::uint16_t port) const;
  Connection* get(Id id);
  Id id_of(const Connection& c) const { return {number(c), c.generation}; }
  void accept(Connection& c) { take_place(c); }
  static constexpr std::uint32_t most_queued = std::uint32_t{1} << 30;  // bytes, of one connection
  // Bytes that stay where they are until `token` comes back as acked. -EPIPE, -ENOTCONN, -ENOBUFS.
  int send(Connection& c, const std::uint8_t* data, std::uint32_t len, std::uint64_t token);
  // What is queued ends a record: no segment has text from both sides of it.
  void end_record(Connection& c);
  void stop_reading(Connection& c) { c.deaf = 1; }
  void send_urgent(Connection& c) { c.snd_up = c.snd_end, c.urgent_out = 1; }  // what is queued
  void recv_done(Connection& c, std::uint32_t bytes);
  int shutdown(Connection& c);  // sends no more
  void close(Connection& c);    // ... and reads no more; events `acked` and `cleanup` still come
  void abort(Connection& c);    // the same with a reset
  void abort_all();
  // Those that `which` is true of (nothing: all), from the record `from` on, of a few thousand: as
  // many as there is room for resets, or, not `told`, whether there is or not. True: there are
  // more.
  using Which = std::function<bool(const Connection&)>;
  bool abort_some(std::uint32_t& from, const Which& which = nullptr, bool told = true);
  // Those that there are, from the record `from` on, of a few thousand. True: there are more.
  using Look = std::function<void(const Connection&)>;
  bool look_at_some(std::uint32_t& from, const Look& look) const;
  void dispose(Connection& c);  // closes where that was not done, and forgets: no events any more
  void change(Connection& c, const Settings& settings);  // what can be changed still
  void set_no_delay(Connection& c, bool on);
  void set_cork(Connection& c, bool on);
  void set_more(Connection& c, bool on) { c.more_comes = on ? 1 : 0; }  // of what is sent next
  void set_quick_ack(Connection& c, bool on);
  void set_keepalive(Connection& c, bool on);

  // ---- what applications are to be told
  bool has_ready() const { return ready_first_ != none; }
  Connection* next_ready();  // leaves the list; its `events` are for the caller to read and clear
  void remind(Connection& c) { notify(c, event::data); }  // of text that was not fetched
  // The first text that waits, taken off; the buffer is the caller's, the window recv_done's.
  bool pop_text(Connection& c, Chunk& chunk) {
    if (!pop(c.unread, chunk)) return false;
    --c.unread_count;
    --waiting_;
    return true;
  }
  bool pop_acked(Connection& c, Chunk& chunk) { return pop(c.acked, chunk); }
  std::uint32_t unread_first(const Connection& c) const { return c.unread.first; }
  const Chunk& chunk(std::uint32_t number) const { return chunks_[number]; }
  Flight flight(const Connection& c) const;
  std::uint32_t unacked_bytes(const Connection& c) const { return c.snd_end - data_una(c); }

  const Config& config() const { return config_; }
  const Counters& counters() const { return counters_; }
  std::uint32_t chunk_room() const { return chunks_.room(); }
  std::uint32_t live_connections() const { return connections_.live(); }
  std::uint32_t live_chunks() const { return chunks_.live(); }
  std::uint32_t live_sent() const { return sent_.live(); }
  std::uint32_t live_holes() const { return holes_.live(); }
  std::uint32_t waiting() const { return waiting_; }
  std::uint32_t live_timers() const { return wheel_.size(); }

 private:
  struct Delivered;  // acknowledge.cc: what one acknowledgement says

  // arrive.cc
  bool arrive_known(Connection& c, Segment& s);
  void arrive_syn_sent(Connection& c, Segment& s);
  bool sequence_ok(Connection& c, Segment& s);
  bool timestamp_ok(Connection& c, const Segment& s);
  bool reset_or_syn(Connection& c, const Segment& s);
  bool acknowledgement_ok(Connection& c, const Segment& s);
  void after_acknowledgement(Connection& c);
  void take_fin(Connection& c);
  void take_urgent(Connection& c, const Segment& s);
  bool reuse_time_wait(Connection& c, Segment& s);
  void remember_timestamp(Connection& c, const Segment& s);
  void challenge(Connection& c);
  // text.cc
  void take_text(Connection& c, const Segment& s);
  void take_out_of_order(Connection& c, const Segment& s);
  void fill_from_holes(Connection& c);
  void drop_holes(Connection& c);
  void acknowledge_soon(Connection& c, std::uint32_t bytes);
  void measure_as_receiver(Connection& c, const Segment& s);
  static void grow_buffer(Connection& c, std::uint32_t bytes);
  void say_duplicate(Connection& c, Seq begin, Seq end);
  bool queue_text(Chunks& list, const std::uint8_t* data, std::uint32_t len, void* buffer, Seq seq);
  // listen.cc
  bool arrive_unknown(Segment& s);
  bool arrive_listen(std::uint32_t listener, Segment& s);
  std::uint32_t open_passive(std::uint32_t listener, const Segment& s, Seq iss, bool by_cookie);
  void take_options(Connection& c, const Options& o, std::uint8_t scale);
  void send_cookie(const Listener& l, const Segment& s);
  bool cookies_valid() const;
  bool arrive_cookie(std::uint32_t listener, Segment& s);
  std::uint32_t cookie_code(const Tuple& t, Seq irs, std::uint32_t minute, std::uint32_t mss) const;
  void reply_reset(const Segment& s);
  void reply(const OutSegment& s);
  std::uint32_t find_listener(const Tuple& t) const;
  void established(Connection& c);
  void take_place(Connection& c);
  // acknowledge.cc
  void acknowledge(Connection& c, const Segment& s);
  void take_overtaken(Connection& c, const Segment& s);
  void update_window(Connection& c, const Segment& s);
  void acknowledged_to(Connection& c, Seq to, Delivered& d);
  void free_acked_chunks(Connection& c, Seq to);
  void measure(Connection& c, const Segment& s, const Delivered& d);
  // scoreboard.cc
  std::uint32_t add_sent(Connection& c, Seq begin, Seq end, std::uint8_t flags);
  void remove_sent(Connection& c, std::uint32_t at);
  std::uint32_t split_sent(Connection& c, std::uint32_t at, Seq where);
  void join_sent(Connection& c, std::uint32_t at, std::uint32_t behind);
  void move_place(Sent& r, std::uint32_t bytes) const;
  void trim_sent(Connection& c, std::uint32_t at, Seq where);
  void was_sent(Connection& c, std::uint32_t at);
  void leave_order(Connection& c, Sent& s);
  void mark_lost(Connection& c, std::uint32_t at);
  void mark_all_lost(Connection& c);
  void forget_sacks(Connection& c);
  void take_sacks(Connection& c, const Segment& s, Delivered& d);
  void mark_sacked(Connection& c, std::uint32_t at, Delivered& d);
  std::uint32_t next_lost(const Connection& c) const;
  // rack.cc
  void rack_delivered(Connection& c, const Sent& s, Delivered& d);
  static void was_reordered(Connection& c, Seq begin, Delivered& d);
  bool rack_detect(Connection& c);
  std::uint64_t rack_window_ns(const Connection& c) const;
  bool may_probe_tail(const Connection& c) const;
  std::uint64_t tail_probe_ns(const Connection& c) const;
  void tail_probe_answered(Connection& c, const Segment& s, const Delivered& d);
  // recovery.cc
  void recover(Connection& c, const Segment& s, Delivered& d);
  void enter_recovery(Connection& c, Recovery how);
  void leave_recovery(Connection& c);
  bool try_undo(Connection& c, const Segment& s, const Delivered& d);
  void proportional_reduction(Connection& c, const Delivered& d);
  void timed_out(Connection& c);
  // output.cc
  bool make_segment(Connection& c, OutSegment& out);
  bool may_send_new(Connection& c, std::uint32_t& len, bool& with_fin);
  std::uint32_t of_record(const Connection& c, std::uint32_t len) const;
  void keep_times(Connection& c);
  bool may_send_large(const Connection& c, std::uint32_t& len) const;
  bool send_large(Connection& c, OutSegment& out, std::uint32_t len);
  void begin_segment(Connection& c, OutSegment& out, std::uint8_t flags, std::uint32_t len);
  void say_sacks(Connection& c, OptionWriter& options, std::uint32_t len);
  void send_new(Connection& c, OutSegment& out, std::uint32_t len, bool with_fin);
  void say_urgent(Connection& c, OutSegment& out) const;
  bool send_again(Connection& c, OutSegment& out, std::uint32_t at);
  bool send_syn(Connection& c, OutSegment& out);
  void send_ack(Connection& c, OutSegment& out);
  bool send_probe(Connection& c, OutSegment& out);
  std::uint16_t window_to_tell(Connection& c, bool with_syn);
  void advance_send_place(Connection& c, std::uint32_t bytes);
  void want_output(Connection& c);
  void watch_flight(Connection& c);
  // timers.cc
  void arm(Connection& c, Timer timer, std::uint64_t due_ns);
  void disarm(Connection& c, Timer timer) { c.due[static_cast<std::size_t>(timer)] = 0; }
  void arm_retransmit(Connection& c);
  void expire(Connection& c);
  void expire_retransmit(Connection& c);
  void expire_keepalive(Connection& c);
  std::uint64_t rto_ns(const Connection& c) const;
  bool pauses(Connection& c) const;
  bool gave_up(Connection& c);
  void heard(Connection& c);
  // icmp.cc
  void set_path_mtu(Connection& c, std::uint16_t mtu);
  void suspect_black_hole(Connection& c);
  std::uint32_t large_text(const Connection& c) const;
  void search_later(Connection& c);
  void path_is_whole(Connection& c);
  // commands.cc
  int pick_port(Tuple& tuple, const PortTest& may_be);
  Seq initial_sequence(const Tuple& t) const;
  bool recycle();
  std::uint32_t make_connection(const Tuple& t, const Settings& settings);
  void send_fin(Connection& c);
  void enter_time_wait(Connection& c);
  void enter_fin_wait_2(Connection& c);
  void end(Connection& c, std::uint8_t why);
  void end_released(Connection& c) { end(c, reason::reset); }
  void forget(Connection& c);
  void give_back(Connection& c);
  void reset_peer(const Connection& c);
  void refuse(const Connection& c, const Segment& s);
  void send_reset(const Connection& c, std::uint8_t flags, Seq seq, Seq ack_seq);
  void drop_list(Chunks& list, bool buffers);
  bool may_wait(std::uint32_t already, bool in_order) const;
  void keep() {
    kept_ = true;
    ++waiting_;
  }
  void release(const Chunk& chunk) {
    --waiting_;
    release_.call(release_.context, reinterpret_cast<void*>(chunk.token));
  }
  bool pop(Chunks& list, Chunk& chunk);
  void notify(Connection& c, std::uint8_t bits);
  void limit_mss(Connection& c);

  std::uint32_t number(const Connection& c) const {
    return static_cast<std::uint32_t>(&c - &connections_[0]);
  }
  std::uint32_t hash(const Tuple& t) const { return place_hash(config_.secret, t); }
  std::uint32_t find(const Tuple& t) const {
    return index_.find(hash(t), [&](std::uint32_t i) { return connections_[i].tuple == t; });
  }
  std::uint32_t now_ms() const { return static_cast<std::uint32_t>(now_ns / 1'000'000); }
  std::uint32_t timestamp(const Connection& c) const { return now_ms() + c.ts_offset; }
  std::uint32_t timestamp_offset(const Tuple& t) const;
  std::uint8_t make_scale(std::uint32_t buffer) const;
  Seq data_una(const Connection& c) const {
    return c.syn_acked == 0 ? c.iss + 1 : earlier(c.snd_una, c.snd_end);
  }
  static std::uint64_t tick_of(std::uint64_t ns) { return (ns + tick_ns - 1) >> tick_shift; }

  static constexpr unsigned tick_shift = 18;  // 0.26 ms
  static constexpr std::uint64_t tick_ns = std::uint64_t{1} << tick_shift;
  static constexpr unsigned most_replies = 64;

  Config config_;
  Release release_;
  Random random_;
  Slab<Connection> connections_;
  Slab<Chunk> chunks_;
  Slab<Sent> sent_;
  Slab<Holes> holes_;
  HashIndex index_;
  ListenerTable listeners_;
  TimerWheel wheel_;
  std::uint32_t ready_first_ = none, ready_last_ = none;
  std::uint32_t output_first_ = none, output_last_ = none;
  std::array<OutSegment, most_replies> replies_;  // of no connection: resets, SYN cookies
  unsigned replies_begin_ = 0, replies_end_ = 0;
  std::uint32_t generation_ = 0;
  std::uint32_t next_port_ = 0;
  std::uint32_t recycle_at_ = 0;
  std::uint64_t cookies_sent_ns_ = 0;
  bool kept_ = false;          // arrive(): the segment's buffer
  std::uint32_t waiting_ = 0;  // packets that were kept and are here still
  // What came twice, until an acknowledgement of this connection has said so.
  std::uint32_t duplicate_of_ = none;
  SackBlock duplicate_{};
  std::uint64_t duplicate_in_ = 0;  // the segment that said so, by `counters_.received`
  bool sacks_unsaid_ = false;       // begin_segment(): there was no room for them
  bool reused_ = false;             // arrive_unknown(): the place of one in TIME-WAIT is taken
  Seq reused_iss_ = 0;
  Counters counters_;
};

}  // namespace weft::tcp
