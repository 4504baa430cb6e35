#include "compiler/passes/choose.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "compiler/passes/balance.h"
#include "compiler/passes/choose_key.h"
#include "compiler/passes/classes.h"
#include "compiler/passes/filter_plan.h"
#include "compiler/passes/judge.h"
#include "compiler/passes/knobs.h"
#include "compiler/passes/placement.h"
#include "compiler/passes/refusal.h"
#include "compiler/passes/steer.h"

namespace weft::passes {

namespace {

using diag::Result;

unsigned wanted_queues(const Inputs& inputs, const Options& options) {
  unsigned wanted = options.queues != 0 ? options.queues : inputs.workload.queues;
  wanted = std::min({wanted, inputs.nic.rx_queues.max, inputs.nic.tx_queues.max});
  const ir::Node* rss = rss_node(inputs.nic);
  if (rss == nullptr) wanted = 1;  // everything arrives on queue 0
  // Where nobody can say which queue a packet arrives on, most packets are handed over to another
  // one: that pays for more cores, and for nothing else.
  const unsigned cores = options.cores != 0 ? options.cores : inputs.workload.cores;
  if (rss != nullptr && !rss->config.rss->predictable && options.queues == 0)
    wanted = std::min(wanted, cores);
  return std::max(1u, wanted);
}

class Chooser {
 public:
  Chooser(const Inputs& inputs, const Options& options, const Settled* settled)
      : inputs_(inputs),
        workload_(inputs.workload),
        rss_(rss_node(inputs.nic)),
        classes_(classes_of(inputs, packet_cost(inputs, choose_knobs(inputs)))),
        settled_(settled) {
    out_.knobs = choose_knobs(inputs);
    out_.rx_queues = wanted_queues(inputs, options);
    out_.cores = options.cores != 0 ? options.cores : workload_.cores;
    out_.cores = std::clamp(out_.cores, 1u, out_.rx_queues);
    out_.chosen.policy = to_string(workload_.policy);
    out_.chosen.placement = placements(inputs);
  }

  Result<Choice> run(bool judge) {
    if (auto wrong = filters()) return diag::fail(std::move(*wrong));
    give_tables();
    weigh();
    if (auto wrong = zones()) return diag::fail(std::move(*wrong));
    open_queues();
    if (auto ok = hash(); !ok) return diag::fail(ok.error());
    if (auto wrong = wishes_by_hash()) return diag::fail(std::move(*wrong));
    spread();
    finish();
    if (judge && !problem_.tables.empty() && certify(problem_, plan_))
      out_.chosen.certified.push_back("filters");
    return std::move(out_);
  }

 private:
  using Refusal = std::optional<diag::Diagnostic>;

  // ---- which rules -------------------------------------------------------------------------
  Refusal filters() {
    problem_ = filter_problem(inputs_, classes_);
    // Where something is asked of all packets (`spread:`), a rule would bring some of them
    // elsewhere.
    if (workload_.spread.binds()) problem_.tables.clear();
    if (out_.rx_queues == 1) {
      problem_.tables.clear();  // nothing to choose
      plan_.rules.resize(classes_.all.size());
      return std::nullopt;
    }
    plan_ = plan_filters(problem_);
    if (plan_.missing.empty()) return std::nullopt;
    // A rule for an endpoint as a whole takes fewer; then the hash, where the table can be set.
    const Classes each = classes_;
    const FilterPlan by_flow = plan_;
    bool again = false;
    for (const unsigned c : std::vector(plan_.missing))
      again = (!classes_.all[c].strangers && cover(classes_, classes_.all[c].endpoint)) || again;
    if (again) plan_ = plan_filters(problem_);
    if (plan_.missing.empty() || hash_may()) return std::nullopt;
    classes_ = each;
    plan_ = by_flow;
    if (hash_may()) return std::nullopt;
    return refuse_filters(inputs_, problem_);
  }

  // What lacks rules may come by entries of the table.
  bool hash_may() const {
    return table_is_ours() &&
           std::all_of(plan_.missing.begin(), plan_.missing.end(), [&](unsigned c) {
             return classes_.all[c].zone == 0 && !classes_.all[c].strangers;
           });
  }

  bool table_is_ours() const {
    return rss_ != nullptr && rss_->config.rss->predictable && rss_->config.rss->table_settable;
  }

