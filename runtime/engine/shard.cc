#include "runtime/engine/shard.h"

#include <algorithm>
#include <utility>

namespace weft::engine {

namespace {

constexpr std::uint32_t all_connections = 1 << 20;  // memory is taken for those that there are

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
             std::uint64_t seed, std::uint32_t tcp_connections)
    : index(its_index),
      net_core(its_core),
      tx_queue(its_index % plan.configuration.tx_queues),
      most_connections_(tcp_connections != 0 ? tcp_connections : all_connections),
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
    listen(plan.endpoints[i], static_cast<unsigned>(i));
  core.udp_flows.reserve(static_cast<std::size_t>(
      std::count_if(plan.flows.begin(), plan.flows.end(),
                    [this](const plan::FlowEntry& flow) { return flow.queue == index; })));
  for (const plan::FlowEntry& flow : plan.flows) {
    if (flow.queue != index) continue;
    core.udp_flows.insert({flow.src, flow.dst, flow.src_port, flow.dst_port},
                          static_cast<std::uint16_t>(flow.endpoint));
  }
  std::uint32_t listeners = 0;
  for (const ir::Endpoint& e : plan.endpoints)
    if (e.tcp) listeners += e.ports * e.addresses;
  if (listeners != 0) open_tcp(listeners);
  for (unsigned i = 0; i < plan.endpoints.size(); ++i)
    if (plan.endpoints[i].tcp) (void)listen_for_connections(plan.endpoints[i], i);
  core.give_to(index);
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

}  // namespace weft::engine
