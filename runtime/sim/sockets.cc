#include "runtime/sim/sockets.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace weft::sim {
namespace {

constexpr std::uint64_t nobody = ~std::uint64_t{0};  // a connection's cookie: no socket has it
constexpr std::uint32_t most_sockets = 1 << 16;

}  // namespace

Sockets::~Sockets() {
  for (Socket& s : sockets_) drop_text(s);
  host_.tcp().abort_all();
  take_events();
}

Sockets::Socket* Sockets::get(int fd) {
  if (fd < 0 || static_cast<std::size_t>(fd) >= sockets_.size()) return nullptr;
  Socket& s = sockets_[static_cast<std::size_t>(fd)];
  return s.kind == Kind::none ? nullptr : &s;
}

int Sockets::made(Kind kind) {
  std::size_t fd = 0;
  while (fd < sockets_.size() && sockets_[fd].kind != Kind::none) ++fd;
  if (fd == most_sockets) return -EMFILE;
  if (fd == sockets_.size()) sockets_.emplace_back();
  sockets_[fd] = {};
  sockets_[fd].kind = kind;
  sockets_[fd].send_buffer = host_.config().send_buffer;
  return static_cast<int>(fd);
}

int Sockets::socket() { return made(Kind::fresh); }

int Sockets::bind(int fd, std::uint32_t address, std::uint16_t port) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  if (s->kind != Kind::fresh || s->port != 0) return -EINVAL;
  if (address != 0 && address != host_.config().address) return -EADDRNOTAVAIL;
  for (const Socket& other : sockets_) {
    const bool all =
        !(other.local == tcp::Address::v4(address)) && address != 0 && !other.local.any();
    if (&other != s && (other.kind == Kind::fresh || other.kind == Kind::listener) && port != 0 &&
        other.port == port && !all)
      return -EADDRINUSE;
  }
  s->local = tcp::Address::v4(address);
  s->port = port;
  return 0;
}

int Sockets::listen(int fd, int backlog) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  if (s->kind != Kind::fresh || s->port == 0) return -EINVAL;
  const int result =
      host_.tcp().listen(s->local, s->port, static_cast<std::uint32_t>(std::max(backlog, 1)),
                         static_cast<std::uint64_t>(fd));
  if (result == 0) s->kind = Kind::listener;
  return result;
}

int Sockets::accept(int fd, std::uint32_t* peer, std::uint16_t* peer_port) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  if (s->kind != Kind::listener) return -EINVAL;
  while (!s->waiting.empty()) {
    const tcp::Id id = s->waiting.front();
    s->waiting.pop_front();
    tcp::Connection* c = host_.tcp().get(id);
    if (c == nullptr) continue;  // reset meanwhile
    const int made_fd = made(Kind::connection);
    if (made_fd < 0) return made_fd;
    Socket& m = *get(made_fd);
    host_.tcp().accept(*c);
    c->cookie = static_cast<std::uint64_t>(made_fd);
    m.id = id;
    m.connected = true;
    m.local = c->tuple.local;
    m.port = c->tuple.local_port;
    m.remote_closed = c->fin_received != 0;
    if (peer != nullptr) *peer = c->tuple.peer.v4();
    if (peer_port != nullptr) *peer_port = c->tuple.peer_port;
    return made_fd;
  }
  return -EAGAIN;
}

int Sockets::connect(int fd, std::uint32_t address, std::uint16_t port) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  if (s->kind == Kind::connection) return s->connected ? -EISCONN : -EALREADY;
  if (s->kind != Kind::fresh) return -EINVAL;
  const Cast to = host_.core().addresses.find(address);
  if (to == Cast::broadcast || to == Cast::multicast || address >> 28 >= 14) return -ENETUNREACH;
  const tcp::Address from = s->local.any() ? tcp::Address::v4(host_.config().address) : s->local;
  const int result = host_.tcp().connect({from, tcp::Address::v4(address), s->port, port}, s->id);
  if (result != 0) return result;
  host_.tcp().get(s->id)->cookie = static_cast<std::uint64_t>(fd);
  s->kind = Kind::connection;
  return -EINPROGRESS;
}

std::int64_t Sockets::send(int fd, const std::uint8_t* data, std::uint64_t bytes) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  if (s->kind != Kind::connection) return -ENOTCONN;
  if (s->error != 0) return -static_cast<std::int64_t>(std::exchange(s->error, std::uint8_t{0}));
  tcp::Connection* c = connection(*s);
  if (c == nullptr || c->fin_queued != 0 || c->state == tcp::State::closed) return -EPIPE;
  if (!s->connected) return -EAGAIN;
  const std::uint32_t queued = host_.tcp().unacked_bytes(*c);
  if (queued >= s->send_buffer) return -EAGAIN;
  const auto n =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, s->send_buffer - queued));
  if (n == 0) return 0;
  if (!host_.may_allocate()) return -ENOBUFS;
  auto copy = std::make_unique<std::uint8_t[]>(n);
  std::memcpy(copy.get(), data, n);
  const int result = host_.tcp().send(*c, copy.get(), n, ++tokens_);
  if (result != 0) return result == -ENOBUFS ? -EAGAIN : result;
  texts_.emplace(tokens_, std::move(copy));
  return n;
}

