#include "runtime/engine/shard.h"

#include <rte_prefetch.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/engine/frames.h"
#include "stack-nodes/igmp/hear.h"
#include "stack-nodes/table/arp_message.h"
#include "stack-nodes/wire/bytes.h"

namespace weft::engine {
namespace {

using nodes::Slot;

// A link that has just come up may lose what is sent at once: a switch that is not ready, a peer
// that has put no buffers into its ring yet.
constexpr std::uint64_t settling_ns = 500'000'000;

PacketList& list(Core& core, Slot slot) { return core.spawned[static_cast<std::size_t>(slot)]; }

HostParams host_params(const ir::HostConfig& host) {
  return {.mac = host.mac,
          .address = host.address,
          .broadcast = host.broadcast(),
          .vlan_id = host.vlan_id,
          .mtu = host.mtu,
          .forwarding = static_cast<std::uint8_t>(host.forwarding ? 1 : 0),
          .multicast = static_cast<std::uint8_t>(host.multicast ? 1 : 0)};
}

}  // namespace

Shard::Shard(const plan::Plan& plan, unsigned its_index, unsigned its_core, Pools& pools,
             Handovers& handovers, const Placement& placement, const Owners& owners,
             std::uint64_t seed)
    : index(its_index),
      net_core(its_core),
      tx_queue(its_index % plan.configuration.tx_queues),
      pools_(pools),
      handovers_(handovers),
      placement_(placement),
      by_entry_(ir::entry_count(), nullptr),
      frame_room_(pools.longest()) {
  core.id = index;
  core.host = host_params(plan.host);
  core.services = this;
  core.owners = &owners;
  core.random.reseed(seed);
  core.speaker = index == 0;
  core.alone = plan.configuration.rx_queues == 1;
  core.igmp.reseed(plan.host.mac);
  for (const ir::OwnAddress& own : plan.host.addresses()) {
    core.addresses.add(own.address, own.prefix_length);
    core.routes.add(own.address, own.prefix_length, 0);
  }
  for (const ir::Route& route : plan.host.routes)
    core.routes.add(route.prefix, route.length, route.via);
  for (const ir::Neighbour& n : plan.host.neighbours) core.neighbours.fix(core, n.address, n.mac);
  if (plan.host.multicast) core.addresses.join(AddressTable::all_hosts);
  for (std::size_t i = 0; i < plan.endpoints.size(); ++i) {
    const ir::Endpoint& e = plan.endpoints[i];
    if (e.tcp || e.vacant()) continue;
    core.udp_ports.insert(e.address, e.addresses, e.port, e.ports, static_cast<std::uint16_t>(i));
  }
  for (std::size_t i = 0; i < plan.endpoints.size(); ++i)
    listen(plan.endpoints[i], static_cast<unsigned>(i), true);
  core.udp_flows.reserve(static_cast<std::size_t>(
      std::count_if(plan.flows.begin(), plan.flows.end(),
                    [this](const plan::FlowEntry& flow) { return flow.queue == index; })));
  for (const plan::FlowEntry& flow : plan.flows) {
    if (flow.queue != index) continue;
    core.udp_flows.insert({flow.src, flow.dst, flow.src_port, flow.dst_port},
                          static_cast<std::uint16_t>(flow.endpoint));
  }
  open_tcp(plan);
  core.give_to(index);
}

void Shard::listen(const ir::Endpoint& e, unsigned number, bool join) {
  for (const ir::GroupJoin& g : e.groups) {
    GroupFilter filter;
    if (join) filter = {g.exclude, g.sources};
    apply({g.group,
           {static_cast<std::uint16_t>(number), e.port, static_cast<std::uint16_t>(e.last_port()),
            std::move(filter)}});
  }
}

void Shard::leave_groups(unsigned endpoint) {
  const auto number = static_cast<std::uint16_t>(endpoint);
  std::erase_if(untold_, [&](const auto& u) { return u.second.member.endpoint == number; });
  for (const std::uint32_t group : core.groups.of(number)) apply({group, {number, 0, 0, {}}});
}

Program& Shard::add_program(const plan::Residue& residue) {
  programs.push_back(std::make_unique<Program>(residue));
  Program& added = *programs.back();
  if (own_ == nullptr) own_ = &added;
  for (unsigned entry = 0; entry < by_entry_.size(); ++entry) {
    if (by_entry_[entry] == nullptr && added.edges.entries[entry]) by_entry_[entry] = &added;
  }
  return added;
}

std::vector<unsigned> Shard::missing_entries() const {
  std::vector<unsigned> missing;
  for (unsigned entry = 0; entry < by_entry_.size(); ++entry) {
    if (by_entry_[entry] == nullptr) missing.push_back(entry);
  }
  return missing;
}

Program* Shard::program_of(const std::string& residue) {
  for (const auto& program : programs) {
    if (program->residue.id == residue) return program.get();
  }
  return nullptr;
}

void Shard::run_by(const std::vector<Program*>& order, std::vector<std::unique_ptr<Program>> more) {
  for (auto& program : more) programs.push_back(std::move(program));
  own_ = order.front();
  std::fill(by_entry_.begin(), by_entry_.end(), nullptr);
  for (unsigned entry = 0; entry < by_entry_.size(); ++entry) {
    for (Program* program : order) {
      // Never the wire's entry of another: a queue's packets are run by its own residue.
      if (!program->edges.entries[entry] || (entry == ir::entry_rx && program != own_)) continue;
      by_entry_[entry] = program;
      break;
    }
  }
}

ResidueRunner& Shard::runner(unsigned entry) {
  Program& program = by_entry_[entry] != nullptr ? *by_entry_[entry] : *own_;
  core.edges = program.counts.data();
  return *program.runner;
}

void Shard::run(Packet* packets, unsigned n, unsigned entry) {
  runner(entry).run(core, packets, n, entry);
}

unsigned Shard::fetch(ports::Card& card, unsigned most) {
  fetched_ = card.rx_burst(static_cast<std::uint16_t>(index), frames_.data(),
                           static_cast<std::uint16_t>(most));
  counters.received += fetched_;
  emptied += fetched_ < most ? 1 : 0;
  return fetched_;
}

std::optional<Rival> Shard::hear(ports::Card& card) {
  const RunsShard runs(index);
  std::optional<Rival> rival;
  const unsigned n = fetch(card);
  fetched_ = 0;
  for (unsigned i = 0; i < n; ++i) {
    const auto* bytes = rte_pktmbuf_mtod(frames_[i], const std::uint8_t*);
    const auto found = rival_in({bytes, rte_pktmbuf_data_len(frames_[i])}, core.addresses,
                                core.host.mac, core.host.vlan_id);
    if (found) rival = found;
    rte_pktmbuf_free(frames_[i]);
  }
  counters.before_use += n;
  return rival;
}

void Shard::ask_for(std::pair<std::size_t, std::size_t> addresses, ports::Card& card) {
  const RunsShard runs(index);
  for (std::size_t i = addresses.first; i < addresses.second; ++i) {
    constexpr unsigned tag = 4;
    Packet p;
    if (!allocate(p, ArpMessage::frame_bytes + tag)) continue;
    ArpMessage{.sender_mac = core.host.mac, .target = core.addresses.own()[i].address}.write(p);
    auto* m = static_cast<rte_mbuf*>(p.buffer);
    std::uint32_t bytes = p.len;
    if (core.host.vlan_id != 0) {
      std::memmove(p.data + 12 + tag, p.data + 12, bytes - 12);
      wire::store16(p.data + 12, 0x8100);
      wire::store16(p.data + 14, core.host.vlan_id);
      bytes += tag;
    }
    rte_pktmbuf_append(m, static_cast<std::uint16_t>(bytes));
    core.transmitted.frames[core.transmitted.count++] = frames_of(&m)[0];
    ++counters.probes;
  }
  if (core.transmitted.count != 0) transmit(card);
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
  runner(ir::entry_rx).receive(core, frames_of(frames), good);
  stages.end(Stage::receive, good);
  settle(card, apps);
  stages.end_batch();
}

// Nodes want a frame in one piece; drivers chain buffers for what is longer than one.
bool Shard::readable(rte_mbuf*& m) {
  rte_mbuf* whole = pools_.mbuf(m->pkt_len);
  if (whole == nullptr) {
    ++counters.unreadable;
    rte_pktmbuf_free(m);
    return false;
  }
  char* to = rte_pktmbuf_append(whole, static_cast<std::uint16_t>(m->pkt_len));
  for (const rte_mbuf* segment = m; segment != nullptr; segment = segment->next) {
    std::memcpy(to, rte_pktmbuf_mtod(segment, const char*), segment->data_len);
    to += segment->data_len;
  }
  whole->ol_flags = m->ol_flags & ~(RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT);
  whole->hash = m->hash;
  rte_pktmbuf_free(m);
  m = whole;
  ++counters.linearised;
  return true;
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

void Shard::learn(const News& news, ports::Card& card, apps::AppHost& apps, std::uint64_t now_ns) {
  const RunsShard runs(index);
  core.now_ns = now_ns;
  switch (news.kind) {
    case News::Kind::neighbour:
      core.neighbours.learn(core, news.address, news.mac, news.create);
      break;
    case News::Kind::path: core.paths.learn(news.address, news.mtu, core.host.mtu, now_ns); break;
    case News::Kind::connection:
      if (tcp_ == nullptr) break;
      tcp_->now_ns = now_ns;
      tcp_->path_error(news.error);
      break;
    case News::Kind::igmp:
      nodes::igmp::hear(core, news.packet);
      pools_.free(news.packet.buffer);
      break;
    case News::Kind::group: {
      const std::unique_ptr<GroupChange> change(news.change);
      apply(*change);
      break;
    }
  }
  settle(card, apps);
}

void Shard::age(ports::Card& card, apps::AppHost& apps, std::uint64_t now_ns) {
  const RunsShard runs(index);
  core.now_ns = now_ns;
  core.neighbours.age(core);
  core.reassembly.age(core);
  if (core.speaker && link_up_) {  // told anew when it is up again
    if (!std::exchange(told_, true)) core.claims.start(now_ns + settling_ns);
    core.claims.age(core);
    core.igmp.age(core);
  }
  if (!untold_.empty()) tell_groups();
  core.paths.age(now_ns);
  settle(card, apps);
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

void Shard::link_changed(bool up, std::uint64_t now_ns) {
  const RunsShard runs(index);
  link_up_ = up;
  core.now_ns = now_ns;
  core.neighbours.suspect_all(core);
  if (!up || !core.speaker) return;
  told_ = true;
  core.claims.start(now_ns + settling_ns);
  core.igmp.restart(now_ns + settling_ns);
}

// Null: the packet was dropped and counted.
Frame* Shard::copy_out(Packet& p) {
  rte_mbuf* m = pools_.mbuf(p.len);
  if (m == nullptr) {
    ++counters.transmit_unfit;
    core.release(p);
    return nullptr;
  }
  std::memcpy(rte_pktmbuf_mtod(m, void*), p.data, p.len);
  core.release(p);
  p.buffer = m;
  p.data = rte_pktmbuf_mtod(m, std::uint8_t*);
  ++counters.copied_out;
  return frames_of(&m)[0];
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

bool Shard::allocate(Packet& p, std::uint32_t room) {
  if (room <= frame_room_) {
    if (rte_mbuf* m = pools_.mbuf(room)) {
      taken_from_pool(m);
      p.buffer = m;
      p.data = rte_pktmbuf_mtod(m, std::uint8_t*);
      p.len = 0;
      fence(p.data + room, rte_pktmbuf_tailroom(m) - room);
      return true;
    }
  } else if (void* object = nullptr;
             room <= LargeBuffer::room && rte_mempool_get(pools_.large, &object) == 0) {
    auto* large = static_cast<LargeBuffer*>(object);
    taken_from_pool(large);
    p.buffer = tagged(large);
    p.data = large->bytes + LargeBuffer::headroom;
    p.len = 0;
    fence(large->bytes, sizeof(large->bytes));
    open_fence(large->bytes, LargeBuffer::headroom + room);
    return true;
  }
  ++counters.no_buffer;
  return false;
}

bool Shard::tell_neighbour(std::uint32_t address, std::uint64_t mac, bool create) {
  News news;
  news.mac = mac;
  news.address = address;
  news.create = create;
  return tell_others(news);
}

bool Shard::tell_path(std::uint32_t address, std::uint16_t mtu) {
  News news;
  news.kind = News::Kind::path;
  news.address = address;
  news.mtu = mtu;
  return tell_others(news);
}

bool Shard::tell_connection(const tcp::PathError& error) {
  News news;
  news.kind = News::Kind::connection;
  news.error = error;
  return tell_others(news);
}

bool Shard::tell_others(News news) {
  bool all = true;
  for (unsigned shard = 0; shard < placement_.core_of.size(); ++shard) {
    if (shard == index) continue;
    news.shard = shard;
    if (handovers_.put(net_core, placement_.core_of[shard], news)) continue;
    ++counters.learning_lost;
    all = false;
  }
  return all;
}

bool Shard::hand_over(Slot slot, unsigned shard, Packet& p) {
  const Handed handed = {shard, ir::entry_of_slot(static_cast<unsigned>(slot)), p};
  return handovers_.put(net_core, placement_.core_of[shard], handed);
}

void Shard::to_speaker(Packet& p) {
  News news;
  news.kind = News::Kind::igmp;
  news.packet = p;
  if (!handovers_.put(net_core, placement_.core_of[news.shard], news)) {
    ++counters.speaker_lost;
    pools_.free(p.buffer);
  }
  p.buffer = nullptr;
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
