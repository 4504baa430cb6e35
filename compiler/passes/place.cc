#include "compiler/passes/place.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <unordered_map>

#include "compiler/passes/balance.h"
#include "compiler/passes/classes.h"
#include "compiler/passes/cycles.h"
#include "compiler/passes/latency.h"
#include "compiler/passes/machine_refusal.h"
#include "compiler/passes/steer.h"
#include "compiler/plan/memory.h"

namespace weft::passes {

namespace {

// What arrives on a queue.
struct Arrivals {
  double rate = 0;    // packets per second
  Work app;           // for applications, and for long payloads
  double handed = 0;  // of the packets those that come by way of another core
};

class Placer {
 public:
  Placer(const Inputs& inputs, const Choice& choice, plan::Plan& plan)
      : inputs_(inputs),
        choice_(choice),
        plan_(plan),
        queues_(plan.configuration.rx_queues),
        cost_(packet_cost(inputs, plan.configuration.knobs)) {
    arrivals_.resize(queues_);
    of_endpoint_.resize(inputs.workload.endpoints.size());
    gold_of_.resize(inputs.workload.endpoints.size());
    rate_of_.resize(inputs.workload.endpoints.size());
  }

  diag::Result<Foreseen> run() {
    known();
    strangers();
    if (auto ok = seats(); !ok) return diag::fail(ok.error());
    cores();
    sums();
    regions();
    if (auto ok = memory(); !ok) return diag::fail(ok.error());
    Foreseen out{.spare = choice_.spare};
    for (const Arrivals& in : arrivals_) {
      out.rate += in.rate;
      out.beside += in.app.cycles;
    }
    if (!inputs_.machine || inputs_.machine->mhz == 0) return out;
    if (auto ok = in_time(); !ok) return diag::fail(ok.error());
    for (unsigned e = 0; e < gold_of_.size(); ++e)
      out.latency_us = std::max(out.latency_us, latency_of(e, gold_of_[e]).p99_us);
    foresee();
    return out;
  }

 private:
  void arrive(unsigned queue, const ir::Endpoint& endpoint, double rate, bool gold) {
    const auto e = static_cast<std::size_t>(&endpoint - inputs_.workload.endpoints.data());
    of_endpoint_[e].insert(queue);
    rate_of_[e] += rate;
    if (gold) gold_of_[e].insert(queue);
    arrivals_[queue].rate += rate;
    arrivals_[queue].app.add(rate, extra_of(endpoint, cost_));
  }

  void known() {
    std::unordered_map<FlowKey, const ir::Flow*, FlowKeyHash> flow_of;
    flow_of.reserve(inputs_.workload.flows.size());
    for (const auto& f : inputs_.workload.flows)
      flow_of[{f.src, f.src_port, inputs_.workload.local_address(f), f.dst_port}] = &f;
    // Where a flow's packets arrive anywhere, all but one in so many are handed over to its owner.
    const ir::Node* rss = rss_node(inputs_.nic);
    const bool anywhere = rss != nullptr && !rss->config.rss->predictable;
    const double away = anywhere ? 1.0 - 1.0 / queues_ : 0;
    for (const auto& f : plan_.flows) {
      const ir::Flow* flow = flow_of[{f.src, f.src_port, f.dst, f.dst_port}];
      const double rate = flow != nullptr ? flow->rate : 0;
      arrive(f.queue, inputs_.workload.endpoints[f.endpoint], rate, flow != nullptr && flow->gold);
      arrivals_[f.queue].handed += away * rate;
    }
  }

