// QEMU's cards: their plans differ node by node as the cards do, and a checksum that a card hands
// over unfinished is never looked at in software.
#include <algorithm>

#include "tests/unit/passes/fixture.h"

namespace weft::passes::testing {
namespace {

plan::Plan plan_of(const Inputs& in, const Options& options = {}) {
  return must(compile(in, options));
}

// "read: desc.l4_cksum == good || ..." of an item, or of a node.
std::string became(const plan::Plan& plan, const char* node, const char* item = nullptr) {
  const auto& graph = plan.residues.at(0).graph;
  const auto v = graph.find(node);
  if (!v) return "not there";
  const ir::Node& n = graph.node(*v);
  if (item == nullptr) return std::string(ir::to_string(n.fate));
  for (const auto& i : n.items) {
    if (i.id == item)
      return std::string(ir::to_string(i.fate)) + (i.when ? ": " + ir::to_string(i.when) : "");
  }
  return "not there";
}

// What a host that takes part in multicast is sent gets past the card's filter of addresses: by the
// switch for groups, or, where there is none, by the one for everything.
TEST(QemuCards, GroupsGetPastTheFilter) {
  for (const char* nic : {"qemu_e1000e", "virtio", "intel_82599"}) {
    Inputs in = inputs(nic, "quickstart");
    const Options chosen_alone = {.prove = false};
    EXPECT_FALSE(plan_of(in, chosen_alone).configuration.knobs.at("rx.promiscuous")) << nic;
    in.workload.host.multicast = true;
    const auto knobs = plan_of(in, chosen_alone).configuration.knobs;
    const bool groups = knobs.contains("rx.allmulticast") && knobs.at("rx.allmulticast");
    EXPECT_NE(groups, knobs.at("rx.promiscuous")) << nic;
    EXPECT_EQ(groups, std::string(nic) == "intel_82599") << nic;
  }
}

TEST(QemuCards, EachNodeBecomesWhatItsCardDoes) {
  struct Row {
    const char *nic, *ip, *udp, *ip_fill, *udp_fill;
  };
  const Row rows[] = {
      {"none", "software", "software", "software", "software"},
      {"qemu_e1000e", "software", "software", "card", "card"},
      {"vmxnet3", "software", "read: desc.l4_cksum == good", "software", "card"},
      {"virtio", "software", "read: desc.l4_cksum in {good, none}", "software", "card"},
      {"virtio_rss", "software", "read: desc.l4_cksum in {good, none}", "software", "card"},
  };
  for (const Row& row : rows) {
    const auto plan = plan_of(inputs(row.nic, "quickstart"));
    EXPECT_EQ(became(plan, "ipv4_ok", "checksum"), row.ip) << row.nic;
    EXPECT_EQ(became(plan, "udp_ok", "checksum"), row.udp) << row.nic;
    EXPECT_EQ(became(plan, "ipv4_checksum"), row.ip_fill) << row.nic;
    EXPECT_EQ(became(plan, "udp_checksum"), row.udp_fill) << row.nic;
    EXPECT_EQ(plan.proof.status, "proved") << row.nic;
  }
}

TEST(QemuCards, QueuesAreUsedWhereTheCardSpreadsAsItIsTold) {
  const auto queues = [](const char* nic, Options options = {.queues = 4}) {
    options.prove = false;
    return plan_of(inputs(nic, "quickstart"), options).configuration.rx_queues;
  };
  EXPECT_EQ(queues("qemu_e1000e"), 1U) << "two queues, and nothing that would use the second";
  EXPECT_EQ(queues("vmxnet3"), 1U);
  EXPECT_EQ(queues("virtio", {}), 1U) << "the host spreads as it likes: more is for more cores";
  EXPECT_EQ(queues("virtio", {.cores = 2}), 2U);
  EXPECT_EQ(queues("virtio"), 4U) << "asked for";
  EXPECT_EQ(queues("virtio_rss"), 4U);
}

class Unfinished : public ::testing::Test {
 protected:
  Inputs in = inputs("virtio", "quickstart");
  plan::Plan plan = must(compile(in, {}));

  ir::Item& checksum() {
    auto& graph = plan.residues.at(0).graph;
    for (auto& i : graph.node(*graph.find("udp_ok")).items) {
      if (i.id == "checksum") return i;
    }
    throw std::logic_error("no such item");
  }
};

TEST_F(Unfinished, IsNeverCheckedInSoftware) {
  checksum().when = ir::binary(ir::Op::eq, ir::name("desc.l4_cksum", 2), ir::constant(1, 2));
  const auto verdict = must(verify_plan(plan, in));
  ASSERT_FALSE(verdict.proved);
  ASSERT_TRUE(verdict.counterexample);
  EXPECT_EQ(verdict.counterexample->descriptor.at("desc.l4_cksum"), 3U);
  EXPECT_NE(verdict.counterexample->actual.find("drop_udp_checksum"), std::string::npos)
      << verdict.counterexample->actual;
}

// One word is about the sums of UDP and of TCP: a segment's is read as a datagram's is.
TEST(QemuCards, ASegmentsSumIsReadToo) {
  for (const auto& [nic, read] : {std::pair{"virtio", "read: desc.l4_cksum in {good, none}"},
                                  {"vmxnet3", "read: desc.l4_cksum == good"},
                                  {"intel_82599", "read: desc.l4_cksum == good"},
                                  {"qemu_e1000e", "software"}}) {
    const auto plan = plan_of(inputs(nic, "tcp_echo", "host_ipv4"));
    EXPECT_EQ(became(plan, "tcp_ok", "checksum"), read) << nic;
    EXPECT_EQ(plan.proof.status, "proved") << nic;
  }
}

// Whoever passes others' datagrams on would pass on sums that nobody has finished.
TEST(QemuCards, AForwarderHasSumsFinished) {
  Inputs in = inputs("virtio", "quickstart");
  in.workload.host.forwarding = true;
  auto plan = plan_of(in);
  EXPECT_FALSE(plan.configuration.knobs.at("rx.l4_cksum"));
  EXPECT_EQ(became(plan, "udp_ok", "checksum"), "software");
  plan.configuration.knobs["rx.l4_cksum"] = true;
  const auto verdict = must(verify_plan(plan, in));
  ASSERT_FALSE(verdict.proved);
  EXPECT_EQ(verdict.counterexample.value().descriptor.at("desc.l4_cksum"), 3U);
}

TEST_F(Unfinished, WithoutTheSwitchNoneMeansNothing) {
  plan.configuration.knobs["rx.l4_cksum"] = false;
  const auto verdict = must(verify_plan(plan, in));
  EXPECT_FALSE(verdict.proved) << "the residue believes a word that nobody has given";
}

TEST_F(Unfinished, ACardWithoutThatWordIsNotBelieved) {
  for (auto [v, end] = vertices(in.nic.receive.g); v != end; ++v) {
    auto& report = in.nic.receive.node(*v).config.report;
    if (report) report->none_is_good = false;
  }
  const auto verdict = must(verify_plan(plan, in));
  ASSERT_FALSE(verdict.proved);
  EXPECT_EQ(verdict.counterexample.value().descriptor.at("desc.l4_cksum"), 3U);
}

}  // namespace
}  // namespace weft::passes::testing
