#include "compiler/plan/owners.h"

#include "compiler/ir/edges.h"
#include "stack-nodes/slots.h"

namespace weft::plan {

namespace {

bool has(const Residue& residue, unsigned entry) {
  return ir::EdgeTable::of(residue.graph).entries[entry].has_value();
}

unsigned entry_of(nodes::Slot slot) { return ir::entry_of_slot(static_cast<unsigned>(slot)); }

}  // namespace

Owners owners_of(const Plan& plan) {
  Owners out;
  bool flows = false;
  for (const Residue& residue : plan.residues) {
    flows = flows || has(residue, entry_of(nodes::Slot::handed_flow));
    if (!has(residue, entry_of(nodes::Slot::handed_fragment))) continue;
    for (const unsigned queue : residue.queues)
      out.datagrams.push_back(static_cast<std::uint16_t>(queue));
  }
  if (!flows) return out;
  out.flows.reserve(plan.flows.size());
  for (const FlowEntry& flow : plan.flows)
    out.flows.insert({flow.src, flow.dst, flow.src_port, flow.dst_port},
                     static_cast<std::uint16_t>(flow.queue));
  return out;
}

const Residue* residue_of_entry(const Plan& plan, unsigned queue, unsigned entry) {
  const Residue* own = residue_of_queue(plan, queue);
  if (own != nullptr && has(*own, entry)) return own;
  for (const Residue& residue : plan.residues) {
    if (has(residue, entry)) return &residue;
  }
  return nullptr;
}

}  // namespace weft::plan
