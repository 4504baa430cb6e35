// What came is run, with all that it sets off.
#include "runtime/engine/shard.h"

#include <rte_prefetch.h>

#include <algorithm>
#include <utility>

#include "runtime/engine/frames.h"
#include "runtime/engine/prefetch_connections.h"

namespace weft::engine {

using nodes::Slot;

namespace {

PacketList& list(Core& core, Slot slot) { return core.spawned[static_cast<std::size_t>(slot)]; }

}  // namespace

unsigned Shard::fetch(ports::Card& card, unsigned most) {
  fetched_ = card.rx_burst(static_cast<std::uint16_t>(index), frames_.data(),
                           static_cast<std::uint16_t>(most));
  counters.received += fetched_;
  emptied += fetched_ < most ? 1 : 0;
  return fetched_;
}

void Shard::run_fetched(ports::Card& card, apps::AppHost& apps, std::uint64_t now_ns) {
  const RunsShard runs(index);
  rte_mbuf** frames = frames_.data();
  const unsigned n = fetched_;
  fetched_ = 0;
  core.now_ns = now_ns;
  stages.begin_batch();
  unsigned good = 0;
  for (unsigned i = 0; i < n; ++i) {
    if (frames[i]->nb_segs != 1 && !readable(frames[i])) continue;
    rte_prefetch0(rte_pktmbuf_mtod(frames[i], void*));
    frames[good++] = frames[i];
  }
  if (tcp_ != nullptr && tcp_->crowded()) prefetch_connections(frames_, good, *tcp_);
  runner(ir::entry_rx).receive(core, frames_of(frames), good);
  stages.end(Stage::receive, good);
  settle(card, apps);
  stages.end_batch();
}

void Shard::settle(ports::Card& card, apps::AppHost& apps) {
  const RunsShard runs(index);
  bool more = true;
  while (more) {
    more = false;
    if (core.transmitted.count != 0) transmit(card);
    if (core.delivered.count != 0) {
      // (Applications send while they are told of what came: that is run, and may deliver again.)
      const unsigned n = std::exchange(core.delivered.count, 0);
      std::copy_n(core.delivered.datagrams, n, delivered_.datagrams);
      apps.deliver(core, delivered_.datagrams, n);
      stages.end(Stage::application, n);
      more = true;
    }
    if (core.sent.count != 0) {
      if (core.transmitted.count != 0) transmit(card);
      run_sends();
      more = true;
    }
    if (tcp_ != nullptr) {
      if (apps.tell_connections(core) != 0) {
        stages.end(Stage::application, 0);
        more = true;
      }
      if (send_segments(card) != 0) more = true;
    }
    for (std::size_t slot = 0; slot < core.spawned.size(); ++slot) {
      if (core.spawned[slot].count == 0 || slot == static_cast<std::size_t>(Slot::loopback))
        continue;
      if (core.transmitted.count != 0) transmit(card);
      run_slot(static_cast<Slot>(slot));
      more = true;
    }
  }
  counters.spawn_lost = core.spawn_lost;
}

void Shard::run_slot(Slot slot) {
  PacketList& waiting = list(core, slot);
  const unsigned n = waiting.count;
  std::copy_n(waiting.packets.begin(), n, batch_.packets.begin());
  waiting.count = 0;
  if (n == 0) return;
  run(batch_.packets.data(), n, ir::entry_of_slot(static_cast<unsigned>(slot)));
  stages.end(Stage::other, n);
}

// (Nothing that runs from there adds to the list.)
void Shard::run_sends() {
  const unsigned n = std::exchange(core.sent.count, 0);
  if (n == 0) return;
  runner(ir::entry_udp_send).send(core, core.sent.datagrams, n);
  stages.end(Stage::send, n);
}

// Called by applications.
void Shard::flush_sends(ports::Card& card) {
  const RunsShard runs(index);
  stages.end(Stage::application, 0);
  run_sends();
  transmit(card);
  while (list(core, Slot::ipv4_piece).count + list(core, Slot::ipv4_rest).count != 0) {
    run_slot(Slot::ipv4_piece);
    transmit(card);
    run_slot(Slot::ipv4_rest);
    transmit(card);
  }
}

void Shard::take(Packet* packets, unsigned n, unsigned entry, ports::Card& card,
                 apps::AppHost& apps, std::uint64_t now_ns) {
  const RunsShard runs(index);
  core.now_ns = now_ns;
  counters.taken_over += n;
  stages.begin_batch();
  run(packets, n, entry);
  stages.end(Stage::handed, n);
  settle(card, apps);
  stages.end_batch();
}

unsigned Shard::run_looped(ports::Card& card, apps::AppHost& apps, std::uint64_t now_ns) {
  const unsigned n = list(core, Slot::loopback).count;
  if (n == 0) return 0;
  const RunsShard runs(index);
  core.now_ns = now_ns;
  run_slot(Slot::loopback);
  settle(card, apps);
  return n;
}

void Shard::drop_looped() {
  PacketList& waiting = list(core, Slot::loopback);
  for (unsigned i = 0; i < waiting.count; ++i) core.release(waiting.packets[i]);
  core.spawn_lost += waiting.count;
  waiting.count = 0;
}

void Shard::transmit(ports::Card& card) {
  rte_mbuf** frames = mbufs_of(core.transmitted.frames);
  const auto n = static_cast<std::uint16_t>(std::exchange(core.transmitted.count, 0));
  for (unsigned i = 0; i < n; ++i) open_fences(frames[i]);
  // (It is looked at every 100 ms; who answers what has just come asks once more.)
  if (!link_up_ && !card.link_up()) [[unlikely]] {
    counters.transmit_down += n;
    for (unsigned i = 0; i < n; ++i) rte_pktmbuf_free(frames[i]);
    return;
  }
  std::uint16_t done = 0;
  for (unsigned tries = 0; done < n && tries < 8; ++tries)
    done += card.tx_burst(static_cast<std::uint16_t>(tx_queue), frames + done, n - done);
  counters.transmitted += done;
  counters.transmit_full += n - done;
  for (; done < n; ++done) rte_pktmbuf_free(frames[done]);
  stages.end(Stage::transmit, n);
}

}  // namespace weft::engine
