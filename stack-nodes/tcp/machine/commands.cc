// What applications ask for (RFC 9293 section 3.10.1 to 3.10.6).
#include <algorithm>
#include <bit>

#include "stack-nodes/tcp/machine/congestion.h"
#include "stack-nodes/tcp/machine/stack.h"

namespace weft::tcp {
namespace {

constexpr std::uint32_t looked_at_once = 4096;  // of all connections: others wait meanwhile
constexpr int e_pipe = 32, e_in_use = 98, e_no_buffers = 105, e_not_connected = 107, e_invalid = 22,
              e_not_found = 2;

}  // namespace

Tcp::Tcp(const Config& config, Release release)
    : now_ns(config.start_ns),
      config_(config),
      release_(release),
      random_(config.seed),
      connections_(config.connections),
      chunks_(config.chunks),
      sent_(config.sent),
      holes_(config.reorders),
      index_(config.connections),
      listeners_(config.listeners),
      wheel_(config.connections, config.start_ns >> tick_shift) {}

std::uint8_t Tcp::make_scale(std::uint32_t buffer) const {
  if (!config_.window_scaling) return 0;
  const unsigned bits = static_cast<unsigned>(std::bit_width(buffer));
  return static_cast<std::uint8_t>(std::min<unsigned>(bits > 16 ? bits - 16 : 0, 14));
}

std::uint32_t Tcp::timestamp_offset(const Tuple& t) const {
  if (config_.ts_origin) return *config_.ts_origin;
  return static_cast<std::uint32_t>(keyed_hash(config_.secret, t, 1));
}

// RFC 6528: a clock of 4 us and a number that nobody else knows.
Seq Tcp::initial_sequence(const Tuple& t) const {
  if (config_.initial_sequence) return *config_.initial_sequence;
  return static_cast<Seq>(now_ns / 4000) + static_cast<Seq>(keyed_hash(config_.secret, t, 2));
}

// Connections that are over and wait make room where there is none. A look at some hundred records
// at most: whoever fills the table pays for it, not who is served.
bool Tcp::recycle() {
  constexpr std::uint32_t looks = 512;
  const std::uint32_t known = connections_.known();
  for (std::uint32_t i = 0; i < std::min(looks, known); ++i) {
    recycle_at_ = recycle_at_ + 1 < known ? recycle_at_ + 1 : 0;
    Connection& c = connections_[recycle_at_];
    if (c.indexed == 0 || c.state != State::time_wait || c.disposed == 0) continue;
    end(c, reason::none);
    if (connections_.room() != 0) return true;
  }
  return false;
}

std::uint32_t Tcp::make_connection(const Tuple& t, const Settings& settings) {
  std::uint32_t at = connections_.take();
  if (at == none && recycle()) at = connections_.take();
  if (at == none) {
    ++counters_.table_full;
    return none;
  }
  Connection& c = connections_[at];
  c.tuple = t;
  c.generation = ++generation_ != 0 ? generation_ : ++generation_;
  c.congestion = config_.congestion;
  c.rcv_buf = settings.receive_buffer != 0 ? settings.receive_buffer : config_.receive_buffer;
  c.rcv_most = settings.receive_buffer != 0 ? 0 : config_.most_receive_buffer;
  c.rcv_scale = make_scale(std::max(c.rcv_buf, c.rcv_most));
  c.rcv_edge = std::min<std::uint32_t>(c.rcv_buf, 0xffff);  // relative, until rcv_nxt is known
  c.rto_us = config_.rto_initial * 1000;
  c.user_mss = settings.max_segment;
  c.cork = settings.cork ? 1 : 0;
  c.ecn_wanted = settings.ecn || config_.ecn ? 1 : 0;
  change(c, settings);
  c.ts_offset = timestamp_offset(t);
  c.last_heard_ns = now_ns;
  c.undo_left = -1;
  limit_mss(c);
  congestion::start(c, config_.initial_segments);
  index_.insert(hash(t), at);
  c.indexed = 1;
  return at;
}

// The largest text that fits into a datagram (RFC 9293 section 3.7.1), options of every segment
// taken off.
void Tcp::limit_mss(Connection& c) {
  const std::uint32_t mtu = c.path_mtu != 0 ? c.path_mtu : config_.mtu;
  std::uint32_t own = mtu - c.tuple.peer.header() - 20;
  if (c.user_mss != 0) own = std::min<std::uint32_t>(own, c.user_mss);
  const std::uint32_t options = c.timestamps != 0 ? 12 : 0;
  c.mss = static_cast<std::uint16_t>(std::min<std::uint32_t>(own, c.peer_mss) - options);
}

int Tcp::listen(const Address& local, std::uint16_t port, std::uint32_t backlog,
                std::uint64_t cookie, const Settings& settings) {
  if (port == 0) return -e_invalid;
  if (listeners_.find(local, port) != none) return -e_in_use;
  const std::uint32_t at = listeners_.add(local, port);
  if (at == none) return -e_no_buffers;
  listeners_[at].backlog = std::max(backlog, 1u);
  listeners_[at].cookie = cookie;
  listeners_[at].settings = settings;
  return 0;
}

int Tcp::listen_on(const Address& local, std::uint16_t port, std::uint32_t backlog,
                   const Settings& settings) {
  const std::uint32_t at = listeners_.find(local, port);
  if (at == none) return -e_not_found;
  listeners_[at].backlog = std::max(backlog, 1u);
  listeners_[at].settings = settings;
  return 0;
}

bool Tcp::port_used(std::uint16_t port) const {
  for (std::uint32_t i = 0; i < connections_.known(); ++i) {
    if (connections_[i].indexed != 0 && connections_[i].tuple.local_port == port) return true;
  }
  return false;
}

// Those that nobody has accepted yet are reset.
int Tcp::unlisten(const Address& local, std::uint16_t port) {
  const std::uint32_t at = listeners_.find(local, port);
  if (at == none) return -e_not_found;
  for (std::uint32_t i = 0; i < connections_.known(); ++i) {
    Connection& c = connections_[i];
    if (c.state == State::closed || c.listener != at || c.listener_counts == 0) continue;
    reset_peer(c);
    end(c, reason::aborted);
  }
  listeners_.remove(at);
  return 0;
}

Connection* Tcp::get(Id id) {
  if (id.index >= connections_.known() || id.generation == 0) return nullptr;
  Connection& c = connections_[id.index];
  return c.generation == id.generation && c.disposed == 0 ? &c : nullptr;
}

int Tcp::send(Connection& c, const std::uint8_t* data, std::uint32_t len, std::uint64_t token) {
  if (c.fin_queued != 0 || c.released != 0) return -e_pipe;
  if (c.state == State::closed) return c.error != reason::none ? -c.error : -e_pipe;
  if (len == 0) return -e_invalid;
  if (len > most_queued || unacked_bytes(c) + len > most_queued) return -e_no_buffers;
  const std::uint32_t before = c.unsent_and_sent.last;
  if (!queue_text(c.unsent_and_sent, data, len, reinterpret_cast<void*>(token), c.snd_end))
    return -e_no_buffers;
  if (c.send_chunk == none) {
    c.send_chunk = before == none ? c.unsent_and_sent.first : c.unsent_and_sent.last;
    c.send_offset = 0;
  }
  c.snd_end += len;
  if (c.synchronised()) want_output(c);
  return 0;
}

void Tcp::end_record(Connection& c) {
  if (c.unsent_and_sent.empty()) return;
  chunks_[c.unsent_and_sent.last].record_ends = true;
  c.records = 1;
}

// A window that has opened by as much again is told at once (RFC 9293 section 3.8.6.2.2).
void Tcp::recv_done(Connection& c, std::uint32_t bytes) {
  c.rcv_held -= std::min(bytes, c.rcv_held);
  if (!c.takes_text() || c.released != 0) return;
  const std::uint32_t free = c.rcv_buf - c.rcv_held;
  const std::uint32_t told = c.receive_window();
  const std::uint32_t open = std::min(free, 0xffffu << c.rcv_scale);
  const std::uint32_t step = std::min<std::uint32_t>(c.rcv_buf / 2, c.rcv_mss);
  if (open < told + step || open < 2 * told) return;
  c.ack_now = 1;
  want_output(c);
}

void Tcp::send_fin(Connection& c) {
  if (c.fin_queued != 0) return;
  c.fin_queued = 1;
  if (c.state == State::established) c.state = State::fin_wait_1;
  if (c.state == State::close_wait) c.state = State::last_ack;
  if (c.synchronised()) want_output(c);
}

int Tcp::shutdown(Connection& c) {
  if (c.state == State::closed || c.state == State::syn_sent) return -e_not_connected;
  send_fin(c);
  return 0;
}

// Text that the application has not fetched is lost, which the peer is told by a reset (RFC 9293
// section 3.6.1).
void Tcp::close(Connection& c) {
  if (c.released != 0 || c.state == State::closed) {
    c.released = 1;
    return;
  }
  c.released = 1;
  take_place(c);
  if (c.state == State::syn_sent) return end(c, reason::none);
  if (!c.unread.empty()) {
    reset_peer(c);
    return end(c, reason::aborted);
  }
  send_fin(c);
  if (c.state == State::fin_wait_2) return enter_fin_wait_2(c);
  if (c.state == State::time_wait) notify(c, event::cleanup);
}

void Tcp::abort(Connection& c) {
  c.released = 1;
  if (c.state == State::closed) return;
  if (c.state != State::syn_sent && c.state != State::time_wait) reset_peer(c);
  end(c, reason::aborted);
}

void Tcp::abort_all() {
  for (std::uint32_t i = 0; i < connections_.known(); ++i) {
    if (connections_[i].state != State::closed) abort(connections_[i]);
  }
}

bool Tcp::look_at_some(std::uint32_t& from, const Look& look) const {
  const std::uint32_t known = connections_.known();
  const std::uint32_t end = known - from < looked_at_once ? known : from + looked_at_once;
  for (; from < end; ++from)
    if (const Connection& c = connections_[from]; c.state != State::closed) look(c);
  return from < known;
}

bool Tcp::abort_some(std::uint32_t& from, const Which& which, bool told) {
  const std::uint32_t known = connections_.known();
  const std::uint32_t end = known - from < looked_at_once ? known : from + looked_at_once;
  for (; from < end && (!told || replies_end_ - replies_begin_ < most_replies); ++from) {
    Connection& c = connections_[from];
    if (c.state != State::closed && (which == nullptr || which(c))) abort(c);
  }
  return from < known;
}

void Tcp::dispose(Connection& c) {
  if (c.disposed != 0) return;
  c.disposed = 1;
  c.events = 0;
  if (c.state == State::closed) return forget(c);
  if (c.released == 0) close(c);
}

void Tcp::change(Connection& c, const Settings& settings) {
  const auto chosen = [](auto own, auto otherwise) { return own != 0 ? own : otherwise; };
  c.no_delay = settings.no_delay || config_.no_delay ? 1 : 0;
  c.keepalive = settings.keepalive ? 1 : 0;
  c.keepalive_idle_ms = chosen(settings.keepalive_idle_ms, config_.keepalive_idle);
  c.keepalive_interval_ms = chosen(settings.keepalive_interval_ms, config_.keepalive_interval);
  c.keepalive_count = chosen(settings.keepalive_count, config_.keepalive_count);
  c.user_timeout_ms = settings.user_timeout_ms;
  c.fin_wait_2_ms = chosen(settings.fin_wait_2_ms, config_.fin_wait_2);
  c.syn_retries = settings.syn_retries;
  c.ttl = settings.ttl;
  c.dscp = settings.dscp;
  if (settings.congestion && *settings.congestion != c.congestion) {
    c.congestion = *settings.congestion;
    congestion::begin_epoch(c);
  }
  if (settings.receive_buffer != 0) {  // who has said how much it wants gets no more
    c.rcv_buf = settings.receive_buffer;
    c.rcv_most = 0;
  }
}

void Tcp::set_no_delay(Connection& c, bool on) {
  c.no_delay = on ? 1 : 0;
  if (!on) return;
  if (c.snd_end != c.snd_nxt) c.push_window = 1;  // what is queued goes, corked or not
  want_output(c);
}
void Tcp::set_cork(Connection& c, bool on) {
  c.cork = on ? 1 : 0;
  if (!on) want_output(c);
}
void Tcp::set_quick_ack(Connection& c, bool on) {
  c.quick_acks = on ? 16 : 0;
  if (on && c.due[static_cast<std::size_t>(Timer::delayed_ack)] != 0) {
    c.ack_now = 1;
    want_output(c);
  }
}
void Tcp::set_keepalive(Connection& c, bool on) {
  c.keepalive = on ? 1 : 0;
  if (!on) return disarm(c, Timer::keepalive);
  if (c.synchronised())
    arm(c, Timer::keepalive, c.last_heard_ns + c.keepalive_idle_ms * 1'000'000ull);
}

}  // namespace weft::tcp
