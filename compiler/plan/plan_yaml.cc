// The plan as text: one fixed order, one fixed form, so that the same plan gives the same bytes.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "compiler/frontend/readers.h"
#include "compiler/plan/memory.h"
#include "compiler/plan/parts.h"
#include "compiler/plan/plan.h"
#include "compiler/plan/text.h"

namespace weft::plan {
namespace {

using fmt::format;

const char* on_off(bool value) { return value ? "on" : "off"; }

std::string list(const std::vector<unsigned>& values) {
  return format("[{}]", fmt::join(values, ", "));
}

std::string indented(const std::string& text, unsigned spaces) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t end = text.find('\n', at);
    if (end == std::string::npos) end = text.size();
    if (end > at) out += std::string(spaces, ' ') + text.substr(at, end - at);
    out += '\n';
    at = end + 1;
  }
  return out;
}

std::string host_text(const ir::HostConfig& host) {
  std::string out = "host:\n";
  out += format("  mac: {}\n", mac_text(host.mac));
  out += format("  address: {}/{}\n", address_text(host.address), host.prefix_length);
  if (!host.secondary.empty()) out += "  secondary:\n";
  for (const ir::OwnAddress& own : host.secondary)
    out += format("    - {}/{}\n", address_text(own.address), own.prefix_length);
  out += format("  vlan: {}\n  mtu: {}\n", host.vlan_id, host.mtu);
  out += format("  forwarding: {}\n", on_off(host.forwarding));
  if (host.multicast) out += "  multicast: on\n";
  if (host.probe) out += "  probe: on\n";
  if (!host.neighbours.empty()) out += "  neighbours:\n";
  for (const ir::Neighbour& n : host.neighbours)
    out += format("    - {{address: {}, mac: {}}}\n", address_text(n.address), mac_text(n.mac));
  if (host.routes.empty()) return out;
  out += "  routes:\n";
  for (const ir::Route& route : host.routes) {
    out += format("    - {{to: {}/{}", address_text(route.prefix), route.length);
    if (route.via != 0) out += format(", via: {}", address_text(route.via));
    out += "}\n";
  }
  return out;
}

}  // namespace

std::string filter_yaml(const Filter& filter) {
  std::vector<std::string> match;
  for (const auto& [field, pair] : filter.match)
    match.push_back(format("{}: {}", field, match_text(field, pair.first, pair.second)));
  std::string out = format("{{id: {}, table: {}, ", filter.id, filter.table);
  if (filter.group.empty()) {
    out += format("queue: {}", filter.queue);
  } else {
    out += format("queues: [{}]", fmt::join(filter.group, ", "));
    if (filter.entries != 0) out += format(", entries: {}", filter.entries);
  }
  if (filter.priority != 0) out += format(", priority: {}", filter.priority);
  if (filter.mark != 0) out += format(", mark: {}", filter.mark);
  return out + format(", match: {{{}}}}}", fmt::join(match, ", "));
}

namespace {

std::string configuration_text(const Configuration& c) {
  std::string out = "# What the card is told.\nconfiguration:\n";
  out += format("  rx_queues: {}\n  tx_queues: {}\n", c.rx_queues, c.tx_queues);
  if (!c.knobs.empty()) out += "  knobs:\n";
  for (const auto& [knob, value] : c.knobs) out += format("    {}: {}\n", knob, on_off(value));
  out += format("  rss:\n    enabled: {}\n", on_off(c.rss.enabled));
  if (c.rss.function != ir::HashFunction::toeplitz)
    out += format("    function: {}\n", ir::to_string(c.rss.function));
  if (!c.rss.types.empty()) out += format("    types: [{}]\n", fmt::join(c.rss.types, ", "));
  if (!c.rss.key.empty()) out += format("    key: {}\n", quoted(hex_text(c.rss.key)));
  if (!c.rss.table.empty())
    out += format("    table: [{}]\n", fmt::join(run_lengths(c.rss.table), ", "));
  if (c.rss.segment) out += format("    segment: [{}]\n", fmt::join(*c.rss.segment, ", "));
  std::vector<std::string> does, peers;
  for (const std::string& what : c.rss.does) does.push_back(quoted(what));
  for (const auto& [port, key] : c.rss.peers)
    peers.push_back(format("{}: {}", port, quoted(hex_text(key))));
  if (!does.empty()) out += format("    does: [{}]\n", fmt::join(does, ", "));
  if (!peers.empty()) out += format("    peers: {{{}}}\n", fmt::join(peers, ", "));
  if (!c.filters.empty()) out += "  filters:\n";
  for (const Filter& filter : c.filters) out += format("    - {}\n", filter_yaml(filter));
  return out;
}

// What an endpoint has beside one port of all addresses.
std::string socket_members(const ir::Endpoint& e) {
  std::string out;
  if (e.ports != 1) out += format(", ports: {}", e.ports);
  if (e.bound()) out += format(", address: {}", address_text(e.address));
  if (e.addresses != 1) out += format(", addresses: {}", e.addresses);
  if (e.ecn) out += ", ecn: on";
  if (e.congestion != ir::Congestion::cubic)
    out += format(", congestion: {}", to_string(e.congestion));
  if (e.groups.empty()) return out;
  std::vector<std::string> groups;
  for (const ir::GroupJoin& g : e.groups) groups.push_back(quoted(group_text(g)));
  out += format(", groups: [{}]", fmt::join(groups, ", "));
  return out;
}

// What it asked for: whoever gives queues to new flows while the stack runs keeps to it.
std::string wishes(const ir::Endpoint& e) {
  std::string out;
  if (e.gold) out += ", class: gold";
  if (e.exclusive) out += ", exclusive: on";
  if (!e.trust.empty()) out += format(", trust: {}", e.trust);
  if (e.cost != 0) out += format(", cost: {}", number_text(e.cost));
  if (e.size != 0) out += format(", size: {}", e.size);
  if (e.queues) out += format(", queues: [{}, {}]", e.queues->first, e.queues->last);
  if (e.core) out += format(", core: {}", *e.core);
  return out;
}

}  // namespace