  // Where it is known what a packet costs on which queue, the cheapest one's is in the weights, and
  // what others take more comes on top where a flow is placed there.
  void weigh() {
    if (settled_ == nullptr) return;
    cheapest_ = *std::min_element(settled_->cycles.begin(), settled_->cycles.end());
    for (const double c : settled_->cycles) surcharge_.push_back(c - cheapest_);
    const double less = packet_cost(inputs_, out_.knobs).cycles - cheapest_;
    for (unsigned f = 0; f < workload_.flows.size(); ++f)
      classes_.weight[f] -= workload_.flows[f].rate * less;
    for (FlowClass& c : classes_.all) {
      double rate = c.strangers ? workload_.endpoints[c.endpoint].rate : 0;
      for (const unsigned f : c.flows) rate += workload_.flows[f].rate;
      c.weight -= rate / c.rules * less;
    }
  }

  // ---- whose queues ------------------------------------------------------------------------
  Refusal zones() {
    const unsigned zones = static_cast<unsigned>(classes_.zones.size());
    // What no rule matches must stay with everybody.
    if (zones > 1 && !table_is_ours()) return refuse_spreading(inputs_, classes_.zones[1], rss_);
    for (const FlowClass& c : classes_.all) {
      if (!c.pin || c.pin->last < out_.rx_queues) continue;
      return refuse_few(
          inputs_, c.span,
          fmt::format("queue {} is wanted, and there {}", c.pin->last, so_many(out_.rx_queues)),
          out_.rx_queues, c.pin->last + 1);
    }
    for (const Zone& z : classes_.zones) {
      if (!z.core || *z.core < out_.cores) continue;
      const auto message =
          fmt::format("core {} is wanted, and there {}", *z.core, so_many(out_.cores));
      if (out_.cores == out_.rx_queues)  // no more cores than queues
        return refuse_few(inputs_, z.span, message, out_.rx_queues, *z.core + 1);
      return refuse_pin(z.span, message, {}, fmt::format("`cores: {}`", *z.core + 1));
    }
    if (zones > out_.rx_queues) return refuse_queues(inputs_, classes_, out_.rx_queues, zones);
    if (auto wrong = fixed_queues()) return wrong;
    return share_queues();
  }

  // Zones that say which queues they want.
  Refusal fixed_queues() {
    taken_.assign(out_.rx_queues, 0);
    queues_.resize(classes_.zones.size());
    for (unsigned z = 1; z < classes_.zones.size(); ++z) {
      const Zone& zone = classes_.zones[z];
      if (!zone.pin) continue;
      for (unsigned q = zone.pin->first; q <= zone.pin->last; ++q) {
        if (taken_[q] != 0)
          return refuse_pin(zone.span,
                            fmt::format("queue {} is wanted for {} alone, and for {} alone", q,
                                        zone.name, classes_.zones[taken_[q]].name),
                            {{"the other one", classes_.zones[taken_[q]].span}},
                            "give them different queues");
        taken_[q] = z;
        queues_[z].push_back(q);
      }
    }
    for (const FlowClass& c : classes_.all) {
      if (!c.pin || c.zone != 0) continue;
      for (unsigned q = c.pin->first; q <= c.pin->last; ++q) {
        if (taken_[q] == 0) continue;
        const Zone& other = classes_.zones[taken_[q]];
        return refuse_pin(c.span,
                          fmt::format("{} shall arrive on queue {}, which is for {} alone", c.name,
                                      q, other.name),
                          {{"here", other.span}}, "give them different queues");
      }
    }
    return std::nullopt;
  }

