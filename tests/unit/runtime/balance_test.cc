// The balance finds what is missing, wherever it was lost.
#include <nlohmann/json.hpp>

#include "tests/unit/runtime/sim_stack.h"

namespace weft::test {
namespace {

observe::Snapshot snapshot() {
  std::vector<Bytes> frames = {arp_request()};
  for (unsigned i = 0; i < 40; ++i)
    frames.push_back(build(to_echo(static_cast<std::uint16_t>(40000 + i), Bytes(30, 1))));
  TestApp app;
  app.on_datagram = [](const weft_host& host, const weft_datagram& event) { echo(host, event); };
  SimStack stack(compiled("intel_82599", 4, 2), "intel_82599", frames, "balance");
  stack.run();
  return stack.stop();
}

TEST(Balance, HoldsAndNamesEveryEnd) {
  const auto sums = observe::balance(snapshot());
  EXPECT_TRUE(sums.exact()) << sums.text();
  EXPECT_EQ(sums.text(), "41 received = 1 arp_answered + 40 udp_deliver");
}

// One packet too few or too many in any counter of any layer makes some sum wrong.
TEST(Balance, NoCounterCanBeWrongUnseen) {
  const auto good = snapshot();
  using S = observe::Snapshot;
  const std::vector<std::pair<const char*, std::function<void(S&)>>> faults = {
      {"wire received", [](S& s) { ++s.wire.received; }},
      {"wire sent", [](S& s) { --s.wire.sent; }},
      {"card received", [](S& s) { ++s.card.received; }},
      {"card transmitted", [](S& s) { ++s.card.transmitted; }},
      {"card drop", [](S& s) { ++s.card.drops.front().count; }},
      {"queue", [](S& s) { --s.card.queue_received.front(); }},
      {"fetched", [](S& s) { --s.queues.front().counters.received; }},
      {"unreadable", [](S& s) { ++s.queues.front().counters.unreadable; }},
      {"before use", [](S& s) { ++s.queues.front().counters.before_use; }},
      {"probes", [](S& s) { ++s.queues.front().counters.probes; }},
      {"transmitted", [](S& s) { --s.queues.front().counters.transmitted; }},
      {"entry", [](S& s) { ++s.queues.front().entries["rx"]; }},
      {"end", [](S& s) { ++s.queues.front().received_ends.begin()->second; }},
      {"application", [](S& s) { --s.apps.front().counters.received; }},
      {"send", [](S& s) { ++s.apps.front().counters.sent; }},
      {"given up", [](S& s) { ++s.queues.back().tables.given_up; }},
      {"put together", [](S& s) { ++s.queues.back().tables.completed; }},
      {"taken over", [](S& s) { ++s.queues.back().counters.taken_over; }},
      {"impossible", [](S& s) { ++s.queues.back().impossible; }},
      {"spawn lost", [](S& s) { ++s.queues.back().counters.spawn_lost; }},
  };
  for (const auto& [name, plant] : faults) {
    auto bad = good;
    plant(bad);
    const auto sums = observe::balance(bad);
    EXPECT_FALSE(sums.exact()) << name;
    EXPECT_NE(sums.text().find("not balanced"), std::string::npos) << name;
  }
}

TEST(Snapshot, JsonHasTheDocumentedShape) {
  const auto json = nlohmann::json::parse(observe::to_json(snapshot()));
  for (const char* member :
       {"format", "plan", "graph", "nic", "engine", "pid", "running", "time_ns", "wire", "card",
        "cores", "queues", "nodes", "drops", "apps", "balance"})
    EXPECT_TRUE(json.contains(member)) << member;
  EXPECT_EQ(json["format"], 1);
  EXPECT_EQ(json["queues"].size(), 4u);
  EXPECT_EQ(json["cores"].size(), 2u);
  EXPECT_TRUE(json["balance"]["exact"].get<bool>());
  std::uint64_t delivered = 0;
  for (const auto& node : json["nodes"]) {
    if (node["node"] == "udp_deliver") delivered = node["packets"];
  }
  EXPECT_EQ(delivered, 40u);
  EXPECT_EQ(json["apps"][0]["zero_copy"], 40);
}

}  // namespace
}  // namespace weft::test
