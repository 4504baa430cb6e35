// Groups that endpoints join and leave, on all shards.
#include "runtime/engine/shard.h"

#include <algorithm>
#include <utility>

namespace weft::engine {

void Shard::listen(const ir::Endpoint& e, unsigned number) {
  for (const ir::GroupJoin& g : e.groups) {
    apply({g.group,
           {static_cast<std::uint16_t>(number),
            e.port,
            static_cast<std::uint16_t>(e.last_port()),
            {g.exclude, g.sources}}});
  }
}

void Shard::leave_groups(unsigned endpoint) {
  const auto number = static_cast<std::uint16_t>(endpoint);
  std::erase_if(untold_, [&](const auto& u) { return u.second.member.endpoint == number; });
  for (const std::uint32_t group : core.groups.of(number)) apply({group, {number, 0, 0, {}}});
}

bool Shard::group_changed(std::uint32_t group, const GroupTable::Member& member) {
  const GroupChange change = {group, member};
  if (!apply(change)) return false;
  for (unsigned shard = 0; shard < placement_.core_of.size(); ++shard) {
    if (shard != index) untold_.emplace_back(shard, change);
  }
  tell_groups();
  return true;
}

// This shard's tables, and on the speaker what routers are to be told.
bool Shard::apply(const GroupChange& change) {
  if (!core.groups.set(change.group, change.member)) return false;
  if (core.groups.joined(change.group)) {
    core.addresses.join(change.group);
  } else {
    core.addresses.leave(change.group);
  }
  if (core.speaker) core.igmp.change(core.now_ns, change.group, core.groups.merged(change.group));
  return true;
}

// In order for each shard; what finds a ring full waits for the next tick.
void Shard::tell_groups() {
  std::vector<std::pair<unsigned, GroupChange>> waiting;
  waiting.swap(untold_);
  for (auto& [shard, change] : waiting) {
    const bool behind = std::any_of(untold_.begin(), untold_.end(),
                                    [to = shard](const auto& u) { return u.first == to; });
    News news;
    news.kind = News::Kind::group;
    news.shard = shard;
    news.change = behind ? nullptr : new GroupChange(change);
    if (!behind && handovers_.put(net_core, placement_.core_of[shard], news)) continue;
    delete news.change;
    untold_.emplace_back(shard, std::move(change));
  }
}

}  // namespace weft::engine
