#include "runtime/apps/app_host.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

namespace weft::apps {
namespace {

constexpr std::uint32_t largest = 65535 - 20 - 8;  // RFC 768: what fits one IPv4 datagram
constexpr unsigned half_full = DatagramList::capacity / 2;

// RFC 1122 sections 3.2.2.1 and 4.2.3.9, as kernels translate it.
std::int32_t reason(unsigned type, unsigned code) {
  if (type == 12) return EPROTO;
  if (type != 3) return EHOSTUNREACH;
  switch (code) {
    case 0:
    case 6:
    case 9:
    case 11: return ENETUNREACH;
    case 2: return ENOPROTOOPT;
    case 3: return ECONNREFUSED;
    case 4: return EMSGSIZE;
    default: return EHOSTUNREACH;
  }
}

void release(Core& core, const Datagram& d) { core.services->free_buffer(d.buffer); }

}  // namespace

AppCounters& AppCounters::operator+=(const AppCounters& o) {
  received += o.received;
  refused += o.refused;
  sent += o.sent;
  zero_copy += o.zero_copy;
  send_failed += o.send_failed;
  done += o.done;
  held += o.held;
  errors += o.errors;
  return *this;
}

AppHost::AppHost()
    : host_{.size = sizeof(weft_host),
            .abi = WEFT_APP_ABI,
            .context = this,
            .send = &AppHost::send,
            .recv_done = &AppHost::recv_done,
            .now_ns = &AppHost::now,
            .listen_group = &AppHost::listen_group,
            .tcp_accept = &AppHost::tcp_accept,
            .tcp_reject = &AppHost::tcp_reject,
            .tcp_send = &AppHost::tcp_send,
            .tcp_done = &AppHost::tcp_done,
            .tcp_shutdown = &AppHost::tcp_shutdown,
            .tcp_close = &AppHost::tcp_close,
            .tcp_abort = &AppHost::tcp_abort,
            .tcp_connect = &AppHost::tcp_connect,
            .tcp_no_delay = &AppHost::tcp_no_delay,
            .tcp_mark = &AppHost::tcp_mark,
            .timer_set = &AppHost::timer_set,
            .timer_cancel = &AppHost::timer_cancel,
            .flow_add = &AppHost::flow_add,
            .flow_remove = &AppHost::flow_remove,
            .endpoint_add = &AppHost::endpoint_add,
            .endpoint_remove = &AppHost::endpoint_remove},
      held_(most_held) {
  for (std::uint32_t i = most_held; i > 0; --i) free_.push_back(i - 1);
}

AppHost::~AppHost() {
  for (const Instance& instance : instances_) destroy(instance);
}

void AppHost::destroy(const Instance& instance) {
  if (instance.app != nullptr && instance.self != nullptr) instance.app->destroy(instance.self);
}

diag::Result<std::unique_ptr<AppHost>> AppHost::make(const std::vector<ir::Endpoint>& endpoints,
                                                     const std::vector<Library>& libraries,
                                                     unsigned net_core) {
  std::unique_ptr<AppHost> host(new AppHost);
  for (unsigned i = 0; i < endpoints.size(); ++i) {
    if (endpoints[i].vacant()) continue;
    auto instance = create(endpoints[i], i, libraries[i], net_core);
    if (!instance) return diag::fail(instance.error());
    host->add(std::move(*instance), i);
  }
  return host;
}

diag::Result<AppHost::Instance> AppHost::create(const ir::Endpoint& endpoint, unsigned index,
                                                const Library& library, unsigned net_core) {
  const weft_app_config config = {.size = sizeof(weft_app_config),
                                  .endpoint = index,
                                  .name = endpoint.name.c_str(),
                                  .port = endpoint.port,
                                  .reserved = 0,
                                  .core = net_core,
                                  .ports = endpoint.ports,
                                  .address = endpoint.address,
                                  .addresses = endpoint.addresses};
  if (endpoint.tcp ? !serves_tcp(*library.app) : library.app->datagram == nullptr) {
    return diag::fail(diag::Diagnostic{
        .code = "E0632",
        .message = fmt::format("application `{}` does not serve {} (endpoint `{}`)",
                               library.app->name, endpoint.tcp ? "TCP" : "UDP", endpoint.name)});
  }
  Instance instance{library.app, library.handle, library.app->create(&config), endpoint};
  if (instance.self != nullptr) return instance;
  return diag::fail(
      diag::Diagnostic{.code = "E0632",
                       .message = fmt::format("application `{}` does not want endpoint `{}`",
                                              library.app->name, endpoint.name)});
}

void AppHost::add(Instance instance, unsigned index) {
  if (index >= instances_.size()) {
    instances_.resize(index + 1);
    counters_.resize(index + 1);
    starved_.resize(index + 1);
  }
  if (instance.endpoint.tcp) ++tcp_endpoints_;
  instances_[index] = std::move(instance);
}

AppHost::Instance AppHost::remove(Core& core, unsigned index) {
  act_for(core);
  if (index >= instances_.size() || instances_[index].app == nullptr) return {};
  timers_.cancel_all(index);
  requests_.forget(index);
  for (Text& text : texts_) {
    if (text.in_use && text.endpoint == index) give_back(text);
  }
  if (instances_[index].endpoint.tcp) --tcp_endpoints_;
  for (Held& slot : held_) {
    if (!slot.in_use || slot.datagram.endpoint != index) continue;
    release(core, slot.datagram);
    give_back(slot);
  }
  return std::exchange(instances_[index], {});
}

AppCounters AppHost::take_counters(unsigned index) {
  return index < counters_.size() ? std::exchange(counters_[index], {}) : AppCounters{};
}

void AppHost::deliver(Core& core, const Datagram* datagrams, unsigned n) {
  act_for(core);
  for (unsigned i = 0; i < n; ++i) {
    const Datagram& d = datagrams[i];
    if (d.icmp_type != 0) [[unlikely]] {
      tell(core, d);
      continue;
    }
    const Instance& to = instances_[d.endpoint];
    AppCounters& counters = counters_[d.endpoint];
    if (free_.empty() || to.app == nullptr) {
      ++counters.refused;
      release(core, d);
      continue;
    }
    const std::uint32_t place = free_.back();
    free_.pop_back();
    Held& slot = held_[place];
    slot.datagram = d;
    slot.in_use = true;
    ++counters.received;
    ++counters.held;

    const weft_datagram event = {.size = sizeof(weft_datagram),
                                 .endpoint = d.endpoint,
                                 .src = d.peer,
                                 .dst = d.own,
                                 .src_port = d.peer_port,
                                 .dst_port = d.own_port,
                                 .len = d.len,
                                 .data = d.data,
                                 .token = std::uint64_t{slot.generation} << 32 | place};
    acting_ = d.endpoint;
    to.app->datagram(to.self, &host_, &event);
  }
}

// Nothing is held: an error event is over when its function returns.
void AppHost::tell(Core& core, const Datagram& d) {
  const Instance& to = instances_[d.endpoint];
  ++counters_[d.endpoint].errors;
  const bool listens = to.app != nullptr &&
                       to.app->size >= offsetof(weft_app, error) + sizeof(to.app->error) &&
                       to.app->error != nullptr;
  const weft_error event = {.size = sizeof(weft_error),
                            .endpoint = d.endpoint,
                            .dst = d.peer,
                            .reporter = d.own,
                            .dst_port = d.peer_port,
                            .icmp_type = d.icmp_type,
                            .icmp_code = d.icmp_code,
                            .error = reason(d.icmp_type, d.icmp_code),
                            .mtu = d.mtu};
  release(core, d);
  if (!listens) return;
  acting_ = d.endpoint;
  to.app->error(to.self, &host_, &event);
}

void AppHost::run_timers(Core& core) {
  act_for(core);
  while (const auto due = timers_.take_due(core.now_ns)) {
    if (!serves(due->endpoint)) continue;
    const Instance& to = instances_[due->endpoint];
    const weft_timer event = {.size = sizeof(weft_timer),
                              .endpoint = due->endpoint,
                              .timer = due->number,
                              .cookie = due->cookie,
                              .due_ns = due->due_ns};
    core_ = &core;
    acting_ = due->endpoint;
    to.app->timer(to.self, &host_, &event);
  }
}

int AppHost::timer_set(void* context, std::uint32_t endpoint, std::uint64_t due_ns,
                       std::uint64_t cookie, std::uint64_t* timer) {
  auto& host = *static_cast<AppHost*>(context);
  if (timer == nullptr || !host.serves(endpoint)) return -EINVAL;
  const weft_app& app = *host.instances_[endpoint].app;
  if (app.size < offsetof(weft_app, timer) + sizeof(app.timer) || app.timer == nullptr)
    return -EINVAL;
  *timer = host.timers_.set(endpoint, due_ns, cookie, host.core_->now_ns);
  return *timer != 0 ? 0 : -ENOBUFS;
}

int AppHost::timer_cancel(void* context, std::uint64_t timer) {
  return static_cast<AppHost*>(context)->timers_.cancel(timer) ? 0 : -EINVAL;
}

void AppHost::tick(Core& core) {
  act_for(core);
  for (std::uint32_t i = 0; i < instances_.size(); ++i) {
    const Instance& instance = instances_[i];
    if (instance.app == nullptr || instance.app->tick == nullptr) continue;
    acting_ = i;
    instance.app->tick(instance.self, &host_, core.now_ns);
  }
}

void AppHost::take_back(Core& core) {
  act_for(core);
  for (Held& slot : held_) {
    if (!slot.in_use) continue;
    release(core, slot.datagram);
    give_back(slot);
  }
  take_texts_back();
}

AppHost::Held* AppHost::held(std::uint64_t token) {
  const auto place = static_cast<std::uint32_t>(token);
  if (place >= held_.size()) return nullptr;
  Held& slot = held_[place];
  return slot.in_use && slot.generation == token >> 32 ? &slot : nullptr;
}

// The slot is free again; the buffer has gone elsewhere.
void AppHost::give_back(Held& slot) {
  --counters_[slot.datagram.endpoint].held;
  slot.in_use = false;
  if (++slot.generation == 0) slot.generation = 1;
  free_.push_back(static_cast<std::uint32_t>(&slot - held_.data()));
}

int AppHost::recv_done(void* context, std::uint64_t token) {
  auto& host = *static_cast<AppHost*>(context);
  Held* slot = host.held(token);
  if (slot == nullptr) return -EINVAL;
  ++host.counters_[slot->datagram.endpoint].done;
  release(*host.core_, slot->datagram);
  host.give_back(*slot);
  return 0;
}

std::uint64_t AppHost::now(void* context) { return static_cast<AppHost*>(context)->core_->now_ns; }

int AppHost::listen_group(void* context, const weft_group* command) {
  auto& host = *static_cast<AppHost*>(context);
  if (command == nullptr ||
      command->size < offsetof(weft_group, source_count) + sizeof(command->source_count) ||
      !host.serves(command->endpoint) || command->mode > WEFT_GROUP_ALL_BUT ||
      command->group >> 28 != 14 || command->group == AddressTable::all_hosts ||
      command->source_count > GroupTable::most_sources ||
      (command->source_count != 0 && command->sources == nullptr))
    return -EINVAL;
  if (host.core_->host.multicast == 0) return -EOPNOTSUPP;
  const ir::Endpoint& e = host.instances_[command->endpoint].endpoint;
  GroupTable::Member member = {static_cast<std::uint16_t>(command->endpoint),
                               e.port,
                               static_cast<std::uint16_t>(e.last_port()),
                               {}};
  member.filter.exclude = command->mode == WEFT_GROUP_ALL_BUT;
  member.filter.sources.assign(command->sources, command->sources + command->source_count);
  return host.core_->services->group_changed(command->group, member) ? 0 : -ENOBUFS;
}

int AppHost::send(void* context, const weft_send* command) {
  auto& host = *static_cast<AppHost*>(context);
  if (command == nullptr || command->size < offsetof(weft_send, token) + sizeof(command->token) ||
      !host.serves(command->endpoint))
    return -EINVAL;
  const int result = host.send_one(*command);
  AppCounters& counters = host.counters_[command->endpoint];
  ++(result == 0 ? counters.sent : counters.send_failed);
  return result;
}

bool AppHost::choose_source(const weft_send& command, const Datagram* answered, Datagram& d) const {
  const ir::Endpoint& e = instances_[command.endpoint].endpoint;
  const bool says = command.size >= offsetof(weft_send, src_port) + sizeof(command.src_port);
  std::uint32_t address = says ? command.src : 0;
  std::uint16_t port = says ? command.src_port : 0;
  if (address != 0 && core_->addresses.find(address) != Cast::own) return false;
  if (answered != nullptr) {
    const std::uint32_t theirs = answered->own;
    const std::uint16_t at = answered->own_port;
    if (address == 0 && core_->addresses.find(theirs) == Cast::own &&
        (!e.bound() || e.listens(theirs, e.port)))
      address = theirs;
    if (port == 0 && at >= e.port && at <= e.last_port()) port = at;
  }
  if (address == 0) address = e.address;
  if (port == 0) port = e.port;
  // (A host with one address need not say which; the straight way of sending is made for that.)
  d.own = core_->addresses.only_one() ? 0 : address;
  d.own_port = port;
  return e.listens(e.bound() ? address : 0, port);
}

int AppHost::send_one(const weft_send& command) {
  const bool says = command.size >= offsetof(weft_send, flags) + sizeof(command.flags);
  const std::uint32_t flags = says ? command.flags : 0;
  if ((flags & ~WEFT_SEND_DONT_FRAGMENT) != 0) return -EINVAL;
  Held* source = nullptr;
  if (command.token != 0 && (source = held(command.token)) == nullptr) return -EINVAL;
  if (command.part_count != 0 && command.parts == nullptr) return -EINVAL;
  if (command.dst >> 24 == 127) return -EINVAL;  // RFC 1122 section 3.2.1.3: never on a wire
  std::uint64_t length = 0;
  for (std::uint32_t i = 0; i < command.part_count; ++i) {
    if (command.parts[i].data == nullptr && command.parts[i].len != 0) return -EINVAL;
    length += command.parts[i].len;
  }
  if (length > largest) return -EMSGSIZE;

  // The list is emptied when it is half full; it is full only where nobody set `flush`. One that
  // may be refused needs a place for the event that says so, too.
  DatagramList& sent = core_->sent;
  if (sent.count == DatagramList::capacity) return -ENOBUFS;
  if (flags != 0 && length + 28 > PathTable::floor &&
      core_->delivered.count + sent.count >= DatagramList::capacity)
    return -ENOBUFS;

  Datagram d;
  // Part of the very datagram that is given back (new headers fit where the old ones were): the
  // buffer goes out as it is.
  const Datagram* from = source != nullptr ? &source->datagram : nullptr;
  if (!choose_source(command, from, d)) return -EADDRNOTAVAIL;
  const auto* payload =
      command.part_count == 1 ? static_cast<const std::uint8_t*>(command.parts[0].data) : nullptr;
  if (from != nullptr && payload != nullptr && payload >= from->data &&
      payload + length <= from->data + from->len) {
    d.buffer = from->buffer;
    d.data = from->data + (payload - from->data);
    ++counters_[command.endpoint].zero_copy;
  } else {
    Packet p;
    if (!core_->services->allocate(p, datagram_headers + static_cast<std::uint32_t>(length)))
      return -ENOBUFS;
    d.buffer = p.buffer;
    d.data = p.data + datagram_headers;
    std::uint8_t* to = d.data;
    for (std::uint32_t i = 0; i < command.part_count; ++i) {
      if (command.parts[i].len != 0) std::memcpy(to, command.parts[i].data, command.parts[i].len);
      to += command.parts[i].len;
    }
    if (source != nullptr) release(*core_, source->datagram);
  }
  if (source != nullptr) give_back(*source);

  d.len = static_cast<std::uint32_t>(length);
  d.peer = command.dst;
  d.peer_port = command.dst_port;
  d.endpoint = static_cast<std::uint16_t>(command.endpoint);
  d.dont_fragment = (flags & WEFT_SEND_DONT_FRAGMENT) != 0 ? 1 : 0;
  if (d.peer >> 28 == 0xe) d.ttl = 1;  // a group: no further than the link (RFC 1112 section 6.1)
  sent.datagrams[sent.count++] = d;
  // Large ones one by one: each becomes many frames.
  const bool large = length + 28 > core_->host.mtu;
  if ((large || sent.count >= half_full) && flush) {
    const std::uint32_t who = acting_;  // (what is sent may be for an application here)
    flush(*core_);
    acting_ = who;
  }
  return 0;
}

}  // namespace weft::apps