  // The others share what is left, from the last queue on; everybody has the first.
  Refusal share_queues() {
    std::vector<std::vector<double>> weights(classes_.zones.size());
    std::vector<double> fluid(classes_.zones.size(), 0.0);
    for (const FlowClass& c : classes_.all) {
      if (c.strangers && !c.apart()) fluid[0] += c.load();
    }
    for (unsigned f = 0; f < workload_.flows.size(); ++f) {
      const FlowClass& c = classes_.all[class_of_[f]];
      if (table_of_[f] != none || !c.covered) weights[c.zone].push_back(classes_.weight[f]);
    }
    for (std::size_t s = 0; s < out_.sockets.size(); ++s)
      weights[classes_.all[socket_class_[s]].zone].push_back(weight_of_socket(s));
    std::vector<std::optional<unsigned>> fixed(classes_.zones.size());
    unsigned needed = 0;
    for (unsigned z = 0; z < classes_.zones.size(); ++z) {
      if (!queues_[z].empty()) fixed[z] = static_cast<unsigned>(queues_[z].size());
      if (classes_.zones[z].gold && workload_.gold_queues != 0 && !fixed[z])
        fixed[z] = workload_.gold_queues;
      needed += fixed[z].value_or(1);
      bounds_.emplace_back(std::move(weights[z]), fluid[z]);
    }
    if (needed > out_.rx_queues) return refuse_queues(inputs_, classes_, out_.rx_queues, needed);
    const auto share = share_bins(bounds_, fixed, out_.rx_queues);
    unsigned next = out_.rx_queues;
    for (unsigned z = 1; z < classes_.zones.size(); ++z) {
      while (queues_[z].size() < share[z]) {
        --next;
        if (taken_[next] == 0 && !wished(next)) {
          taken_[next] = z;
          queues_[z].push_back(next);
        }
        if (next == 0) break;
      }
      if (queues_[z].size() < share[z])
        return refuse_queues(inputs_, classes_, out_.rx_queues,
                             out_.rx_queues + share[z] - static_cast<unsigned>(queues_[z].size()));
      std::sort(queues_[z].begin(), queues_[z].end());
    }
    for (unsigned q = 0; q < out_.rx_queues; ++q) {
      if (taken_[q] == 0) queues_[0].push_back(q);
    }
    const unsigned reach = rss_ == nullptr ? 0 : rss_->config.rss->queue_reach;
    if (queues_[0].empty() || (reach != 0 && queues_[0].front() >= reach))
      return refuse_queues(inputs_, classes_, out_.rx_queues, out_.rx_queues + 1);
    return std::nullopt;
  }

  // Somebody who shares it with everybody wants to arrive there.
  bool wished(unsigned queue) const {
    return queue == 0 || std::any_of(classes_.all.begin(), classes_.all.end(), [&](const auto& c) {
             return c.zone == 0 && c.pin && queue >= c.pin->first && queue <= c.pin->last;
           });
  }

  // ---- which flow has which rule ----------------------------------------------------------
  void give_tables() {
    class_of_.resize(workload_.flows.size());
    table_of_.assign(workload_.flows.size(), none);
    for (unsigned c = 0; c < classes_.all.size(); ++c) {
      const FlowClass& it = classes_.all[c];
      for (const unsigned f : it.flows) class_of_[f] = c;
      auto flow = it.flows.begin();
      unsigned port = 0;
      for (unsigned t = 0; t < problem_.tables.size(); ++t) {
        for (unsigned n = plan_.rules[c][t]; n > 0; --n) {
          if (it.strangers) {
            socket(c, port++, t);
          } else {
            table_of_[*flow++] = t;
          }
        }
      }
    }
  }

  void socket(unsigned c, unsigned n, unsigned t) {
    const ir::Endpoint& e = workload_.endpoints[classes_.all[c].endpoint];
    SocketChoice out;
    out.endpoint = classes_.all[c].endpoint;
    out.port = static_cast<std::uint16_t>(e.port + n % e.ports);
    out.address = e.bound() ? e.address + n / e.ports : 0;
    out.table = problem_.tables[t].name();
    out_.sockets.push_back(std::move(out));
    socket_class_.push_back(c);
  }

  // ---- what the hash does -----------------------------------------------------------------
  bool hashed(unsigned flow) const {
    return table_of_[flow] == none && !classes_.all[class_of_[flow]].covered;
  }

  // Types, key and table. Flows with rules are spread over what the hash is expected to leave.
  Result<void> hash() {
    Hashing hashing{.queues = out_.rx_queues, .open = out_.open, .flows = {}, .other = strange()};
    for (unsigned f = 0; f < workload_.flows.size(); ++f) {
      if (hashed(f)) hashing.flows.push_back({f, classes_.weight[f], wish_of_flow(f)});
    }
    hashing.elsewhere.assign(out_.rx_queues, 0.0);
    std::vector<double> expected(out_.rx_queues, 0.0);
    for (const unsigned q : out_.open)
      expected[q] = load_by_hash() / static_cast<double>(out_.open.size());
    for (unsigned z = 0; z < classes_.zones.size(); ++z) {
      const Spread found = spread_zone(z, expected);
      for (std::size_t i = 0; i < found.items.size(); ++i)
        hashing.elsewhere[queues_[z][found.balanced.bin[i]]] += found.items[i].weight;
    }
    if (settled_ != nullptr) {
      out_.rss = settled_->rss;
    } else {
      auto rss = choose_key(inputs_, hashing);
      if (!rss) return diag::fail(rss.error());
      out_.rss = std::move(*rss);
    }
    by_entry_ = !out_.rss.table.empty();
    if (!by_entry_) return {};
    entry_weight_.assign(out_.rss.table.size(),
                         strange() / static_cast<double>(out_.rss.table.size()));
    plan::Configuration config;
    config.rx_queues = out_.rx_queues;
    config.rss = out_.rss;
    const Steering card(inputs_.nic, inputs_.fields, config);
    entry_of_.assign(workload_.flows.size(), 0);
    for (const HashedFlow& h : hashing.flows) {
      const ir::Flow& f = workload_.flows[h.flow];
      const auto entry = card.entry({f.src, f.src_port, workload_.local_address(f), f.dst_port});
      entry_of_[h.flow] = entry.value_or(0);
      entry_weight_[entry.value_or(0)] += h.weight;
    }
    return {};
  }

