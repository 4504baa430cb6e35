#include "compiler/passes/choose_beside.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <unordered_map>

#include "compiler/ir/filter_shape.h"
#include "compiler/ir/queue_group.h"
#include "compiler/passes/balance.h"
#include "compiler/passes/choose_delta.h"
#include "compiler/passes/knobs.h"
#include "compiler/passes/placement.h"
#include "compiler/passes/spread.h"
#include "compiler/passes/steer.h"
#include "compiler/passes/tables.h"
#include "compiler/plan/memory.h"
#include "compiler/plan/operation.h"
#include "compiler/plan/places.h"
#include "compiler/plan/segment_rules.h"
#include "compiler/plan/target.h"

namespace weft::passes {

namespace {

// More moves than this for one change would be a new plan.
constexpr std::size_t least_moves = 16;
// Queues of a zone that differ by less are left alone.
constexpr double even_enough = 0.05;

class Beside {
 public:
  Beside(const Inputs& inputs, const Options& options, const plan::Plan& running, PortCut cut)
      : inputs_(inputs), options_(options), workload_(inputs.workload), running_(running) {
    out_.knobs = choose_knobs(inputs);
    const auto& rules = running.configuration.filters;
    const bool in_turn = std::any_of(rules.begin(), rules.end(), plan::about_segments);
    const bool of_types = std::any_of(rules.begin(), rules.end(), plan::about_whole_type);
    classes_ = classes_of(inputs, packet_cost(inputs, out_.knobs),
                          {.cut = cut, .of_types = of_types, .in_turn = in_turn});
  }

  std::optional<Choice> run() {
    if (!same_structure() || !sockets()) return std::nullopt;
    stay();
    if (!come()) return std::nullopt;
    finish();
    return std::move(out_);
  }

 private:
  bool same_structure() {
    const plan::Configuration& card = running_.configuration;
    const auto as_it_is = [](unsigned wish, std::size_t now) { return wish == 0 || wish == now; };
    if (workload_.spread.binds() || out_.knobs != card.knobs ||
        running_.chosen.policy != to_string(workload_.policy) ||
        !as_it_is(options_.queues, card.rx_queues) ||
        !as_it_is(options_.cores, running_.cores.size()))
      return false;
    for (const Zone& zone : classes_.zones) {
      const plan::QueueZone* now = running_zone(zone.name);
      if (now == nullptr || (zone.gold && zone.pinned.empty() && workload_.gold_queues != 0 &&
                             now->queues.size() != workload_.gold_queues))
        return false;
    }
    for (const plan::QueueZone& zone : running_.chosen.zones) {
      const Zone* wanted = wanted_zone(zone.name);
      out_.zone_core.push_back(wanted == nullptr ? std::nullopt : wanted->core);
    }
    out_.rx_queues = card.rx_queues;
    out_.cores = static_cast<unsigned>(running_.cores.size());
    out_.rss = card.rss;
    out_.chosen.policy = running_.chosen.policy;
    out_.chosen.placement = placements(inputs_);
    out_.chosen.zones = running_.chosen.zones;
    out_.groups.resize(card.rx_queues);
    for (const plan::Region& region : plan::receive_regions(running_))
      for (const unsigned q : region.queues) out_.groups[q] = region.name;
    const std::set<unsigned> fed(card.rss.table.begin(), card.rss.table.end());
    out_.open.assign(fed.begin(), fed.end());
    if (fed.empty()) out_.open = running_.chosen.zones.front().queues;
    for (const plan::NetCore& core : running_.cores) out_.core_queues.push_back(core.queues);
    return true;
  }

