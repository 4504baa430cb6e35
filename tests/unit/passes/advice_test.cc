// What a refusal advises does, and a bound knows of pins.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/passes/fixture.h"

namespace weft::passes {
namespace {

using namespace testing;

// Endpoints of their own groups, or one with a wish for a core.
Inputs host(const std::string& endpoints, unsigned queues) {
  Inputs in = inputs("intel_82599", "policy_balance");
  const std::string text = fmt::format(
      "workload: advice\nhost: {{mac: \"02:00:00:00:00:02\", address: 10.7.0.2/24}}\n"
      "queues: {}\ncores: 2\nendpoints:\n{}",
      queues, endpoints);
  const std::string path = fmt::format("{}weft_advice_{}.yaml", ::testing::TempDir(), getpid());
  std::ofstream(path) << text;
  in.workload = must(frontend::read_workload(path));
  std::filesystem::remove(path);
  return in;
}

diag::Result<plan::Plan> draft(const Inputs& in) {
  Options quick;
  quick.prove = quick.certify = false;
  return compile(in, quick);
}

std::string help_of(const Inputs& in) {
  const auto refused = draft(in);
  return refused ? "a plan" : refused.error().list.front().help;
}

std::string groups(unsigned dedicated) {
  std::string out;
  for (unsigned e = 0; e < 5; ++e)
    out += fmt::format("  e{0}: {{udp: {1}, app: udp_echo, rate: 10, trust: t{0}{2}}}\n", e, 7 + e,
                       e < dedicated ? ", placement: dedicated" : "");
  return out + "  f: {udp: 20, app: udp_echo}\n";
}

TEST(Advice, AsManyAreCopiedAsQueuesAreMissing) {
  const std::string help = help_of(host(groups(0), 4));
  EXPECT_NE(help.find("`queues: 6` would do"), std::string::npos) << help;
  EXPECT_NE(help.find("`placement: dedicated` for 2 of `e0`, "), std::string::npos) << help;
  EXPECT_TRUE(draft(host(groups(0), 6)));
  EXPECT_FALSE(draft(host(groups(1), 4)));
  EXPECT_TRUE(draft(host(groups(2), 4)));
}

TEST(Advice, WhoWantsAQueueAloneMayShareIt) {
  const std::string both =
      "  a: {{udp: 7, app: udp_echo, queue: 1{0}}}\n  b: {{udp: 8, app: udp_echo, queue: 1{1}}}\n"
      "flows:\n"
      "  - {{endpoint: a, from: 10.7.0.9, port: 4000}}\n"
      "  - {{endpoint: b, from: 10.7.0.9, port: 4001}}\n";
  const auto with = [&](const char* a, const char* b) {
    return host(fmt::format(fmt::runtime(both), a, b), 4);
  };
  const char* const alone = ", exclusive: on";
  EXPECT_EQ(help_of(with(alone, "")), "give them different queues; or leave out `exclusive:` of a");
  EXPECT_EQ(help_of(with(alone, alone)),
            "give them different queues; or leave out `exclusive:` of a and b");
  EXPECT_TRUE(draft(with("", "")));
  // On a card without rules it is less than what stands against each other would cost.
  Inputs in = with(alone, "");
  in.nic = inputs("amazon_ena", "policy_balance").nic;
  EXPECT_EQ(help_of(in), "leave out `exclusive:` of a would do");
  in.workload.endpoints[0].exclusive = false;
  EXPECT_TRUE(draft(in));
}

// Leaving out the one group leaves the other, which is told once.
TEST(Advice, GroupsAreNamed) {
  Inputs in =
      host("  a: {udp: 7, app: udp_echo, trust: x}\n  b: {udp: 8, app: udp_echo, trust: y}\n", 4);
  in.nic = inputs("amazon_ena", "policy_balance").nic;
  EXPECT_EQ(help_of(in),
            "one of these: leave out `trust:` of b; `placement: dedicated` for `b`, whose packets "
            "are copied then; and as well: leave out `trust:` of a");
  for (ir::Endpoint& e : in.workload.endpoints) e.trust.clear();
  EXPECT_TRUE(draft(in));
}

TEST(Advice, ACoreThatIsNotThereMayNeedQueues) {
  const std::string core = "  a: {udp: 7, app: udp_echo, rate: 1, core: 5}\n";
  EXPECT_EQ(help_of(host(core, 4)), "`cores: 6` and `queues: 6` would do");
  EXPECT_EQ(help_of(host(core, 8)), "`cores: 6`");
  for (const unsigned queues : {6u, 8u}) {
    Inputs in = host(core, queues);
    in.workload.cores = 6;
    EXPECT_TRUE(draft(in)) << queues;
  }
}

TEST(Advice, TheBoundKnowsOfPins) {
  Inputs in = host("  a: {udp: 7, app: udp_echo, queue: 3}\n", 8);
  ir::Flow flow = inputs("intel_82599", "policy_balance").workload.flows.front();
  flow.endpoint = 0;
  flow.queue.reset();
  flow.dst_port = 7;
  for (std::uint16_t n = 0; n < 20; ++n) {
    flow.src_port = static_cast<std::uint16_t>(4000 + n);
    in.workload.flows.push_back(flow);
  }
  const plan::Gap all_on_one = must(draft(in)).chosen.queues;
  EXPECT_NEAR(all_on_one.share(), 0, 1e-9);
  EXPECT_GT(all_on_one.busiest, 0);
}

}  // namespace
}  // namespace weft::passes
