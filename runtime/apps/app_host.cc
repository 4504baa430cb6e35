#include "runtime/apps/app_host.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "stack-nodes/wire/bytes.h"

namespace weft::apps {
namespace {

constexpr std::uint32_t headers = 14 + 20 + 8;     // room that the stack wants before the payload
constexpr std::uint32_t largest = 65535 - 20 - 8;  // RFC 768: what fits one IPv4 datagram
constexpr unsigned half_full = PacketList::capacity / 2;

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

PacketList& sends(Core& core) {
  return core.spawned[static_cast<std::size_t>(nodes::Slot::udp_send)];
}

}  // namespace

AppHost::AppHost()
    : host_{.size = sizeof(weft_host),
            .abi = WEFT_APP_ABI,
            .context = this,
            .send = &AppHost::send,
            .recv_done = &AppHost::recv_done,
            .now_ns = &AppHost::now,
            .listen_group = &AppHost::listen_group},
      held_(most_held) {
  for (std::uint32_t i = most_held; i > 0; --i) free_.push_back(i - 1);
}

AppHost::~AppHost() {
  for (const Instance& instance : instances_) {
    if (instance.self != nullptr) instance.app->destroy(instance.self);
  }
}

diag::Result<std::unique_ptr<AppHost>> AppHost::make(const std::vector<ir::Endpoint>& endpoints,
                                                     const std::vector<Library>& libraries,
                                                     unsigned net_core) {
  std::unique_ptr<AppHost> host(new AppHost);
  host->counters_.resize(endpoints.size());
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    const weft_app_config config = {.size = sizeof(weft_app_config),
                                    .endpoint = static_cast<std::uint32_t>(i),
                                    .name = endpoints[i].name.c_str(),
                                    .port = endpoints[i].port,
                                    .reserved = 0,
                                    .core = net_core,
                                    .ports = endpoints[i].ports,
                                    .address = endpoints[i].address,
                                    .addresses = endpoints[i].addresses};
    Instance instance{libraries[i].app, libraries[i].handle, libraries[i].app->create(&config),
                      endpoints[i]};
    if (instance.self == nullptr)
      return diag::fail(
          diag::Diagnostic{.code = "E0632",
                           .message = fmt::format("application `{}` does not want endpoint `{}`",
                                                  libraries[i].app->name, endpoints[i].name)});
    host->instances_.push_back(instance);
  }
  return host;
}

void AppHost::deliver(Core& core, Packet* packets, unsigned n) {
  core_ = &core;
  for (unsigned i = 0; i < n; ++i) {
    Packet& p = packets[i];
    if (p.icmp_type != 0) {
      tell(core, p);
      continue;
    }
    const Instance& to = instances_[p.endpoint];
    AppCounters& counters = counters_[p.endpoint];
    if (free_.empty()) {
      ++counters.refused;
      core.release(p);
      continue;
    }
    const std::uint32_t place = free_.back();
    free_.pop_back();
    Held& slot = held_[place];
    slot.packet = p;
    slot.in_use = true;
    ++counters.received;
    ++counters.held;

    const std::uint8_t* ip = p.data + p.l3;
    const std::uint8_t* udp = p.data + p.l4;
    const weft_datagram event = {.size = sizeof(weft_datagram),
                                 .endpoint = p.endpoint,
                                 .src = wire::load32(ip + 12),
                                 .dst = wire::load32(ip + 16),
                                 .src_port = wire::load16(udp),
                                 .dst_port = wire::load16(udp + 2),
                                 .len = std::uint32_t{wire::load16(udp + 4)} - 8,
                                 .data = udp + 8,
                                 .token = std::uint64_t{slot.generation} << 32 | place};
    to.app->datagram(to.self, &host_, &event);
  }
}

// Nothing is held: an error event is over when its function returns.
void AppHost::tell(Core& core, Packet& p) {
  const Instance& to = instances_[p.endpoint];
  ++counters_[p.endpoint].errors;
  const bool listens =
      to.app->size >= offsetof(weft_app, error) + sizeof(to.app->error) && to.app->error != nullptr;
  const bool own = p.src == 0;  // a datagram of its own that was refused, not an ICMP message
  const weft_error event = {.size = sizeof(weft_error),
                            .endpoint = p.endpoint,
                            .dst = p.dst,
                            .reporter = own ? 0 : wire::load32(p.data + p.l3 + 12),
                            .dst_port = p.dst_port,
                            .icmp_type = p.icmp_type,
                            .icmp_code = p.icmp_code,
                            .error = reason(p.icmp_type, p.icmp_code),
                            .mtu = p.icmp_type == 3 && p.icmp_code == 4 ? p.mtu : 0u};
  core.release(p);
  if (listens) to.app->error(to.self, &host_, &event);
}

void AppHost::tick(Core& core) {
  core_ = &core;
  for (const Instance& instance : instances_) {
    if (instance.app->tick != nullptr) instance.app->tick(instance.self, &host_, core.now_ns);
  }
}

void AppHost::take_back(Core& core) {
  core_ = &core;
  for (Held& slot : held_) {
    if (!slot.in_use) continue;
    core.release(slot.packet);
    give_back(slot);
  }
}

