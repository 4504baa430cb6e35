#include "runtime/live/live.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/ir/edges.h"
#include "compiler/plan/delta.h"
#include "compiler/plan/owners.h"
#include "stack-nodes/slots.h"

namespace weft::live {
namespace {

using plan::Operation;
using Kind = Operation::Kind;

FlowKey key_of(const plan::FlowEntry& f) { return {f.src, f.dst, f.src_port, f.dst_port}; }

diag::Error failed(const Operation& operation, const diag::Error& why, const char* code,
                   const std::string& more) {
  diag::Diagnostic d = why.list.front();
  d.notes.push_back({fmt::format("{}: {}", d.code, d.message), {}});
  d.code = code;
  d.message = fmt::format("`{}` failed; {}", plan::text(operation), more);
  return d;
}

}  // namespace

Live::Live(plan::Plan running, Parts parts) : plan_(std::move(running)), parts_(std::move(parts)) {
  plan::sort_flows(plan_);
  owners_ = flows_have_owners();
  homes_ = plan::owners_of(plan_);
}

diag::Result<void> Live::apply(const std::vector<Operation>& operations) {
  std::vector<Operation> done, inverses;
  for (const Operation& o : operations) {
    Operation back = fits(o) ? plan::inverse(o, plan_) : Operation{};
    auto ok = plan::apply(o, plan_);
    const bool unfit = !ok;
    if (ok) {
      ok = carry_out(o, back);
      if (!ok) (void)plan::apply(back, plan_);
    }
    if (ok) {
      done.push_back(o);
      inverses.push_back(std::move(back));
      continue;
    }
    for (const Operation& undoing : plan::undo(done, inverses)) {
      const Operation again = fits(undoing) ? plan::inverse(undoing, plan_) : Operation{};
      (void)plan::apply(undoing, plan_);
      if (auto undone = carry_out(undoing, again); !undone) {
        ++generation_;
        return diag::fail(failed(undoing, undone.error(), "E0675",
                                 "it was to take back what `" + plan::text(o) +
                                     "` needed: " + ok.error().list.front().message));
      }
    }
    if (unfit) return ok;
    return diag::fail(failed(o, ok.error(), "E0672", "everything is as it was before"));
  }
  ++generation_;
  return {};
}

// Is there what the inverse is made from?
bool Live::fits(const Operation& o) const {
  if (o.kind == Kind::set_residue) return plan::residue_of_queue(plan_, o.queue) != nullptr;
  if (o.kind != Kind::set_table) return true;
  return std::all_of(o.entries.begin(), o.entries.end(), [&](const auto& entry) {
    return entry.first < plan_.configuration.rss.table.size();
  });
}

bool Live::rename(plan::Plan plan) {
  plan::sort_flows(plan);
  if (!plan::same_but_for_names(plan_, plan)) return false;
  plan_ = std::move(plan);
  return true;
}

void Live::describe(const std::string& workload, const plan::Proof& proof) {
  if (!workload.empty()) plan_.inputs["workload"] = workload;
  plan_.proof = proof;
}

diag::Result<void> Live::carry_out(const Operation& o, const Operation& back) {
  switch (o.kind) {
    case Kind::add_flow: return add_flow(o.flow);
    case Kind::remove_flow: return remove_flow(o.flow);
    case Kind::move_flow: return move_flow(o.flow, o.queue);
    case Kind::create_rule:
    case Kind::destroy_rule:
    case Kind::set_table: return places_connections(o) ? move_homes(o, back) : on_card(o);
    case Kind::set_residue: return set_residue(o);
    case Kind::drain: return parts_.engine.drain(o.queue, parts_.meanwhile);
    case Kind::add_endpoint: return add_endpoint(o.endpoint, o.place);
    case Kind::remove_endpoint: return remove_endpoint(o.endpoint, o.place);
  }
  return {};
}

diag::Result<void> Live::on_all(const std::function<void(engine::NetCore&)>& work) {
  for (const auto& core : parts_.engine.cores()) {
    auto ok = parts_.engine.on_core(core->id, [&] { work(*core); });
    if (!ok) return ok;
  }
  return {};
}

diag::Result<void> Live::on_shard(unsigned queue, const std::function<void(engine::Shard&)>& work) {
  engine::Shard& shard = parts_.engine.shard(queue);
  return parts_.engine.on_core(shard.net_core, [&] {
    const RunsShard runs(shard.index);
    work(shard);
  });
}

// Does any residue hand flows over? Then every core knows whose each is.
bool Live::flows_have_owners() const {
  const unsigned entry = ir::entry_of_slot(static_cast<unsigned>(nodes::Slot::handed_flow));
  return std::any_of(plan_.residues.begin(), plan_.residues.end(), [&](const plan::Residue& r) {
    return ir::EdgeTable::of(r.graph).entries[entry].has_value();
  });
}

// The entry first: who is told to hand over finds it.
diag::Result<void> Live::add_flow(const plan::FlowEntry& flow) {
  const auto endpoint = static_cast<std::uint16_t>(flow.endpoint);
  auto ok = on_shard(flow.queue, [&](engine::Shard& shard) {
    shard.core.udp_flows.insert(key_of(flow), endpoint);
  });
  if (!ok || !owners_) return ok;
  ok = on_all([&](engine::NetCore& core) {
    core.owners.flows.insert(key_of(flow), static_cast<std::uint16_t>(flow.queue));
  });
  if (ok) return ok;
  (void)on_all([&](engine::NetCore& core) { core.owners.flows.erase(key_of(flow)); });
  (void)on_shard(flow.queue,
                 [&](engine::Shard& shard) { shard.core.udp_flows.erase(key_of(flow)); });
  return ok;
}

// The entry last, when nobody hands over any more and what was handed over is through.
diag::Result<void> Live::remove_flow(const plan::FlowEntry& flow) {
  if (owners_) {
    auto ok = on_all([&](engine::NetCore& core) { core.owners.flows.erase(key_of(flow)); });
    if (ok) ok = parts_.engine.drain(flow.queue, parts_.meanwhile);
    if (!ok) {
      (void)on_all([&](engine::NetCore& core) {
        core.owners.flows.insert(key_of(flow), static_cast<std::uint16_t>(flow.queue));
      });
      return ok;
    }
  }
  return on_shard(flow.queue,
                  [&](engine::Shard& shard) { shard.core.udp_flows.erase(key_of(flow)); });
}

// For a moment both shards have the entry: each packet is delivered by the one it comes to, as in
// the plan before or in the plan behind.
diag::Result<void> Live::move_flow(const plan::FlowEntry& flow, unsigned to) {
  const auto endpoint = static_cast<std::uint16_t>(flow.endpoint);
  auto ok = on_shard(
      to, [&](engine::Shard& shard) { shard.core.udp_flows.insert(key_of(flow), endpoint); });
  if (!ok) return ok;
  const auto owner = [&](unsigned queue) {
    return [&flow, queue](engine::NetCore& core) {
      core.owners.flows.insert(key_of(flow), static_cast<std::uint16_t>(queue));
    };
  };
  if (owners_) {
    ok = on_all(owner(to));
    if (ok) ok = parts_.engine.drain(flow.queue, parts_.meanwhile);
    if (!ok) {
      (void)on_all(owner(flow.queue));
      (void)on_shard(to, [&](engine::Shard& shard) { shard.core.udp_flows.erase(key_of(flow)); });
      return ok;
    }
  }
  return on_shard(flow.queue,
                  [&](engine::Shard& shard) { shard.core.udp_flows.erase(key_of(flow)); });
}

// Pieces of datagrams go to the shards whose residues put them together.
diag::Result<void> Live::own_datagrams(const plan::Plan& plan) {
  const auto datagrams = plan::owners_of(plan).datagrams;
  return on_all([&](engine::NetCore& core) { core.owners.datagrams = datagrams; });
}

diag::Result<void> Live::set_residue(const Operation& o) {
  const plan::Plan& after = plan_;
  engine::Shard& shard = parts_.engine.shard(o.queue);
  // Programs for all residues of the plan behind it, the queue's own first: the others run what
  // was handed over and has no entry there. Made here, so that the core only exchanges pointers.
  std::vector<engine::Program*> order;
  std::vector<std::unique_ptr<engine::Program>> more;
  const plan::Residue* own = plan::residue_of_queue(after, o.queue);
  std::vector<const plan::Residue*> wanted = {own};
  for (const plan::Residue& r : after.residues)
    if (&r != own) wanted.push_back(&r);
  for (const plan::Residue* residue : wanted) {
    if (engine::Program* there = shard.program_of(residue->id)) {
      order.push_back(there);
      continue;
    }
    auto code = parts_.code ? parts_.code(after) : diag::Result<const engine::GeneratedObject*>{};
    if (!code) return diag::fail(code.error());
    auto made = parts_.engine.make_program(std::make_shared<plan::Residue>(*residue), parts_.fields,
                                           shard, *code);
    if (!made) return diag::fail(made.error());
    order.push_back(made->get());
    more.push_back(std::move(*made));
  }
  // A shard that stops putting datagrams together gets no more pieces before, one that begins to
  // gets them when it can.
  const bool narrower = own->queue_class == "flows";
  if (narrower) {
    if (auto ok = own_datagrams(after); !ok) return ok;
    if (auto ok = parts_.engine.drain(o.queue, parts_.meanwhile); !ok) return ok;
  }
  auto ok = on_shard(o.queue, [&](engine::Shard& s) { s.run_by(order, std::move(more)); });
  owners_ = flows_have_owners();
  if (!ok || narrower) return ok;
  return own_datagrams(after);
}

}  // namespace weft::live
