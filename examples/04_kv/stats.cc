#include "stats.h"

#include <unistd.h>

#include <string>
#include <utility>

namespace kv {
namespace {

using Tell = std::function<void(std::string_view, std::string_view)>;

void general(Stores& s, const Tell& tell) {
  const Counters c = s.counters();
  const std::pair<const char*, std::uint64_t> numbers[] = {
      {"pid", static_cast<std::uint64_t>(getpid())},
      {"uptime", s.now() - s.started()},
      {"time", s.now()},
      {"pointer_size", 64},
      {"curr_connections", s.connections.load()},
      {"total_connections", s.connections_ever.load()},
      {"cmd_get", c.gets},
      {"cmd_set", c.sets},
      {"cmd_flush", c.flushes},
      {"cmd_touch", c.touches},
      {"get_hits", c.get_hits},
      {"get_misses", c.gets - c.get_hits},
      {"get_expired", c.get_expired},
      {"get_flushed", c.get_flushed},
      {"delete_misses", c.delete_misses},
      {"delete_hits", c.delete_hits},
      {"incr_misses", c.incr_misses},
      {"incr_hits", c.incr_hits},
      {"decr_misses", c.decr_misses},
      {"decr_hits", c.decr_hits},
      {"cas_misses", c.cas_misses},
      {"cas_hits", c.cas_hits},
      {"cas_badval", c.cas_other},
      {"touch_hits", c.touch_hits},
      {"touch_misses", c.touches - c.touch_hits},
      {"bytes_read", s.bytes_read.load()},
      {"bytes_written", s.bytes_written.load()},
      {"limit_maxbytes", s.limit()},
      {"bytes", c.bytes},
      {"curr_items", c.items},
      {"total_items", c.stored},
      {"expired_unfetched", c.expired_unfetched},
      {"evicted_unfetched", c.evicted_unfetched},
      {"evictions", c.evicted}};
  tell("version", version);
  for (const auto& [name, value] : numbers) tell(name, std::to_string(value));
}

}  // namespace

bool each_stat(Stores& stores, std::string_view what, const Tell& tell) {
  if (what.empty()) {
    general(stores, tell);
  } else if (what == "settings") {
    tell("maxbytes", std::to_string(stores.limit()));
    tell("item_size_max", std::to_string(longest_value));
    tell("evictions", "on");
    tell("cas_enabled", "yes");
    tell("binding_protocol", "auto-negotiate");
  } else if (what != "items" && what != "slabs" && what != "sizes" && what != "conns") {
    return false;  // (those have no classes of sizes to tell of)
  }
  return true;
}

}  // namespace kv
