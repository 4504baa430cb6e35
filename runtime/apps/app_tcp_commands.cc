// What applications ask for about their connections becomes calls of the stack that has them.
#include <cerrno>
#include <cstddef>
#include <utility>

#include "runtime/apps/app_host.h"
#include "runtime/apps/tcp_settings.h"
#include "stack-nodes/ipv4/source.h"

namespace weft::apps {
namespace {

// A connection's number: how often its place has been used, which shard's it is, the place.
constexpr unsigned shard_shift = 22, generation_shift = 32;
constexpr std::uint32_t place_mask = (1u << shard_shift) - 1;

}  // namespace

std::uint64_t AppHost::number_of(const Core& core, tcp::Id id) {
  return std::uint64_t{id.generation} << generation_shift | std::uint64_t{core.id} << shard_shift |
         id.index;
}

AppHost::Found AppHost::find(std::uint64_t number) {
  const auto low = static_cast<std::uint32_t>(number);
  const std::uint32_t shard = low >> shard_shift;
  Core* core = shard < cores_.size() ? cores_[shard] : nullptr;
  if (core == nullptr || core->tcp == nullptr) return {};
  core->tcp->now_ns = core_ != nullptr ? core_->now_ns : core->now_ns;
  return {core, core->tcp->get(
                    {low & place_mask, static_cast<std::uint32_t>(number >> generation_shift)})};
}

int AppHost::tcp_send(void* context, const weft_tcp_send* command) {
  auto& host = *static_cast<AppHost*>(context);
  if (command == nullptr ||
      command->size < offsetof(weft_tcp_send, token) + sizeof(command->token) ||
      command->part_count == 0 || command->parts == nullptr || command->token == 0)
    return -EINVAL;
  const Found f = host.find(command->connection);
  if (!f) return -EBADF;
  // All parts or none.
  std::uint32_t last = command->part_count;
  std::uint64_t bytes = 0;
  for (std::uint32_t i = 0; i < command->part_count; ++i) {
    if (command->parts[i].len == 0) continue;
    if (command->parts[i].data == nullptr) return -EINVAL;
    last = i;
    bytes += command->parts[i].len;
  }
  if (last == command->part_count) return -EINVAL;
  tcp::Tcp& stack = *f.core->tcp;
  AppCounters& counters = host.counters_[f.connection->cookie >> endpoint_shift];
  if (stack.chunk_room() < command->part_count ||
      stack.unacked_bytes(*f.connection) + bytes > tcp::Tcp::most_queued) {
    host.short_of_room_.insert(command->connection);
    ++counters.send_failed;
    return -ENOBUFS;
  }
  for (std::uint32_t i = 0; i <= last; ++i) {
    const weft_part& part = command->parts[i];
    if (part.len == 0) continue;
    const int result = stack.send(*f.connection, static_cast<const std::uint8_t*>(part.data),
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
  return static_cast<AppHost*>(context)->find(number) ? 0 : -EBADF;
}

int AppHost::tcp_reject(void* context, std::uint64_t number) { return tcp_abort(context, number); }

int AppHost::tcp_shutdown(void* context, std::uint64_t number) {
  auto& host = *static_cast<AppHost*>(context);
  const Found f = host.find(number);
  return !f ? -EBADF : f.core->tcp->shutdown(*f.connection);
}

int AppHost::tcp_close(void* context, std::uint64_t number) {
  auto& host = *static_cast<AppHost*>(context);
  const Found f = host.find(number);
  if (!f) return -EBADF;
  f.core->tcp->close(*f.connection);
  return 0;
}

int AppHost::tcp_abort(void* context, std::uint64_t number) {
  auto& host = *static_cast<AppHost*>(context);
  const Found f = host.find(number);
  if (!f) return -EBADF;
  f.core->tcp->abort(*f.connection);
  return 0;
}

int AppHost::tcp_no_delay(void* context, std::uint64_t number, int on) {
  auto& host = *static_cast<AppHost*>(context);
  const Found f = host.find(number);
  if (!f) return -EBADF;
  f.core->tcp->set_no_delay(*f.connection, on != 0);
  return 0;
}

int AppHost::tcp_mark(void* context, std::uint64_t number, std::uint64_t cookie) {
  auto& host = *static_cast<AppHost*>(context);
  if ((cookie & ~cookie_mask) != 0) return -EINVAL;
  const Found f = host.find(number);
  if (!f) return -EBADF;
  f.connection->cookie = (f.connection->cookie & ~cookie_mask) | cookie;
  return 0;
}

// Nothing decides where its segments go: there is one queue, or they never leave the host.
bool AppHost::stays_here(const tcp::Tuple& t) const {
  const Owners* owners = core_->owners;
  if (core_->alone || owners == nullptr) return true;
  return owners->segments.empty() && core_->addresses.find(t.peer.v4()) == Cast::own;
}

// The shard of this net core that gets what the peer will send; null: one of another core does.
Core* AppHost::core_of(const tcp::Tuple& t) const {
  if (stays_here(t)) return core_;
  const int shard =
      core_->owners->of_connection({t.peer.v4(), t.local.v4(), t.peer_port, t.local_port});
  return shard >= 0 && static_cast<unsigned>(shard) < cores_.size() ? cores_[shard] : nullptr;
}

// Could a port of the tuple, or any where it has none, bring the connection there?
bool AppHost::may_be_on(const Core& core, const tcp::Tuple& t) const {
  if (t.local_port != 0 || stays_here(t) || !core_->owners->port_matters())
    return core_of(t) == &core;
  return core_->owners->may_have_connections(core.id);
}

// On the shard that the answers reach. A port that is not given is picked for a shard of this core,
// the one in whose name the application acts before the others.
int AppHost::open(const tcp::Tuple& tuple, const tcp::Settings& settings, Core*& owner,
                  tcp::Id& id) const {
  int result = -EXDEV;
  for (std::size_t i = 0; i < cores_.size() && owner == nullptr; ++i) {
    Core* const core = cores_[(core_->id + i) % cores_.size()];
    if (core == nullptr || core->tcp == nullptr || !may_be_on(*core, tuple)) continue;
    core->tcp->now_ns = core_->now_ns;
    const auto answers_come_here = [this, core](const tcp::Tuple& t) { return core_of(t) == core; };
    const int done = core->tcp->connect(tuple, id, settings, answers_come_here);
    if (done == 0) owner = core;
    if (done != -EXDEV) result = done;
  }
  return result;
}

int AppHost::tcp_connect(void* context, const weft_tcp_connect* command, std::uint64_t* number) {
  auto& host = *static_cast<AppHost*>(context);
  if (command == nullptr || number == nullptr ||
      command->size < offsetof(weft_tcp_connect, cookie) + sizeof(command->cookie) ||
      !host.serves(command->endpoint) || (command->cookie & ~cookie_mask) != 0)
    return -EINVAL;
  Core& core = *host.core_;
  if (core.tcp == nullptr) return -EINVAL;
  // MUST-46: neither to groups nor to broadcasts; MUST-44: from the address of the way out.
  const Cast to = core.addresses.find(command->dst);
  if (to == Cast::broadcast || to == Cast::multicast || command->dst >> 28 >= 14) return -EINVAL;
  if (command->dst >> 24 == 127) return -EINVAL;  // RFC 1122 section 3.2.1.3: never on a wire
  if (to != Cast::own && core.routes.lookup(command->dst) == 0) return -ENETUNREACH;
  const std::uint32_t from =
      command->src != 0 ? command->src : nodes::ipv4::source_towards(core, command->dst);
  if (core.addresses.find(from) != Cast::own) return -EADDRNOTAVAIL;
  tcp::Id id;
  Core* owner = nullptr;
  const int result = host.open({tcp::Address::v4(from), tcp::Address::v4(command->dst),
                                command->src_port, command->dst_port},
                               settings_of(host.instances_[command->endpoint].endpoint), owner, id);
  if (result != 0) return result;
  owner->tcp->get(id)->cookie =
      std::uint64_t{command->endpoint} << endpoint_shift | command->cookie;
  *number = number_of(*owner, id);
  return 0;
}

}  // namespace weft::apps
