// One receive queue with all the state that belongs to it: tables, counters, the residue that runs
// its packets. A net core runs the shards of its queues, one after the other; shards share nothing
// but the buffer pools.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/edges.h"
#include "compiler/plan/plan.h"
#include "runtime/apps/app_host.h"
#include "runtime/engine/handover.h"
#include "runtime/engine/pools.h"
#include "runtime/engine/probe.h"
#include "runtime/engine/runner.h"
#include "runtime/engine/stages.h"
#include "runtime/ports/card.h"
#include "stack-nodes/core.h"
#include "stack-nodes/tcp/machine/stack.h"

namespace weft::engine {

inline constexpr unsigned batch_size = 32;

// What a shard counts beside the edges of its residue. All in packets.
struct ShardCounters {
  std::uint64_t received = 0;        // from the card's queue
  std::uint64_t linearised = 0;      // of those, came in several segments and were copied
  std::uint64_t unreadable = 0;      // of those, dropped: too long for one buffer, or no buffer
  std::uint64_t before_use = 0;      // of those, came while the host's addresses were probed
  std::uint64_t transmitted = 0;     // taken by the card
  std::uint64_t probes = 0;          // of those, or dropped as below: see probe.h
  std::uint64_t copied_out = 0;      // of those, copied out of a large buffer
  std::uint64_t transmit_full = 0;   // dropped: the card's queue stayed full
  std::uint64_t transmit_unfit = 0;  // dropped: too long for a frame, or no buffer to copy to
  std::uint64_t transmit_down = 0;   // dropped: the link is down
  std::uint64_t no_buffer = 0;      // allocations that failed (the node that asked counts the rest)
  std::uint64_t taken_over = 0;     // packets that other shards handed over
  std::uint64_t learning_lost = 0;  // shards that were not told of a neighbour: ring full
  std::uint64_t speaker_lost = 0;   // IGMP messages that the speaker did not get: ring full
  std::uint64_t spawn_lost = 0;     // dropped: a list of spawned packets was full (Core)
};

// A residue, ready to run on one shard's state, with its counters.
struct Program {
  explicit Program(const plan::Residue& r)
      : residue(r), edges(ir::EdgeTable::of(r.graph)), counts(edges.size(), 0) {}
  // One that came while the stack ran is kept with its program.
  explicit Program(std::shared_ptr<const plan::Residue> r) : Program(*r) { held = std::move(r); }
  const plan::Residue& residue;
  std::shared_ptr<const plan::Residue> held;
  ir::EdgeTable edges;
  std::vector<std::uint64_t> counts;  // core.edges points here while it runs
  std::unique_ptr<ResidueRunner> runner;
};

class Shard final : public Services {
 public:
  Shard(const plan::Plan& plan, unsigned index, unsigned net_core, Pools& pools,
        Handovers& handovers, const Placement& placement, const Owners& owners, std::uint64_t seed,
        std::uint32_t tcp_connections = 0);

  // Receives a batch; returns how many packets. They wait for `run_fetched`, which runs them and
  // everything that they set off: what other cores knew before a packet came is learned between.
  unsigned fetch(ports::Card& card, unsigned most = batch_size);
  void run_fetched(ports::Card& card, apps::AppHost& apps, std::uint64_t now_ns);
  // Before anything else: what came is looked at and thrown away, and own addresses are asked for,
  // as numbered in core.addresses.own().
  std::optional<Rival> hear(ports::Card& card);
  void ask_for(std::pair<std::size_t, std::size_t> addresses, ports::Card& card);
  // Packets that another shard handed over, all for one entry.
  void take(Packet* packets, unsigned n, unsigned entry, ports::Card& card, apps::AppHost& apps,
            std::uint64_t now_ns);
  // What another shard learned of a neighbour, of a path, or of groups.
  void learn(const News& news, ports::Card& card, apps::AppHost& apps, std::uint64_t now_ns);
  // When connections have something to do by themselves, and doing it.
  std::uint64_t tcp_due_ns() const { return tcp_ ? tcp_->next_timer_ns() : ~std::uint64_t{0}; }
  void run_tcp_timers(ports::Card& card, apps::AppHost& apps, std::uint64_t now_ns);
  // What applications did to its connections while another shard ran, and what the card had no room
  // for. True: it still has none.
  bool settle_connections(ports::Card& card, apps::AppHost& apps, std::uint64_t now_ns);
  // The stack stops: all connections are reset, and give back what they hold.
  void end_tcp(ports::Card& card, apps::AppHost& apps);
  // An endpoint of TCP comes: 0, or a negative number of errno.h. The first one brings what
  // connections need.
  int listen_for_connections(const ir::Endpoint& endpoint, unsigned index);
  // One goes: nobody is let in any more; ...
  void refuse_connections(const ir::Endpoint& endpoint);
  // ... and its connections are reset, some at a time from the record `from` on, as many as the
  // card takes resets, or (not `told`) without. True: there are more.
  bool end_connections(ports::Card& card, apps::AppHost& apps, unsigned endpoint,
                       std::uint32_t& from, bool told);
  // Datagrams that the host sent to itself: those that were there when it was called, so that two
  // applications that answer each other do not keep the core from all else. Returns how many.
  unsigned run_looped(ports::Card& card, apps::AppHost& apps, std::uint64_t now_ns);
  // Those that are left when the stack stops.
  void drop_looped();
  // While it is down nothing is sent. When it comes up, neighbours are asked for again, and the
  // speaker announces addresses and reports groups.
  void link_changed(bool up, std::uint64_t now_ns);
  // Every 100 ms: neighbours and fragments grow older; what is due about addresses and groups.
  void age(ports::Card& card, apps::AppHost& apps, std::uint64_t now_ns);
  // Runs deliveries, slots and transmissions until nothing is left.
  void settle(ports::Card& card, apps::AppHost& apps);
  // Runs the datagrams that applications have sent so far, and transmits what comes of them, in
  // pieces where they are too large.
  void flush_sends(ports::Card& card);

