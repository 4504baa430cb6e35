#include "runtime/engine/engine.h"

#include <fmt/format.h>
#include <pthread.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <time.h>

#include <algorithm>
#include <map>

#include "compiler/plan/owners.h"
#include "compiler/plan/text.h"
#include "runtime/engine/interpreter.h"

namespace weft::engine {
namespace {

diag::Error refuse(std::string message) {
  return diag::Diagnostic{.code = "E0651",
                          .message = "the plan does not fit together: " + std::move(message),
                          .help = "compile it again"};
}

// Every queue on exactly one core, a residue for every queue, no transmit queue on two cores, and
// flows and endpoints that exist.
diag::Result<void> check(const plan::Plan& plan) {
  const plan::Configuration& c = plan.configuration;
  if (plan.cores.empty() || c.rx_queues == 0 || c.tx_queues == 0)
    return diag::fail(refuse("it has no cores or no queues"));
  std::map<unsigned, unsigned> core_of, core_of_tx;
  for (unsigned i = 0; i < plan.cores.size(); ++i) {
    for (unsigned queue : plan.cores[i].queues) {
      if (queue >= c.rx_queues || !core_of.emplace(queue, i).second)
        return diag::fail(
            refuse(fmt::format("queue {} is on two cores, or beyond the {} queues "
                               "there are",
                               queue, c.rx_queues)));
      const auto [at, fresh] = core_of_tx.emplace(queue % c.tx_queues, i);
      if (!fresh && at->second != i)
        return diag::fail(refuse(fmt::format("cores {} and {} share transmit queue {}", at->second,
                                             i, queue % c.tx_queues)));
      if (plan::residue_of_queue(plan, queue) == nullptr)
        return diag::fail(refuse(fmt::format("queue {} has no residue", queue)));
    }
  }
  if (core_of.size() != c.rx_queues)
    return diag::fail(
        refuse(fmt::format("{} of {} queues are on a core", core_of.size(), c.rx_queues)));
  for (const plan::FlowEntry& flow : plan.flows) {
    if (flow.queue >= c.rx_queues || flow.endpoint >= plan.endpoints.size() ||
        plan.endpoints[flow.endpoint].vacant())
      return diag::fail(
          refuse(fmt::format("a flow names queue {} and endpoint {}", flow.queue, flow.endpoint)));
  }
  return {};
}

}  // namespace

diag::Result<std::unique_ptr<Engine>> Engine::make(const plan::Plan& plan,
                                                   const ir::FieldTable& fields, ports::Card& card,
                                                   Pools& pools, const Clock& clock,
                                                   const std::vector<apps::Library>& libraries,
                                                   const EngineOptions& options) {
  if (auto good = check(plan); !good) return diag::fail(good.error());
  std::unique_ptr<Engine> engine(new Engine(plan, options));
  if (auto done = engine->build(fields, card, pools, clock, libraries); !done)
    return diag::fail(done.error());
  return engine;
}

Engine::~Engine() { stop(); }

diag::Result<void> Engine::build(const ir::FieldTable& fields, ports::Card& card, Pools& pools,
                                 const Clock& clock, const std::vector<apps::Library>& libraries) {
  card_ = &card;
  clock_ = &clock;
  handovers_ = std::make_unique<Handovers>(static_cast<unsigned>(plan_.cores.size()));
  placement_.core_of.resize(plan_.configuration.rx_queues);
  for (unsigned i = 0; i < plan_.cores.size(); ++i) {
    for (unsigned queue : plan_.cores[i].queues) placement_.core_of[queue] = i;
  }

  for (unsigned i = 0; i < plan_.cores.size(); ++i) {
    auto apps = apps::AppHost::make(plan_.endpoints, libraries, i);
    if (!apps) return diag::fail(apps.error());
    cores_.push_back(std::make_unique<NetCore>(i, card, *handovers_, clock, std::move(*apps)));
    cores_.back()->owners = plan::owners_of(plan_);
    for (unsigned queue : plan_.cores[i].queues) {
      if (auto done = add_shard(*cores_.back(), queue, fields, pools); !done) return done;
    }
    cores_.back()->prefer(plan_.cores[i].priority);
  }
  std::vector<NetCore*> peers;
  for (const auto& core : cores_) peers.push_back(core.get());
  for (const auto& core : cores_) core->set_peers(peers);
  return {};
}

diag::Result<void> Engine::add_shard(NetCore& core, unsigned queue, const ir::FieldTable& fields,
                                     Pools& pools) {
  Pools& its = options_.pools_of_queues.empty() ? pools : *options_.pools_of_queues.at(queue);
  auto shard =
      std::make_unique<Shard>(plan_, queue, core.id, its, *handovers_, placement_, core.owners,
                              options_.seed + queue, options_.tcp_connections);
  auto done = add_program(*shard, *plan::residue_of_queue(plan_, queue), fields);
  for (const plan::Residue& residue : plan_.residues) {
    if (!done) return done;
    // Never the wire's entry: a queue's packets are run by its own residue.
    for (unsigned entry : shard->missing_entries()) {
      if (entry == ir::entry_rx || !ir::EdgeTable::of(residue.graph).entries[entry]) continue;
      done = add_program(*shard, residue, fields);
      break;
    }
  }
  if (options_.profile) shard->stages.time_all();
  core.apps().know(shard->core);
  core.shards.push_back(std::move(shard));
  return done;
}

diag::Result<void> Engine::add_program(Shard& shard, const plan::Residue& residue,
                                       const ir::FieldTable& fields) {
  Program& program = shard.add_program(residue);
  if (options_.generated != nullptr) {
    program.runner = options_.generated->runner(residue);
    return {};
  }
  auto interpreter = Interpreter::make(residue.graph, fields, shard.core);
  if (!interpreter) return diag::fail(interpreter.error());
  if (options_.profile) (*interpreter)->time_nodes();
  program.runner = std::move(*interpreter);
  return {};
}

diag::Result<void> Engine::start() {
  lcores_.clear();
  unsigned lcore = 0;
  RTE_LCORE_FOREACH_WORKER(lcore) {
    if (lcores_.size() < cores_.size()) lcores_.push_back(lcore);
  }
  if (lcores_.size() < cores_.size())
    return diag::fail(diag::Diagnostic{
        .code = "E0652",
        .message = fmt::format("the plan has {} net cores, EAL was started with {} workers",
                               cores_.size(), lcores_.size())});
  struct Start {
    Engine* engine;
    NetCore* core;
  };
  stop_.store(false);
  ended_.store(0);
  net_cores_run.store(true);
  for (std::size_t i = 0; i < cores_.size(); ++i) {
    const auto body = [](void* argument) -> int {
      const std::unique_ptr<Start> start(static_cast<Start*>(argument));
      // perf and top show it: the name says which net core a thread is.
      pthread_setname_np(pthread_self(), fmt::format("weft:core{}", start->core->id).c_str());
      start->core->run(start->engine->stop_, start->engine->options_.busy);
      start->engine->ended_.fetch_add(1, std::memory_order_release);
      return 0;
    };
    rte_eal_remote_launch(body, new Start{this, cores_[i].get()}, lcores_[i]);
  }
  running_ = true;
  return {};
}

void Engine::stop() {
  if (running_) {
    stop_.store(true);
    for (const auto& core : cores_) core->wake();
    for (unsigned lcore : lcores_) rte_eal_wait_lcore(lcore);
    ended_.load(std::memory_order_acquire);
    net_cores_run.store(false);
    running_ = false;
  }
  finish();
}

// On one thread, when the others have ended.
void Engine::finish() {
  constexpr unsigned most_rounds = 64;  // two applications may answer each other for ever
  unsigned taken = 1;
  for (unsigned round = 0; round < most_rounds && taken != 0; ++round) {
    taken = 0;
    for (const auto& core : cores_) taken += core->take_messages() + core->run_looped();
  }
  for (const auto& core : cores_) core->take_back();
  // What this has sent (resets of connections) is with a card that works when it is polled.
  for (unsigned round = 0; round < most_rounds && card_->send() != 0; ++round) {
  }
}

diag::Result<void> Engine::probe(const std::function<bool()>& meanwhile) {
  if (!plan_.host.probe) return {};
  const std::uint64_t begin = clock_->now_ns();
  ProbeSchedule schedule(plan_.host.addresses().size(), begin, options_.seed ^ plan_.host.mac);
  while (!schedule.over(clock_->now_ns()) && meanwhile()) {
    card_->poll();
    for (const auto& core : cores_) {
      for (const auto& shard : core->shards) {
        if (shard->core.speaker) shard->ask_for(schedule.due(clock_->now_ns()), *card_);
        const std::optional<Rival> rival = shard->hear(*card_);
        if (!rival) continue;
        return diag::fail(diag::Diagnostic{
            .code = "E0663",
            .message = fmt::format("{} is in use: {} has it", plan::address_text(rival->address),
                                   plan::mac_text(rival->mac)),
            .help = "give one of the two hosts another address, or end the other one"});
      }
    }
  }
  return {};
}

unsigned Engine::poll_all() {
  unsigned found = 0;
  for (const auto& core : cores_) found += core->poll_once();
  return found;
}

std::uint64_t Engine::next_tick_ns() const {
  std::uint64_t next = ~std::uint64_t{0};
  for (const auto& core : cores_) next = std::min(next, core->next_tick_ns());
  return next;
}

void Engine::count_gone(const ir::Endpoint& endpoint, const apps::AppCounters& counters) {
  if (counters == apps::AppCounters{}) return;
  const auto at = std::find_if(gone_.begin(), gone_.end(), [&](const Gone& gone) {
    return gone.app == endpoint.app && gone.tcp == endpoint.tcp;
  });
  if (at == gone_.end()) {
    gone_.push_back({endpoint.app, endpoint.tcp, counters});
  } else {
    at->counters += counters;
  }
}

Shard& Engine::shard(unsigned queue) {
  auto& shards = cores_[core_of(queue)]->shards;
  return **std::find_if(shards.begin(), shards.end(),
                        [&](const auto& s) { return s->index == queue; });
}

diag::Result<std::unique_ptr<Program>> Engine::make_program(
    std::shared_ptr<const plan::Residue> residue, const ir::FieldTable& fields, const Shard& shard,
    const GeneratedObject* generated) const {
  auto program = std::make_unique<Program>(std::move(residue));
  if (generated != nullptr) {
    program->runner = generated->runner(program->residue);
    return program;
  }
  auto interpreter = Interpreter::make(program->residue.graph, fields, shard.core);
  if (!interpreter) return diag::fail(interpreter.error());
  program->runner = std::move(*interpreter);
  return program;
}

namespace {

void rest_us(long us) {
  const timespec time = {.tv_sec = 0, .tv_nsec = us * 1000};
  nanosleep(&time, nullptr);
}

constexpr unsigned patience_us = 2'000'000;
constexpr long look_again_us = 20;
// More than any card's queue holds: who has received so many has seen all that waited before.
constexpr std::uint64_t most_descriptors = 32768;

}  // namespace

diag::Result<void> Engine::on_core(unsigned core, const std::function<void()>& work) {
  if (!running_) {
    work();
    return {};
  }
  Errand errand{.work = work};
  cores_[core]->send(errand);
  for (unsigned waited = 0; !errand.done.load(std::memory_order_acquire); waited += look_again_us) {
    if (waited >= patience_us && cores_[core]->withdraw(errand))
      return diag::fail(diag::Diagnostic{
          .code = "E0672",
          .message = fmt::format("net core {} does not come to it: it is stopped, or an "
                                 "application keeps it",
                                 core)});
    rest_us(look_again_us);
  }
  return {};
}

// A round takes what was handed over before it began (rings hold no more than one round takes), so
// two later, all is done.
diag::Result<void> Engine::drain(unsigned queue, const std::function<void()>& meanwhile) {
  Shard& shard = this->shard(queue);
  const NetCore& core = *cores_[core_of(queue)];
  std::uint64_t emptied = 0, received = 0, rounds = 0, start_received = 0, start_rounds = 0;
  const auto read = [&] {
    emptied = shard.emptied;
    received = shard.counters.received;
    rounds = core.rounds();
  };
  if (auto ok = on_core(core.id, read); !ok) return ok;
  const std::uint64_t start_emptied = emptied;
  start_received = received;
  start_rounds = rounds;
  for (unsigned tries = 0; tries < patience_us / look_again_us; ++tries) {
    if (running_) {
      rest_us(look_again_us);
    } else if (meanwhile) {
      meanwhile();
    } else {
      poll_all();
    }
    if (auto ok = on_core(core.id, read); !ok) return ok;
    const bool empty = emptied > start_emptied + 1 || received >= start_received + most_descriptors;
    if (empty && rounds >= start_rounds + 2) return {};
  }
  return diag::fail(diag::Diagnostic{.code = "E0672",
                                     .message = fmt::format("queue {} does not run empty", queue)});
}

std::vector<CoreView> Engine::views() {
  std::vector<CoreView> views;
  for (const auto& core : cores_) views.push_back(core->view(running_));
  return views;
}

}  // namespace weft::engine