  // Rules for many flows are those that run, some of them to other queues: nobody asks for others,
  // or for none.
  bool sockets() {
    std::set<unsigned> ruled, sets;
    std::map<unsigned, unsigned> parts;  // by endpoint
    std::map<unsigned, std::set<ir::PortBlock>> blocks;
    std::set<unsigned> whole;  // have all of their protocol
    for (const plan::Filter& f : running_.configuration.filters) {
      if (key_of(f) || is_of_none(f)) continue;
      if (f.match.contains("ipv4.src")) {
        const auto set = set_of(f);
        if (!set || !sets.insert(*set).second) return false;
        const ir::FlowSet& it = workload_.sets[*set];
        out_.sockets.push_back({.endpoint = it.endpoint,
                                .set = set,
                                .port = it.dst_port,
                                .address = workload_.local_address(it),
                                .table = f.table,
                                .queue = f.queue});
        continue;
      }
      const bool tcp = plan::about_segments(f);
      if (plan::about_whole_type(f)) {
        if (!stays_whole(f, tcp)) return false;
        ruled.insert(out_.sockets.back().endpoint);
        parts[out_.sockets.back().endpoint] = 1;
        whole.insert(out_.sockets.back().endpoint);
        continue;
      }
      const auto port = f.match.find(ir::port_field(tcp, "dst_port"));
      const auto address = f.match.find("ipv4.dst");
      if (port == f.match.end()) return false;
      SocketChoice out;
      out.port = static_cast<std::uint16_t>(port->second.first);
      out.port_mask = static_cast<std::uint16_t>(port->second.second);
      if (address != f.match.end()) out.address = static_cast<std::uint32_t>(address->second.first);
      out.table = f.table;
      const auto& all = workload_.endpoints;
      const auto owner = std::find_if(all.begin(), all.end(), [&](const ir::Endpoint& e) {
        return e.tcp == tcp && e.bound() == (out.address != 0) && e.listens(out.address, out.port);
      });
      if (owner == all.end()) return false;
      out.endpoint = static_cast<unsigned>(owner - all.begin());
      const auto part = f.match.find(ir::port_field(tcp, "src_port"));
      if (part != f.match.end()) {
        out.part = static_cast<unsigned>(part->second.first);
        out.parts = static_cast<unsigned>(part->second.second) + 1;
      }
      if (!aim(out, f)) return false;
      parts[out.endpoint] = out.parts;
      blocks[out.endpoint].insert({out.port, out.port_mask});
      ruled.insert(out.endpoint);
      out_.sockets.push_back(std::move(out));
    }
    return std::all_of(classes_.all.begin(), classes_.all.end(), [&](const FlowClass& c) {
      const bool there = std::all_of(c.sets.begin(), c.sets.end(),
                                     [&](unsigned set) { return sets.contains(set) == c.must(); });
      return there && (!c.strangers || !c.must() ||
                       (ruled.contains(c.endpoint) && parts.at(c.endpoint) == c.parts &&
                        (whole.contains(c.endpoint) ||
                         blocks.at(c.endpoint) == std::set(c.blocks.begin(), c.blocks.end()))));
    });
  }

  // A running rule for all that comes to an endpoint stays as it is, or goes to the queues that are
  // wanted now. False: that is a choice, or flows are where it brings them.
  bool aim(SocketChoice& out, const plan::Filter& f) {
    const ir::Endpoint& e = workload_.endpoints[out.endpoint];
    const auto of_all =
        std::find_if(classes_.all.begin(), classes_.all.end(),
                     [&](const FlowClass& c) { return c.endpoint == out.endpoint && c.strangers; });
    const bool must = of_all != classes_.all.end() && of_all->must();
    std::vector<unsigned> wanted;
    for (unsigned q = 0; q < running_.configuration.rx_queues; ++q)
      if (may_stay(out.endpoint, e.gold, std::nullopt, q)) wanted.push_back(q);
    const auto& groups =
        inputs_.nic.receive.node(*inputs_.nic.receive.find(f.table)).config.table->groups;
    const bool grouped =
        must && of_all->grouped && groups && ir::why_no_group(*groups, wanted).empty();
    out.group = grouped ? wanted : std::vector<unsigned>();
    const std::vector<unsigned> now = plan::queues_of(f);
    const bool fits = std::includes(wanted.begin(), wanted.end(), now.begin(), now.end());
    if (fits && (!must || out.group == f.group)) {
      out.queue = f.queue, out.group = f.group, out.entries = f.entries;
      return true;
    }
    if (wanted.empty() || out.parts != 1 || (!grouped && wanted.size() != 1) ||
        owns_flows(out.endpoint))
      return false;
    out.queue = wanted.front();
    out.entries = grouped ? groups->entries : 0;
    aimed_[plan::rule_key(f)] = out;
    return true;
  }

  // Flows of the endpoint that have no rules of their own: they are where others bring them.
  bool owns_flows(unsigned endpoint) const {
    std::set<FlowKey> ruled;
    for (const plan::Filter& f : running_.configuration.filters)
      if (const auto key = key_of(f)) ruled.insert(*key);
    return std::any_of(running_.flows.begin(), running_.flows.end(), [&](const auto& f) {
      return f.endpoint == endpoint && !ruled.contains(key_of(f));
    });
  }

  // The rule for all of a protocol, where the same endpoint would get it again.
  bool stays_whole(const plan::Filter& f, bool tcp) {
    const auto its = std::find_if(classes_.all.begin(), classes_.all.end(),
                                  [&](const auto& c) { return c.whole && c.tcp == tcp; });
    if (its == classes_.all.end()) return false;
    const ir::Endpoint& e = workload_.endpoints[its->endpoint];
    for (const unsigned q : f.group)
      if (!may_stay(its->endpoint, e.gold, std::nullopt, q)) return false;
    SocketChoice out;
    out.endpoint = its->endpoint;
    out.port = e.port;
    out.table = f.table;
    out.queue = f.queue;
    out.group = f.group;
    out.entries = f.entries;
    out.whole = true;
    out_.sockets.push_back(std::move(out));
    return true;
  }

