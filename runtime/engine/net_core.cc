#include "runtime/engine/net_core.h"

#include <sched.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>

#include "compiler/plan/preferred.h"

namespace weft::engine {
namespace {

constexpr unsigned polls_before_yield = 64;
constexpr std::uint64_t idle_before_sleep_ns = 100'000;  // a peer's answer to what was just sent
constexpr std::uint64_t longest_yield_ns = 30'000;       // more: somebody else had work to do
constexpr std::uint64_t crowded_ns = 1'000'000'000;      // ... and is believed to have it so long
constexpr std::uint64_t short_sleep_ns = 20'000;         // to poll on would have been the better
constexpr unsigned sleep_without_wire_us = 200;
constexpr unsigned believed_alarms = 16;
constexpr unsigned most_preferred_batches = 64;

void sleep_us(unsigned us) {
  const timespec time = {.tv_sec = 0, .tv_nsec = static_cast<long>(us) * 1000};
  nanosleep(&time, nullptr);
}

// How often somebody else was given this thread's CPU. (A yield may be long because of what the
// kernel does in its own name, as to pass on frames.)
long times_switched() {
  rusage used{};
  getrusage(RUSAGE_THREAD, &used);
  return used.ru_nivcsw + used.ru_nvcsw;
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

// What is no packet's business is done in the name of the first shard.
template <class Act>
void NetCore::let_apps_act(std::uint64_t now_ns, Act act) {
  if (shards.empty()) return;
  Shard& first = *shards.front();
  const RunsShard runs(first.index);
  first.core.now_ns = now_ns;
  act(first.core);
  first.settle(card_, *apps_);
}

unsigned NetCore::poll_once() {
  const std::uint64_t now_ns = clock_.now_ns();
  const std::uint64_t sent = transmitted();
  unsigned found = id == 0 ? card_.poll() : 0;
  if (found != 0) wake_receivers();
  found += take_messages();
  found += run_looped();
  if (preferred_ == 0) {
    for (const auto& shard : shards) found += serve(*shard, now_ns);
  } else {
    found += serve_beside_preferred(now_ns);
  }
  for (const auto& shard : shards) {
    if (now_ns < shard->tcp_due_ns()) continue;
    shard->run_tcp_timers(card_, *apps_, now_ns);
  }
  if (now_ns >= apps_->next_timer_ns())
    let_apps_act(now_ns, [this](Core& core) { apps_->run_timers(core); });
  if (apps_->has_answers())
    let_apps_act(now_ns, [&](Core& core) { found += apps_->tell_answers(core); });
  if (now_ns >= next_tick_ns_) {
    tick(now_ns);
    found += run_looped();  // what the tick has sent to the host itself must not wait for the next
  }
  // An application may act on a connection of another shard than that which it was called for.
  for (const auto& shard : shards)
    found += shard->settle_connections(card_, *apps_, now_ns) ? 1 : 0;
  // What was sent in this round leaves in this round, be it a timer or the tick that sent it.
  if (transmitted() != sent) ++found;
  if (id == 0 && found != 0) {
    found += card_.poll();
    wake_receivers();
  }
  wake_told(found);
  ++counters_.polls;
  if (found == 0) ++counters_.empty_polls;
  if (asked_.load(std::memory_order_acquire) != answered_.load(std::memory_order_relaxed))
    answer_views();
  if (errand_.load(std::memory_order_relaxed) != nullptr) [[unlikely]]
    run_errand();
  return found;
}

std::uint64_t NetCore::transmitted() const {
  std::uint64_t n = 0;
  for (const auto& shard : shards) n += shard->counters.transmitted;
  return n;
}

// One batch.
unsigned NetCore::serve(Shard& shard, std::uint64_t now_ns, unsigned most) {
  const unsigned n = shard.fetch(card_, most);
  if (n == 0) return 0;
  // A neighbour that another core answered may be the sender of these: what was put into the
  // ring before its answer left is taken out before they are run.
  const unsigned told = take_messages();
  shard.run_fetched(card_, *apps_, now_ns);
  return n + told;
}

// Until their queues are empty; what comes faster than it can be served doesn't stop the rest. A
// card that works only when it is polled is polled here too: before, or what is preferred would
// wait on the wire behind the rest, and afterwards, so that answers leave before the next batch.
unsigned NetCore::serve_preferred(std::uint64_t now_ns) {
  unsigned found = id == 0 ? card_.receive() : 0;
  for (unsigned round = 0; round < most_preferred_batches; ++round) {
    unsigned n = 0;
    for (unsigned i = 0; i < preferred_; ++i) n += serve(*shards[i], now_ns);
    if (n == 0) break;
    found += n + (id == 0 ? card_.poll() : 0);
  }
  return found;
}

// Who is preferred waits for the end of whatever batch is run, so those of the others are short: as
// many packets as took so long lately. What these send leaves with the next round.
unsigned NetCore::serve_beside_preferred(std::uint64_t now_ns) {
  unsigned found = serve_preferred(now_ns);
  for (std::size_t i = preferred_; i < shards.size(); ++i) {
    for (unsigned served = 0, n = 1; served < batch_size && n != 0; served += n) {
      const std::uint64_t fit =
          plan::longest_beside_preferred_ns / std::max<std::uint64_t>(1, packet_ns_);
      const auto most =
          static_cast<unsigned>(std::clamp<std::uint64_t>(fit, 1, batch_size - served));
      const std::uint64_t begin_ns = clock_.now_ns();
      n = serve(*shards[i], now_ns, most);
      if (n == 0) break;
      packet_ns_ = (7 * packet_ns_ + (clock_.now_ns() - begin_ns) / n) / 8;
      found += n + serve_preferred(now_ns);
    }
  }
  if (found != 0) wake_receivers();
  return found;
}

void NetCore::prefer(const std::vector<unsigned>& queues) {
  const auto rest = std::stable_partition(shards.begin(), shards.end(), [&](const auto& shard) {
    return std::find(queues.begin(), queues.end(), shard->index) != queues.end();
  });
  preferred_ = static_cast<unsigned>(rest - shards.begin());
}

unsigned NetCore::take_messages() {
  const std::uint64_t now_ns = clock_.now_ns();
  unsigned taken = take_news(now_ns);
  for (unsigned from = 0; from < handovers_.cores(); ++from) taken += take_packets(from, now_ns);
  return taken;
}

Shard& NetCore::shard(unsigned index) {
  return **std::find_if(shards.begin(), shards.end(),
                        [&](const auto& s) { return s->index == index; });
}

unsigned NetCore::take_news(std::uint64_t now_ns) {
  unsigned taken = 0;
  News news;
  for (unsigned from = 0; from < handovers_.cores(); ++from) {
    for (unsigned n = 0; n < Handovers::ring_size && handovers_.take(from, id, news); ++n, ++taken)
      shard(news.shard).learn(news, card_, *apps_, now_ns);
  }
  return taken;
}

// Packets that follow each other to the same place are run together. A sender may have been
// introduced by a third core before its packet was handed over: news are looked for in between.
unsigned NetCore::take_packets(unsigned from, std::uint64_t now_ns) {
  unsigned taken = 0, n = 0;
  do {
    for (n = 0; n < batch_size && handovers_.take(from, id, handed_[n]);) ++n;
    if (n == 0) break;
    taken += n + take_news(now_ns);
    for (unsigned i = 0, run = 0; i < n; i += run) {
      const Handed& first = handed_[i];
      for (run = 0; i + run < n; ++run) {
        const Handed& next = handed_[i + run];
        if (next.shard != first.shard || next.entry != first.entry) break;
        run_[run] = next.packet;
      }
      shard(first.shard).take(run_, run, first.entry, card_, *apps_, now_ns);
    }
  } while (n == batch_size && taken < Handovers::ring_size);
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
  let_apps_act(now_ns, [this](Core& core) { apps_->tick(core); });
}

// Frames that this core has put into queues of others.
void NetCore::wake_receivers() {
  for (NetCore* peer : peers_) {
    if (peer == this) continue;
    const bool waits = std::any_of(
        peer->shards.begin(), peer->shards.end(),
        [&](const auto& shard) { return card_.waits(static_cast<std::uint16_t>(shard->index)); });
    if (waits) peer->wake();
  }
}

std::uint64_t NetCore::tcp_due_ns() const {
  std::uint64_t due = ~std::uint64_t{0};
  for (const auto& shard : shards) due = std::min(due, shard->tcp_due_ns());
  return due;
}

// Packets that it has handed over, and frames that leave by the first core's poll.
void NetCore::wake_told(unsigned found) {
  for (NetCore* peer : peers_) {
    const bool told = handovers_.told(id, peer->id) && peer != this;
    const bool sends = found != 0 && peer->id == 0 && id != 0 && card_.sends_by_poll();
    if (told || sends) peer->wake();
  }
}

// By the core's own thread, once everything is set up.
void NetCore::find_descriptors() {
  std::vector<int> all;
  const auto add = [&all](const std::optional<std::vector<int>>& more) {
    if (more) all.insert(all.end(), more->begin(), more->end());
    return more.has_value();
  };
  woken_by_wire_ = id != 0 || add(card_.wait_for_poll());
  for (const auto& shard : shards)
    woken_by_wire_ =
        add(card_.wait_for(static_cast<std::uint16_t>(shard->index))) && woken_by_wire_;
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  woken_by_wire_ = sleeper_.watch(all) && woken_by_wire_;
}

void NetCore::run(const std::atomic<bool>& stop, bool busy) {
  find_descriptors();
  unsigned idle = 0;
  std::uint64_t sleep_at_ns = 0, crowded_until_ns = 0;
  bool crowded = false;
  while (!stop.load(std::memory_order_relaxed)) {
    if (poll_once() != 0) {
      idle = 0;
      false_alarms_ = 0;
      continue;
    }
    if (busy || ++idle < (crowded ? patience_ : polls_before_yield)) continue;
    const std::uint64_t now_ns = clock_.now_ns();
    crowded = now_ns < crowded_until_ns;
    if (idle == polls_before_yield) sleep_at_ns = now_ns + idle_before_sleep_ns;
    if (crowded) {
      rest(idle, stop);
      idle = 0;
    } else if (now_ns < sleep_at_ns) {
      const long before = times_switched();
      sched_yield();
      const std::uint64_t back_ns = clock_.now_ns();
      crowded = back_ns - now_ns > longest_yield_ns && times_switched() != before;
      if (crowded) crowded_until_ns = back_ns + crowded_ns;
    } else {
      rest(idle, stop);
    }
  }
}

void NetCore::rest(unsigned& idle, const std::atomic<bool>& stop) {
  sleeper_.lie_down();
  if (stop.load() || poll_once() != 0) {
    sleeper_.get_up();
    idle = 0;
    return;
  }
  ++counters_.sleeps;
  const std::uint64_t now_ns = clock_.now_ns();
  const std::uint64_t due_ns = next_tick_ns();
  const std::uint64_t until_tick = due_ns > now_ns ? due_ns - now_ns : 0;
  // A descriptor that says "ready" where there is nothing (a device that is down) is not believed.
  if (false_alarms_ >= believed_alarms) {
    sleeper_.get_up();
    sleep_us(sleep_without_wire_us);
    false_alarms_ = (false_alarms_ + 1) % (1024 * believed_alarms);
    return;
  }
  const std::uint64_t most = woken_by_wire_ ? until_tick : sleep_without_wire_us * 1000;
  false_alarms_ = sleeper_.wait(std::min(most, until_tick)) ? false_alarms_ + 1 : 0;
  const bool was_short = clock_.now_ns() - now_ns < short_sleep_ns;
  patience_ = was_short ? polls_before_yield : std::max(1u, patience_ / 2);
}

bool NetCore::end_connections(unsigned endpoint, std::vector<std::uint32_t>& at, bool told) {
  at.resize(shards.size(), 0);
  bool more = false;
  for (std::size_t i = 0; i < shards.size(); ++i)
    more = shards[i]->end_connections(card_, *apps_, endpoint, at[i], told) || more;
  card_.send();
  return more;
}

void NetCore::take_back() {
  for (const auto& shard : shards) {
    const RunsShard runs(shard->index);
    apps_->take_back(shard->core);
    shard->end_tcp(card_, *apps_);
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
    view.cycles.emplace_back();
    for (const auto& program : shard->programs) {
      view.edges.back().push_back(program->counts);
      view.cycles.back().push_back(program->runner->cycles());
    }
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

void NetCore::send(Errand& errand) {
  errand_.store(&errand, std::memory_order_release);
  wake();
}

bool NetCore::withdraw(Errand& errand) {
  Errand* expected = &errand;
  return errand_.compare_exchange_strong(expected, nullptr);
}

void NetCore::run_errand() {
  Errand* errand = errand_.exchange(nullptr, std::memory_order_acquire);
  if (errand == nullptr) return;
  errand->work();
  errand->done.store(true, std::memory_order_release);
}

CoreView NetCore::view(bool running) {
  if (!running) return copy();
  const std::uint32_t ticket = asked_.fetch_add(1, std::memory_order_acq_rel) + 1;
  wake();
  for (unsigned waited = 0; waited < 20'000; ++waited) {  // 1 s: a stopped core gives old numbers
    if (answered_.load(std::memory_order_acquire) == ticket) break;
    sleep_us(50);
  }
  return answer_;
}

}  // namespace weft::engine
