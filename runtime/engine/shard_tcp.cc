// TCP of a shard: made from the plan, asked for segments when there is room for them, and for what
// its timers say.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "runtime/apps/tcp_settings.h"
#include "runtime/engine/segments.h"
#include "runtime/engine/shard.h"
#include "stack-nodes/tcp/machine/stack.h"

namespace weft::engine {
namespace {

constexpr std::uint32_t backlog = 4096;
constexpr std::uint32_t more_listeners = 1024;  // of endpoints that come later
constexpr std::uint32_t largest_header = 60;
constexpr std::uint32_t most_waiting = 1536;  // of the buffers that sizes_for has beside all else
constexpr std::uint32_t most_in_window = 1 << 20;  // in full segments half of what may wait
constexpr unsigned kept_for_others = 64;           // places in the card's queue
constexpr unsigned most_idle = 1 << 14;  // looks at a card that takes nothing, some milliseconds

}  // namespace

void Shard::open_tcp(std::uint32_t listeners) {
  tcp::Config config;
  config.connections = most_connections_;
  config.listeners = more_listeners + listeners;
  config.chunks = 65536;
  config.sent = 65536;
  config.reorders = 1024;
  config.most_waiting = most_waiting;
  config.most_receive_buffer = most_in_window;
  config.mtu = core.host.mtu;
  config.start_ns = core.now_ns;
  config.seed = core.random.next();
  config.secret = {core.random.next(), core.random.next()};
  const auto release = [](void* self, void* buffer) {
    static_cast<Shard*>(self)->pools_.free(buffer);
  };
  tcp_ = std::make_unique<tcp::Tcp>(config, tcp::Release{release, this});
  tcp_->now_ns = core.now_ns;
  core.tcp = tcp_.get();
}

namespace {

template <class F>
void each_listener(const ir::Endpoint& e, F&& f) {
  for (unsigned a = 0; a < e.addresses; ++a) {
    const auto address = e.bound() ? tcp::Address::v4(e.address + a) : tcp::Address{};
    for (unsigned port = e.port; port <= e.last_port(); ++port)
      f(address, static_cast<std::uint16_t>(port));
  }
}

}  // namespace

int Shard::listen_for_connections(const ir::Endpoint& endpoint, unsigned index) {
  if (tcp_ == nullptr) open_tcp(endpoint.ports * endpoint.addresses);
  int failed = 0;
  each_listener(endpoint, [&](const tcp::Address& address, std::uint16_t port) {
    const int result =
        tcp_->listen(address, port, backlog, std::uint64_t{index} << apps::endpoint_shift,
                     apps::settings_of(endpoint));
    if (result != 0) failed = result;
  });
  return failed;
}

void Shard::refuse_connections(const ir::Endpoint& endpoint) {
  if (tcp_ == nullptr) return;
  each_listener(endpoint, [this](const tcp::Address& address, std::uint16_t port) {
    tcp_->unlisten(address, port);
  });
}

bool Shard::end_connections(ports::Card& card, apps::AppHost& apps, unsigned endpoint,
                            std::uint32_t& from, bool told) {
  if (tcp_ == nullptr) return false;
  const RunsShard runs(index);
  tcp_->now_ns = core.now_ns;
  const auto its = [endpoint](const tcp::Connection& c) {
    return c.cookie >> apps::endpoint_shift == endpoint;
  };
  const bool more = tcp_->abort_some(from, its, told);
  settle(card, apps);
  return more;
}

// As many as a list holds, and the card: what it does not take would be lost, and the connection
// would take that for a sign of congestion. They leave by the graph. The buffer comes first: a
// segment that has been made counts as sent.
unsigned Shard::send_segments(ports::Card& card) {
  if (!tcp_->wants_output()) return 0;
  const unsigned room = card.room(static_cast<std::uint16_t>(tx_queue));
  const unsigned may = room > kept_for_others ? room - kept_for_others : 0;
  PacketList& list = core.spawned[static_cast<std::size_t>(nodes::Slot::tcp_send)];
  const unsigned before = list.count;
  const unsigned full = before + std::min(may, PacketList::capacity - before);
  tcp_->now_ns = core.now_ns;
  Packet p;
  tcp::OutSegment s;
  const auto next = [&] {
    return list.count < full && tcp_->wants_output() &&
           (p.buffer != nullptr ||
            core.services->allocate(p, before_segment + largest_header + core.host.mtu)) &&
           tcp_->produce(s);
  };
  for (bool more = next(); more;) {
    // (The one that ends a packet of several takes another place in the list.)
    Packet whole;
    if (pools_.cut != nullptr && list.count + 2 <= full && may_be_followed(s) &&
        allocate_to_cut(whole)) {
      more = gather(whole, s, pools_.cut_bytes(), *tcp_);
      list.packets[list.count++] = whole;
    } else {
      fill_segment(p, s, *tcp_);
      list.packets[list.count++] = std::exchange(p, Packet{});
      more = next();
    }
  }
  if (p.buffer != nullptr) core.release(p);
  return list.count - before;
}

bool Shard::allocate_to_cut(Packet& p) {
  rte_mbuf* m = pools_.mbuf_to_cut();
  if (m == nullptr) return false;
  taken_from_pool(m);
  p.buffer = m;
  p.data = rte_pktmbuf_mtod(m, std::uint8_t*);
  return true;
}

void Shard::nobody_there(const Packet& p) {
  if (tcp_ == nullptr) return;
  tcp_->now_ns = core.now_ns;
  tell_nobody_there(p, *tcp_);
}

void Shard::run_tcp_timers(ports::Card& card, apps::AppHost& apps, std::uint64_t now_ns) {
  const RunsShard runs(index);
  core.now_ns = now_ns;
  tcp_->now_ns = now_ns;
  tcp_->advance();
  settle(card, apps);
}

bool Shard::settle_connections(ports::Card& card, apps::AppHost& apps, std::uint64_t now_ns) {
  if (tcp_ == nullptr || (!tcp_->wants_output() && !tcp_->has_ready())) return false;
  const RunsShard runs(index);
  core.now_ns = now_ns;
  settle(card, apps);
  return tcp_->wants_output();
}

void Shard::end_tcp(ports::Card& card, apps::AppHost& apps) {
  if (tcp_ == nullptr) return;
  const RunsShard runs(index);
  tcp_->now_ns = core.now_ns;
  // As many at a time as there is room for resets, while the card takes them.
  std::uint32_t from = 0;
  unsigned idle = 0;
  for (bool more = true; more && idle < most_idle; ++idle) {
    const std::uint32_t before = from;
    more = tcp_->abort_some(from);
    settle(card, apps);
    card.send();
    if (from != before) idle = 0;
  }
  tcp_->abort_all();
  settle(card, apps);
}

}  // namespace weft::engine
