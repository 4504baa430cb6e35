// Issue A, check 4: deleting one offload from a model's YAML changes the residue and not the
// behaviour.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <iostream>
#include <set>

#include "tests/sim/differential.h"
#include "tests/sim/model_edit.h"
#include "tests/sim/traffic.h"

namespace weft::sim {
namespace {

std::set<std::string> residues(const plan::Plan& plan) {
  std::set<std::string> ids;
  for (const auto& residue : plan.residues) ids.insert(residue.id);
  return ids;
}

bool mentions(const ir::ExprPtr& e, const std::string& name) {
  if (!e) return false;
  const auto names = ir::names_in(e);
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Does some residue rely on the unit? Tables and RSS are used where the configuration fills them.
bool used(const plan::Plan& plan, const ir::Node& unit) {
  const ir::Config& c = unit.config;
  for (const auto& filter : plan.configuration.filters) {
    if (c.table && filter.table == unit.id) return true;
  }
  if (c.rss) return plan.configuration.rss.enabled;
  for (const auto& residue : plan.residues) {
    const ir::Graph& graph = residue.graph;
    for (ir::Vertex v = 0; v < boost::num_vertices(graph.g); ++v) {
      const ir::Node& node = graph.node(v);
      if (c.performs && node.impl == c.performs->request) return true;
      for (const auto& item : node.items) {
        if (c.report && mentions(item.when, c.report->field)) return true;
      }
    }
  }
  return false;
}

class Offloads : public testing::TestWithParam<std::string> {};

TEST_P(Offloads, DeletingOneChangesTheResidueAndNotTheBehaviour) {
  start_dpdk();
  const std::string nic = GetParam();
  for (const std::string workload : {"host", "vlan"}) {
    passes::Inputs in = inputs(nic, workload);
    const int vlan = in.workload.host.vlan_id == 0 ? -1 : in.workload.host.vlan_id;
    const auto capture =
        traffic({.packets = 20'000, .seed = 77, .vlan = vlan, .kernel = kernel_frames()});
    const passes::Inputs plain = reference_inputs(in);
    const plan::Plan reference = reference_plan(plain);
    const Result expected = run(reference, plain, capture, {});
    const plan::Plan whole = must(passes::compile(in, {.prove = false}));
    const std::string text = model_text(nic);
    for (const Unit& unit : units_of(in.nic)) {
      const ir::Graph& graph = unit.section == "receive" ? in.nic.receive : in.nic.transmit;
      const ir::Node& node = graph.node(*graph.find(unit.node));
      // Tagging is asked for only in a VLAN; the rest is the same there.
      const bool tags = node.config.performs && node.config.performs->effect == "vlan.push";
      if (tags != (workload == "vlan")) continue;
      passes::Inputs less = in;
      less.nic = model_from(without(text, in.nic, unit), nic, in.fields);
      ASSERT_FALSE(
          (unit.section == "receive" ? less.nic.receive : less.nic.transmit).find(unit.node));
      const plan::Plan plan = must(passes::compile(less, {}));  // proved
      const bool relied_on = used(whole, node);
      const bool other_residue = residues(plan) != residues(whole);
      const bool other_plan = plan::to_yaml(plan) != plan::to_yaml(whole);
      const std::string name = fmt::format("{} without {}.{}", nic, unit.section, unit.node);
      std::cout << fmt::format("  {:<44} {:<9} residue {:<8} {} of {} queues\n", name,
                               relied_on ? "used" : "not used", other_residue ? "differs" : "same",
                               plan.configuration.rx_queues, whole.configuration.rx_queues);
      const bool offload = node.config.report || node.config.performs;
      if (relied_on && offload) EXPECT_TRUE(other_residue) << name;
      if (relied_on) EXPECT_TRUE(other_plan) << name;
      const Result result = run(plan, less, capture, {});
      EXPECT_EQ(difference(expected, result), "") << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Offloads,
                         testing::Values("tap", "intel_82599", "intel_e810", "ideal"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace weft::sim
