#include "runtime/sim/sockets.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace weft::sim {
namespace {

constexpr std::uint64_t nobody = ~std::uint64_t{0};  // a connection's cookie: no socket has it
constexpr std::size_t most_sockets = 1 << 17;

}  // namespace

Sockets::~Sockets() {
  for (auto& [number, s] : sockets_) drop_text(s);
  sockets_.clear();
  host_.tcp().abort_all();
  take_events();
}

Sockets::Socket* Sockets::get(int fd) {
  if (fd < 0 || static_cast<std::size_t>(fd) >= numbers_.size()) return nullptr;
  return of(numbers_[static_cast<std::size_t>(fd)]);
}
Sockets::Socket* Sockets::of(std::uint64_t number) {
  const auto at = sockets_.find(number);
  return at == sockets_.end() ? nullptr : &at->second;
}

Sockets::Socket& Sockets::make() {
  Socket& s = sockets_[++made_];
  s.number = made_;
  s.send_buffer = host_.config().send_buffer;
  s.receive_buffer = host_.config().receive_buffer;
  s.settings.no_delay = (host_.config().features & WEFT_SIM_NO_DELAY) != 0;
  return s;
}

// The lowest that is free, as POSIX has it.
int Sockets::give_number(Socket& s) {
  const auto at = std::find(numbers_.begin(), numbers_.end(), 0);
  const auto fd = static_cast<std::size_t>(at - numbers_.begin());
  if (fd == most_sockets) return -EMFILE;
  if (at == numbers_.end()) numbers_.push_back(0);
  numbers_[fd] = s.number;
  return static_cast<int>(fd);
}

int Sockets::socket() {
  Socket& s = make();
  const int fd = give_number(s);
  if (fd < 0) sockets_.erase(s.number);
  return fd;
}

// Linux's rule: two may have a port where both wish so and neither listens; connections that are
// over and wait (TIME-WAIT) count like any other.
bool Sockets::taken(const Socket& s, std::uint32_t address, std::uint16_t port) const {
  for (const auto& [number, other] : sockets_) {
    if (&other == &s || other.port != port || (other.kind == Kind::connection && other.over))
      continue;
    const bool apart =
        address != 0 && !other.local.any() && !(other.local == tcp::Address::v4(address));
    if (!apart && (!s.reuse || !other.reuse || other.kind == Kind::listener)) return true;
  }
  return !s.reuse && host_.tcp().port_used(port);
}

int Sockets::pick_port(Socket& s) {
  const tcp::Config& c = host_.tcp().config();
  const std::uint32_t range = c.last_port - c.first_port + 1u;
  const std::uint32_t start = host_.random().below(range);
  for (std::uint32_t i = 0; i < range; ++i) {
    const auto port = static_cast<std::uint16_t>(c.first_port + (start + i) % range);
    if (taken(s, s.local.v4(), port)) continue;
    s.port = port;
    return 0;
  }
  return -EADDRINUSE;
}

int Sockets::bind(int fd, std::uint32_t address, std::uint16_t port) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  if (s->kind != Kind::fresh || s->port != 0) return -EINVAL;
  if (address != 0 && host_.core().addresses.find(address) != Cast::own) return -EADDRNOTAVAIL;
  s->local = tcp::Address::v4(address);
  const int result = port == 0 ? pick_port(*s) : (taken(*s, address, port) ? -EADDRINUSE : 0);
  if (result != 0) {
    s->local = tcp::Address::v4(0);
  } else if (port != 0) {
    s->port = port;
  }
  return result;
}

int Sockets::listen(int fd, int backlog) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  if (s->kind == Kind::connection) return -EINVAL;
  const auto most = static_cast<std::uint32_t>(std::clamp(backlog, 1, 4096));
  s->backlog = most;
  if (s->kind == Kind::listener) return host_.tcp().listen_on(s->local, s->port, most, s->settings);
  if (s->port == 0 && pick_port(*s) != 0) return -EADDRINUSE;
  const int result = host_.tcp().listen(s->local, s->port, most, s->number, s->settings);
  if (result == 0) s->kind = Kind::listener;
  return result;
}

