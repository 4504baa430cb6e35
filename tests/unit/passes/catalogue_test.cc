// Cards with awkward rules: what their tables take, what their drivers silently make of it, and
// that the proof goes by the drivers.
#include "compiler/ir/filter_shape.h"
#include "compiler/passes/steer.h"
#include "tests/unit/passes/fixture.h"

namespace weft::passes::testing {
namespace {

const std::vector<std::string> flow = {"ipv4.src", "ipv4.dst", "udp.src_port", "udp.dst_port"};

const ir::FilterTable& table_of(const Inputs& in, const char* name) {
  return *in.nic.receive.node(*in.nic.receive.find(name)).config.table;
}

TEST(Catalogue, EveryCardHasAProvedPlan) {
  for (const char* nic :
       {"intel_x550", "intel_xl710", "intel_i350", "intel_i225", "mellanox_connectx5",
        "solarflare_sfn5122f", "solarflare_x2", "broadcom_bnxt", "amazon_ena", "google_gve"}) {
    const Inputs in = inputs(nic, "quickstart");
    const auto plan = compile(in, {});
    ASSERT_TRUE(plan) << nic << "\n" << diag::render(plan.error(), false);
    EXPECT_EQ(plan->proof.status, "proved") << nic;
    for (const auto& rule : plan->configuration.filters) {
      const auto& table = table_of(in, rule.table.c_str());
      for (const auto& [field, match] : rule.match)
        EXPECT_EQ(ir::effective_mask(table, field, match.second, in.fields), match.second)
            << nic << " ignores the mask of " << field;
    }
  }
}

TEST(Catalogue, ShapesThatTablesTake) {
  struct Row {
    const char *nic, *table;
    std::vector<std::string> fields;
    bool taken;
  };
  const std::vector<std::string> port = {"udp.dst_port"};
  const std::vector<std::string> endpoint = {"ipv4.dst", "udp.dst_port"};
  const Row rows[] = {
      {"intel_82599", "ntuple5", flow, true},
      {"intel_82599", "ntuple5", port, true},
      {"intel_82599", "fdir", endpoint, true},
      {"intel_i350", "two_tuple", port, true},
      {"intel_i350", "two_tuple", flow, false},
      {"intel_i225", "ntuple", port, true},
      {"intel_i225", "ntuple", endpoint, false},
      {"solarflare_x2", "ef10", flow, true},
      {"solarflare_x2", "ef10", endpoint, true},
      {"solarflare_x2", "ef10", port, false},
      {"broadcom_bnxt", "ntuple", flow, true},
      {"broadcom_bnxt", "ntuple", port, false},
      {"intel_xl710", "fdir", port, true},
      {"intel_xl710", "fdir", {"ipv4.src"}, true},
      {"intel_x550", "ethertype", {"eth.type"}, true},
      {"intel_x550", "syn", {"tcp.syn"}, true},
      {"intel_x550", "syn", port, false},
  };
  for (const Row& row : rows) {
    const Inputs in = inputs(row.nic, "quickstart");
    const auto shape = ir::shape_for(table_of(in, row.table), row.fields, in.fields);
    EXPECT_EQ(shape.has_value(), row.taken) << row.nic << " " << row.table;
  }
}

TEST(Catalogue, MasksAreSharedByType) {
  const Inputs in = inputs("intel_xl710", "quickstart");
  const auto& fdir = table_of(in, "fdir");
  const ir::Shape udp = ir::full_shape(flow, in.fields);
  const ir::Shape tcp = ir::full_shape({"ipv4.src", "tcp.dst_port"}, in.fields);
  EXPECT_EQ(ir::mask_group(fdir, udp, in.fields).group, "udp");
  EXPECT_EQ(ir::mask_group(fdir, tcp, in.fields).group, "tcp");
  ir::Shape partial = udp;
  partial["ipv4.src"] = 0xffffff00;
  EXPECT_EQ(ir::mask_group(fdir, partial, in.fields).mask.count("ipv4.src"), 0U);
  EXPECT_EQ(ir::packet_type(ir::full_shape({"ipv4.src"}, in.fields)), "ipv4");
  EXPECT_EQ(ir::packet_type(ir::full_shape({"eth.type"}, in.fields)), "eth");
}

TEST(Catalogue, RulesOfOneTypeShareOneInputSet) {
  const Inputs in = inputs("intel_xl710", "quickstart");
  plan::Plan plan = must(compile(in, {.prove = false}));
  plan.configuration.filters.at(3).match.erase("udp.src_port");
  const auto verdict = verify_plan(plan, in);
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().list.front().code, "E0507");
}

// The driver takes a mask of /24 and looks at no source at all: the rule catches datagrams from
// anywhere, and the queue it leads to was told to expect known flows alone.
TEST(Catalogue, AMaskThatTheDriverIgnoresIsNoFilter) {
  const Inputs in = inputs("intel_xl710", "quickstart");
  plan::Plan plan = must(compile(in, {.prove = false}));
  // All rules lose the last bits of the source, so that they share one input set, which lacks it.
  for (auto& rule : plan.configuration.filters) rule.match["ipv4.src"].second = 0xffffff00;
  const auto verdict = must(verify_plan(plan, in));
  EXPECT_FALSE(verdict.proved);
  EXPECT_TRUE(verdict.counterexample);
}

plan::Filter echo_rule(const Inputs& in, const char* table, const std::vector<std::string>& names,
                       unsigned queue) {
  plan::Filter rule;
  rule.id = "echo";
  rule.table = table;
  rule.queue = queue;
  const auto shape = ir::shape_for(table_of(in, table), names, in.fields);
  const FlowKey flow{0, 0, in.workload.host.address, 7};
  for (const auto& [field, mask] : *shape) rule.match[field] = {field_of(flow, field), mask};
  return rule;
}

// One rule for an endpoint instead of one for each of its flows. Whoever else sends there arrives
// on that queue too, and the residue for everything serves him.
TEST(Catalogue, OneRuleForAllFlowsOfAnEndpoint) {
  const Inputs in = inputs("intel_i350", "quickstart");
  plan::Plan plan = must(compile(in, {.queues = 4, .prove = false}));
  ASSERT_TRUE(plan.configuration.filters.empty()) << "no rule for one flow";
  plan.configuration.filters = {echo_rule(in, "two_tuple", {"udp.dst_port"}, 2)};
  for (auto& f : plan.flows) f.queue = 2;
  EXPECT_TRUE(must(verify_plan(plan, in)).proved);
}

// A queue that was told to expect known flows alone must not get such a rule.
TEST(Catalogue, ARuleForEverybodyIsNoRuleForFlows) {
  const Inputs in = inputs("solarflare_x2", "quickstart");
  plan::Plan plan = must(compile(in, {.queues = 4, .prove = false}));
  const unsigned fed = plan.configuration.filters.front().queue;
  ASSERT_EQ(plan::residue_of_queue(plan, fed)->queue_class, "flows");
  plan.configuration.filters.push_back(echo_rule(in, "ef10", {"ipv4.dst", "udp.dst_port"}, fed));
  const auto verdict = must(verify_plan(plan, in));
  EXPECT_FALSE(verdict.proved);
  ASSERT_TRUE(verdict.counterexample);
}

// No rule of this card says UDP: a segment of TCP with a flow's addresses and ports hits it.
TEST(Catalogue, ARuleThatCannotSayUdpCatchesTcp) {
  const auto gone = [](const char* nic, const char* node) {
    const plan::Plan plan = must(compile(inputs(nic, "quickstart"), {.prove = false}));
    for (const auto& residue : plan.residues)
      if (residue.queue_class == "flows") return !residue.graph.find(node).has_value();
    return false;
  };
  EXPECT_TRUE(gone("solarflare_x2", "ipv4_protocol"));
  EXPECT_FALSE(gone("broadcom_bnxt", "ipv4_protocol"));
}

TEST(Catalogue, TypesThatNobodyChoosesAreAlwaysHashed) {
  const Inputs in = inputs("amazon_ena", "quickstart");
  const plan::Plan plan = must(compile(in, {.queues = 4, .prove = false}));
  plan::Rss none = plan.configuration.rss;
  none.types.clear();
  unsigned on = 0;
  for (const auto& type : rss_node(in.nic)->config.rss->types) on += is_on(type, none) ? 1 : 0;
  EXPECT_EQ(on, 3U) << "IPv4, its fragments, and everything else by its MAC addresses";
}

}  // namespace
}  // namespace weft::passes::testing
