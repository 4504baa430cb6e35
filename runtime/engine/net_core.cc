#include "runtime/engine/net_core.h"

#include <sched.h>
#include <time.h>

#include <algorithm>

namespace weft::engine {
namespace {

constexpr unsigned polls_before_yield = 64;
constexpr unsigned polls_before_sleep = 512;
constexpr unsigned shortest_sleep_us = 50, longest_sleep_us = 200;

void sleep_us(unsigned us) {
  const timespec time = {.tv_sec = 0, .tv_nsec = static_cast<long>(us) * 1000};
  nanosleep(&time, nullptr);
}

}  // namespace

NetCore::NetCore(unsigned its_id, ports::Card& card, Handovers& handovers, const Clock& clock,
                 std::unique_ptr<apps::AppHost> apps)
    : id(its_id),
      card_(card),
      handovers_(handovers),
      clock_(clock),
      apps_(std::move(apps)),
      next_tick_ns_(clock.now_ns() + tick_ns) {
  apps_->flush = [this](Core& core) {
    for (const auto& shard : shards) {
      if (&shard->core != &core) continue;
      shard->flush_sends(card_);
    }
  };
}

unsigned NetCore::poll_once() {
  const std::uint64_t now_ns = clock_.now_ns();
  unsigned found = id == 0 ? card_.poll() : 0;
  found += take_messages();
  for (const auto& shard : shards) {
    found += shard->run_looped(card_, *apps_, now_ns);
    const unsigned n = shard->fetch(card_);
    if (n == 0) continue;
    // A neighbour that another core answered may be the sender of these: what was put into the
    // ring before its answer left is taken out before they are run.
    found += n + take_messages();
    shard->run_fetched(card_, *apps_, now_ns);
  }
  if (now_ns >= next_tick_ns_) tick(now_ns);
  // What was sent in this round leaves in this round.
  if (id == 0 && found != 0) found += card_.poll();
  ++counters_.polls;
  if (found == 0) ++counters_.empty_polls;
  if (asked_.load(std::memory_order_acquire) != answered_.load(std::memory_order_relaxed))
    answer_views();
  return found;
}

unsigned NetCore::take_messages() {
  const std::uint64_t now_ns = clock_.now_ns();
  unsigned taken = 0;
  Message message;
  for (unsigned from = 0; from < handovers_.cores(); ++from) {
    for (unsigned i = 0; i < Handovers::ring_size && handovers_.take(from, id, message);
         ++i, ++taken) {
      for (const auto& shard : shards) {
        if (shard->index == message.shard) shard->take(message, card_, *apps_, now_ns);
      }
    }
  }
  return taken;
}

unsigned NetCore::run_looped() {
  unsigned found = 0;
  for (const auto& shard : shards) found += shard->run_looped(card_, *apps_, clock_.now_ns());
  return found;
}

void NetCore::tick(std::uint64_t now_ns) {
  next_tick_ns_ = now_ns + tick_ns;
  if (const bool up = card_.link_up(); up != counters_.link_up) {
    counters_.link_up = up;
    ++counters_.link_changes;
    for (const auto& shard : shards) shard->link_changed(up, now_ns);
  }
  for (const auto& shard : shards) shard->age(card_, *apps_, now_ns);
  if (!shards.empty()) {
    apps_->tick(shards.front()->core);
    shards.front()->settle(card_, *apps_);
  }
}

void NetCore::run(const std::atomic<bool>& stop, bool busy) {
  unsigned idle = 0;
  unsigned pause = shortest_sleep_us;
  while (!stop.load(std::memory_order_relaxed)) {
    if (poll_once() != 0) {
      idle = 0;
      pause = shortest_sleep_us;
      continue;
    }
    if (busy || ++idle < polls_before_yield) continue;
    if (idle < polls_before_sleep) {
      sched_yield();
      continue;
    }
    ++counters_.sleeps;
    sleep_us(pause);
    pause = std::min(longest_sleep_us, pause + 10);
  }
}

void NetCore::take_back() {
  for (const auto& shard : shards) {
    apps_->take_back(shard->core);
    shard->drop_looped();
    shard->settle(card_, *apps_);
  }
}

CoreView NetCore::copy() const {
  CoreView view;
  view.core = counters_;
  for (const auto& shard : shards) {
    view.shards.push_back(shard->counters);
    view.stages.push_back(shard->stages.times());
    view.edges.emplace_back();
    for (const auto& program : shard->programs) view.edges.back().push_back(program->counts);
    const auto& arp = shard->core.neighbours.counters();
    const auto& pieces = shard->core.reassembly.counters();
    const auto& claims = shard->core.claims.counters();
    view.tables.push_back({.neighbours = shard->core.neighbours.size(),
                           .waiting = shard->core.neighbours.held(),
                           .given_up = arp.given_up,
                           .arp_requests = arp.requests,
                           .no_buffer = arp.no_buffer + pieces.no_buffer,
                           .fragments = shard->core.reassembly.size(),
                           .completed = pieces.completed,
                           .timed_out = pieces.timed_out,
                           .reported = pieces.reported,
                           .evicted = pieces.evicted,
                           .pieces = shard->core.pieces,
                           .paths = shard->core.paths.size(),
                           .groups = shard->core.groups.size(),
                           .igmp_reports = shard->core.igmp.counters().reports,
                           .arp_announced = claims.announced,
                           .arp_conflicts = claims.conflicts,
                           .arp_defended = claims.defended});
  }
  view.apps = apps_->counters();
  return view;
}

void NetCore::answer_views() {
  const std::uint32_t asked = asked_.load(std::memory_order_acquire);
  answer_ = copy();
  answered_.store(asked, std::memory_order_release);
}

CoreView NetCore::view(bool running) {
  if (!running) return copy();
  const std::uint32_t ticket = asked_.fetch_add(1, std::memory_order_acq_rel) + 1;
  for (unsigned waited = 0; waited < 20'000; ++waited) {  // 1 s: a stopped core gives old numbers
    if (answered_.load(std::memory_order_acquire) == ticket) break;
    sleep_us(50);
  }
  return answer_;
}

}  // namespace weft::engine