  // Services, for the nodes.
  bool allocate(Packet& p, std::uint32_t room) override;
  void free_buffer(void* buffer) override { pools_.free(buffer); }
  bool tell_neighbour(std::uint32_t address, std::uint64_t mac, bool create) override;
  void nobody_there(const Packet& p) override;
  bool tell_connection(const tcp::PathError& error) override;
  bool tell_path(std::uint32_t address, std::uint16_t mtu) override;
  bool hand_over(nodes::Slot slot, unsigned shard, Packet& p) override;
  void to_speaker(Packet& p) override;
  bool group_changed(std::uint32_t group, const GroupTable::Member& member) override;
  Frame* copy_out(Packet& p) override;

  // The groups that an endpoint of the plan wants from the start, joined or left.
  void listen(const ir::Endpoint& endpoint, unsigned index);
  // The endpoint leaves all groups, also those that its application joined.
  void leave_groups(unsigned endpoint);

  // Adds a residue that runs the entries which those before it do not have. The first is the
  // queue's own. A queue that filters feed alone has no entry for datagrams that missed elsewhere;
  // one of its flows' that was put together from fragments on another core and handed over is run
  // by a residue that has the entry, on this shard's state.
  Program& add_program(const plan::Residue& residue);
  // Entries (numbers of ir/edges.h) that no program has yet.
  std::vector<unsigned> missing_entries() const;
  // From now on packets are run by these, the queue's own first; those that are new to the shard
  // are in `more`. Programs that nothing is run by any more keep their counts.
  void run_by(const std::vector<Program*>& order, std::vector<std::unique_ptr<Program>> more);
  Program* program_of(const std::string& residue);  // by its id; null: there is none
  // The queue's own.
  const Program& own() const { return *own_; }

  Core core;
  std::vector<std::unique_ptr<Program>> programs;
  const unsigned index;     // the receive queue
  const unsigned net_core;  // that runs it
  const unsigned tx_queue;
  ShardCounters counters;
  StageClock stages;
  std::uint64_t emptied = 0;  // times that fewer frames waited in the queue than a batch takes

 private:
  // False: the frame was dropped and counted.
  bool readable(rte_mbuf*& m);
  bool apply(const GroupChange& change);
  void tell_groups();
  ResidueRunner& runner(unsigned entry);
  void run(Packet* packets, unsigned n, unsigned entry);
  void run_slot(nodes::Slot slot);
  void run_sends();
  void open_tcp(std::uint32_t listeners);
  unsigned send_segments(ports::Card& card);
  bool allocate_to_cut(Packet& p);
  bool tell_others(News news);
  void transmit(ports::Card& card);

  std::unique_ptr<tcp::Tcp> tcp_;  // where there are TCP endpoints, or were
  const std::uint32_t most_connections_;
  Pools& pools_;
  Handovers& handovers_;
  const Placement& placement_;
  Program* own_ = nullptr;
  std::vector<Program*> by_entry_;  // null: nobody has it, the own one counts it as impossible
  std::uint32_t frame_room_ = 0;    // bytes behind an mbuf's headroom
  std::array<rte_mbuf*, batch_size> frames_{};
  unsigned fetched_ = 0;
  bool link_up_ = true;
  bool told_ = false;  // the speaker: which addresses are the host's
  std::vector<std::pair<unsigned, GroupChange>> untold_;  // by shard: its ring was full
  PacketList batch_;  // the list being run, so that nodes can fill the original again
  DatagramList delivered_;
};

}  // namespace weft::engine
