// One thread of the stack: polls the queues of its shards and does everything that follows from
// what it finds there.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "runtime/apps/app_host.h"
#include "runtime/engine/clock.h"
#include "runtime/engine/handover.h"
#include "runtime/engine/shard.h"
#include "runtime/engine/sleeper.h"
#include "runtime/ports/card.h"

namespace weft::engine {

struct CoreCounters {
  std::uint64_t polls = 0;
  std::uint64_t empty_polls = 0;
  std::uint64_t sleeps = 0;
  std::uint64_t link_changes = 0;  // seen by this core; it looks every 100 ms
  bool link_up = true;
};

// What the outside sees of a core: a copy that the core itself made between two batches, so that
// all numbers of one snapshot belong together.
struct CoreView {
  CoreCounters core;
  std::vector<ShardCounters> shards;
  std::vector<std::vector<std::vector<std::uint64_t>>> edges;  // by shard, by program
  struct Tables {
    std::uint64_t neighbours = 0, waiting = 0, given_up = 0, arp_requests = 0, no_buffer = 0;
    std::uint64_t fragments = 0, completed = 0, timed_out = 0, reported = 0, evicted = 0;
    std::uint64_t pieces = 0, paths = 0;
    std::uint64_t groups = 0, igmp_reports = 0;
    std::uint64_t arp_announced = 0, arp_conflicts = 0, arp_defended = 0;
  };
  std::vector<Tables> tables;
  std::vector<StageTimes> stages;                               // by shard
  std::vector<std::vector<std::vector<std::uint64_t>>> cycles;  // by shard, program and vertex
  std::vector<apps::AppCounters> apps;
};

// Work that another thread has for a net core: done by the core itself between two batches.
struct Errand {
  std::function<void()> work;
  std::atomic<bool> done{false};
};

class NetCore {
 public:
  static constexpr std::uint64_t tick_ns = 100'000'000;

  NetCore(unsigned id, ports::Card& card, Handovers& handovers, const Clock& clock,
          std::unique_ptr<apps::AppHost> apps);

  // One round over everything. Returns how many packets and news there were.
  unsigned poll_once();
  // Polls until `stop`; `busy` polls without rest, else an idle core yields, then sleeps: until a
  // frame or another core wakes it, or for up to 200 us at a time where a wire can't do so.
  void run(const std::atomic<bool>& stop, bool busy);
  // What other cores, and other shards of this one, have handed over or told. Returns how much.
  unsigned take_messages();
  unsigned run_looped();
  // Ends its sleep. By any thread.
  void wake() { sleeper_.wake(); }
  // Queues that are served before each batch of any other, until they are empty; the batches of
  // others are short then, since a packet that comes while one is run waits for its end. Before the
  // first poll, when all shards are there.
  void prefer(const std::vector<unsigned>& queues);
  // All net cores, by id, before the first is run.
  void set_peers(std::vector<NetCore*> peers) { peers_ = std::move(peers); }
  // After the last poll: applications give their buffers back.
  void take_back();
  // Resets connections of an endpoint that goes, some of each shard's, from where `at` says
  // (shard.h). True: there are more.
  bool end_connections(unsigned endpoint, std::vector<std::uint32_t>& at, bool told);

  // One at a time, by one thread: `errand` must live until it is done, or was withdrawn.
  void send(Errand& errand);
  // True: it had not begun, and never will.
  bool withdraw(Errand& errand);

  // The state as of the end of some batch after this call. Waits for the core when `running`.
  CoreView view(bool running);

  // What its shards hand over, and to whom. (Each core has its own, changed by errands.)
  Owners owners;
  std::vector<std::unique_ptr<Shard>> shards;
  const unsigned id;
  // When something is due by itself: the next tick, a connection's or an application's timer.
  std::uint64_t next_tick_ns() const {
    return std::min({next_tick_ns_, tcp_due_ns(), apps_->next_timer_ns()});
  }
  // When a connection has something to do by itself; ~0: never.
  std::uint64_t tcp_due_ns() const;
  // Rounds so far, as the core itself counts them.
  std::uint64_t rounds() const { return counters_.polls; }
  apps::AppHost& apps() { return *apps_; }

 private:
  void tick(std::uint64_t now_ns);
  template <class Act>
  void let_apps_act(std::uint64_t now_ns, Act act);
  unsigned serve(Shard& shard, std::uint64_t now_ns, unsigned most = batch_size);
  std::uint64_t transmitted() const;
  unsigned serve_preferred(std::uint64_t now_ns);
  unsigned serve_beside_preferred(std::uint64_t now_ns);
  void find_descriptors();
  void rest(unsigned& idle, const std::atomic<bool>& stop);
  void wake_receivers();
  void wake_told(unsigned found);
  unsigned take_news(std::uint64_t now_ns);
  unsigned take_packets(unsigned from, std::uint64_t now_ns);
  Shard& shard(unsigned index);
  void run_errand();
  CoreView copy() const;
  void answer_views();

  ports::Card& card_;
  Handovers& handovers_;
  // What take_packets() works on. (Made once: so many packets take longer to make than to find that
  // there are none.)
  Handed handed_[batch_size];
  Packet run_[batch_size];
  const Clock& clock_;
  std::unique_ptr<apps::AppHost> apps_;
  CoreCounters counters_;
  unsigned preferred_ = 0;         // the first so many shards
  std::uint64_t packet_ns_ = 100;  // that one of the others takes, lately
  std::uint64_t next_tick_ns_ = 0;
  Sleeper sleeper_;
  bool woken_by_wire_ = false;  // every frame that may come for this core wakes it
  unsigned patience_ = 1;       // empty polls before lying down, where others want the CPU
  unsigned false_alarms_ = 0;   // wakings by the wire in a row after which nothing was found
  std::vector<NetCore*> peers_;
  std::atomic<Errand*> errand_{nullptr};
  std::atomic<std::uint32_t> asked_{0}, answered_{0};
  CoreView answer_;
};

}  // namespace weft::engine
