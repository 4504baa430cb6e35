#include "compiler/plan/owners.h"

#include <algorithm>
#include <map>
#include <type_traits>

#include "compiler/ir/edges.h"
#include "compiler/plan/segment_rules.h"
#include "compiler/plan/target.h"
#include "compiler/rss/hash.h"

namespace weft::plan {

namespace {

bool has(const Residue& residue, unsigned entry) {
  return ir::EdgeTable::of(residue.graph).entries[entry].has_value();
}

unsigned entry_of(nodes::Slot slot) { return ir::entry_of_slot(static_cast<unsigned>(slot)); }

// Of plan.h's segment_fields: place and bytes in Arrival's key.
constexpr std::pair<std::size_t, std::size_t> places[] = {
    {Arrival::src, 4}, {Arrival::dst, 4}, {Arrival::src_port, 2}, {Arrival::dst_port, 2}};

// Where the symmetric function counts a byte once more: addresses and ports each stand beside what
// mirrors them.
constexpr std::size_t mirror(std::size_t place) {
  return place < Arrival::src_port ? place ^ 4 : place ^ 2;
}

Arrival arrival_of(const Rss& rss) {
  Arrival out;
  if (!rss.segment) return out;
  out.sums.assign(Arrival::bytes, {});
  out.table = rss.enabled && !rss.table.empty() ? rss.table : std::vector<std::uint16_t>{0};
  const rss::Hasher hash(rss.key, Arrival::bytes);
  std::map<std::size_t, std::size_t> from;  // in what is hashed, by place
  std::size_t end = 0;
  for (const std::string& field : *rss.segment) {
    const auto at = std::find(segment_fields.begin(), segment_fields.end(), field);
    out.by_own_port = out.by_own_port || field == "tcp.dst_port";
    const auto [place, bytes] = places[at - segment_fields.begin()];
    if (end + bytes > Arrival::bytes) return {};  // (one is named twice: an edited plan)
    for (std::size_t i = 0; i < bytes; ++i) from[place + i] = end++;
  }
  for (const auto& [place, byte] : from) {
    out.sums[place] = hash.of_byte(byte);
    if (rss.function == ir::HashFunction::toeplitz) continue;
    const auto other = from.find(mirror(place));
    if (other == from.end()) continue;
    const Arrival::Sums& there = hash.of_byte(other->second);
    for (std::size_t v = 0; v < there.size(); ++v) out.sums[place][v] ^= there[v];
  }
  return out;
}

SegmentRules rules_of(const Configuration& card) {
  SegmentRules out;
  for (const Filter* rule : segment_rules(card)) {
    // (Where nobody says which queue of a group it is, they are handed over as if there was none.)
    const SegmentRules::Shards shards = table_of(*rule);
    if (shards.empty() || (!rule->group.empty() && !card.rss.segment)) continue;
    FlowKey value, mask;
    const auto put = [rule](const char* field, auto& value, auto& mask) {
      const auto seen = seen_by(*rule, field);
      value = static_cast<std::remove_reference_t<decltype(value)>>(seen.first);
      mask = static_cast<std::remove_reference_t<decltype(mask)>>(seen.second);
    };
    put("ipv4.src", value.src, mask.src);
    put("ipv4.dst", value.dst, mask.dst);
    put("tcp.src_port", value.src_port, mask.src_port);
    put("tcp.dst_port", value.dst_port, mask.dst_port);
    out.add(value, mask, shards);
  }
  return out;
}

}  // namespace

std::vector<std::uint16_t> takers(const Plan& plan, nodes::Slot slot) {
  std::vector<std::uint16_t> out;
  for (const Residue& residue : plan.residues) {
    if (!has(residue, entry_of(slot))) continue;
    for (const unsigned queue : residue.queues) out.push_back(static_cast<std::uint16_t>(queue));
  }
  std::sort(out.begin(), out.end());
  return out;
}

Owners owners_of(const Plan& plan) {
  Owners out;
  out.datagrams = takers(plan, nodes::Slot::handed_fragment);
  out.arrival = arrival_of(plan.configuration.rss);
  out.rules = rules_of(plan.configuration);
  // (Where the card's hash brings segments, those alone are handed over that came in pieces.)
  if (!out.arrival.known()) out.segments = takers(plan, nodes::Slot::handed_segment);
  const bool flows = std::any_of(
      plan.residues.begin(), plan.residues.end(),
      [](const Residue& residue) { return has(residue, entry_of(nodes::Slot::handed_flow)); });
  if (!flows) return out;
  out.flows.reserve(plan.flows.size());
  for (const FlowEntry& flow : plan.flows)
    out.flows.insert({flow.src, flow.dst, flow.src_port, flow.dst_port},
                     static_cast<std::uint16_t>(flow.queue));
  return out;
}

bool takes_segments(const Plan& plan) {
  return std::any_of(plan.residues.begin(), plan.residues.end(), [](const Residue& residue) {
    const ir::Graph& graph = residue.graph;
    auto [v, end] = vertices(graph.g);
    return std::any_of(v, end, [&](ir::Vertex u) { return graph.node(u).impl == "tcp.receive"; });
  });
}

bool keeps_connections(const Plan& plan) {
  return plan.configuration.rss.segment && !takers(plan, nodes::Slot::handed_kept).empty();
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