std::int64_t Sockets::recv(int fd, std::uint8_t* data, std::uint64_t room, bool peek) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  if (s->kind != Kind::connection) return -ENOTCONN;
  tcp::Connection* c = connection(*s);
  tcp::Chunk chunk;
  while (c != nullptr && host_.tcp().pop_text(*c, chunk)) s->text.push_back(chunk);
  std::uint64_t given = 0;
  std::uint32_t at = s->read;
  for (std::size_t i = 0; i < s->text.size() && given < room;) {
    const tcp::Chunk& k = s->text[i];
    const auto n = static_cast<std::uint32_t>(std::min<std::uint64_t>(k.len - at, room - given));
    std::memcpy(data + given, k.data + at, n);
    given += n;
    at += n;
    if (at < k.len) break;
    at = 0;
    if (peek) {
      ++i;
      continue;
    }
    host_.free_buffer(reinterpret_cast<void*>(k.token));
    s->text.pop_front();
  }
  if (!peek && given != 0) {
    s->read = at;
    if (c != nullptr) host_.tcp().recv_done(*c, static_cast<std::uint32_t>(given));
  }
  if (given != 0 || room == 0) return static_cast<std::int64_t>(given);
  if (s->error != 0) return -static_cast<std::int64_t>(std::exchange(s->error, std::uint8_t{0}));
  if (s->remote_closed || s->over) return 0;
  return s->connected ? -EAGAIN : -ENOTCONN;
}

int Sockets::shutdown(int fd) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  tcp::Connection* c = s->kind == Kind::connection ? connection(*s) : nullptr;
  return c == nullptr ? -ENOTCONN : host_.tcp().shutdown(*c);
}

void Sockets::drop_text(Socket& s) {
  for (const tcp::Chunk& k : s.text) host_.free_buffer(reinterpret_cast<void*>(k.token));
  s.text.clear();
}

int Sockets::close(int fd, bool reset) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  if (s->kind == Kind::listener) host_.tcp().unlisten(s->local, s->port);
  if (s->kind == Kind::connection) {
    if (tcp::Connection* c = connection(*s)) {
      // (What was taken from the connection and not read counts as not read.)
      const bool unread = !s->text.empty();
      c->cookie = nobody;
      if (reset || unread) {
        host_.tcp().abort(*c);
      } else {
        host_.tcp().close(*c);
      }
    }
    drop_text(*s);
  }
  *s = {};
  return 0;
}

int Sockets::set_option(int fd, int option, std::int64_t value) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  if (option == WEFT_SIM_OPTION_SEND_BUFFER) {
    if (value < 1 || value > 1 << 30) return -EINVAL;
    s->send_buffer = static_cast<std::uint32_t>(value);
    return 0;
  }
  tcp::Connection* c = s->kind == Kind::connection ? connection(*s) : nullptr;
  if (c == nullptr) return -ENOTCONN;
  if (value < 0 || value > 1'000'000) return -EINVAL;
  const auto number = static_cast<std::uint32_t>(value);
  switch (option) {
    case WEFT_SIM_OPTION_NO_DELAY: host_.tcp().set_no_delay(*c, value != 0); return 0;
    case WEFT_SIM_OPTION_CORK: host_.tcp().set_cork(*c, value != 0); return 0;
    case WEFT_SIM_OPTION_QUICK_ACK: host_.tcp().set_quick_ack(*c, value != 0); return 0;
    case WEFT_SIM_OPTION_KEEPALIVE: host_.tcp().set_keepalive(*c, value != 0); return 0;
    case WEFT_SIM_OPTION_KEEPALIVE_IDLE: c->keepalive_idle_ms = number * 1000; break;
    case WEFT_SIM_OPTION_KEEPALIVE_INTERVAL: c->keepalive_interval_ms = number * 1000; break;
    case WEFT_SIM_OPTION_KEEPALIVE_COUNT:
      c->keepalive_count = static_cast<std::uint8_t>(std::min(number, 255u));
      break;
    case WEFT_SIM_OPTION_USER_TIMEOUT: c->user_timeout_ms = number; break;
    default: return -ENOPROTOOPT;
  }
  if (c->keepalive != 0) host_.tcp().set_keepalive(*c, true);
  return 0;
}