// A listener with TCP_DEFER_ACCEPT shows whoever has said something.
bool Sockets::acceptable(Socket& s) {
  if (s.defer_s == 0 || s.over || s.remote_closed || readable(s) != 0) return true;
  return host_.now_ns() - s.since_ns >= static_cast<std::uint64_t>(s.defer_s) * 1'000'000'000;
}

int Sockets::accept(int fd, std::uint32_t* peer, std::uint16_t* peer_port) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  if (s->kind != Kind::listener) return -EINVAL;
  const auto at = std::find_if(s->waiting.begin(), s->waiting.end(),
                               [this](std::uint64_t n) { return acceptable(*of(n)); });
  if (at == s->waiting.end()) return -EAGAIN;
  Socket& made = *of(*at);
  const int number = give_number(made);
  if (number < 0) return number;
  s->waiting.erase(at);
  if (tcp::Connection* c = connection(made)) host_.tcp().accept(*c);
  if (peer != nullptr) *peer = made.peer.v4();
  if (peer_port != nullptr) *peer_port = made.peer_port;
  return number;
}

int Sockets::connect(int fd, std::uint32_t address, std::uint16_t port) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  if (s->kind == Kind::listener) return -EISCONN;
  if (s->kind == Kind::connection && !s->over) {
    if (!s->connected) return -EALREADY;
    return std::exchange(s->told_connected, true) ? -EISCONN : 0;
  }
  if (s->kind == Kind::connection) {
    // It failed, or is over: told once, then it may be tried again.
    if (s->error != 0) return -std::exchange(s->error, std::uint8_t{0});
    if (s->connected) return -EISCONN;
    disconnect(*s);
  }
  const Cast to = host_.core().addresses.find(address);
  if (to == Cast::broadcast || to == Cast::multicast || address >> 28 >= 14) return -ENETUNREACH;
  const std::uint32_t hop = host_.core().routes.lookup(address);
  if (hop == 0 && to != Cast::own) return -ENETUNREACH;
  const tcp::Address from =
      s->local.any() ? tcp::Address::v4(host_.core().addresses.nearest(hop)) : s->local;
  const int result =
      host_.tcp().connect({from, tcp::Address::v4(address), s->port, port}, s->id, s->settings);
  if (result != 0) return result == -EADDRINUSE ? -EADDRNOTAVAIL : result;
  tcp::Connection& c = *host_.tcp().get(s->id);
  c.cookie = s->number;
  s->kind = Kind::connection;
  s->local = from;
  s->port = c.tuple.local_port;
  s->peer = c.tuple.peer;
  s->peer_port = port;
  return -EINPROGRESS;
}

bool Sockets::may_send(Socket& s) {
  tcp::Connection* c = connection(s);
  if (c == nullptr || !s.connected) return false;
  return host_.tcp().unacked_bytes(*c) < s.send_buffer && unsent(*c) < s.unsent_mark;
}

// Told to who waits for it when half of what may wait to be sent is free, so that it is worth it.
bool Sockets::may_send_more(Socket& s) {
  return may_send(s) && (s.unsent_mark == no_mark || unsent(*connection(s)) < s.unsent_mark / 2);
}

