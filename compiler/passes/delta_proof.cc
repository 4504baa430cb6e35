#include "compiler/passes/delta_proof.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "compiler/diag/sha256.h"
#include "compiler/frontend/readers.h"
#include "compiler/passes/check_memory.h"
#include "compiler/passes/prove.h"
#include "compiler/passes/resolve.h"
#include "compiler/passes/rule_overlap.h"
#include "compiler/passes/rule_terms.h"
#include "compiler/plan/target.h"
#include "compiler/plan/text.h"

namespace weft::passes {

namespace {

using plan::Operation;
using Kind = Operation::Kind;

tl::unexpected<diag::Error> refuse(const Operation& o, std::string why, std::string help = "") {
  return diag::fail(
      diag::Diagnostic{.code = "E0673",
                       .message = fmt::format("`{}` is refused: {}", plan::text(o), std::move(why)),
                       .help = std::move(help)});
}

// An undone change of the index, whatever happens between.
class Guard {
 public:
  explicit Guard(std::function<void()> undo) : undo_(std::move(undo)) {}
  ~Guard() {
    if (undo_) undo_();
  }
  void keep() { undo_ = nullptr; }

 private:
  std::function<void()> undo_;
};

}  // namespace

DeltaProof::DeltaProof(plan::Plan plan, Inputs inputs)
    : plan_(std::move(plan)), in_(std::move(inputs)) {
  plan::sort_flows(plan_);
  index_ = std::make_unique<FlowIndex>(plan_, in_);
  want_all(in_.workload);
}

void DeltaProof::want_all(const ir::Workload& workload) {
  goal_.clear();
  for (const auto& f : workload.flows)
    goal_[{f.src, f.src_port, workload.local_address(f), f.dst_port}] = f.endpoint;
  goal_endpoints_ = workload.endpoints;
}

diag::Result<std::unique_ptr<DeltaProof>> DeltaProof::begin(plan::Plan plan, Inputs inputs) {
  if (auto ok = check_plan(plan, inputs); !ok) return diag::fail(ok.error());
  for (const auto& residue : plan.residues) {
    if (auto ok = resolve(residue.graph, inputs.fields, true); !ok) return diag::fail(ok.error());
  }
  std::unique_ptr<DeltaProof> out(new DeltaProof(std::move(plan), std::move(inputs)));
  const auto holds = out->general();
  if (!holds) return diag::fail(holds.error());
  out->holds_ = *holds;
  if (!out->holds_->proved) {
    const auto& why = out->holds_->counterexample;
    return diag::fail(diag::Diagnostic{
        .code = "E0673",
        .message = "the running plan is not proved: " + (why ? why->why : std::string("unknown")),
        .help = "`weft verify` shows a packet that it treats wrongly"});
  }
  for (const FlowKey& key : out->index_->all()) {
    if (auto ok = out->look_at(key); !ok) return diag::fail(ok.error());
  }
  return out;
}

bool DeltaProof::settled() const {
  return elsewhere_.empty() && odd_.empty() && index_->stood_in_for() == 0 &&
         plan_.flows.size() == goal_.size() &&
         std::equal(plan_.endpoints.begin(), plan_.endpoints.end(), goal_endpoints_.begin(),
                    goal_endpoints_.end(), ir::same_sockets) &&
         std::all_of(plan_.flows.begin(), plan_.flows.end(), [&](const plan::FlowEntry& f) {
           const auto at = goal_.find(key_of(f));
           return at != goal_.end() && at->second == f.endpoint;
         });
}

plan::Proof DeltaProof::proof() const {
  plan::Proof out = holds_->proof;
  out.status = settled() ? "proved" : "none";
  out.solver = smt::Session::version();
  out.not_proved = opaque(in_.graph);
  return out;
}

const ir::FilterTable* DeltaProof::table(const std::string& name) const {
  const auto v = in_.nic.receive.find(name);
  if (!v || !in_.nic.receive.node(*v).config.table) return nullptr;
  return &*in_.nic.receive.node(*v).config.table;
}

bool DeltaProof::in_flight(unsigned queue, const std::optional<FlowKey>& key) const {
  const auto at = waiting_.find(queue);
  if (at == waiting_.end()) return false;
  return at->second.any || (key ? at->second.flows.contains(*key) : !at->second.flows.empty());
}

bool DeltaProof::wanted(const Operation& o) const {
  return o.place < goal_endpoints_.size() && ir::same_sockets(goal_endpoints_[o.place], o.endpoint);
}

// What the user wants, what the card can hold, and what packets in flight still need.
diag::Result<void> DeltaProof::may(const Operation& o) const {
  if (const std::string why = astray(plan_, o); !why.empty())
    return refuse(o, "it would bring " + why);
  switch (o.kind) {
    case Kind::add_flow: {
      const auto at = goal_.find(key_of(o.flow));
      if (at == goal_.end()) return refuse(o, "nobody wants this flow");
      if (at->second != o.flow.endpoint)
        return refuse(o, fmt::format("it is wanted for endpoint {}", at->second));
      return {};
    }
    case Kind::remove_flow: {
      const auto at = goal_.find(key_of(o.flow));
      if (at != goal_.end() && at->second == o.flow.endpoint) return refuse(o, "it is wanted");
      if (in_flight(o.flow.queue, key_of(o.flow)))
        return refuse(o, fmt::format("packets of it may wait in queue {}", o.flow.queue), "drain");
      return {};
    }
    case Kind::move_flow:
      if (in_flight(o.flow.queue, key_of(o.flow)))
        return refuse(o, fmt::format("packets of it may wait in queue {}", o.flow.queue), "drain");
      return {};
    case Kind::set_residue:
      if (in_flight(o.queue, std::nullopt))
        return refuse(o, "packets may wait there that the card would send elsewhere now", "drain");
      if (!o.residue) return {};
      // (Proofs are remembered by the residues' names.)
      if (o.residue->id != diag::sha256_hex(frontend::print_graph(o.residue->graph)).substr(0, 12))
        return refuse(o, "its name is not the hash of its graph");
      return resolve(o.residue->graph, in_.fields, true);
    case Kind::create_rule: {
      if (auto ok = check_rule(o.filter, plan_.configuration, in_); !ok) return ok;
      if (const plan::Filter* other = index_->misordered_with(o.filter))
        return refuse(o, misorder_text(*table(o.filter.table), o.filter, *other));
      const auto used = index_->tables().find(o.filter.table);
      if (used == index_->tables().end()) return {};
      const ir::FilterTable& limits = *table(o.filter.table);
      if (used->second.rules >= limits.capacity)
        return refuse(o, fmt::format("{} holds {} rules", o.filter.table, limits.capacity));
      if (limits.same_mask_per.empty()) return {};
      const ir::MaskGroup own = ir::mask_group(limits, plan::shape_of(o.filter), in_.fields);
      const auto group = used->second.masks.find(own.group);
      if (group != used->second.masks.end() && !group->second.empty() &&
          !group->second.contains(own.mask))
        return refuse(o, fmt::format("all rules of {} share one mask", o.filter.table));
      return {};
    }
    case Kind::set_table: {
      const ir::Node* rss = rss_node(in_.nic);
      if (rss == nullptr || !rss->config.rss->table_settable)
        return refuse(o, "the card's table cannot be set");
      const unsigned reach = rss->config.rss->queue_reach;
      for (const auto& [index, queue] : o.entries)
        if (reach != 0 && queue >= reach)
          return refuse(o, fmt::format("the table reaches {} queues", reach));
      for (const plan::Filter& f : plan_.configuration.filters) {
        const ir::FilterTable* limits = f.group.empty() ? nullptr : table(f.table);
        if (limits != nullptr && limits->groups && limits->groups->of_rss)
          return refuse(o, fmt::format("rule {} spreads over its queues by the table", f.id));
      }
      return {};
    }
    case Kind::add_endpoint:
      if (!wanted(o)) return refuse(o, "nobody wants this endpoint");
      return {};
    case Kind::remove_endpoint:
      if (wanted(o)) return refuse(o, "it is wanted");
      for (const auto& [queue, waiting] : waiting_) {
        if (waiting.marks.contains(o.place + 1))
          return refuse(o, fmt::format("packets marked for it may wait in queue {}", queue),
                        "drain");
      }
      return {};
    case Kind::destroy_rule:
    case Kind::drain: return {};
  }
  return {};
}

// Keeps the index with the plan; gives the flows to be looked at again.
std::vector<FlowKey> DeltaProof::note(const Operation& o) {
  switch (o.kind) {
    case Kind::add_flow:
      index_->want(key_of(o.flow), o.flow.endpoint);
      index_->add_entry(o.flow);
      return {key_of(o.flow)};
    case Kind::remove_flow:
      index_->forget(key_of(o.flow));
      index_->remove_entry(key_of(o.flow));
      return {key_of(o.flow)};
    case Kind::move_flow: index_->move_entry(key_of(o.flow), o.queue); return {key_of(o.flow)};
    case Kind::create_rule:
    case Kind::destroy_rule: {
      if (o.kind == Kind::create_rule) index_->add_rule(o.filter);
      if (o.kind == Kind::destroy_rule) index_->remove_rule(o.filter);
      if (const auto key = passes::key_of(o.filter)) return {*key};
      return index_->all();  // a rule for many may catch any flow
    }
    case Kind::set_table: index_->table_changed(); return index_->by_rss();
    case Kind::add_endpoint:
    case Kind::remove_endpoint: in_.workload.endpoints = plan_.endpoints; return {};
    default: return {};
  }
}

void DeltaProof::unnote(const Operation& o) {
  switch (o.kind) {
    case Kind::add_flow:
      index_->forget(key_of(o.flow));
      index_->remove_entry(key_of(o.flow));
      return;
    case Kind::remove_flow:
      index_->want(key_of(o.flow), o.flow.endpoint);
      index_->add_entry(o.flow);
      return;
    case Kind::move_flow: index_->move_entry(key_of(o.flow), o.flow.queue); return;
    case Kind::create_rule: index_->remove_rule(o.filter); return;
    case Kind::destroy_rule: index_->add_rule(o.filter); return;
    default: return;
  }
}

diag::Result<void> DeltaProof::step(const Operation& o) {
  counterexample_.reset();
  ++counters_.steps;
  if (auto ok = may(o); !ok) return ok;
  const bool rare = o.kind == Kind::set_residue || o.kind == Kind::set_table;
  const Operation back = rare || o.kind == Kind::move_flow ? plan::inverse(o, plan_) : Operation{};
  const auto old_table = plan_.configuration.rss.table;
  if (auto ok = plan::apply(o, plan_); !ok) return ok;
  const std::vector<FlowKey> touched = note(o);
  const auto elsewhere = rare ? elsewhere_ : std::set<FlowKey>();
  const auto odd = rare ? odd_ : std::set<FlowKey>();
  const General* held = holds_;
  if (auto ok = check(o, touched); !ok) {
    unnote(o);
    (void)plan::apply(rare || o.kind == Kind::move_flow ? back : plan::inverse(o, plan_), plan_);
    if (o.kind == Kind::set_table) index_->table_changed();
    in_.workload.endpoints = plan_.endpoints;
    holds_ = held;
    if (rare) {
      elsewhere_ = elsewhere;
      odd_ = odd;
    } else {
      for (const FlowKey& key : touched) (void)look_at(key);
    }
    return ok;
  }
  // What may be on its way now, or is no longer.
  if (o.kind == Kind::drain) waiting_.erase(o.queue);
  if (o.kind == Kind::destroy_rule) {
    for (const unsigned queue : plan::queues_of(o.filter)) {
      Waiting& w = waiting_[queue];
      if (o.filter.mark != 0) w.marks.insert(o.filter.mark);
      if (const auto key = passes::key_of(o.filter)) {
        w.flows.insert(*key);
      } else {
        w.any = true;
      }
    }
  }
  if (o.kind == Kind::set_table) {
    for (const auto& [index, queue] : o.entries)
      if (old_table[index] != queue) waiting_[old_table[index]].any = true;
  }
  return {};
}

diag::Result<void> DeltaProof::check(const Operation& o, const std::vector<FlowKey>& touched) {
  const auto holds = general();
  if (!holds) return diag::fail(holds.error());
  if (!(*holds)->proved) {
    counterexample_ = (*holds)->counterexample;
    return refuse(o, counterexample_ ? counterexample_->why : "not proved");
  }
  const bool another = holds_ != *holds;
  holds_ = *holds;
  for (const FlowKey& key : touched) {
    if (auto ok = look_at(key); !ok) return ok;
  }
  return another ? look_at_again() : diag::Result<void>();
}

diag::Result<void> DeltaProof::look_at(const FlowKey& key) {
  ++counters_.entries;
  bool only_elsewhere = false;
  const auto suspect = index_->look_at(key, &only_elsewhere);
  elsewhere_.erase(key);
  odd_.erase(key);
  if (!suspect) return {};
  if (only_elsewhere && holds_->anywhere) {
    elsewhere_.insert(key);
    return {};
  }
  ++counters_.solved;
  const auto one = prove_one(plan_, in_, index_->facts(), *suspect);
  if (!one) return diag::fail(one.error());
  counters_.queries += one->proof.queries;
  if (one->proved) {
    odd_.insert(key);
    return {};
  }
  counterexample_ = one->counterexample;
  return diag::fail(diag::Diagnostic{.code = "E0673", .message = suspect->why});
}

// Those that were proved with other residues or tables.
diag::Result<void> DeltaProof::look_at_again() {
  std::set<FlowKey> all = odd_;
  if (!holds_->anywhere) all.insert(elsewhere_.begin(), elsewhere_.end());
  for (const FlowKey& key : all) {
    if (auto ok = look_at(key); !ok) return ok;
  }
  return {};
}

// All that the proof of all packets depends on, but for the inputs.
std::string DeltaProof::outline() const {
  const plan::Configuration& c = plan_.configuration;
  const TableFacts facts = index_->facts();
  std::set<unsigned> range(c.rss.table.begin(), c.rss.table.end());
  std::string out = fmt::format("{} {} {} rss [{}]", c.rx_queues, facts.sources_answer,
                                facts.flows_arrive, fmt::join(range, " "));
  for (const auto& [name, use] : index_->tables()) {
    if (use.rules == 0) continue;
    out += fmt::format(" {} {}", name, use.marked != 0);
    if (use.listed == 0) continue;
    const auto table = in_.nic.receive.find(name);
    if (!table) continue;
    for (const plan::Filter* f : rules_of_table(in_.nic.receive.node(*table), c, in_.fields).listed)
      out += fmt::format(" [{} {} {} {}]", plan::rule_key(*f), plan::target_text(*f), f->entries,
                         f->mark);
  }
  for (const plan::Residue& r : plan_.residues)
    out += fmt::format(" {} {} [{}]", r.id, r.queue_class, fmt::join(r.queues, " "));
  for (const ir::Endpoint& e : plan_.endpoints) {
    for (const ir::GroupJoin& g : e.groups) out += " " + plan::group_text(g);
  }
  return out;
}

diag::Result<const DeltaProof::General*> DeltaProof::general() {
  const std::string outline = this->outline();
  if (const auto at = known_.find(outline); at != known_.end()) return &at->second;
  TableFacts facts = index_->facts();
  General made;
  const auto attempt = [&](const TableFacts& assumed) -> diag::Result<void> {
    auto verdict = prove_all(plan_, in_, assumed, {});
    ++counters_.general;
    if (!verdict) return diag::fail(verdict.error());
    counters_.queries += verdict->proof.queries;
    made.proved = verdict->proved;
    made.proof = verdict->proof;
    made.counterexample = verdict->counterexample;
    return {};
  };
  if (facts.flows_arrive && plan_.configuration.rx_queues > 1) {
    TableFacts less = facts;
    less.flows_arrive = false;
    if (auto ok = attempt(less); !ok) return diag::fail(ok.error());
    made.anywhere = made.proved;
  }
  if (!made.proved) {
    if (auto ok = attempt(facts); !ok) return diag::fail(ok.error());
  }
  return &known_.emplace(outline, std::move(made)).first->second;
}

}  // namespace weft::passes