  // By a rule of their own, or wherever the hash takes them.
  void strangers() {
    const auto& endpoints = inputs_.workload.endpoints;
    const auto& sets = inputs_.workload.sets;
    std::vector<bool> ruled(endpoints.size(), false), own_rule(sets.size(), false);
    const SocketChoice* of_type[2] = {};  // for all of UDP, of TCP
    for (const SocketChoice& s : choice_.sockets) {
      const ir::Endpoint& e = endpoints[s.endpoint];
      if (s.whole) {
        of_type[e.tcp] = &s;
        continue;
      }
      if (s.set) {
        own_rule[*s.set] = true;
        arrive(s.queue, e, sets[*s.set].rate, sets[*s.set].gold);
      } else {
        ruled[s.endpoint] = true;
        by_rule(s, e, e.rate * s.sockets() / (e.ports * e.addresses), e.gold);
      }
    }
    const auto by_type = [&](const ir::Endpoint& e, double rate, bool gold) {
      if (of_type[e.tcp] == nullptr) return by_hash(e, rate, gold);
      by_rule(*of_type[e.tcp], e, rate, gold);
    };
    for (std::size_t e = 0; e < endpoints.size(); ++e) {
      if (!ruled[e]) by_type(endpoints[e], endpoints[e].rate, endpoints[e].gold);
    }
    for (std::size_t i = 0; i < sets.size(); ++i) {
      if (own_rule[i]) continue;
      const ir::Endpoint& e = endpoints[sets[i].endpoint];
      const auto whole = sockets_of(sets[i]);
      for (const SocketChoice* s : whole) by_rule(*s, e, sets[i].rate / s->parts, sets[i].gold);
      if (whole.empty()) by_type(e, sets[i].rate, sets[i].gold);
    }
  }

  void by_rule(const SocketChoice& s, const ir::Endpoint& endpoint, double rate, bool gold) {
    if (s.group.empty()) arrive(s.queue, endpoint, rate, gold);
    for (const unsigned q : s.group)
      arrive(q, endpoint, rate / static_cast<double>(s.group.size()), gold);
  }

  void by_hash(const ir::Endpoint& endpoint, double rate, bool gold) {
    if (rate == 0) return;
    const auto& table = plan_.configuration.rss.table;
    for (const auto q : table) arrive(q, endpoint, rate / static_cast<double>(table.size()), gold);
    if (!table.empty()) return;
    for (const unsigned q : choice_.open)
      arrive(q, endpoint, rate / static_cast<double>(choice_.open.size()), gold);
  }

  // The rules for all that comes where the set does: one, or one for each part.
  std::vector<const SocketChoice*> sockets_of(const ir::FlowSet& set) const {
    const std::uint32_t address = inputs_.workload.local_address(set);
    std::vector<const SocketChoice*> out;
    for (const SocketChoice& s : choice_.sockets) {
      if (!s.set && !s.whole && s.endpoint == set.endpoint && s.listens(set.dst_port) &&
          (s.address == 0 || s.address == address))
        out.push_back(&s);
    }
    return out;
  }

  double load(unsigned queue) const {
    const Arrivals& in = arrivals_[queue];
    return in.rate * cycles_of_residue(plan::residue_of_queue(plan_, queue)) + in.app.cycles +
           in.handed * inputs_.costs.of("handover");
  }

  double cycles_of_residue(const plan::Residue* residue) const {
    auto [it, fresh] = cycles_.try_emplace(residue, 0);
    if (fresh) it->second = cycles_of(residue->graph, inputs_.costs);
    return it->second;
  }

