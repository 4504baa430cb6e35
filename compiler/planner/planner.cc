#include "compiler/planner/planner.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/diag/sha256.h"
#include "compiler/frontend/own_addresses.h"
#include "compiler/passes/stand_in.h"
#include "compiler/passes/steer.h"
#include "compiler/plan/delta.h"
#include "compiler/plan/places.h"
#include "compiler/plan/text.h"
#include "compiler/planner/no.h"

namespace weft::planner {
namespace {

using passes::key_of;
using plan::Operation;
using Kind = Operation::Kind;

}  // namespace

diag::Result<std::unique_ptr<Planner>> Planner::begin(plan::Plan plan, passes::Inputs inputs) {
  std::unique_ptr<Planner> out(new Planner);
  out->digest_ = inputs.workload.digest;
  auto proof = passes::DeltaProof::begin(std::move(plan), std::move(inputs));
  if (!proof) return diag::fail(proof.error());
  out->proof_ = std::move(*proof);
  out->decider_ = std::make_unique<Decider>(out->plan(), out->proof_->inputs());
  return out;
}

// Step by step; one that is refused takes the others back.
diag::Result<Operations> Planner::prove(Operations operations) {
  Operations done, inverses;
  for (const Operation& o : operations) {
    Operation inverse = plan::inverse(o, plan());
    if (auto ok = proof_->step(o); !ok) {
      back(done, inverses);
      return diag::fail(ok.error());
    }
    decider_->note(o);
    done.push_back(o);
    inverses.push_back(std::move(inverse));
  }
  done_ = operations;
  inverses_ = std::move(inverses);
  return operations;
}

// (What was proved on the way there is on the way back.)
void Planner::back(const Operations& done, const Operations& inverses) {
  for (const Operation& o : plan::undo(done, inverses)) {
    if (o.kind == Kind::add_flow) proof_->want(key_of(o.flow), o.flow.endpoint);
    if (o.kind == Kind::remove_flow) proof_->forget(key_of(o.flow));
    if (o.kind == Kind::add_endpoint || o.kind == Kind::remove_endpoint) {
      std::vector<ir::Endpoint> endpoints = plan().endpoints;
      if (o.kind == Kind::add_endpoint) ir::put_endpoint(endpoints, o.place, o.endpoint);
      if (o.kind == Kind::remove_endpoint) ir::take_endpoint(endpoints, o.place);
      proof_->want(std::move(endpoints));
    }
    if (proof_->step(o)) decider_->note(o);
  }
}

void Planner::take_back() {
  back(done_, inverses_);
  done_.clear();
  inverses_.clear();
  digest_ = digest_before_;
}

// The workload is no file's any more: its name is what it was, and what came of it.
void Planner::changed() {
  digest_before_ = digest_;
  digest_ = diag::sha256_hex(digest_ + plan::to_yaml(done_));
}

diag::Result<Operations> Planner::add_flow(const FlowKey& key, unsigned endpoint, double rate,
                                           const FlowWish& wish) {
  if (endpoint >= plan().endpoints.size() || plan().endpoints[endpoint].vacant())
    return no("there is no such endpoint");
  frontend::OwnAddresses own(plan().host);
  const std::string from = plan::address_text(key.src);
  if (const std::string why = own.fault_of_source({key.src, key.src}); !why.empty())
    return no(fmt::format("no packet comes from `{}`: {}", from, why));
  if (!own.all_own({key.dst, key.dst}) ||
      !plan().endpoints[endpoint].listens(key.dst, key.dst_port))
    return no(fmt::format("endpoint `{}` does not listen there", plan().endpoints[endpoint].name));
  if (decider_->find(key) != nullptr)
    return no(fmt::format("there is a flow {} already", passes::flow_text(key)));
  const auto place = decider_->place(key, endpoint, wish);
  if (!place)
    return no(fmt::format("flow {} cannot be brought where it belongs: {}", passes::flow_text(key),
                          decider_->why_not(key, endpoint, wish)),
              "a plan of its workload (`weft compile`), for a new start");
  plan::FlowEntry entry = {key.src, key.src_port, key.dst, key.dst_port, endpoint, place->queue};
  entry.pinned = wish.queue.has_value();
  if (wish.gold && *wish.gold != plan().endpoints[endpoint].gold) entry.gold = wish.gold;
  Operations list = {{.kind = Kind::add_flow, .flow = entry}};
  if (!place->table.empty())
    list.push_back({.kind = Kind::create_rule, .filter = decider_->rule(key, *place, endpoint)});
  proof_->want(key, endpoint);
  auto proved = prove(std::move(list));
  if (!proved) {
    proof_->forget(key);
    return proved;
  }
  decider_->set_rate(key, rate);
  changed();
  return proved;
}

// Its rules go, and what they have delivered is waited for.
Operations Planner::away(const KnownFlow& flow) const {
  Operations list;
  for (const plan::Filter& rule : flow.rules)
    list.push_back({.kind = Kind::destroy_rule, .filter = rule});
  if (!flow.rules.empty() || proof_->waits(flow.entry.queue))
    list.push_back({.kind = Kind::drain, .queue = flow.entry.queue});
  return list;
}

diag::Result<Operations> Planner::remove_flow(const FlowKey& key, const std::string& of) {
  const KnownFlow* known = decider_->find(key);
  if (known == nullptr) return no(fmt::format("there is no flow {}", passes::flow_text(key)));
  const unsigned endpoint = known->entry.endpoint;
  if (const std::string& whose = plan().endpoints[endpoint].name; !of.empty() && whose != of)
    return no(
        fmt::format("flow {} is endpoint `{}`'s, not `{}`'s", passes::flow_text(key), whose, of));
  Operations list = away(*known);
  list.push_back({.kind = Kind::remove_flow, .flow = known->entry});
  proof_->forget(key);
  auto proved = prove(std::move(list));
  if (proved) {
    changed();
  } else {
    proof_->want(key, endpoint);
  }
  return proved;
}

diag::Result<Operations> Planner::move_flow(const FlowKey& key, unsigned queue) {
  const KnownFlow* known = decider_->find(key);
  if (known == nullptr) return no(fmt::format("there is no flow {}", passes::flow_text(key)));
  if (queue >= plan().configuration.rx_queues)
    return no(fmt::format("there is no queue {}", queue));
  if (known->entry.queue == queue) return Operations{};
  if (known->entry.pinned)
    return no(
        fmt::format("flow {} is wanted on queue {}", passes::flow_text(key), known->entry.queue),
        "apply a workload that says otherwise");
  Operations list = away(*known);
  list.push_back({.kind = Kind::move_flow, .flow = known->entry, .queue = queue});
  std::vector<plan::Filter> rules = known->rules;
  if (rules.empty() && decider_->predictable()) {
    const auto table = decider_->table_with_room();
    if (!table)
      return no(fmt::format("flow {} cannot move: no table has room for its rule",
                            passes::flow_text(key)));
    rules.push_back(decider_->rule(key, {*table, queue}, known->entry.endpoint));
  }
  for (plan::Filter& rule : rules) {
    rule.queue = queue;
    list.push_back({.kind = Kind::create_rule, .filter = rule});
  }
  auto proved = prove(std::move(list));
  if (proved) changed();
  return proved;
}

diag::Result<Operations> Planner::add_endpoint(const ir::Endpoint& endpoint) {
  const auto before = plan().endpoints;
  const auto place = static_cast<unsigned>(
      std::find_if(before.begin(), before.end(), [](const auto& e) { return e.vacant(); }) -
      before.begin());
  std::vector<ir::Endpoint> endpoints = before;
  ir::put_endpoint(endpoints, place, endpoint);
  proof_->want(endpoints);
  auto proved = prove({{.kind = Kind::add_endpoint, .endpoint = endpoint, .place = place}});
  if (proved) {
    changed();
  } else {
    proof_->want(before);
  }
  return proved;
}

diag::Result<Operations> Planner::remove_endpoint(const std::string& name) {
  const auto& now = plan().endpoints;
  const auto at = std::find_if(now.begin(), now.end(),
                               [&](const auto& e) { return !e.vacant() && e.name == name; });
  if (at == now.end()) return no(fmt::format("there is no endpoint `{}`", name));
  if (std::count_if(now.begin(), now.end(), [](const auto& e) { return !e.vacant(); }) == 1)
    return no(fmt::format("endpoint `{}` cannot go while the stack runs: it is the only one", name),
              "add another one first, or end the stack");
  const auto place = static_cast<unsigned>(at - now.begin());
  plan::Plan after = plan();
  plan::remove_endpoint(after, place);
  ir::Workload then = workload();
  ir::take_endpoint(then.endpoints, place);
  std::erase_if(then.flows, [&](const auto& f) { return f.endpoint == place; });
  then.digest.clear();
  return change_to(after, then);
}

diag::Result<Operations> Planner::change_to(const plan::Plan& target,
                                            const ir::Workload& workload) {
  plan::Plan after = target;
  plan::sort_flows(after);
  auto list = plan::operations(plan(), after, [this](const plan::Filter& now) {
    return passes::stand_in(proof_->inputs(), plan().configuration, now);
  });
  if (!list) return list;
  const ir::Workload before = this->workload();
  proof_->want_all(workload);
  auto proved = prove(std::move(*list));
  if (!proved) {
    proof_->want_all(before);
    return proved;
  }
  for (const ir::Flow& f : workload.flows) {
    const FlowKey key{f.src, f.src_port, workload.local_address(f), f.dst_port};
    decider_->set_rate(key, f.rate);
    decider_->set_pinned(key, f.queue.has_value());
  }
  changed();
  if (!workload.digest.empty()) digest_ = workload.digest;
  return proved;
}

diag::Result<Operations> Planner::rebalance(unsigned most, double least) {
  Operations all, inverses;
  const std::string digest = digest_;
  for (unsigned i = 0; i < most; ++i) {
    const auto move = decider_->best_move(least);
    if (!move) break;
    auto list = move_flow(move->first, move->second);
    if (!list) {
      back(all, inverses);
      digest_ = digest;
      return list;
    }
    all.insert(all.end(), list->begin(), list->end());
    inverses.insert(inverses.end(), inverses_.begin(), inverses_.end());
  }
  done_ = all;
  inverses_ = std::move(inverses);
  digest_before_ = digest;
  return all;
}

double Planner::observe(const std::vector<double>& per_second) {
  const std::vector<double> expected = decider_->load();
  double sum = 0, worst = 0;
  for (const double r : per_second) sum += r;
  const double mean = sum / static_cast<double>(std::max<std::size_t>(1, per_second.size()));
  if (mean <= 0) return 0;
  std::vector<double> factor(expected.size(), 1.0);
  for (std::size_t q = 0; q < expected.size() && q < per_second.size(); ++q) {
    worst = std::max(worst, std::abs(per_second[q] - expected[q]) / mean);
    if (expected[q] > 0) factor[q] = per_second[q] / expected[q];
  }
  std::vector<std::pair<FlowKey, double>> rates;
  for (const auto& [key, known] : decider_->flows())
    rates.emplace_back(key, known.rate * factor[known.entry.queue]);
  for (const auto& [key, rate] : rates) decider_->set_rate(key, rate);
  return worst;
}

ir::Workload Planner::workload() const {
  ir::Workload out = workload_of(plan());
  out.digest = digest_;
  for (ir::Flow& f : out.flows) {
    const KnownFlow* known = decider_->find({f.src, f.src_port, f.dst, f.dst_port});
    if (known != nullptr) f.rate = known->rate;
  }
  return out;
}

plan::Plan Planner::complete_plan() const {
  plan::Plan out = plan();
  out.inputs["workload"] = digest_;
  out.proof = proof();
  out.proof.content = plan::content_hash(out);
  return out;
}

ir::Workload workload_of(const plan::Plan& plan) {
  ir::Workload out;
  out.name = "running";
  out.host = plan.host;
  out.queues = plan.configuration.rx_queues;
  out.cores = static_cast<unsigned>(plan.cores.size());
  out.endpoints = plan.endpoints;
  for (const ir::Policy policy : {ir::Policy::balance, ir::Policy::gold, ir::Policy::fixed})
    if (plan.chosen.policy == to_string(policy)) out.policy = policy;
  for (const plan::FlowEntry& f : plan.flows)
    out.flows.push_back(passes::flow_of(f, plan.endpoints));
  const auto digest = plan.inputs.find("workload");
  if (digest != plan.inputs.end()) out.digest = digest->second;
  return out;
}

}  // namespace weft::planner
