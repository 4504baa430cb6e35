// Endpoints come and go: an instance of the application on every core, then its ports; and the
// other way round.
#include <fmt/format.h>

#include <cstring>

#include "runtime/live/live.h"

namespace weft::live {

diag::Result<void> Live::add_endpoint(const ir::Endpoint& endpoint, unsigned index) {
  auto library = parts_.library(endpoint.app);
  if (!library) return diag::fail(library.error());
  std::vector<apps::AppHost::Instance> instances;
  for (const auto& core : parts_.engine.cores()) {
    auto instance = apps::AppHost::create(endpoint, index, *library, core->id);
    if (!instance) {
      for (const auto& made : instances) apps::AppHost::destroy(made);
      return diag::fail(instance.error());
    }
    instances.push_back(std::move(*instance));
  }
  if (auto ok = give(instances, index); !ok) {
    for (const auto& made : instances) apps::AppHost::destroy(made);
    return ok;
  }
  ir::put_endpoint(parts_.engine.endpoints(), index, endpoint);
  auto ok = listen(endpoint, index);
  if (!ok) (void)remove_endpoint(endpoint, index);
  return ok;
}

// An instance to each core, or to none.
diag::Result<void> Live::give(const std::vector<apps::AppHost::Instance>& instances,
                              unsigned index) {
  const auto& cores = parts_.engine.cores();
  for (std::size_t i = 0; i < cores.size(); ++i) {
    auto ok =
        parts_.engine.on_core(cores[i]->id, [&] { cores[i]->apps().add(instances[i], index); });
    if (ok) continue;
    for (std::size_t j = 0; j < i; ++j)
      (void)parts_.engine.on_core(cores[j]->id, [&] { (void)take(*cores[j], index); });
    return ok;
  }
  return {};
}

apps::AppHost::Instance Live::take(engine::NetCore& core, unsigned index) {
  const RunsShard runs(core.shards.front()->index);
  return core.apps().remove(core.shards.front()->core, index);
}

diag::Result<void> Live::listen(const ir::Endpoint& endpoint, unsigned index) {
  int failed = 0;
  auto ok = on_all([&](engine::NetCore& core) {
    for (const auto& shard : core.shards) {
      const RunsShard runs(shard->index);
      if (endpoint.tcp) {
        const int result = shard->listen_for_connections(endpoint, index);
        if (result != 0) failed = -result;
        continue;
      }
      shard->core.udp_ports.insert(endpoint.address, endpoint.addresses, endpoint.port,
                                   endpoint.ports, static_cast<std::uint16_t>(index));
      shard->listen(endpoint, index);
    }
  });
  if (!ok || failed == 0) return ok;
  return diag::fail(diag::Diagnostic{
      .code = "E0672",
      .message = fmt::format(
          "endpoint `{}` cannot listen: {}", endpoint.name,
          failed == EPROTONOSUPPORT ? "the stack was started without TCP" : std::strerror(failed)),
      .help = "end the stack, and start it with a plan that has the endpoint"});
}

diag::Result<void> Live::refuse(const ir::Endpoint& endpoint) {
  return on_all([&](engine::NetCore& core) {
    for (const auto& shard : core.shards) {
      const RunsShard runs(shard->index);
      if (endpoint.tcp) {
        shard->refuse_connections(endpoint);
      } else {
        shard->core.udp_ports.erase(endpoint.address, endpoint.addresses, endpoint.port,
                                    endpoint.ports);
      }
    }
  });
}

// A few at a time: other endpoints' packets are served between them. Where the card takes nothing
// for long, peers are not told.
diag::Result<void> Live::end_connections(unsigned index) {
  constexpr unsigned patience = 1000;  // rounds
  for (const auto& core : parts_.engine.cores()) {
    std::vector<std::uint32_t> at, before;
    unsigned idle = 0;
    for (bool more = true; more; idle = at == before ? idle + 1 : 0, before = at) {
      auto ok = parts_.engine.on_core(
          core->id, [&] { more = core->end_connections(index, at, idle < patience); });
      if (!ok) return ok;
    }
  }
  return {};
}

diag::Result<void> Live::leave_groups(unsigned index) {
  return on_all([&](engine::NetCore& core) {
    for (const auto& shard : core.shards) {
      const RunsShard runs(shard->index);
      shard->leave_groups(index);
    }
  });
}

// Until all that was handed from core to core is through.
diag::Result<void> Live::drain_cores() {
  for (const auto& core : parts_.engine.cores()) {
    auto ok = parts_.engine.drain(core->shards.front()->index, parts_.meanwhile);
    if (!ok) return ok;
  }
  return {};
}

// Its number may be another's behind this: nothing is left that has it, be it a packet, a timer or
// the news that its application has joined a group.
diag::Result<void> Live::remove_endpoint(const ir::Endpoint& endpoint, unsigned index) {
  auto ok = refuse(endpoint);
  if (ok) ok = leave_groups(index);
  if (ok && endpoint.tcp) ok = end_connections(index);
  if (ok) ok = drain_cores();
  if (!ok) {
    (void)listen(endpoint, index);
    return ok;
  }
  std::vector<apps::AppHost::Instance> gone;
  apps::AppCounters counted;
  for (const auto& core : parts_.engine.cores()) {
    ok = parts_.engine.on_core(core->id, [&] {
      gone.push_back(take(*core, index));
      counted += core->apps().take_counters(index);
    });
    if (!ok) break;
  }
  // (Its application may have opened others when it was told.)
  if (ok && endpoint.tcp) ok = end_connections(index);
  if (ok) ok = drain_cores();
  if (ok) ok = leave_groups(index);
  parts_.engine.count_gone(endpoint, counted);
  if (!ok) {
    for (std::size_t i = 0; i < gone.size(); ++i) {
      engine::NetCore& core = *parts_.engine.cores()[i];
      (void)parts_.engine.on_core(core.id, [&] { core.apps().add(gone[i], index); });
    }
    (void)listen(endpoint, index);
    return ok;
  }
  for (const auto& instance : gone) apps::AppHost::destroy(instance);
  ir::take_endpoint(parts_.engine.endpoints(), index);
  return {};
}

}  // namespace weft::live