std::string endpoint_yaml(const ir::Endpoint& e) {
  if (e.vacant()) return "{vacant: on}";
  return format("{{name: {}, {}port: {}{}, app: {}, rate: {}{}}}", quoted(e.name),
                e.tcp ? "protocol: tcp, " : "", e.port, socket_members(e), quoted(e.app),
                number_text(e.rate), wishes(e));
}

std::string flow_yaml(const FlowEntry& f) {
  return format("{{from: {}:{}, to: {}:{}, endpoint: {}, queue: {}{}{}}}", address_text(f.src),
                f.src_port, address_text(f.dst), f.dst_port, f.endpoint, f.queue,
                f.pinned ? ", pinned: on" : "",
                f.gold ? format(", class: {}", *f.gold ? "gold" : "normal") : "");
}

namespace {

std::string tables_text(const Plan& plan) {
  std::string out;
  if (!plan.endpoints.empty()) out += "endpoints:\n";
  for (const ir::Endpoint& e : plan.endpoints) out += format("  - {}\n", endpoint_yaml(e));
  if (!plan.flows.empty())
    out += "# Connected flows, and the queue whose core owns each.\nflows:\n";
  for (const FlowEntry& f : plan.flows) out += format("  - {}\n", flow_yaml(f));
  return out;
}

std::string gap_text(const Gap& gap) {
  return format("{{busiest: {}, bound: {}}}", number_text(gap.busiest), number_text(gap.bound));
}

std::string process_members(const Placed& p) {
  if (p.process.empty()) return "";
  return format(", process: {}, receive: {}, rate: {}, size: {}", quoted(p.process),
                p.copies ? "copy" : "zero_copy", number_text(p.rate), p.size);
}

std::string memory_text(const std::vector<Region>& regions) {
  if (regions.empty()) return "";
  std::string out =
      "# Pools of packet buffers by the queues that fill them, and memory of processes.\nmemory:\n";
  for (const Region& r : regions)
    out += format("  - {{region: {}, for: {}{}, buffers: {}, bytes: {}{}}}\n", quoted(r.name),
                  to_string(r.kind), r.queues.empty() ? "" : ", queues: " + list(r.queues),
                  r.buffers, r.bytes, r.node ? format(", node: {}", *r.node) : "");
  return out;
}

std::string latency_text(const std::vector<Latency>& all) {
  if (all.empty()) return "";
  std::string out =
      "# Microseconds, predicted (M/G/1, two classes): the mean wait of a packet, and what 99 of "
      "100\n"
      "# take at most from their queue to the application.\nlatency:\n";
  for (const Latency& l : all)
    out += format("  - {{endpoints: {}, of: {}, wait_us: {}, p99_us: {}{}}}\n", list(l.endpoints),
                  l.priority ? "gold" : "all", number_text(l.wait_us), number_text(l.p99_us),
                  l.allowed_us == 0 ? "" : ", allowed_us: " + number_text(l.allowed_us));
  return out;
}

std::string choice_text(const Chosen& c) {
  std::string out =
      "# How flows were given to queues, and the least that any plan's busiest queue and core "
      "have.\n"
      "choice:\n";
  out += format("  policy: {}\n", c.policy);
  if (!c.zones.empty()) out += "  zones:\n";
  for (const QueueZone& z : c.zones)
    out += format("    - {{name: {}, queues: {}{}}}\n", quoted(z.name), list(z.queues),
                  z.priority ? ", priority: on" : "");
  out += format("  queues: {}\n  cores: {}\n", gap_text(c.queues), gap_text(c.cores));
  if (!c.certified.empty()) out += format("  certified: [{}]\n", fmt::join(c.certified, ", "));
  if (!c.placement.empty()) out += "  placement:\n";
  for (const Placed& p : c.placement)
    out += format("    - {{endpoint: {}, how: {}{}, why: {}}}\n", p.endpoint, to_string(p.how),
                  process_members(p), quoted(p.why));
  if (!c.objectives.empty()) out += format("  objectives: [{}]\n", fmt::join(c.objectives, ", "));
  if (!c.compared.empty()) out += "  compared:\n";
  for (const Compared& o : c.compared)
    out += format("    - {{cores: {}, priority: {}, filters: {}, load: {}, latency_us: {}{}}}\n",
                  o.cores, o.priority, o.filters, number_text(o.load), number_text(o.latency_us),
                  o.lost.empty() ? "" : format(", lost: {}", o.lost));
  if (c.stopped) out += "  stopped: on\n";
  return out;
}

}  // namespace

