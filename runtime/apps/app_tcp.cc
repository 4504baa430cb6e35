// What the stack has to tell of connections becomes calls of applications. Text is handed over by
// reference.
#include <cerrno>
#include <utility>

#include "runtime/apps/app_host.h"

namespace weft::apps {

unsigned AppHost::tell_connections(Core& core) {
  constexpr unsigned at_once = 256;
  act_for(core);
  core.tcp->now_ns = core.now_ns;
  tell_credit(core);
  unsigned told = 0;
  while (told < at_once) {
    tcp::Connection* c = core.tcp->next_ready();
    if (c == nullptr) break;
    tell_connection(core, *c);
    ++told;
  }
  return told;
}

weft_tcp_event AppHost::event_of(const Core& core, const tcp::Connection& c, std::uint32_t kind) {
  return {.size = sizeof(weft_tcp_event),
          .endpoint = static_cast<std::uint32_t>(c.cookie >> endpoint_shift),
          .connection = number_of(core, core.tcp->id_of(c)),
          .kind = kind,
          .error = c.error,
          .peer = c.tuple.peer.v4(),
          .own = c.tuple.local.v4(),
          .peer_port = c.tuple.peer_port,
          .own_port = c.tuple.local_port,
          .len = 0,
          .data = nullptr,
          .token = 0,
          .cookie = c.cookie & cookie_mask};
}

void AppHost::tell_connection(Core& core, tcp::Connection& c) {
  namespace e = tcp::event;
  tcp::Tcp& stack = *core.tcp;
  const std::uint8_t events = std::exchange(c.events, std::uint8_t{0});
  const auto endpoint = static_cast<std::uint32_t>(c.cookie >> endpoint_shift);
  if (!serves(endpoint)) return stack.abort(c), stack.dispose(c);
  const Instance& to = instances_[endpoint];
  const auto tell = [&](std::uint32_t kind, std::uint64_t token = 0) {
    weft_tcp_event event = event_of(core, c, kind);
    event.token = token;
    if (kind == WEFT_TCP_TROUBLE)
      event.error = c.soft_error != tcp::reason::none ? c.soft_error : tcp::reason::timed_out;
    core_ = &core;
    acting_ = endpoint;
    to.app->tcp(to.self, &host_, &event);
  };
  // (A call may close or abort the connection; the record stays until it is disposed of here.)
  if ((events & e::new_conn) != 0) {
    stack.accept(c);
    tell(WEFT_TCP_NEW);
  }
  if ((events & e::connected) != 0) tell(WEFT_TCP_CONNECTED);
  if ((events & e::urgent) != 0) tell(WEFT_TCP_URGENT);
  if ((events & (e::stuck | e::cleanup)) == e::stuck) tell(WEFT_TCP_TROUBLE);
  const bool all = tell_text(core, c);
  tcp::Chunk chunk;
  while (stack.pop_acked(c, chunk)) {
    if (chunk.token != 0) tell(WEFT_TCP_ACKED, chunk.token);  // (0: a part before the last)
  }
  if (!all && (events & e::cleanup) == 0) {
    // What else there is to tell comes behind the text.
    c.events |= events & e::remote_closed;
    starved_[endpoint].push_back(number_of(core, stack.id_of(c)));
    return;
  }
  if ((events & e::remote_closed) != 0) tell(WEFT_TCP_REMOTE_CLOSED);
  if ((events & e::cleanup) != 0) {
    tell(WEFT_TCP_CLEANUP);
    stack.dispose(c);
  }
}

// False: the application holds too much; what is left waits.
bool AppHost::tell_text(Core& core, tcp::Connection& c) {
  const auto endpoint = static_cast<std::uint32_t>(c.cookie >> endpoint_shift);
  if (texts_.empty() && c.unread.first != tcp::none) {
    texts_.resize(most_texts);
    for (std::uint32_t i = most_texts; i > 0; --i) free_texts_.push_back(i - 1);
  }
  const Instance& to = instances_[endpoint];
  AppCounters& counters = counters_[endpoint];
  tcp::Chunk chunk;
  while (c.unread.first != tcp::none && c.released == 0) {
    if (free_texts_.empty() || counters.held >= texts_of_one()) return false;
    core.tcp->pop_text(c, chunk);
    const std::uint32_t place = free_texts_.back();
    free_texts_.pop_back();
    Text& text = texts_[place];
    text.buffer = reinterpret_cast<void*>(chunk.token);
    text.len = chunk.len;
    text.endpoint = endpoint;
    text.core = &core;
    text.connection = core.tcp->id_of(c);
    text.in_use = true;
    ++counters.received;
    ++counters.held;
    weft_tcp_event event = event_of(core, c, WEFT_TCP_DATA);
    event.data = chunk.data;
    event.len = chunk.len;
    event.token = std::uint64_t{text.generation} << 32 | place;
    core_ = &core;
    acting_ = endpoint;
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
  const Text was = text;
  ++host.counters_[was.endpoint].done;
  host.give_back(text);
  if (const Found f = host.find(host.number_of(*was.core, was.connection)))
    f.core->tcp->recv_done(*f.connection, was.len);
  host.feed(was.endpoint);
  return 0;
}

void AppHost::give_back(Text& text) {
  text.core->services->free_buffer(text.buffer);
  AppCounters& counters = counters_[text.endpoint];
  --counters.held;
  text.in_use = false;
  if (++text.generation == 0) text.generation = 1;
  free_texts_.push_back(static_cast<std::uint32_t>(&text - texts_.data()));
}

// Connections whose text had to wait are told of it now.
void AppHost::feed(std::uint32_t endpoint) {
  if (starved_[endpoint].empty() || counters_[endpoint].held > texts_of_one() / 2) return;
  for (const std::uint64_t number : std::exchange(starved_[endpoint], {})) {
    if (const Found f = find(number)) f.core->tcp->remind(*f.connection);
  }
}

// A send found no room; there is some now.
void AppHost::tell_credit(Core& core) {
  if (short_of_room_.empty() || core.tcp->chunk_room() < core.tcp->config().chunks / 16) return;
  for (const std::uint64_t number : std::exchange(short_of_room_, {})) {
    const Found f = find(number);
    if (!f) continue;
    const weft_tcp_event event = event_of(*f.core, *f.connection, WEFT_TCP_CREDIT);
    if (!serves(event.endpoint)) continue;
    const Instance& to = instances_[event.endpoint];
    core_ = f.core;
    acting_ = event.endpoint;
    to.app->tcp(to.self, &host_, &event);
  }
  core_ = &core;
}

void AppHost::take_texts_back() {
  for (Text& text : texts_) {
    if (text.in_use) give_back(text);
  }
}

}  // namespace weft::apps