int Sockets::poll(int fd) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  if (s->kind == Kind::listener) return s->waiting.empty() ? 0 : WEFT_SIM_IN;
  if (s->kind != Kind::connection) return WEFT_SIM_HUP;
  tcp::Connection* c = connection(*s);
  int ready = 0;
  if (!s->text.empty() || s->remote_closed || s->over ||
      (c != nullptr && host_.tcp().unread_first(*c) != tcp::none))
    ready |= WEFT_SIM_IN;
  if (s->error != 0) ready |= WEFT_SIM_ERR;
  if (c == nullptr || c->state == tcp::State::closed || c->state == tcp::State::time_wait)
    return ready | WEFT_SIM_HUP;
  if (s->connected && c->fin_queued == 0 && host_.tcp().unacked_bytes(*c) < s->send_buffer)
    ready |= WEFT_SIM_OUT;
  return ready;
}

int Sockets::error(int fd) {
  Socket* s = get(fd);
  return s == nullptr ? -EBADF : s->error;
}

// Whose the connection is; null: nobody's any more, or still its listener's.
Sockets::Socket* Sockets::owner(tcp::Connection& c) {
  if (c.cookie >= sockets_.size()) return nullptr;
  Socket& s = sockets_[c.cookie];
  return s.kind == Kind::connection && s.id == host_.tcp().id_of(c) ? &s : nullptr;
}

void Sockets::take_events() {
  while (tcp::Connection* c = host_.tcp().next_ready()) take_event(*c);
}

void Sockets::take_event(tcp::Connection& c) {
  namespace e = tcp::event;
  const std::uint8_t events = std::exchange(c.events, std::uint8_t{0});
  tcp::Chunk chunk;
  while (host_.tcp().pop_acked(c, chunk)) texts_.erase(chunk.token);
  if ((events & e::new_conn) != 0 && c.cookie < sockets_.size() &&
      sockets_[c.cookie].kind == Kind::listener)
    sockets_[c.cookie].waiting.push_back(host_.tcp().id_of(c));
  if (Socket* s = owner(c)) {
    if ((events & e::connected) != 0) s->connected = true;
    if ((events & e::remote_closed) != 0) s->remote_closed = true;
    if ((events & e::cleanup) != 0) {
      while (host_.tcp().pop_text(c, chunk)) s->text.push_back(chunk);
      s->over = true;
      s->error = c.error;
    }
  }
  if ((events & e::cleanup) != 0) host_.tcp().dispose(c);
}

std::uint32_t Sockets::open() const {
  return static_cast<std::uint32_t>(std::count_if(
      sockets_.begin(), sockets_.end(), [](const Socket& s) { return s.kind != Kind::none; }));
}

int Sockets::info(int fd, weft_sim_tcp_info& info) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  info = {};
  info.size = sizeof(info);
  info.state = s->kind == Kind::listener ? 10 : 7;
  tcp::Connection* c = s->kind == Kind::connection ? connection(*s) : nullptr;
  if (c == nullptr) return s->kind == Kind::fresh ? -ENOTCONN : 0;
  constexpr std::uint8_t states[] = {7, 2, 3, 1, 4, 5, 8, 11, 9, 6};
  constexpr std::uint8_t recoveries[] = {0, 2, 3, 4};
  const auto segments = [&](std::uint32_t bytes) { return (bytes + c->mss - 1) / c->mss; };
  info.state = states[static_cast<unsigned>(c->state)];
  info.ca_state = recoveries[static_cast<unsigned>(c->recovery)];
  info.retransmits = info.backoff = c->backoff;
  info.options =
      static_cast<std::uint8_t>(c->timestamps | c->sack << 1 | c->scaling << 2 | c->ecn << 3);
  info.snd_wscale = c->snd_scale;
  info.rcv_wscale = c->rcv_scale;
  info.rto = c->rto_us;
  info.snd_mss = c->mss;
  info.rcv_mss = c->rcv_mss;
  info.unacked = segments(c->outstanding());
  info.sacked = segments(c->sacked_bytes);
  info.lost = segments(c->lost_bytes);
  info.retrans = segments(c->again_bytes);
  info.pmtu = c->path_mtu != 0 ? c->path_mtu : host_.config().mtu;
  info.rtt = c->srtt_us;
  info.rttvar = c->rttvar_us;
  info.min_rtt = c->min_rtt_us;
  info.snd_ssthresh = c->ssthresh == ~std::uint32_t{0} ? 0x7fffffff : c->ssthresh / c->mss;
  info.snd_cwnd = c->cwnd / c->mss;
  info.snd_wnd = c->snd_wnd;
  info.rcv_wnd = c->receive_window();
  info.total_retrans = c->retransmitted;
  info.segs_out = c->segments_out;
  info.segs_in = c->segments_in;
  info.notsent_bytes = c->snd_end - tcp::earlier(c->snd_nxt, c->snd_end);
  info.bytes_acked = c->bytes_acked;
  info.bytes_received = c->bytes_received;
  return 0;
}

}  // namespace weft::sim