  // Queues of a zone that wants a core are there; each core has at least one.
  void cores() {
    const unsigned cores = choice_.cores;
    std::vector<std::vector<unsigned>> only(cores);
    for (unsigned c = 0; c < cores; ++c) only[c] = {c};
    std::vector<const std::vector<unsigned>*> wish(queues_, nullptr);
    std::vector<bool> first(queues_, false);
    for (std::size_t z = 0; z < choice_.chosen.zones.size(); ++z) {
      for (const unsigned q : choice_.chosen.zones[z].queues) {
        if (choice_.zone_core[z]) wish[q] = &only[*choice_.zone_core[z]];
        first[q] = choice_.chosen.zones[z].priority;
      }
    }
    std::vector<std::vector<unsigned>> kept(queues_);  // the core that has the queue, if one has
    for (unsigned c = 0; c < choice_.core_queues.size(); ++c) {
      for (const unsigned q : choice_.core_queues[c]) {
        kept[q] = {c};
        wish[q] = &kept[q];
      }
    }
    std::vector<BalanceItem> items;
    std::vector<double> loads;
    double least = 0;  // so that a core without a queue is never left
    for (unsigned q = 0; q < queues_; ++q) loads.push_back(load(q));
    for (const double l : loads) least += l * 1e-9;
    for (unsigned q = 0; q < queues_; ++q) items.push_back({loads[q] + least + 1e-6, wish[q]});
    std::vector<double> remote, slower;
    for (const ir::Seat& s : seats_) {
      remote.push_back(s.remote);
      slower.push_back(s.slower);
    }
    // (Where all are alike there is more that need not be tried.)
    const auto none = [](const std::vector<double>& list, double neutral) {
      return std::all_of(list.begin(), list.end(), [&](double v) { return v == neutral; });
    };
    if (none(remote, 0)) remote.clear();
    if (none(slower, 1)) slower.clear();
    for (unsigned q = 0; q < queues_; ++q) items[q].rate = arrivals_[q].rate;
    const Balanced found = balance(items, std::vector<double>(cores, 0.0), remote, slower);
    plan_.cores.resize(cores);
    for (unsigned c = 0; c < cores; ++c) {
      plan_.cores[c].id = c;
      if (seats_.empty()) continue;
      plan_.cores[c].cpu = seats_[c].cpu.id;
      plan_.cores[c].slower = seats_[c].slower;
      plan_.cores[c].remote = seats_[c].remote;
    }
    std::vector<unsigned> bin = found.bin;
    fill_empty(wish, bin);
    number_alike(wish, bin);
    for (unsigned q = 0; q < queues_; ++q) {
      plan::NetCore& core = plan_.cores[bin[q]];
      core.queues.push_back(q);
      if (first[q]) core.priority.push_back(q);
      core.load += time_on(core, q);
    }
    plan::Gap& gap = plan_.chosen.cores;
    for (const auto& core : plan_.cores) gap.busiest = std::max(gap.busiest, core.load);
    gap.bound = std::min(gap.busiest, found.bound);
  }

  // Where CPUs differ the best may be to leave one idle. But its siblings count as slowed down, so
  // that what it takes costs nobody anything: the least that it may have.
  void fill_empty(const std::vector<const std::vector<unsigned>*>& wish,
                  std::vector<unsigned>& bin) const {
    std::vector<unsigned> has(plan_.cores.size(), 0);
    for (const unsigned c : bin) ++has[c];
    for (const plan::NetCore& core : plan_.cores) {
      if (has[core.id] != 0) continue;
      std::optional<unsigned> least;
      for (unsigned q = 0; q < queues_; ++q) {
        if (wish[q] != nullptr || has[bin[q]] < 2) continue;
        if (!least || time_on(core, q) < time_on(core, *least)) least = q;
      }
      if (!least) continue;
      --has[bin[*least]];
      ++has[core.id];
      bin[*least] = core.id;
    }
  }

  // Cores that are alike, and that nobody asked for by number, in the order of their first queues:
  // which is which depends on no rate.
  void number_alike(const std::vector<const std::vector<unsigned>*>& wish,
                    std::vector<unsigned>& bin) const {
    std::map<std::pair<double, double>, std::vector<unsigned>> alike;
    std::set<unsigned> asked_for;
    for (const auto* only : wish)
      if (only != nullptr) asked_for.insert(only->begin(), only->end());
    for (const plan::NetCore& core : plan_.cores)
      if (!asked_for.contains(core.id)) alike[{core.slower, core.remote}].push_back(core.id);
    std::vector<std::optional<unsigned>> number(plan_.cores.size());
    for (unsigned& c : bin) {
      if (!number[c] && asked_for.contains(c)) number[c] = c;
      if (!number[c]) {
        auto& left = alike.at({plan_.cores[c].slower, plan_.cores[c].remote});
        number[c] = left.front();
        left.erase(left.begin());
      }
      c = *number[c];
    }
  }