  // Wishes without a rule, where the key alone does not keep them: the entry leads there. (A wish
  // of the workload is kept or refused; for the policy `static` the key has done what it could.)
  Refusal wishes_by_hash() {
    std::map<unsigned, unsigned> first;  // entry -> flow that insists
    for (unsigned f = 0; f < workload_.flows.size(); ++f) {
      const FlowClass& c = classes_.all[class_of_[f]];
      if (!hashed(f) || !c.pin) continue;
      const auto good = [&](unsigned q) { return q >= c.pin->first && q <= c.pin->last; };
      if (!by_entry_)
        return refuse_pin(c.span,
                          fmt::format("nothing brings {} to queue {}", c.name, c.pin->first), {},
                          "a card with rules, or one whose table can be set");
      auto& entry = out_.rss.table[entry_of_[f]];
      const auto [other, fresh] = first.try_emplace(entry_of_[f], f);
      if (good(entry)) continue;
      const bool free = fresh && workload_.spread.ports().size() < 2 &&
                        std::binary_search(out_.open.begin(), out_.open.end(), c.pin->first);
      if (!free)
        return refuse_pin(
            workload_.flows[f].span,
            fmt::format("the hash brings it to queue {}, and {} is wanted", entry, c.pin->first),
            {{"a flow with the same entry of the table", workload_.flows[other->second].span}},
            "give both one queue, or take a card with rules");
      entry = static_cast<std::uint16_t>(c.pin->first);
    }
    return std::nullopt;
  }

  std::optional<unsigned> wish_of_flow(unsigned f) const {
    return wish_of(classes_.all[class_of_[f]]);
  }

  // What no rule catches, cycles per second.
  double load_by_hash() const {
    double sum = strange();
    for (unsigned f = 0; f < workload_.flows.size(); ++f) sum += hashed(f) ? classes_.weight[f] : 0;
    return sum;
  }

  // The queue that a class of everybody's wants, if it wants one.
  std::optional<unsigned> wish_of(const FlowClass& c) const {
    if (c.pin) return c.pin->first;
    if (workload_.policy != ir::Policy::fixed || c.zone != 0) return std::nullopt;
    return queues_[0][c.endpoint % queues_[0].size()];
  }

  // ---- queues that RSS may use ---------------------------------------------------------------
  // So few as the load that no rule catches needs: the residue of the others need not classify.
  void open_queues() {
    const auto& all = queues_[0];
    out_.open = all;
    if (!table_is_ours() || out_.rx_queues < 2) return;
    const unsigned reach = rss_->config.rss->queue_reach;
    if (reach != 0) std::erase_if(out_.open, [&](unsigned q) { return q >= reach; });
    const double by_hash = load_by_hash();
    const double best = bounds_[0].of(static_cast<unsigned>(all.size()));
    hash_bound_ = by_hash / static_cast<double>(out_.open.size());
    const bool ruled =
        std::any_of(table_of_.begin(), table_of_.end(), [](unsigned t) { return t != none; });
    if (ruled || !out_.sockets.empty()) {
      const double enough = best > 0 ? std::ceil(by_hash / best - 1e-6) : 1;
      const auto most = static_cast<double>(out_.open.size());
      out_.open.resize(static_cast<std::size_t>(std::clamp(enough, 1.0, most)));
    }
    std::set<unsigned> open(out_.open.begin(), out_.open.end());
    for (unsigned f = 0; f < workload_.flows.size(); ++f) {
      const auto wish = hashed(f) ? wish_of_flow(f) : std::nullopt;
      if (wish && (reach == 0 || *wish < reach)) open.insert(*wish);
    }
    out_.open.assign(open.begin(), open.end());
  }

