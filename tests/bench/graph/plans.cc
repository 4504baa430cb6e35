#include "tests/bench/graph/plans.h"

#include "compiler/frontend/readers.h"
#include "tests/bench/graph/traffic.h"

namespace weft::bench {
namespace {

ir::Workload echo_workload(unsigned flows) {
  ir::Workload w;
  w.name = "bench";
  w.host = {.mac = host_mac, .address = host_address, .prefix_length = 16};
  w.endpoints.push_back({.name = "echo", .port = echo_port, .app = "udp_echo"});
  for (unsigned f = 0; f < flows; ++f) {
    w.flows.push_back(
        {.src = flow_address(f), .src_port = flow_port(f), .dst_port = echo_port, .endpoint = 0});
  }
  return w;
}

}  // namespace

diag::Result<CardPlan> plan_for(const std::string& nic, unsigned flows) {
  const std::string root = WEFT_SOURCE_DIR;
  auto fields = frontend::read_headers(root + "/graphs/headers");
  if (!fields) return diag::fail(fields.error());
  auto graph = frontend::read_graph(root + "/graphs/host_udp_ipv4.yaml", *fields);
  if (!graph) return diag::fail(graph.error());
  auto model = frontend::read_nic(root + "/nicmodels/" + nic + ".yaml", *fields);
  if (!model) return diag::fail(model.error());
  auto plan = passes::compile({*fields, *graph, *model, echo_workload(flows), passes::Costs{}},
                              {.prove = false});
  if (!plan) return diag::fail(plan.error());
  CardPlan made{std::move(*fields), std::move(*plan), 0};
  // A queue fed by filters alone has the shorter residue.
  for (unsigned i = 0; i < made.plan.residues.size(); ++i) {
    if (made.plan.residues[i].queue_class == "flows") made.residue = i;
  }
  return made;
}

}  // namespace weft::bench