  // Cycles per second that the queue takes there.
  double time_on(const plan::NetCore& core, unsigned queue) const {
    return core.slower * (load(queue) + arrivals_[queue].rate * core.remote);
  }

  diag::Result<void> seats() {
    if (!inputs_.machine) return {};
    double busy = 0, rate = 0;
    for (unsigned q = 0; q < queues_; ++q) {
      busy += load(q);
      rate += arrivals_[q].rate;
    }
    const double cycles = rate > 0 ? busy / rate : cycles_of_residue(&plan_.residues.front());
    seats_ = ir::seats_for(*inputs_.machine, choice_.cores, cycles);
    if (seats_.size() < choice_.cores)
      return diag::fail(
          refuse_cores(inputs_, queues_, choice_.cores, static_cast<unsigned>(seats_.size())));
    return {};
  }

  void regions() {
    plan_.host = inputs_.workload.host;  // frames are as long as it says
    plan_.memory = plan::regions_for(plan_, choice_.groups,
                                     inputs_.machine ? inputs_.machine->nic_node : std::nullopt);
  }

  diag::Result<void> memory() const {
    if (!inputs_.machine || inputs_.machine->memory_mb == 0) return {};
    const auto needed = static_cast<double>(plan::megabytes_for(plan_));
    if (needed <= inputs_.machine->memory_mb) return {};
    return diag::fail(refuse_memory(inputs_, plan_));
  }

  // No core has more to do than it can, and nobody waits longer than he may.
  diag::Result<void> in_time() {
    const double clock = inputs_.machine->mhz * 1e6;
    for (const auto& core : plan_.cores) {
      if (core.load >= clock) return diag::fail(refuse_load(inputs_, plan_, core, burdens()));
    }
    const auto& endpoints = inputs_.workload.endpoints;
    for (unsigned e = 0; e < endpoints.size(); ++e) {
      if (endpoints[e].p99_us == 0) continue;
      const double worst = latency_of(e, of_endpoint_[e]).p99_us;
      if (worst <= endpoints[e].p99_us) continue;
      return diag::fail(diag::Diagnostic{
          "E0804",
          fmt::format("of 100 packets to {} one would take {:.1f} us", endpoints[e].name, worst),
          endpoints[e].span,
          fmt::format("{:.1f} us are allowed", endpoints[e].p99_us),
          {},
          fmt::format("`p99: {:.0f}us` would do", std::ceil(worst))});
    }
    return {};
  }

  std::vector<Burden> burdens() const {
    std::vector<Burden> out;
    for (std::size_t e = 0; e < rate_of_.size(); ++e)
      out.push_back(
          {rate_of_[e], plan_.cycles_per_packet + extra_of(inputs_.workload.endpoints[e], cost_)});
    return out;
  }

  // Cycles of the stack for a packet that the core takes from the queue.
  double stack_on(const plan::NetCore& core, unsigned queue) const {
    const Arrivals& in = arrivals_[queue];
    const double handover = in.rate > 0 ? in.handed / in.rate * inputs_.costs.of("handover") : 0;
    return cycles_of_residue(plan::residue_of_queue(plan_, queue)) + handover + core.remote;
  }

  // What the queue is on the core.
  Work work_on(const plan::NetCore& core, unsigned queue) const {
    const Arrivals& in = arrivals_[queue];
    const double stack = stack_on(core, queue), slower = core.slower;
    return {
        in.rate, slower * (in.rate * stack + in.app.cycles),
        slower * slower * (in.rate * stack * stack + 2 * stack * in.app.cycles + in.app.squares),
        slower * (stack + in.app.longest)};
  }

