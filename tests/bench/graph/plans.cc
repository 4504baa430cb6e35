#include "tests/bench/graph/plans.h"

#include <fstream>
#include <sstream>

#include "compiler/frontend/places.h"
#include "compiler/frontend/readers.h"
#include "tests/bench/graph/grown.h"
#include "tests/bench/graph/traffic.h"

namespace weft::bench {
namespace {

const std::string root = frontend::source_root();

ir::Workload echo_workload(unsigned flows, bool facts) {
  ir::Workload w;
  w.name = "bench";
  w.queues = facts ? 2 : 1;
  w.host = {.mac = host_mac, .address = host_address, .prefix_length = 16};
  w.endpoints.push_back({.name = "echo", .port = echo_port, .app = "udp_echo"});
  for (unsigned f = 0; f < flows; ++f) {
    w.flows.push_back(
        {.src = flow_address(f), .src_port = flow_port(f), .dst_port = echo_port, .endpoint = 0});
  }
  return w;
}

bool has_node(const ir::Graph& graph, std::string_view impl) {
  for (ir::Vertex v = 0; v < boost::num_vertices(graph.g); ++v) {
    if (graph.node(v).impl == impl) return true;
  }
  return false;
}

// What the name of a card case promises, or what of it the plan lacks.
std::string missing(const plan::Plan& plan, const plan::Residue& residue) {
  for (const auto* knob : {"rx.ipv4_cksum", "rx.l4_cksum", "tx.ipv4_cksum", "tx.udp_cksum"}) {
    const auto found = plan.configuration.knobs.find(knob);
    if (found == plan.configuration.knobs.end() || !found->second) {
      return std::string(knob) + " is off";
    }
  }
  if (residue.queue_class != "flows") return "no queue is fed by filters alone";
  if (has_node(residue.graph, "udp.find_flow")) return "flows are looked up in software";
  if (!has_node(residue.graph, "udp.checksum_request")) return "checksums are filled in software";
  return {};
}

diag::Result<CardPlan> chosen(ir::FieldTable fields, plan::Plan plan, bool facts) {
  CardPlan made{std::move(fields), std::move(plan), 0};
  const auto wanted = facts ? "flows" : "any";
  for (unsigned i = 0; i < made.plan.residues.size(); ++i) {
    if (made.plan.residues[i].queue_class == wanted) made.residue = i;
  }
  const auto lacks = facts ? missing(made.plan, made.plan.residues.at(made.residue)) : "";
  if (!lacks.empty()) {
    return diag::fail({.code = "E0660",
                       .message = "the plan for " + made.plan.nic +
                                  " is not what this case is to measure: " + lacks});
  }
  return made;
}

}  // namespace

diag::Result<CardPlan> plan_for(const std::string& nic, unsigned flows, bool facts, bool grown) {
  auto fields = frontend::read_headers(root + "/graphs/headers");
  if (!fields) return diag::fail(fields.error());
  auto graph = frontend::read_graph(root + "/graphs/host_udp_ipv4.yaml", *fields);
  if (!graph) return diag::fail(graph.error());
  if (grown) {
    const auto nodes = boost::num_vertices(graph->g);
    std::stringstream text;
    text << std::ifstream(root + "/graphs/host_udp_ipv4.yaml").rdbuf();
    graph = frontend::graph_from_text(grown_graph(text.str(), 2 * static_cast<unsigned>(nodes)),
                                      "grown.yaml", *fields);
    if (!graph) return diag::fail(graph.error());
    if (boost::num_vertices(graph->g) < 3 * nodes) {
      return diag::fail({.code = "E0660", .message = "the graph did not grow to three times"});
    }
  }
  auto model = frontend::read_nic(root + "/nicmodels/" + nic + ".yaml", *fields);
  if (!model) return diag::fail(model.error());
  auto costs = passes::read_costs(root + "/nicmodels/costs/default.yaml");
  if (!costs) return diag::fail(costs.error());
  auto plan = passes::compile({*fields, *graph, *model, echo_workload(flows, facts), *costs},
                              {.prove = false});
  if (!plan) return diag::fail(plan.error());
  return chosen(std::move(*fields), std::move(*plan), facts);
}

diag::Result<CardPlan> plan_from(const std::string& path, bool facts) {
  auto fields = frontend::read_headers(root + "/graphs/headers");
  if (!fields) return diag::fail(fields.error());
  auto plan = plan::read_plan(path, *fields);
  if (!plan) return diag::fail(plan.error());
  return chosen(std::move(*fields), std::move(*plan), facts);
}

}  // namespace weft::bench