  // A rule for an endpoint that nobody wants any more goes with it.
  bool is_of_none(const plan::Filter& f) const {
    const auto place = plan::endpoint_of(f, running_);
    return place && *place < running_.endpoints.size() &&
           std::none_of(
               workload_.endpoints.begin(), workload_.endpoints.end(),
               [&](const ir::Endpoint& e) { return e.name == running_.endpoints.at(*place).name; });
  }

  // The set that a rule of the running plan is for, where it may stay as it is.
  std::optional<unsigned> set_of(const plan::Filter& f) const {
    const auto value = [&](const std::string& field) {
      const auto at = f.match.find(field);
      return at == f.match.end() ? std::pair<std::uint64_t, std::uint64_t>() : at->second;
    };
    for (unsigned i = 0; i < workload_.sets.size(); ++i) {
      const ir::FlowSet& s = workload_.sets[i];
      const bool tcp = workload_.endpoints[s.endpoint].tcp;
      if (value("ipv4.src") != std::pair<std::uint64_t, std::uint64_t>(s.src, s.src_mask) ||
          value(ir::port_field(tcp, "src_port")) !=
              std::pair<std::uint64_t, std::uint64_t>(s.src_port, s.src_port_mask) ||
          value("ipv4.dst").first != workload_.local_address(s) ||
          value(ir::port_field(tcp, "dst_port")).first != s.dst_port)
        continue;
      return may_stay(s.endpoint, s.gold, s.queue, f.queue) ? std::optional(i) : std::nullopt;
    }
    return std::nullopt;
  }

  // What is left of the running plan when those that nobody wants any more are gone.
  void stay() {
    std::unordered_map<FlowKey, unsigned, FlowKeyHash> wanted;
    for (unsigned f = 0; f < workload_.flows.size(); ++f) wanted[key_of_flow(f)] = f;
    rest_ = running_;
    for (plan::Filter& f : rest_.configuration.filters) {
      const auto at = aimed_.find(plan::rule_key(f));
      if (at == aimed_.end()) continue;
      f.queue = at->second.queue;
      f.group = at->second.group;
      f.entries = at->second.entries;
    }
    std::erase_if(rest_.flows, [&](const plan::FlowEntry& f) {
      const auto at = wanted.find(key_of(f));
      return at == wanted.end() || !may_stay(workload_.flows[at->second], f);
    });
    std::unordered_map<FlowKey, unsigned, FlowKeyHash> queue;
    for (const plan::FlowEntry& f : rest_.flows) queue[key_of(f)] = f.queue;
    std::erase_if(rest_.configuration.filters, [&](const plan::Filter& f) {
      const auto key = key_of(f);
      return key ? !queue.contains(*key) : is_of_none(f);
    });
    changed_ = running_.flows.size() - rest_.flows.size();
    for (const plan::Filter& f : rest_.configuration.filters) {
      if (const auto key = key_of(f)) table_[*key] = f.table;
    }
    for (const auto& [key, q] : queue) place_[wanted.at(key)] = {table_of(key), q};
  }

  // A flow with other wishes than it had is one that goes and one that comes.
  bool may_stay(const ir::Flow& wanted, const plan::FlowEntry& now) const {
    return wanted.endpoint == now.endpoint &&
           may_stay(wanted.endpoint, wanted.gold, wanted.queue, now.queue);
  }
  bool may_stay(unsigned endpoint, bool gold, std::optional<unsigned> wish, unsigned now) const {
    const ir::Endpoint& e = workload_.endpoints[endpoint];
    const auto pin = wish ? std::optional(ir::QueueRange{*wish, *wish}) : e.queues;
    if (pin && (now < pin->first || now > pin->last)) return false;
    const plan::QueueZone* zone = running_zone(zone_name(workload_, e, gold));
    return zone != nullptr &&
           std::find(zone->queues.begin(), zone->queues.end(), now) != zone->queues.end();
  }

  const plan::QueueZone* running_zone(const std::string& name) const {
    for (const plan::QueueZone& z : running_.chosen.zones) {
      if (z.name == name) return &z;
    }
    return nullptr;
  }
  const Zone* wanted_zone(const std::string& name) const {
    for (const Zone& z : classes_.zones) {
      if (z.name == name) return &z;
    }
    return nullptr;
  }

