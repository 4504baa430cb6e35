// Rules for connections, and the table, while connections are open. These stay on the shard that
// has them: every core learns of those that the card is about to bring elsewhere, then the card
// changes, and what had arrived before runs through. In between nobody's segment is refused who may
// be known elsewhere (stack-nodes/handover/kept.h).
#include <algorithm>
#include <map>
#include <tuple>

#include "compiler/plan/owners.h"
#include "compiler/plan/segment_rules.h"
#include "runtime/live/live.h"

namespace weft::live {
namespace {

using plan::Operation;
using Kind = Operation::Kind;

constexpr std::size_t at_once = 1024;  // of connections: packets are served between

auto order(const FlowKey& k) { return std::tie(k.src, k.src_port, k.dst, k.dst_port); }

tcp::Tuple tuple_of(const FlowKey& k) {
  return {tcp::Address::v4(k.dst), tcp::Address::v4(k.src), k.dst_port, k.src_port};
}

}  // namespace

bool Live::places_connections(const Operation& o) const {
  if (parts_.engine.shard(0).core.tcp == nullptr || !plan::keeps_connections(plan_)) return false;
  return o.kind == Kind::set_table || plan::about_segments(o.filter);
}

diag::Result<void> Live::on_card(const Operation& o) {
  if (o.kind == Kind::create_rule) return ports::create_rule(o.filter, parts_.card, parts_.rules);
  if (o.kind == Kind::destroy_rule) return ports::destroy_rule(o.filter, parts_.card, parts_.rules);
  return ports::set_table(o.entries, static_cast<unsigned>(plan_.configuration.rss.table.size()),
                          parts_.card);
}

diag::Result<void> Live::move_homes(const Operation& o, const Operation& back) {
  const Owners after = plan::owners_of(plan_);
  auto ok = say_changing(true);
  if (ok) ok = go_home_by(after);
  if (ok) {
    ok = on_card(o);
    if (ok) {
      ok = drain_queues();
      if (!ok) (void)on_card(back);
    }
  }
  if (ok) {
    homes_ = after;
  } else if (go_home_by(homes_)) {
    (void)drain_queues();
  }
  unsure_ = !say_changing(false);
  if (ok) (void)forget_kept();
  return ok;
}

// Until all that had arrived on any queue is through.
diag::Result<void> Live::drain_queues() {
  for (unsigned queue = 0; queue < plan_.configuration.rx_queues; ++queue) {
    if (auto ok = parts_.engine.drain(queue, parts_.meanwhile); !ok) return ok;
  }
  return {};
}

diag::Result<void> Live::say_changing(bool changing) {
  return on_all([changing](engine::NetCore& core) { core.owners.changing = changing; });
}

// Who opens one goes by it from then on, so that those found afterwards are all that there are.
diag::Result<void> Live::go_home_by(const Owners& homes) {
  auto ok = on_all([&](engine::NetCore& core) {
    core.owners.rules = homes.rules;
    core.owners.arrival = homes.arrival;
  });
  if (!ok) return ok;
  std::vector<Kept> away;
  ok = look_at_connections([&](const Kept& c) {
    if (homes.of_connection(c.key) != c.shard) away.push_back(c);
  });
  if (ok) ok = tell(away, [](Owners& o, const Kept& c) { o.kept.insert(c.key, c.shard); });
  if (!ok) return ok;
  kept_.insert(kept_.end(), away.begin(), away.end());
  const auto before = [](const Kept& a, const Kept& b) { return order(a.key) < order(b.key); };
  const auto same = [](const Kept& a, const Kept& b) { return a.key == b.key; };
  std::sort(kept_.begin(), kept_.end(), before);
  kept_.erase(std::unique(kept_.begin(), kept_.end(), same), kept_.end());
  return ok;
}

// (What the host sends to itself never leaves the shard, whatever cards say.)
diag::Result<void> Live::look_at_connections(const std::function<void(const Kept&)>& look) {
  for (const auto& core : parts_.engine.cores()) {
    for (const auto& its : core->shards) {
      std::uint32_t from = 0;
      for (bool more = true; more;) {
        auto ok = on_shard(its->index, [&](engine::Shard& shard) {
          more = shard.core.tcp->look_at_some(from, [&](const tcp::Connection& c) {
            const tcp::Tuple& t = c.tuple;
            if (shard.core.addresses.find(t.peer.v4()) == Cast::own) return;
            look({{t.peer.v4(), t.local.v4(), t.peer_port, t.local_port},
                  static_cast<std::uint16_t>(shard.index)});
          });
        });
        if (!ok) return ok;
      }
    }
  }
  return {};
}

// On every core, some at a time.
diag::Result<void> Live::tell(const std::vector<Kept>& connections,
                              const std::function<void(Owners&, const Kept&)>& what) {
  for (std::size_t at = 0; at < connections.size(); at += at_once) {
    const std::size_t end = std::min(at + at_once, connections.size());
    auto ok = on_all([&](engine::NetCore& core) {
      for (std::size_t i = at; i < end; ++i) what(core.owners, connections[i]);
    });
    if (!ok) return ok;
  }
  return {};
}

// By whether the shard still has the connection.
diag::Result<void> Live::sort_out(const std::vector<Kept>& all, std::vector<Kept>& open,
                                  std::vector<Kept>& ended) {
  std::map<unsigned, std::vector<Kept>> by_shard;
  for (const Kept& c : all) by_shard[c.shard].push_back(c);
  for (const auto& one : by_shard) {
    const std::vector<Kept>& its = one.second;
    for (std::size_t at = 0; at < its.size(); at += at_once) {
      const std::size_t end = std::min(at + at_once, its.size());
      auto ok = on_shard(one.first, [&](engine::Shard& shard) {
        for (std::size_t i = at; i < end; ++i)
          (shard.core.tcp->knows(tuple_of(its[i].key)) ? open : ended).push_back(its[i]);
      });
      if (!ok) return ok;
    }
  }
  return {};
}

// Those that have ended, and those that are where the card brings them again. A new one with the
// addresses and ports of one that ended may be on its way to the shard that had it: nobody is let
// in by these until that is known.
diag::Result<void> Live::forget_kept() {
  const auto put = [](Owners& o, const Kept& c) { o.kept.insert(c.key, c.shard); };
  const auto hold = [](Owners& o, const Kept& c) { o.kept.insert(c.key, Owners::held); };
  const auto erase = [](Owners& o, const Kept& c) { o.kept.erase(c.key); };
  std::vector<Kept> home, away, open, ended, again, gone;
  for (const Kept& c : kept_) (homes_.of_connection(c.key) == c.shard ? home : away).push_back(c);
  auto ok = tell(home, erase);
  if (ok) ok = sort_out(away, open, ended);
  if (!ok || ended.empty()) {
    if (ok) kept_ = std::move(away);
    return ok;
  }
  ok = tell(ended, hold);
  if (ok) ok = drain_cores();
  if (ok) ok = sort_out(ended, again, gone);
  if (!ok) {
    (void)tell(ended, put);
    return ok;
  }
  ok = tell(again, put);
  if (ok) ok = tell(gone, erase);
  if (!ok) return ok;
  kept_ = std::move(open);
  kept_.insert(kept_.end(), again.begin(), again.end());
  return ok;
}

void Live::tidy() {
  if (unsure_) unsure_ = !say_changing(false);
  if (!kept_.empty()) (void)forget_kept();
}

}  // namespace weft::live
