// The stack of one plan on one card: net cores with their shards, and what they share.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/fields.h"
#include "compiler/plan/plan.h"
#include "runtime/apps/library.h"
#include "runtime/engine/clock.h"
#include "runtime/engine/generated.h"
#include "runtime/engine/net_core.h"
#include "runtime/engine/pools.h"
#include "runtime/ports/card.h"

namespace weft::engine {

struct EngineOptions {
  std::string name = "weft";                   // prefix of DPDK's object names
  const GeneratedObject* generated = nullptr;  // null: the interpreter
  std::uint64_t seed = 1;                      // of everything random
  bool busy = false;                           // never rest
  bool profile = false;                        // time every batch, and, interpreted, every node
  // By queue, where not all take their buffers from the pools given (region_pools.h).
  std::vector<Pools*> pools_of_queues = {};
  std::uint32_t tcp_connections = 0;  // most of each shard; 0: as many as it can name
};

class Engine {
 public:
  // Everything given must outlive the engine; the card is configured already.
  // Errors: E0651 (the plan's cores, queues and residues do not fit together), those of the
  // interpreter, E0632 (an application refuses), E0650 (no memory).
  static diag::Result<std::unique_ptr<Engine>> make(const plan::Plan& plan,
                                                    const ir::FieldTable& fields, ports::Card& card,
                                                    Pools& pools, const Clock& clock,
                                                    const std::vector<apps::Library>& libraries,
                                                    const EngineOptions& options);
  ~Engine();

  // Where the plan says so: waits until nobody has claimed the host's addresses. Before start(), or
  // the first poll. `meanwhile`: what makes time pass, or wants to end it early (false).
  // E0663: another host has one.
  diag::Result<void> probe(const std::function<bool()>& meanwhile);
  // Net core i runs on EAL's worker i (in the order of lcore ids). E0652 when there are too few.
  diag::Result<void> start();
  // Ends the threads, and runs what is still under way to its end.
  void stop();

  // Without threads: one round over all cores, in order. For simulated time.
  unsigned poll_all();
  std::uint64_t next_tick_ns() const;

  // Views of all cores, by net core. Safe while it runs.
  std::vector<CoreView> views();

  // ---- while it runs: by one thread, that of the control plane (runtime/live) ----
  // `work` is done by the net core itself, between two batches; without threads, here and now.
  // E0672: the core does not come to it; then nothing has been done.
  diag::Result<void> on_core(unsigned core, const std::function<void()>& work);
  // Until nothing waits any more that had arrived on the queue, or was handed over to its core,
  // when this was called. `meanwhile`: what makes time pass; null: the other threads.
  diag::Result<void> drain(unsigned queue, const std::function<void()>& meanwhile);
  // A program for the shard; it is run when Shard::run_by says so. Errors: those of the runners.
  diag::Result<std::unique_ptr<Program>> make_program(std::shared_ptr<const plan::Residue> residue,
                                                      const ir::FieldTable& fields,
                                                      const Shard& shard,
                                                      const GeneratedObject* generated) const;
  unsigned core_of(unsigned queue) const { return placement_.core_of[queue]; }
  Shard& shard(unsigned queue);
  bool running() const { return running_; }
  // Endpoints by number.
  std::vector<ir::Endpoint>& endpoints() { return endpoints_; }
  // What endpoints that were removed had counted, by application.
  struct Gone {
    std::string app;
    bool tcp = false;
    apps::AppCounters counters;
  };
  const std::vector<Gone>& gone() const { return gone_; }
  void count_gone(const ir::Endpoint& endpoint, const apps::AppCounters& counters);

  // As it was when the engine was made.
  const plan::Plan& plan() const { return plan_; }
  const std::vector<std::unique_ptr<NetCore>>& cores() const { return cores_; }

 private:
  Engine(const plan::Plan& plan, const EngineOptions& options)
      : plan_(plan), options_(options), endpoints_(plan.endpoints) {}
  diag::Result<void> build(const ir::FieldTable& fields, ports::Card& card, Pools& pools,
                           const Clock& clock, const std::vector<apps::Library>& libraries);
  diag::Result<void> add_shard(NetCore& core, unsigned queue, const ir::FieldTable& fields,
                               Pools& pools);
  diag::Result<void> add_program(Shard& shard, const plan::Residue& residue,
                                 const ir::FieldTable& fields);
  void finish();

  const plan::Plan& plan_;
  ports::Card* card_ = nullptr;
  const Clock* clock_ = nullptr;
  EngineOptions options_;
  std::vector<ir::Endpoint> endpoints_;
  std::vector<Gone> gone_;
  Placement placement_;
  std::unique_ptr<Handovers> handovers_;
  std::vector<std::unique_ptr<NetCore>> cores_;
  std::vector<unsigned> lcores_;
  std::atomic<bool> stop_{false};
  // Net cores that have ended: what they wrote lies before what is read of it here. (EAL waits for
  // them by words of its own, which a thread sanitizer cannot see.)
  std::atomic<unsigned> ended_{0};
  bool running_ = false;
};

}  // namespace weft::engine