  // New ones, the heaviest first; then a few moves.
  bool come() {
    ChoiceState state(inputs_, rest_);
    std::vector<unsigned> fresh;
    for (unsigned f = 0; f < workload_.flows.size(); ++f) {
      if (!place_.contains(f)) fresh.push_back(f);
    }
    std::stable_sort(fresh.begin(), fresh.end(), [&](unsigned a, unsigned b) {
      return classes_.weight[a] > classes_.weight[b];
    });
    changed_ += fresh.size();
    const auto name = [&](int table) {
      return table < 0 ? std::string() : state.tables()[static_cast<std::size_t>(table)];
    };
    std::unordered_map<FlowKey, unsigned, FlowKeyHash> number;
    for (unsigned f = 0; f < workload_.flows.size(); ++f) number[key_of_flow(f)] = f;
    for (const unsigned f : fresh) {
      const auto place = state.add(workload_.flows[f]);
      if (!place) return false;
      place_[f] = {name(place->table), place->queue};
    }
    for (std::size_t left = std::max(changed_, least_moves);
         left > 0 && state.imbalance() > even_enough; --left) {
      const auto move = state.moves(1);
      if (move.empty()) break;
      place_[number.at(move[0].key)] = {name(move[0].to.table), move[0].to.queue};
    }
    for (unsigned q = 0; q < out_.rx_queues; ++q)
      out_.chosen.queues.busiest = std::max(out_.chosen.queues.busiest, state.load(q));
    return true;
  }

  void finish() {
    std::vector<unsigned> order(workload_.flows.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](unsigned a, unsigned b) {
      return classes_.weight[a] > classes_.weight[b];
    });
    for (const unsigned f : order)
      out_.flows.push_back({f, place_.at(f).table, place_.at(f).queue});
    for (const Zone& zone : classes_.zones) {
      std::vector<double> weights;
      double fluid = 0;
      for (const unsigned c : zone.classes) {
        const FlowClass& it = classes_.all[c];
        if (it.many()) fluid += it.load();
        for (const unsigned f : it.flows) weights.push_back(classes_.weight[f]);
      }
      const auto queues = static_cast<unsigned>(running_zone(zone.name)->queues.size());
      plan::Gap& gap = out_.chosen.queues;
      gap.bound = std::max(gap.bound, LowerBound(std::move(weights), fluid).of(queues));
    }
  }

  FlowKey key_of_flow(unsigned f) const {
    const ir::Flow& flow = workload_.flows[f];
    return {flow.src, flow.src_port, workload_.local_address(flow), flow.dst_port};
  }
  std::string table_of(const FlowKey& key) const {
    const auto at = table_.find(key);
    return at == table_.end() ? "" : at->second;
  }

  struct Place {
    std::string table;  // of its rule; empty: none
    unsigned queue = 0;
  };

  const Inputs& inputs_;
  const Options& options_;
  const ir::Workload& workload_;
  const plan::Plan& running_;
  Classes classes_;
  std::map<std::string, SocketChoice> aimed_;  // elsewhere than they run, by the rule's key
  plan::Plan rest_;
  std::size_t changed_ = 0;  // flows that go or come
  std::unordered_map<FlowKey, std::string, FlowKeyHash> table_;
  std::unordered_map<unsigned, Place> place_;  // by flow
  Choice out_;
};

}  // namespace

std::optional<Choice> choose_beside(const Inputs& inputs, const Options& options,
                                    const plan::Plan& running) {
  // (How ports are cut in the running plan, nobody says.)
  const auto& all = inputs.workload.endpoints;
  const bool one = std::all_of(all.begin(), all.end(), [](const auto& e) { return e.ports <= 1; });
  for (const PortCut cut : {PortCut::single, PortCut::even, PortCut::blocks}) {
    if (one && cut != PortCut::single) break;
    if (auto out = Beside(inputs, options, running, cut).run()) return out;
  }
  return std::nullopt;
}

std::optional<Choice> choose_upon(const Inputs& inputs, const Options& options,
                                  const plan::Plan& running) {
  const plan::Configuration& card = running.configuration;
  Inputs fixed = inputs;
  const bool given = !fixed.workload.spread.key.empty();
  if (!given) fixed.workload.spread.key = card.rss.key;
  // (There may be fewer than are wanted: as many as lessen the load.)
  Options as_it_runs = options;
  const auto cores = static_cast<unsigned>(running.cores.size());
  if (options.cores == 0 && cores < inputs.workload.cores) as_it_runs.cores = cores;
  auto out = choose(fixed, as_it_runs);
  if (!out || out->rx_queues != card.rx_queues || out->cores != running.cores.size() ||
      out->knobs != card.knobs)
    return std::nullopt;
  if (!given) std::erase(out->rss.does, given_key);
  for (const plan::NetCore& core : running.cores) out->core_queues.push_back(core.queues);
  for (std::size_t z = 0; z < out->zone_core.size(); ++z) {
    if (!out->zone_core[z]) continue;
    const auto& there = running.cores[*out->zone_core[z]].queues;
    for (const unsigned q : out->chosen.zones[z].queues)
      if (std::find(there.begin(), there.end(), q) == there.end()) return std::nullopt;
  }
  return std::move(*out);
}

}  // namespace weft::passes