AppHost::Held* AppHost::held(std::uint64_t token) {
  const auto place = static_cast<std::uint32_t>(token);
  if (place >= held_.size()) return nullptr;
  Held& slot = held_[place];
  return slot.in_use && slot.generation == token >> 32 ? &slot : nullptr;
}

// The slot is free again; the buffer has gone elsewhere.
void AppHost::give_back(Held& slot) {
  --counters_[slot.packet.endpoint].held;
  slot.in_use = false;
  if (++slot.generation == 0) slot.generation = 1;
  free_.push_back(static_cast<std::uint32_t>(&slot - held_.data()));
}

int AppHost::recv_done(void* context, std::uint64_t token) {
  auto& host = *static_cast<AppHost*>(context);
  Held* slot = host.held(token);
  if (slot == nullptr) return -EINVAL;
  ++host.counters_[slot->packet.endpoint].done;
  host.core_->release(slot->packet);
  host.give_back(*slot);
  return 0;
}

std::uint64_t AppHost::now(void* context) { return static_cast<AppHost*>(context)->core_->now_ns; }

int AppHost::listen_group(void* context, const weft_group* command) {
  auto& host = *static_cast<AppHost*>(context);
  if (command == nullptr ||
      command->size < offsetof(weft_group, source_count) + sizeof(command->source_count) ||
      command->endpoint >= host.instances_.size() || command->mode > WEFT_GROUP_ALL_BUT ||
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
      command->endpoint >= host.instances_.size())
    return -EINVAL;
  const int result = host.send_one(*command);
  AppCounters& counters = host.counters_[command->endpoint];
  ++(result == 0 ? counters.sent : counters.send_failed);
  return result;
}

bool AppHost::choose_source(const weft_send& command, const Packet* answered, Packet& p) const {
  const ir::Endpoint& e = instances_[command.endpoint].endpoint;
  const bool says = command.size >= offsetof(weft_send, src_port) + sizeof(command.src_port);
  std::uint32_t address = says ? command.src : 0;
  std::uint16_t port = says ? command.src_port : 0;
  if (address != 0 && core_->addresses.find(address) != Cast::own) return false;
  if (answered != nullptr) {
    const std::uint32_t theirs = wire::load32(answered->data + answered->l3 + 16);
    const std::uint16_t at = wire::load16(answered->data + answered->l4 + 2);
    if (address == 0 && answered->cast == Cast::own && (!e.bound() || e.listens(theirs, e.port)))
      address = theirs;
    if (port == 0 && at >= e.port && at <= e.last_port()) port = at;
  }
  if (address == 0) address = e.address;
  if (port == 0) port = e.port;
  p.src = address;
  p.src_port = port;
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

  // One that may be refused needs a place for the event that says so.
  if (flags != 0 && length + 28 > PathTable::floor &&
      core_->delivered.count + sends(*core_).count >= PacketList::capacity)
    return -ENOBUFS;

  Packet p;
  const Packet* from = source != nullptr ? &source->packet : nullptr;
  if (!choose_source(command, from, p)) return -EADDRNOTAVAIL;
  // Part of the very datagram that is given back, with room for new headers before it: the buffer
  // goes out as it is.
  const auto* payload =
      command.part_count == 1 ? static_cast<const std::uint8_t*>(command.parts[0].data) : nullptr;
  const bool in_place = from != nullptr && payload != nullptr &&
                        payload >= from->data + from->l4 + 8 &&
                        payload + length <= from->data + from->len && from->l4 + 8u >= headers;
  if (in_place) {
    p.buffer = from->buffer;
    p.data = from->data + (payload - from->data) - headers;
    ++counters_[command.endpoint].zero_copy;
  } else {
    if (!core_->services->allocate(p, headers + static_cast<std::uint32_t>(length)))
      return -ENOBUFS;
    std::uint8_t* to = p.data + headers;
    for (std::uint32_t i = 0; i < command.part_count; ++i) {
      if (command.parts[i].len != 0) std::memcpy(to, command.parts[i].data, command.parts[i].len);
      to += command.parts[i].len;
    }
    if (source != nullptr) core_->release(source->packet);
  }
  if (source != nullptr) give_back(*source);

  p.len = headers + static_cast<std::uint32_t>(length);
  p.l3 = 14;
  p.l4 = 34;
  p.end = p.len;
  p.endpoint = static_cast<std::uint16_t>(command.endpoint);
  p.dst = command.dst;
  p.dst_port = command.dst_port;
  p.protocol = 17;
  if (p.dst >> 28 == 14) p.ttl = 1;  // RFC 1112 section 6.1
  p.dont_fragment = (flags & WEFT_SEND_DONT_FRAGMENT) != 0 ? 1 : 0;
  core_->spawn(nodes::Slot::udp_send, p);
  // Large ones one by one: each becomes many frames.
  const bool large = length + 28 > core_->host.mtu;
  if ((large || sends(*core_).count >= half_full) && flush) flush(*core_);
  return 0;
}

}  // namespace weft::apps