std::string residue_yaml(const Residue& r) {
  std::string out = format("  - id: {}\n    queues: {}\n    class: {}\n", quoted(r.id),
                           list(r.queues), r.queue_class);
  if (!r.decisions.empty()) out += "    decisions:\n";
  for (const Decision& d : r.decisions) {
    out += format("      - {{node: {}", d.node);
    if (!d.item.empty()) out += format(", item: {}", d.item);
    out += format(", fate: {}, why: {}}}\n", ir::to_string(d.fate), quoted(d.why));
  }
  return out + "    graph:\n" + indented(frontend::print_graph(r.graph), 6);
}

std::string proof_yaml(const Proof& p) {
  std::string out =
      "# Written by the prover. `content` is the SHA-256 of everything above.\nproof:\n";
  out += format("  status: {}\n", p.status);
  if (!p.content.empty()) out += format("  content: {}\n", quoted(p.content));
  out += format("  leaves: {}\n  queries: {}\n", p.leaves, p.queries);
  if (!p.solver.empty()) out += format("  solver: {}\n", quoted(p.solver));
  if (!p.not_proved.empty()) out += format("  not_proved: [{}]\n", fmt::join(p.not_proved, ", "));
  return out;
}

std::string to_yaml_without_proof(const Plan& plan) {
  std::string out =
      "# A plan of weft: read it with `weft explain`, compare with `weft diff`. It is proved as "
      "it\n"
      "# stands; weft-runtime refuses an edited one.\n";
  out += format("plan: {}\ngraph: {}\nnic: {}\ndriver: {}\n", plan.version, plan.graph, plan.nic,
                plan.driver);
  if (!plan.inputs.empty()) out += "# SHA-256 of what the plan was made from.\ninputs:\n";
  for (const auto& [name, digest] : plan.inputs) out += format("  {}: {}\n", name, quoted(digest));
  out += host_text(plan.host);
  out += configuration_text(plan.configuration);
  out += tables_text(plan);
  out += choice_text(plan.chosen);
  if (!plan.cores.empty()) out += "# Load in cycles per second, predicted.\ncores:\n";
  for (const NetCore& core : plan.cores)
    out += format(
        "  - {{id: {}{}{}{}, queues: {}{}, load: {}}}\n", core.id,
        core.cpu ? format(", cpu: {}", *core.cpu) : "",
        core.slower != 1 ? ", slower: " + number_text(core.slower) : "",
        core.remote != 0 ? ", remote: " + number_text(core.remote) : "", list(core.queues),
        core.priority.empty() ? "" : ", priority: " + list(core.priority), number_text(core.load));
  out += latency_text(plan.latency);
  out += memory_text(plan.memory);
  out += format("cycles_per_packet: {}\ncycles_saved: {}\n", number_text(plan.cycles_per_packet),
                number_text(plan.cycles_saved));
  if (!plan.residues.empty())
    out += "# What is left of the protocol graph for each kind of queue, and why.\nresidues:\n";
  for (const Residue& residue : plan.residues) out += residue_yaml(residue);
  return out;
}

std::string to_yaml(const Plan& plan) {
  return to_yaml_without_proof(plan) + proof_yaml(plan.proof);
}

const Residue* residue_of_queue(const Plan& plan, unsigned queue) {
  for (const Residue& residue : plan.residues)
    for (unsigned q : residue.queues)
      if (q == queue) return &residue;
  return nullptr;
}

}  // namespace weft::plan