  // ---- balance -------------------------------------------------------------------------------
  struct Spread {
    std::vector<BalanceItem> items;
    std::vector<unsigned> flow, socket;  // by item: index, or none
    Balanced balanced;
    std::map<std::vector<unsigned>, std::vector<unsigned>> sets;  // bins that items may go to
  };

  void spread() {
    queue_of_.assign(workload_.flows.size(), 0);
    socket_queue_.assign(out_.sockets.size(), 0);
    std::vector<double> by_hash(out_.rx_queues, 0.0);
    for (std::size_t e = 0; e < entry_weight_.size(); ++e)
      by_hash[out_.rss.table[e]] += entry_weight_[e];
    if (entry_weight_.empty()) {
      for (const unsigned q : out_.open)
        by_hash[q] = strange() / static_cast<double>(out_.open.size());
    }
    for (unsigned q = 0; q < surcharge_.size(); ++q) by_hash[q] *= 1 + surcharge_[q] / cheapest_;
    for (unsigned z = 0; z < classes_.zones.size(); ++z) {
      const auto& queues = queues_[z];
      const Spread found = spread_zone(z, by_hash);
      for (std::size_t i = 0; i < found.items.size(); ++i) {
        const unsigned queue = queues[found.balanced.bin[i]];
        if (found.flow[i] != none) queue_of_[found.flow[i]] = queue;
        if (found.socket[i] != none) socket_queue_[found.socket[i]] = queue;
      }
      plan::Gap& gap = out_.chosen.queues;
      gap.busiest = std::max(gap.busiest, found.balanced.busiest);
      gap.bound = std::max(gap.bound, bounds_[z].of(static_cast<unsigned>(queues.size())));
      if (z == 0) gap.bound = std::max(gap.bound, hash_bound_);
      // Where all is free, what was tried counts; else the hash might do other things.
      const bool free = queues_.size() == 1 && load_by_hash() == 0;
      if (free) gap.bound = std::max(gap.bound, found.balanced.bound);
    }
  }

  // Flows with rules, and whose owner is free, over a zone's queues; bins are places in queues_[z].
  // `by_hash`: what else each queue receives.
  Spread spread_zone(unsigned z, const std::vector<double>& by_hash) const {
    const auto& queues = queues_[z];
    Spread out;
    const auto only = [&](const std::vector<unsigned>& wanted) {
      auto [it, fresh] = out.sets.try_emplace(wanted);
      for (const unsigned q : wanted) {
        if (fresh)
          it->second.push_back(static_cast<unsigned>(
              std::lower_bound(queues.begin(), queues.end(), q) - queues.begin()));
      }
      return &it->second;
    };
    const auto bins_of = [&](const FlowClass& c) -> const std::vector<unsigned>* {
      if (!c.pin) {
        const auto wish = wish_of(c);
        return wish ? only({*wish}) : nullptr;
      }
      std::vector<unsigned> wanted(c.pin->last - c.pin->first + 1);
      std::iota(wanted.begin(), wanted.end(), c.pin->first);
      return only(wanted);
    };
    const auto add = [&](const FlowClass& c, double weight, unsigned flow, unsigned socket) {
      const double rate = flow == none ? 0 : workload_.flows[flow].rate;
      out.items.push_back({weight, bins_of(c), rate});
      out.flow.push_back(flow);
      out.socket.push_back(socket);
    };
    for (unsigned f = 0; f < workload_.flows.size(); ++f) {
      const FlowClass& c = classes_.all[class_of_[f]];
      const bool owner_is_free = hashed(f) && !table_is_ours();
      if (c.zone == z && (table_of_[f] != none || owner_is_free))
        add(c, classes_.weight[f], f, none);
    }
    for (unsigned s = 0; s < out_.sockets.size(); ++s) {
      const FlowClass& c = classes_.all[socket_class_[s]];
      if (c.zone == z) add(c, weight_of_socket(s), none, s);
    }
    std::vector<double> before, surcharge;
    for (const unsigned q : queues) {
      before.push_back(by_hash[q]);
      if (!surcharge_.empty()) surcharge.push_back(surcharge_[q]);
    }
    out.balanced = balance_in_groups(out.items, before, surcharge, out_.cores);
    return out;
  }

  double strange() const {
    double sum = 0;
    for (const FlowClass& c : classes_.all) {
      if (c.strangers && !c.apart()) sum += c.load();
    }
    return sum;
  }

