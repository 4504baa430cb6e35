// Gone, read, card, software: what each card makes of the protocol graph.
#include "compiler/passes/embed.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/passes/fixture.h"

namespace weft::passes::testing {
namespace {

plan::Plan plan_of(const Inputs& in, unsigned queues = 0) {
  Options options;
  options.prove = false;
  options.queues = queues;
  return must(compile(in, options));
}

const plan::Decision* find(const plan::Residue& r, const std::string& node,
                           const std::string& item = "") {
  for (const auto& d : r.decisions) {
    if (d.node == node && d.item == item) return &d;
  }
  return nullptr;
}

ir::Fate fate(const plan::Residue& r, const std::string& node, const std::string& item = "") {
  const auto* d = find(r, node, item);
  EXPECT_NE(d, nullptr) << node << "." << item;
  return d == nullptr ? ir::Fate::software : d->fate;
}

TEST(Embed, EveryNodeAndItemHasAFateWithAReason) {
  for (const auto& nic : nics) {
    const Inputs in = inputs(nic, "quickstart");
    for (const auto& residue : plan_of(in).residues) {
      for (auto [v, end] = vertices(in.graph.g); v != end; ++v) {
        const ir::Node& node = in.graph.node(*v);
        const auto* d = find(residue, node.id);
        ASSERT_NE(d, nullptr) << nic << " " << node.id;
        EXPECT_FALSE(d->why.empty()) << nic << " " << node.id;
        if (d->fate == ir::Fate::gone) continue;
        for (const auto& item : node.items)
          EXPECT_NE(find(residue, node.id, item.id), nullptr) << node.id << item.id;
      }
    }
  }
}

TEST(Embed, ACardThatCanDoNothingLeavesEverythingToSoftware) {
  const auto plan = plan_of(inputs("none", "quickstart"));
  ASSERT_EQ(plan.residues.size(), 1u);
  for (const auto& d : plan.residues[0].decisions)
    EXPECT_EQ(d.fate, ir::Fate::software) << d.node << "." << d.item;
}

TEST(Embed, The82599ReadsChecksumsUnderAGuard) {
  const auto plan = plan_of(inputs("intel_82599", "quickstart"));
  ASSERT_EQ(plan.residues.size(), 2u);
  const auto& any = plan.residues[0];
  EXPECT_EQ(fate(any, "eth_for_us"), ir::Fate::gone);
  EXPECT_EQ(fate(any, "ipv4_ok", "checksum"), ir::Fate::read);
  EXPECT_EQ(fate(any, "udp_checksum"), ir::Fate::card);
  // Its driver says "good" for fragments too: the word is believed for whole UDP and TCP alone.
  const ir::Node& node = any.graph.node(*any.graph.find("ipv4_ok"));
  const auto item = std::find_if(node.items.begin(), node.items.end(),
                                 [](const auto& i) { return i.id == "checksum"; });
  ASSERT_NE(item, node.items.end());
  const std::string when = ir::to_string(item->when);
  EXPECT_NE(when.find("fragment_offset"), std::string::npos) << when;
  EXPECT_EQ(item->test, "ipv4.checksum_ok") << "software stays behind the descriptor";
}

TEST(Embed, QueuesFedByRulesNeedNoClassification) {
  const auto plan = plan_of(inputs("intel_82599", "quickstart"));
  const auto& flows = plan.residues[1];
  EXPECT_EQ(flows.queues, (std::vector<unsigned>{1, 2, 3}));
  for (const char* node :
       {"eth_type", "ipv4_whole", "ipv4_protocol", "udp_port", "arp_ok", "icmp_ok"}) {
    EXPECT_EQ(fate(flows, node), ir::Fate::gone) << node;
  }
  // The 82599 never reports the mark: the lookup stays, though it can't miss.
  EXPECT_EQ(fate(flows, "udp_flow"), ir::Fate::software);
  EXPECT_FALSE(flows.graph.find("udp_port"));
}

TEST(Embed, AReportedMarkReplacesTheLookup) {
  for (const char* nic : {"intel_e810", "ideal"}) {
    const auto plan = plan_of(inputs(nic, "quickstart"));
    EXPECT_EQ(fate(plan.residues.at(1), "udp_flow"), ir::Fate::read) << nic;
  }
}

TEST(Embed, ResiduesDependOnShapesAndNotOnFlows) {
  Inputs in = inputs("intel_82599", "quickstart");
  const auto before = plan_of(in);
  for (auto& flow : in.workload.flows)
    flow.src_port = static_cast<std::uint16_t>(flow.src_port + 1000);
  in.workload.host.address += 5;
  const auto after = plan_of(in);
  ASSERT_EQ(before.residues.size(), after.residues.size());
  for (std::size_t i = 0; i < before.residues.size(); ++i)
    EXPECT_EQ(before.residues[i].id, after.residues[i].id);
}

TEST(Embed, EverySlotHasATargetInEveryResidue) {
  for (const auto& nic : nics) {
    for (const auto& residue : plan_of(inputs(nic, "quickstart")).residues) {
      std::vector<std::string> slots;
      for (auto [v, end] = vertices(residue.graph.g); v != end; ++v) {
        for (const auto& slot : residue.graph.node(*v).slots) slots.push_back(slot);
      }
      for (const char* slot : {"udp_send", "arp_request", "arp_resolved"}) {
        EXPECT_NE(std::find(slots.begin(), slots.end(), slot), slots.end())
            << nic << " " << residue.queue_class << " " << slot;
      }
    }
  }
}

}  // namespace
}  // namespace weft::passes::testing