std::int64_t Sockets::send(int fd, const std::uint8_t* data, std::uint64_t bytes, int flags) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  constexpr int known = MSG_MORE | MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL | MSG_EOR;
  if ((flags & ~known) != 0) return -EOPNOTSUPP;
  if (data == nullptr && bytes != 0) return -EFAULT;
  if (s->error != 0) return -static_cast<std::int64_t>(std::exchange(s->error, std::uint8_t{0}));
  if (s->kind != Kind::connection) return -EPIPE;
  tcp::Connection* c = connection(*s);
  if (s->no_more_sending || c == nullptr || c->fin_queued != 0 || c->state == tcp::State::closed)
    return -EPIPE;
  if (!may_send(*s)) {
    starve(*s);
    return -EAGAIN;
  }
  host_.tcp().set_more(*c, (flags & MSG_MORE) != 0);
  // Where little may wait to be sent (TCP_NOTSENT_LOWAT), a large text is taken in pieces, for as
  // long as they leave.
  const std::uint64_t piece =
      s->unsent_mark == no_mark ? bytes : c->mss * std::max<std::uint64_t>(16384 / c->mss, 1);
  std::uint64_t taken = 0;
  while (taken < bytes && may_send(*s)) {
    const std::int64_t n = queue(*s, data + taken, std::min(piece, bytes - taken));
    if (n < 0) return taken != 0 ? static_cast<std::int64_t>(taken) : n;
    taken += static_cast<std::uint64_t>(n);
    if (taken < bytes) host_.settle();
  }
  if (taken < bytes) starve(*s);
  if ((flags & MSG_OOB) != 0 && taken == bytes && taken != 0) host_.tcp().send_urgent(*c);
  if ((flags & MSG_EOR) != 0 && taken == bytes && taken != 0) host_.tcp().end_record(*c);
  return static_cast<std::int64_t>(taken);
}

// The application has more to say than the send buffer holds.
void Sockets::starve(Socket& s) {
  const tcp::Connection* c = connection(s);
  if (s.starved || c == nullptr || host_.tcp().unacked_bytes(*c) < s.send_buffer) return;
  s.starved = true;
  s.starved_from_ns = host_.now_ns();
}

// How long all that the buffer holds had been sent while there was more to be said.
std::uint64_t Sockets::starved_ns(const Socket& s, const tcp::Connection& c) const {
  if (!s.starved || unsent(c) != 0) return s.starved_ns;
  return s.starved_ns + host_.now_ns() - std::max(s.starved_from_ns, c.last_sent_ns);
}

// As much as the send buffer has room for.
std::int64_t Sockets::queue(Socket& s, const std::uint8_t* data, std::uint64_t bytes) {
  tcp::Connection& c = *connection(s);
  const std::uint32_t room = s.send_buffer - host_.tcp().unacked_bytes(c);
  const auto n = static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, room));
  if (!host_.may_allocate()) return -ENOBUFS;
  auto copy = std::make_unique<std::uint8_t[]>(n);
  std::memcpy(copy.get(), data, n);
  const int result = host_.tcp().send(c, copy.get(), n, ++tokens_);
  if (result != 0) return result == -ENOBUFS ? -EAGAIN : result;
  texts_.emplace(tokens_, std::move(copy));
  return n;
}

void Sockets::fetch(Socket& s) {
  tcp::Connection* c = connection(s);
  tcp::Chunk chunk;
  while (c != nullptr && host_.tcp().pop_text(*c, chunk)) {
    if (s.text.empty()) s.read_to = chunk.seq;
    s.text.push_back(chunk);
  }
}

std::uint32_t Sockets::readable(Socket& s) {
  fetch(s);
  std::uint64_t bytes = 0;
  for (const tcp::Chunk& k : s.text) bytes += k.len;
  return static_cast<std::uint32_t>(bytes) - s.read;
}

// Bytes in front of the last urgent one; ~0: there is none that was not read.
std::uint32_t Sockets::mark_in(Socket& s) const {
  tcp::Connection* c = s.over ? nullptr : host_.tcp().get(s.id);
  if (c == nullptr || c->rcv_up == c->irs || s.text.empty()) return ~std::uint32_t{0};
  const std::int32_t left = tcp::distance(s.read_to, c->rcv_up) - 1;
  return left < 0 ? ~std::uint32_t{0} : static_cast<std::uint32_t>(left);
}