  // Strangers, and the flows that come by this socket's rule.
  double weight_of_socket(std::size_t s) const {
    const SocketChoice& socket = out_.sockets[s];
    double sum = classes_.all[socket_class_[s]].weight;
    for (unsigned f = 0; f < workload_.flows.size(); ++f) {
      const ir::Flow& flow = workload_.flows[f];
      if (flow.endpoint == socket.endpoint && table_of_[f] == none &&
          flow.dst_port == socket.port &&
          (socket.address == 0 || workload_.local_address(flow) == socket.address))
        sum += classes_.weight[f];
    }
    return sum;
  }

  // ---- the answer ------------------------------------------------------------------------------
  void finish() {
    std::vector<unsigned> order(workload_.flows.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](unsigned a, unsigned b) {
      return classes_.weight[a] > classes_.weight[b];
    });
    out_.flows.reserve(order.size());
    for (const unsigned f : order) {
      const unsigned t = table_of_[f];
      out_.flows.push_back(
          {f, t == none ? std::string() : problem_.tables[t].name(), queue_of_[f]});
    }
    for (std::size_t s = 0; s < out_.sockets.size(); ++s) out_.sockets[s].queue = socket_queue_[s];
    for (unsigned z = 0; z < classes_.zones.size(); ++z) {
      const Zone& zone = classes_.zones[z];
      out_.chosen.zones.push_back({zone.name, queues_[z], zone.gold});
      out_.zone_core.push_back(zone.core);
    }
  }

  static constexpr unsigned none = ~0u;

  const Inputs& inputs_;
  const ir::Workload& workload_;
  const ir::Node* rss_;
  Classes classes_;
  FilterProblem problem_;
  FilterPlan plan_;
  std::vector<unsigned> taken_;                // by queue: zone; 0: everybody's, or nobody's yet
  std::vector<std::vector<unsigned>> queues_;  // by zone
  std::vector<LowerBound> bounds_;             // by zone
  double hash_bound_ = 0;
  const Settled* settled_;         // may be null
  double cheapest_ = 0;            // cycles of a packet, on the cheapest queue
  std::vector<double> surcharge_;  // over it, by queue
  std::vector<unsigned> class_of_, table_of_, entry_of_, queue_of_;  // by flow
  std::vector<unsigned> socket_class_, socket_queue_;                // by socket rule
  bool by_entry_ = false;                                            // the table is set
  std::vector<double> entry_weight_;                                 // by entry of the table
  Choice out_;
};

}  // namespace

std::vector<unsigned> Choice::classify() const {
  std::vector<unsigned> out = open;
  for (const SocketChoice& s : sockets) out.push_back(s.queue);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::vector<unsigned> Choice::closed() const {
  std::vector<bool> fed(rx_queues, false);
  for (const FlowChoice& f : flows) {
    if (!f.table.empty()) fed[f.queue] = true;
  }
  for (const unsigned q : classify()) fed[q] = false;
  std::vector<unsigned> out;
  for (unsigned q = 0; q < rx_queues; ++q) {
    if (fed[q]) out.push_back(q);
  }
  return out;
}

std::vector<std::string> Choice::feeding() const {
  const std::vector<unsigned> queues = closed();
  std::vector<std::string> out;
  for (const FlowChoice& f : flows) {
    if (!f.table.empty() && std::binary_search(queues.begin(), queues.end(), f.queue) &&
        std::find(out.begin(), out.end(), f.table) == out.end())
      out.push_back(f.table);
  }
  return out;
}

Result<Choice> choose(const Inputs& inputs, const Options& options, const Settled* settled) {
  return Chooser(inputs, options, settled).run(options.certify);
}

std::string to_string(const Choice& choice) {
  std::string out = fmt::format("queues {} (open {}), cores {}\n", choice.rx_queues,
                                fmt::join(choice.open, " "), choice.cores);
  for (const auto& [knob, on] : choice.knobs)
    out += fmt::format("{} {}\n", knob, on ? "on" : "off");
  for (const auto& z : choice.chosen.zones)
    out += fmt::format("zone {}: queues {}\n", z.name, fmt::join(z.queues, " "));
  for (const auto& s : choice.sockets)
    out += fmt::format("port {} -> queue {} by {}\n", s.port, s.queue, s.table);
  for (const auto& f : choice.flows) {
    out += fmt::format("flow {} -> {}\n", f.flow,
                       f.table.empty() ? "RSS" : fmt::format("queue {} by {}", f.queue, f.table));
  }
  return out;
}

}  // namespace weft::passes
