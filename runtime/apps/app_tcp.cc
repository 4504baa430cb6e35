// Connections of applications: what the stack has to tell becomes calls, commands become calls of
// the stack. Text goes to and fro by reference.
#include <cerrno>
#include <cstddef>
#include <utility>

#include "runtime/apps/app_host.h"
#include "stack-nodes/ipv4/source.h"

namespace weft::apps {
namespace {

std::uint64_t number_of(tcp::Id id) { return std::uint64_t{id.generation} << 32 | id.index; }

}  // namespace

tcp::Connection* AppHost::connection(std::uint64_t number) {
  if (core_ == nullptr || core_->tcp == nullptr) return nullptr;
  core_->tcp->now_ns = core_->now_ns;
  return core_->tcp->get(
      {static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(number >> 32)});
}

unsigned AppHost::tell_connections(Core& core) {
  constexpr unsigned at_once = 256;
  core_ = &core;
  core.tcp->now_ns = core.now_ns;
  unsigned told = 0;
  while (told < at_once) {
    tcp::Connection* c = core.tcp->next_ready();
    if (c == nullptr) break;
    tell_connection(*c);
    ++told;
  }
  return told;
}

void AppHost::tell_connection(tcp::Connection& c) {
  namespace e = tcp::event;
  tcp::Tcp& stack = *core_->tcp;
  const std::uint8_t events = std::exchange(c.events, std::uint8_t{0});
  const auto endpoint = static_cast<std::uint32_t>(c.cookie >> endpoint_shift);
  const tcp::Id id = stack.id_of(c);
  if (!serves(endpoint)) return stack.abort(c), stack.dispose(c);
  const Instance& to = instances_[endpoint];
  weft_tcp_event event = {.size = sizeof(weft_tcp_event),
                          .endpoint = endpoint,
                          .connection = number_of(id),
                          .kind = 0,
                          .error = c.error,
                          .peer = c.tuple.peer.v4(),
                          .own = c.tuple.local.v4(),
                          .peer_port = c.tuple.peer_port,
                          .own_port = c.tuple.local_port,
                          .len = 0,
                          .data = nullptr,
                          .token = 0,
                          .cookie = 0};
  const auto tell = [&](std::uint32_t kind) {
    event.kind = kind;
    event.cookie = c.cookie & cookie_mask;
    to.app->tcp(to.self, &host_, &event);
  };
  if ((events & e::new_conn) != 0) {
    stack.accept(c);
    tell(WEFT_TCP_NEW);
  }
  if ((events & e::connected) != 0) tell(WEFT_TCP_CONNECTED);
  if ((events & e::urgent) != 0) tell(WEFT_TCP_URGENT);
  // (A call may close or abort the connection; the record stays until it is disposed of here.)
  if (!tell_text(c, event)) return stack.remind(c);
  tcp::Chunk chunk;
  while (stack.pop_acked(c, chunk)) {
    if (chunk.token == 0) continue;  // a part before the last
    event.token = chunk.token;
    tell(WEFT_TCP_ACKED);
  }
  event.token = 0;
  if ((events & e::remote_closed) != 0) tell(WEFT_TCP_REMOTE_CLOSED);
  if ((events & e::cleanup) != 0) {
    tell(WEFT_TCP_CLEANUP);
    stack.dispose(c);
  }
}

// False: the application holds too much; what is left waits.
bool AppHost::tell_text(tcp::Connection& c, const weft_tcp_event& about) {
  if (texts_.empty() && c.unread.first != tcp::none) {
    texts_.resize(most_texts);
    for (std::uint32_t i = most_texts; i > 0; --i) free_texts_.push_back(i - 1);
  }
  const Instance& to = instances_[about.endpoint];
  AppCounters& counters = counters_[about.endpoint];
  tcp::Chunk chunk;
  while (c.unread.first != tcp::none) {
    if (free_texts_.empty()) return false;
    core_->tcp->pop_text(c, chunk);
    const std::uint32_t place = free_texts_.back();
    free_texts_.pop_back();
    Text& text = texts_[place];
    text.buffer = reinterpret_cast<void*>(chunk.token);
    text.len = chunk.len;
    text.connection = core_->tcp->id_of(c);
    text.endpoint = about.endpoint;
    text.in_use = true;
    ++counters.received;
    ++counters.held;
    weft_tcp_event event = about;
    event.kind = WEFT_TCP_DATA;
    event.cookie = c.cookie & cookie_mask;
    event.data = chunk.data;
    event.len = chunk.len;
    event.token = std::uint64_t{text.generation} << 32 | place;
    to.app->tcp(to.self, &host_, &event);
  }
  return true;
}

int AppHost::tcp_done(void* context, std::uint64_t token) {
  auto& host = *static_cast<AppHost*>(context);
  const auto place = static_cast<std::uint32_t>(token);
  if (place >= host.texts_.size()) return -EINVAL;
  Text& text = host.texts_[place];
  if (!text.in_use || text.generation != token >> 32) return -EINVAL;
  AppCounters& counters = host.counters_[text.endpoint];
  ++counters.done;
  --counters.held;
  host.core_->services->free_buffer(text.buffer);
  if (tcp::Connection* c = host.connection(number_of(text.connection)))
    host.core_->tcp->recv_done(*c, text.len);
  text.in_use = false;
  if (++text.generation == 0) text.generation = 1;
  host.free_texts_.push_back(place);
  return 0;
}

void AppHost::take_texts_back(Core& core) {
  for (std::uint32_t i = 0; i < texts_.size(); ++i) {
    if (!texts_[i].in_use) continue;
    core.services->free_buffer(texts_[i].buffer);
    --counters_[texts_[i].endpoint].held;
    texts_[i].in_use = false;
    ++texts_[i].generation;
    free_texts_.push_back(i);
  }
}

int AppHost::tcp_send(void* context, const weft_tcp_send* command) {
  auto& host = *static_cast<AppHost*>(context);
  if (command == nullptr ||
      command->size < offsetof(weft_tcp_send, token) + sizeof(command->token) ||
      command->part_count == 0 || command->parts == nullptr || command->token == 0)
    return -EINVAL;
  tcp::Connection* c = host.connection(command->connection);
  if (c == nullptr) return -EBADF;
  // All parts or none.
  std::uint32_t last = command->part_count;
  for (std::uint32_t i = 0; i < command->part_count; ++i) {
    if (command->parts[i].len == 0) continue;
    if (command->parts[i].data == nullptr) return -EINVAL;
    last = i;
  }
  if (last == command->part_count) return -EINVAL;
  AppCounters& counters = host.counters_[c->cookie >> endpoint_shift];
  if (host.core_->tcp->chunk_room() < command->part_count) {
    ++counters.send_failed;
    return -ENOBUFS;
  }
  for (std::uint32_t i = 0; i <= last; ++i) {
    const weft_part& part = command->parts[i];
    if (part.len == 0) continue;
    const int result = host.core_->tcp->send(*c, static_cast<const std::uint8_t*>(part.data),
                                             part.len, i == last ? command->token : 0);
    if (result != 0) {
      ++counters.send_failed;
      return result;
    }
  }
  ++counters.sent;
  return 0;
}

int AppHost::tcp_accept(void* context, std::uint64_t number) {
  return static_cast<AppHost*>(context)->connection(number) != nullptr ? 0 : -EBADF;
}

int AppHost::tcp_reject(void* context, std::uint64_t number) { return tcp_abort(context, number); }

int AppHost::tcp_shutdown(void* context, std::uint64_t number) {
  auto& host = *static_cast<AppHost*>(context);
  tcp::Connection* c = host.connection(number);
  return c == nullptr ? -EBADF : host.core_->tcp->shutdown(*c);
}

int AppHost::tcp_close(void* context, std::uint64_t number) {
  auto& host = *static_cast<AppHost*>(context);
  tcp::Connection* c = host.connection(number);
  if (c == nullptr) return -EBADF;
  host.core_->tcp->close(*c);
  return 0;
}

int AppHost::tcp_abort(void* context, std::uint64_t number) {
  auto& host = *static_cast<AppHost*>(context);
  tcp::Connection* c = host.connection(number);
  if (c == nullptr) return -EBADF;
  host.core_->tcp->abort(*c);
  return 0;
}

int AppHost::tcp_no_delay(void* context, std::uint64_t number, int on) {
  auto& host = *static_cast<AppHost*>(context);
  tcp::Connection* c = host.connection(number);
  if (c == nullptr) return -EBADF;
  host.core_->tcp->set_no_delay(*c, on != 0);
  return 0;
}

int AppHost::tcp_mark(void* context, std::uint64_t number, std::uint64_t cookie) {
  auto& host = *static_cast<AppHost*>(context);
  if ((cookie & ~cookie_mask) != 0) return -EINVAL;
  tcp::Connection* c = host.connection(number);
  if (c == nullptr) return -EBADF;
  c->cookie = (c->cookie & ~cookie_mask) | cookie;
  return 0;
}

int AppHost::tcp_connect(void* context, const weft_tcp_connect* command, std::uint64_t* number) {
  auto& host = *static_cast<AppHost*>(context);
  if (command == nullptr || number == nullptr ||
      command->size < offsetof(weft_tcp_connect, cookie) + sizeof(command->cookie) ||
      !host.serves(command->endpoint) || (command->cookie & ~cookie_mask) != 0)
    return -EINVAL;
  Core& core = *host.core_;
  if (core.tcp == nullptr) return -EINVAL;
  if (!core.alone) return -EOPNOTSUPP;  // the answer may reach another shard
  // MUST-46: neither to groups nor to broadcasts; MUST-44: from the address of the way out.
  const Cast to = core.addresses.find(command->dst);
  if (to == Cast::broadcast || to == Cast::multicast || command->dst >> 28 >= 14) return -EINVAL;
  const std::uint32_t from =
      command->src != 0 ? command->src : nodes::ipv4::source_towards(core, command->dst);
  if (core.addresses.find(from) != Cast::own) return -EADDRNOTAVAIL;
  tcp::Id id;
  core.tcp->now_ns = core.now_ns;
  const int result = core.tcp->connect({tcp::Address::v4(from), tcp::Address::v4(command->dst),
                                        command->src_port, command->dst_port},
                                       id);
  if (result != 0) return result;
  core.tcp->get(id)->cookie = std::uint64_t{command->endpoint} << endpoint_shift | command->cookie;
  *number = number_of(id);
  return 0;
}

}  // namespace weft::apps