std::int64_t Sockets::recv(int fd, std::uint8_t* data, std::uint64_t room, int flags) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  if ((flags & MSG_OOB) != 0) return -EINVAL;
  if (data == nullptr && room != 0 && (flags & MSG_TRUNC) == 0) return -EFAULT;
  if (s->kind != Kind::connection) return -ENOTCONN;
  const bool peek = (flags & MSG_PEEK) != 0;
  fetch(*s);
  tcp::Connection* c = connection(*s);
  // (Not when it begins there: then the mark was seen.)
  if (const std::uint32_t mark = mark_in(*s); mark != 0) room = std::min<std::uint64_t>(room, mark);
  std::uint64_t given = 0;
  std::uint32_t at = s->read;
  for (std::size_t i = 0; i < s->text.size() && given < room;) {
    const tcp::Chunk& k = s->text[i];
    const auto n = static_cast<std::uint32_t>(std::min<std::uint64_t>(k.len - at, room - given));
    if ((flags & MSG_TRUNC) == 0) std::memcpy(data + given, k.data + at, n);
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
    s->read_to += static_cast<tcp::Seq>(given);
    if (c != nullptr) host_.tcp().recv_done(*c, static_cast<std::uint32_t>(given));
  }
  if (given != 0 || room == 0) return static_cast<std::int64_t>(given);
  if (s->error != 0) return -static_cast<std::int64_t>(std::exchange(s->error, std::uint8_t{0}));
  if (s->over && !s->connected) return -ENOTCONN;
  return s->remote_closed || s->over || s->no_more_reading ? 0 : -EAGAIN;
}

int Sockets::left(int fd) {
  Socket* s = get(fd);
  if (s == nullptr || !s->tells_left) return -1;
  const std::uint32_t bytes = readable(*s);
  return bytes == 0 && (s->remote_closed || s->over) ? 1 : static_cast<int>(bytes);
}

// A connection that is being opened, or a listener, is none any more.
void Sockets::disconnect(Socket& s) {
  if (tcp::Connection* c = connection(s); c != nullptr && s.kind == Kind::connection) {
    c->cookie = nobody;
    host_.tcp().abort(*c);
  }
  drop_text(s);
  s.kind = Kind::fresh;
  s.id = {};
  s.over = s.connected = s.remote_closed = false;
}

void Sockets::stop_listening(Socket& s) {
  host_.tcp().unlisten(s.local, s.port);
  take_events();
  for (const std::uint64_t n : std::exchange(s.waiting, {})) {
    Socket& w = *of(n);
    if (tcp::Connection* c = connection(w)) {
      c->cookie = nobody;
      host_.tcp().abort(*c);
    }
    drop_text(w);
    sockets_.erase(n);
  }
  s.kind = Kind::fresh;
}

int Sockets::shutdown(int fd, int how) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  if (how < SHUT_RD || how > SHUT_RDWR) return -EINVAL;
  const bool reading = how != SHUT_WR, sending = how != SHUT_RD;
  if (s->kind == Kind::listener) {
    if (reading) stop_listening(*s);
    return 0;
  }
  tcp::Connection* c = s->kind == Kind::connection ? connection(*s) : nullptr;
  if (c == nullptr || c->state == tcp::State::closed || c->state == tcp::State::time_wait)
    return -ENOTCONN;
  if (c->state == tcp::State::syn_sent) {
    disconnect(*s);
    return 0;
  }
  s->no_more_reading = s->no_more_reading || reading;
  s->no_more_sending = s->no_more_sending || sending;
  if (reading) host_.tcp().stop_reading(*c);
  return sending ? host_.tcp().shutdown(*c) : 0;
}

void Sockets::drop_text(Socket& s) {
  for (const tcp::Chunk& k : s.text) host_.free_buffer(reinterpret_cast<void*>(k.token));
  s.text.clear();
}

int Sockets::close(int fd, bool reset) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  if (s->kind == Kind::listener) stop_listening(*s);
  if (tcp::Connection* c = s->kind == Kind::connection ? connection(*s) : nullptr) {
    // (What was taken from the connection and not read counts as not read.)
    const bool unread = !s->text.empty();
    c->cookie = nobody;
    if (reset || unread || s->linger_s == 0) {
      host_.tcp().abort(*c);
    } else {
      host_.tcp().close(*c);
    }
  }
  drop_text(*s);
  sockets_.erase(s->number);
  numbers_[static_cast<std::size_t>(fd)] = 0;
  return 0;
}

