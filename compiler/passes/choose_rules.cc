// Which rules there are, and which flow has which.
#include "compiler/passes/chooser.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <tuple>
#include <utility>

#include "compiler/passes/coverage.h"
#include "compiler/passes/refusal.h"

namespace weft::passes {

using diag::Result;

// Ports are cut in the way that takes the fewest rules, of those that leave most to known flows.
Chooser::Refusal Chooser::filters() {
  const RuleKinds first = kinds_;
  const auto with = [&](PortCut cut) {
    kinds_ = first;
    kinds_.cut = cut;
    classes_ = classes_of(inputs_, packet_cost(inputs_, out_.knobs), kinds_);
    return rules();
  };
  if (!cuts_ports()) return rules() ? std::nullopt : Refusal(refuse_filters(inputs_, problem_));
  using Merit = std::tuple<bool, std::int64_t, unsigned>;  // the smallest is the best
  std::optional<std::pair<Merit, PortCut>> best;
  for (const PortCut cut : {PortCut::blocks, PortCut::even, PortCut::single}) {
    const bool good = with(cut);
    unsigned rules = 0;
    for (unsigned c = 0; c < classes_.all.size(); ++c) rules += good ? plan_.of(c) : wanted(c);
    const Merit merit = {!good, good ? -plan_.worth : 0, rules};
    if (!best || merit < best->first) best = {merit, cut};
  }
  return with(best->second) ? std::nullopt : Refusal(refuse_filters(inputs_, problem_));
}

// Is there an endpoint on several ports that may have rules?
bool Chooser::cuts_ports() const {
  return std::any_of(classes_.all.begin(), classes_.all.end(), [](const FlowClass& c) {
    return c.blocks.size() > 1;  // (so far they are cut one by one)
  });
}

unsigned Chooser::wanted(unsigned c) const {
  return classes_.all[c].must() ? classes_.all[c].rules : 0;
}

// False: the card lacks some that the workload needs.
bool Chooser::rules() {
  problem_ = filter_problem(inputs_, classes_);
  if (options_.few_filters) {
    problem_.few = true;
    for (unsigned c = 0; c < classes_.all.size(); ++c)
      if (!classes_.all[c].must()) problem_.worth[c] = 0;
  }
  // Where something is asked of all packets (`spread:`), a rule would bring some of them
  // elsewhere.
  if (workload_.spread.binds()) problem_.tables.clear();
  if (out_.rx_queues == 1) {
    problem_.tables.clear();  // nothing to choose
    for (FlowClass& c : classes_.all) c.in_turn = false;
    plan_ = {};
    plan_.rules.resize(classes_.all.size());
    return true;
  }
  plan_ = plan_filters(problem_);
  if (kinds_.in_turn && !turns_are_free()) {
    kinds_.in_turn = false;
    classes_ = classes_of(inputs_, packet_cost(inputs_, out_.knobs), kinds_);
    return rules();
  }
  if (plan_.missing.empty()) return true;
  if (kinds_.of_types) {  // others have no rules in front of it
    kinds_.of_types = false;
    classes_ = classes_of(inputs_, packet_cost(inputs_, out_.knobs), kinds_);
    return rules();
  }
  if (kinds_.in_parts) {  // they take more rules, and another mask
    kinds_.in_parts = false;
    classes_ = classes_of(inputs_, packet_cost(inputs_, out_.knobs), kinds_);
    return rules();
  }
  // A rule for an endpoint as a whole takes fewer; then the hash, where the table can be set.
  const Classes each = classes_;
  const FilterPlan by_flow = plan_;
  // (Of those that lack some; then of all, as rules of another mask may be what they lack.)
  std::vector<unsigned> all(classes_.all.size());
  std::iota(all.begin(), all.end(), 0u);
  for (const auto& whose : {std::vector(plan_.missing), all}) {
    bool again = false;
    for (const unsigned c : whose) {
      const FlowClass& it = classes_.all[c];
      again = (!it.strangers && it.must() && cover(classes_, it.endpoint)) || again;
    }
    if (again) plan_ = plan_filters(problem_);
    if (plan_.missing.empty() || hash_may()) return true;
  }
  classes_ = each;
  plan_ = by_flow;
  return hash_may();
}

// Rules that keep endpoints of TCP where the policy `static` has them are in no other rule's way.
bool Chooser::turns_are_free() const {
  const auto& all = classes_.all;
  if (std::none_of(all.begin(), all.end(), [](const FlowClass& c) { return c.in_turn; }))
    return true;
  if (!plan_.missing.empty()) return false;
  RuleKinds kinds = kinds_;
  kinds.in_turn = false;
  const Classes without = classes_of(inputs_, packet_cost(inputs_, out_.knobs), kinds);
  return plan_filters(filter_problem(inputs_, without)).worth <= plan_.worth;
}

// What lacks rules may come by entries of the table.
bool Chooser::hash_may() const {
  return table_is_ours() &&
         std::all_of(plan_.missing.begin(), plan_.missing.end(), [&](unsigned c) {
           const FlowClass& it = classes_.all[c];
           return it.zone == 0 && !it.many() && !it.exception;
         });
}

bool Chooser::table_is_ours() const {
  return rss_ != nullptr && rss_->config.rss->predictable && rss_->config.rss->table_settable;
}

void Chooser::give_tables() {
  class_of_.resize(workload_.flows.size());
  table_of_.assign(workload_.flows.size(), none);
  for (unsigned c = 0; c < classes_.all.size(); ++c) {
    const FlowClass& it = classes_.all[c];
    for (const unsigned f : it.flows) class_of_[f] = c;
    if (!it.must() && !it.many())
      for (unsigned n = 0; n < plan_.of(c); ++n) out_.spare += workload_.flows[it.flows[n]].rate;
    auto flow = it.flows.begin();
    unsigned port = 0;
    for (unsigned t = 0; t < problem_.tables.size(); ++t) {
      for (unsigned n = plan_.rules[c][t]; n > 0; --n) {
        if (it.many()) {
          socket(c, port++, t);
        } else {
          table_of_[*flow++] = t;
        }
      }
    }
  }
}

void Chooser::socket(unsigned c, unsigned n, unsigned t) {
  const FlowClass& it = classes_.all[c];
  const ir::Endpoint& e = workload_.endpoints[it.endpoint];
  SocketChoice out;
  out.endpoint = it.endpoint;
  out.whole = it.whole;
  if (it.sets.empty()) {
    const auto blocks = static_cast<unsigned>(it.whole ? 1 : it.blocks.size());
    const ir::PortBlock block = it.whole ? ir::PortBlock{e.port, 0xffff} : it.blocks[n % blocks];
    out.port = block.first;
    out.port_mask = block.mask;
    if (!it.whole) out.address = e.bound() ? e.address + n / blocks % e.addresses : 0;
    out.part = n / blocks / e.addresses;
    out.parts = it.parts;
  } else {
    out.set = it.sets[n];
    out.port = workload_.sets[it.sets[n]].dst_port;
    out.address = workload_.local_address(workload_.sets[it.sets[n]]);
  }
  out.table = problem_.tables[t].name();
  out_.sockets.push_back(std::move(out));
  socket_class_.push_back(c);
}

// Where it is known what a packet costs on which queue, the cheapest one's is in the weights, and
// what others take more comes on top where a flow is placed there.
void Chooser::weigh_packets() {
  cheapest_ = *std::min_element(settled_->cycles.begin(), settled_->cycles.end());
  for (const double c : settled_->cycles) surcharge_.push_back(c - cheapest_);
  const double less = packet_cost(inputs_, out_.knobs).cycles - cheapest_;
  for (unsigned f = 0; f < workload_.flows.size(); ++f)
    classes_.weight[f] -= workload_.flows[f].rate * less;
  for (FlowClass& c : classes_.all) {
    double rate = c.strangers ? workload_.endpoints[c.endpoint].rate : 0;
    for (const unsigned f : c.flows) rate += workload_.flows[f].rate;
    for (const unsigned s : c.sets) rate += workload_.sets[s].rate;
    c.weight -= rate / c.rules * less;
  }
}

// What comes by each rule for many flows: all that it is for, and the flows without rules of their
// own that are among it.
void Chooser::weigh() {
  if (settled_ != nullptr) weigh_packets();
  using Socket = std::tuple<unsigned, std::uint16_t, std::uint32_t>;
  std::map<Socket, std::vector<unsigned>> of_all;  // one for each part
  std::vector<unsigned> of_type[2];                // of UDP, of TCP
  ir::FlowSets of_set;
  socket_weight_.clear();
  for (unsigned s = 0; s < out_.sockets.size(); ++s) {
    const SocketChoice& it = out_.sockets[s];
    const FlowClass& c = classes_.all[socket_class_[s]];
    double share = 1;
    if (it.set) {
      const ir::FlowSet& set = workload_.sets[*it.set];
      if (!workload_.endpoints[set.endpoint].tcp) of_set.add(set, s);
      double rates = 0;
      for (const unsigned other : c.sets) rates += workload_.sets[other].rate;
      if (rates > 0) share = set.rate * c.rules / rates;
    } else if (it.whole) {
      of_type[c.tcp] = {s};
    } else {
      const ir::Endpoint& e = workload_.endpoints[it.endpoint];
      share = it.sockets() * c.rules / (double{1} * e.ports * e.addresses);
      of_all[{it.endpoint, it.port, it.address}].push_back(s);
    }
    socket_weight_.push_back(c.weight * share);
  }
  if (out_.sockets.empty()) return;
  const auto whole = [&](const auto& it) {
    // (Blocks of ports are known by their first one.)
    const ir::PortBlock* block = block_of(classes_, it.endpoint, it.dst_port);
    const std::uint16_t port = block == nullptr ? it.dst_port : block->first;
    auto at = of_all.find({it.endpoint, port, workload_.local_address(it)});
    if (at == of_all.end()) at = of_all.find({it.endpoint, port, 0});
    return at == of_all.end() ? of_type[workload_.endpoints[it.endpoint].tcp] : at->second;
  };
  const auto comes_by = [&](const std::vector<unsigned>& sockets, double weight) {
    for (const unsigned s : sockets)
      socket_weight_[s] += weight / static_cast<double>(sockets.size());
  };
  for (const FlowClass& c : classes_.all) {
    for (const unsigned set : c.covered ? c.sets : std::vector<unsigned>())
      comes_by(whole(workload_.sets[set]), c.weight);
    if (c.covered && c.strangers) comes_by(of_type[c.tcp], c.load());
  }
  for (unsigned f = 0; f < workload_.flows.size(); ++f) {
    if (table_of_[f] != none) continue;
    const ir::Flow& flow = workload_.flows[f];
    const auto s = of_set.find(flow.src, flow.src_port, flow.dst, flow.dst_port);
    comes_by(s ? std::vector{*s} : whole(flow), classes_.weight[f]);
  }
}

}  // namespace weft::passes