  // What the plan says of times: of who has a bound, and of priority classes; nanoseconds do. One
  // line is for all that are alike.
  void foresee() {
    const auto add = [&](unsigned e, const std::set<unsigned>& queues, bool priority,
                         double allowed_us) {
      plan::Latency it = latency_of(e, queues);
      it.wait_us = std::round(1e3 * it.wait_us) / 1e3;
      it.p99_us = std::round(1e3 * it.p99_us) / 1e3;
      it.priority = priority;
      it.allowed_us = allowed_us;
      const auto same = std::find_if(plan_.latency.begin(), plan_.latency.end(),
                                     [&](const plan::Latency& o) { return o.alike(it); });
      const auto at =
          same == plan_.latency.end() ? plan_.latency.insert(same, std::move(it)) : same;
      at->endpoints.push_back(e);
    };
    const auto& endpoints = inputs_.workload.endpoints;
    for (unsigned e = 0; e < endpoints.size(); ++e) {
      if (endpoints[e].p99_us != 0) add(e, of_endpoint_[e], false, endpoints[e].p99_us);
      if (!gold_of_[e].empty()) add(e, gold_of_[e], true, 0);
    }
  }

  // Of the endpoint's packets on these queues, on the worst of their cores.
  plan::Latency latency_of(unsigned endpoint, const std::set<unsigned>& queues) const {
    const double extra = extra_of(inputs_.workload.endpoints[endpoint], cost_);
    plan::Latency worst;
    for (const auto& core : plan_.cores) {
      const auto first = [&](unsigned q) {
        return std::find(core.priority.begin(), core.priority.end(), q) != core.priority.end();
      };
      CoreWork work{.hz = inputs_.machine->mhz * 1e6};
      for (const unsigned q : core.queues)
        (first(q) ? work.first : work.others).add(work_on(core, q));
      for (const unsigned q : core.queues) {
        if (!queues.contains(q)) continue;
        const double own = core.slower * (stack_on(core, q) + extra);
        worst.p99_us = std::max(worst.p99_us, 1e6 * p99_seconds(work, own, first(q)));
        worst.wait_us = std::max(worst.wait_us, 1e6 * wait_seconds(work, first(q)));
      }
    }
    return worst;
  }

  void sums() {
    double cycles = 0, of_handover = 0, total = 0;
    for (unsigned q = 0; q < queues_; ++q) {
      cycles += load(q) - arrivals_[q].app.cycles;
      of_handover += arrivals_[q].handed * inputs_.costs.of("handover");
      total += arrivals_[q].rate;
    }
    plan_.cycles_per_packet =
        total > 0 ? cycles / total : cycles_of(plan_.residues.front().graph, inputs_.costs);
    // (What several cores cost is no fault of the card's.)
    const double alone = plan_.cycles_per_packet - (total > 0 ? of_handover / total : 0);
    plan_.cycles_saved = cycles_of(inputs_.graph, inputs_.costs) - alone;
  }

  const Inputs& inputs_;
  const Choice& choice_;
  plan::Plan& plan_;
  unsigned queues_;
  PacketCost cost_;
  std::vector<Arrivals> arrivals_;               // by queue
  std::vector<ir::Seat> seats_;                  // by net core, where the machine is known
  std::vector<std::set<unsigned>> of_endpoint_;  // queues where its packets arrive
  std::vector<double> rate_of_;                  // packets per second, by endpoint
  std::vector<std::set<unsigned>> gold_of_;      // where those of priority classes do
  mutable std::map<const plan::Residue*, double> cycles_;
};

}  // namespace

diag::Result<Foreseen> place(const Inputs& inputs, const Choice& choice, plan::Plan& plan) {
  return Placer(inputs, choice, plan).run();
}

}  // namespace weft::passes
