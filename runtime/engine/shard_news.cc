// What shards tell each other, and what time and the link tell them.
#include "runtime/engine/shard.h"

#include <memory>
#include <utility>

#include "stack-nodes/igmp/hear.h"

namespace weft::engine {

using nodes::Slot;

namespace {

// A link that has just come up may lose what is sent at once: a switch that is not ready, a peer
// that has put no buffers into its ring yet.
constexpr std::uint64_t settling_ns = 500'000'000;

}  // namespace

void Shard::learn(const News& news, ports::Card& card, apps::AppHost& apps, std::uint64_t now_ns) {
  const RunsShard runs(index);
  core.now_ns = now_ns;
  switch (news.kind) {
    case News::Kind::neighbour:
      core.neighbours.learn(core, news.address, news.mac, news.create);
      break;
    case News::Kind::path: core.paths.learn(news.address, news.mtu, core.host.mtu, now_ns); break;
    case News::Kind::connection:
      if (tcp_ == nullptr) break;
      tcp_->now_ns = now_ns;
      tcp_->path_error(news.error);
      break;
    case News::Kind::igmp:
      nodes::igmp::hear(core, news.packet);
      pools_.free(news.packet.buffer);
      break;
    case News::Kind::group: {
      const std::unique_ptr<GroupChange> change(news.change);
      apply(*change);
      break;
    }
  }
  settle(card, apps);
}

void Shard::age(ports::Card& card, apps::AppHost& apps, std::uint64_t now_ns) {
  const RunsShard runs(index);
  core.now_ns = now_ns;
  core.neighbours.age(core);
  core.reassembly.age(core);
  if (core.speaker && link_up_) {  // told anew when it is up again
    if (!std::exchange(told_, true)) core.claims.start(now_ns + settling_ns);
    core.claims.age(core);
    core.igmp.age(core);
  }
  if (!untold_.empty()) tell_groups();
  core.paths.age(now_ns);
  settle(card, apps);
}

void Shard::link_changed(bool up, std::uint64_t now_ns) {
  const RunsShard runs(index);
  link_up_ = up;
  core.now_ns = now_ns;
  core.neighbours.suspect_all(core);
  if (!up || !core.speaker) return;
  told_ = true;
  core.claims.start(now_ns + settling_ns);
  core.igmp.restart(now_ns + settling_ns);
}

bool Shard::tell_neighbour(std::uint32_t address, std::uint64_t mac, bool create) {
  News news;
  news.mac = mac;
  news.address = address;
  news.create = create;
  return tell_others(news);
}

bool Shard::tell_path(std::uint32_t address, std::uint16_t mtu) {
  News news;
  news.kind = News::Kind::path;
  news.address = address;
  news.mtu = mtu;
  return tell_others(news);
}

bool Shard::tell_connection(const tcp::PathError& error) {
  News news;
  news.kind = News::Kind::connection;
  news.error = error;
  return tell_others(news);
}

bool Shard::tell_others(News news) {
  bool all = true;
  for (unsigned shard = 0; shard < placement_.core_of.size(); ++shard) {
    if (shard == index) continue;
    news.shard = shard;
    if (handovers_.put(net_core, placement_.core_of[shard], news)) continue;
    ++counters.learning_lost;
    all = false;
  }
  return all;
}

bool Shard::hand_over(Slot slot, unsigned shard, Packet& p) {
  const Handed handed = {shard, ir::entry_of_slot(static_cast<unsigned>(slot)), p};
  return handovers_.put(net_core, placement_.core_of[shard], handed);
}

void Shard::to_speaker(Packet& p) {
  News news;
  news.kind = News::Kind::igmp;
  news.packet = p;
  if (!handovers_.put(net_core, placement_.core_of[news.shard], news)) {
    ++counters.speaker_lost;
    pools_.free(p.buffer);
  }
  p.buffer = nullptr;
}

}  // namespace weft::engine