int Sockets::name(int fd, bool of_peer, std::uint32_t* address, std::uint16_t* port) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  if (of_peer && (s->kind != Kind::connection || s->over || !s->connected)) return -ENOTCONN;
  if (address != nullptr) *address = (of_peer ? s->peer : s->local).v4();
  if (port != nullptr) *port = of_peer ? s->peer_port : s->port;
  return 0;
}

int Sockets::poll(int fd) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  if (s->kind == Kind::listener) {
    const bool any = std::any_of(s->waiting.begin(), s->waiting.end(),
                                 [this](std::uint64_t n) { return acceptable(*of(n)); });
    return any ? POLLIN : 0;
  }
  if (s->kind == Kind::fresh) return POLLOUT | POLLHUP;
  tcp::Connection* c = connection(*s);
  const bool gone =
      c == nullptr || c->state == tcp::State::closed || c->state == tcp::State::time_wait;
  const bool ended = s->remote_closed || s->no_more_reading;
  const bool stopped = s->no_more_sending || (c != nullptr && c->fin_queued != 0);
  int ready = s->error != 0 ? POLLERR : 0;
  if (gone || (ended && stopped)) ready |= POLLHUP;
  if (gone || ended) ready |= POLLIN | POLLRDHUP;
  if (!gone && !s->connected) return ready;
  const std::uint32_t text = readable(*s);
  if (text >= s->low_mark) ready |= POLLIN;
  if (mark_in(*s) < text) ready |= POLLPRI;
  if (gone || stopped || may_send_more(*s)) ready |= POLLOUT;
  return ready;
}

void Sockets::take_events() {
  while (tcp::Connection* c = host_.tcp().next_ready()) take_event(*c);
}

void Sockets::take_event(tcp::Connection& c) {
  namespace e = tcp::event;
  const std::uint8_t events = std::exchange(c.events, std::uint8_t{0});
  tcp::Chunk chunk;
  while (host_.tcp().pop_acked(c, chunk)) texts_.erase(chunk.token);
  Socket* s = of(c.cookie);
  if (s != nullptr && s->kind == Kind::listener && (events & e::new_conn) != 0) {
    Socket& made = make();
    s->waiting.push_back(made.number);
    const std::uint64_t number = made.number;
    const Socket& by = *s;
    made.settings = by.settings;
    made.send_buffer = by.send_buffer, made.receive_buffer = by.receive_buffer;
    made.window_clamp = by.window_clamp, made.low_mark = by.low_mark;
    made.unsent_mark = by.unsent_mark, made.linger_s = by.linger_s;
    made.defer_s = by.defer_s, made.reuse = by.reuse;
    made.tells_left = by.tells_left;
    made.kind = Kind::connection;
    made.connected = made.told_connected = true;
    made.id = host_.tcp().id_of(c);
    made.local = c.tuple.local, made.port = c.tuple.local_port;
    made.peer = c.tuple.peer, made.peer_port = c.tuple.peer_port;
    made.since_ns = host_.now_ns();
    c.cookie = number;
    s = &made;
  }
  if (s != nullptr && s->kind == Kind::connection && s->id == host_.tcp().id_of(c)) {
    if ((events & e::connected) != 0) s->connected = true;
    if ((events & e::remote_closed) != 0) s->remote_closed = true;
    if ((events & e::acked) != 0 && s->starved) {
      s->starved_ns = starved_ns(*s, c);
      s->starved_from_ns = host_.now_ns();
      s->starved = host_.tcp().unacked_bytes(c) >= s->send_buffer;
    }
    if ((events & e::cleanup) != 0) {
      fetch(*s);
      s->over = true;
      s->error = c.error;
    }
  }
  if ((events & e::cleanup) != 0) host_.tcp().dispose(c);
}

std::uint32_t Sockets::open() const { return static_cast<std::uint32_t>(sockets_.size()); }

}  // namespace weft::sim
