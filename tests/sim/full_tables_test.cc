// Issue B, check 5: the 82599's tables, full. 128 five-tuple and 2,046 flow-director rules fit;
// what is more goes to software by RSS. Compiled, proved, and run: every flow arrives on the queue
// that the plan says, is known there, and is answered.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <iostream>
#include <set>

#include "tests/sim/frames.h"
#include "tests/sim/harness.h"

namespace weft::sim {
namespace {

constexpr unsigned ntuple_rules = 128, director_rules = 2'046;
constexpr unsigned both = ntuple_rules + director_rules;

// Hosts of the link, none of them this one (which is 10.7.0.200, too).
constexpr unsigned hosts = 190;
std::uint32_t source(unsigned flow) { return on_link(10 + flow % hosts); }
std::uint16_t source_port(unsigned flow) { return static_cast<std::uint16_t>(10'000 + flow); }
unsigned endpoint(unsigned flow) { return flow % 3 == 0 ? 1 : 0; }

passes::Inputs with_flows(unsigned flows) {
  passes::Inputs in = inputs("intel_82599", "host");
  in.workload.queues = 8;
  in.workload.flows.clear();
  for (unsigned i = 0; i < flows; ++i)
    in.workload.flows.push_back({.src = source(i),
                                 .src_port = source_port(i),
                                 .dst_port = static_cast<std::uint16_t>(endpoint(i) == 1 ? 9 : 7),
                                 .endpoint = endpoint(i),
                                 .rate = 1.0 + i % 7,
                                 .span = {}});
  return in;
}

template <class F>
double seconds(F&& f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// What the compiler may ask an 82599 for.
void check_rules(const plan::Plan& plan, unsigned flows) {
  std::map<std::string, unsigned> in_table;
  std::set<std::map<std::string, std::uint64_t>> director_masks;
  for (const plan::Filter& filter : plan.configuration.filters) {
    ++in_table[filter.table];
    if (filter.table == "fdir") {
      EXPECT_NE(filter.mark, 0u) << filter.id << " would go to ntuple5";
      std::map<std::string, std::uint64_t> masks;
      for (const auto& [field, match] : filter.match) masks[field] = match.second;
      director_masks.insert(masks);
    } else {
      EXPECT_EQ(filter.mark, 0u) << filter.id << " would go to fdir";
      EXPECT_GE(filter.priority, 1u);
      EXPECT_LE(filter.priority, 7u);
    }
  }
  EXPECT_EQ(in_table["ntuple5"], std::min(flows, ntuple_rules));
  EXPECT_EQ(in_table["fdir"], std::min(flows, both) - in_table["ntuple5"]);
  EXPECT_LE(director_masks.size(), 1u) << "all rules share one mask";
  EXPECT_EQ(plan.flows.size(), flows);
  // The mark is never reported, so nothing may read it.
  for (const plan::Residue& residue : plan.residues) {
    for (ir::Vertex v = 0; v < boost::num_vertices(residue.graph.g); ++v)
      EXPECT_NE(residue.graph.node(v).impl, "udp.flow_from_mark");
  }
}

// Two datagrams of every flow, from hosts that the stack knows.
std::vector<ports::Frame> capture(unsigned flows) {
  std::vector<ports::Frame> frames;
  std::uint64_t now_ns = 0;
  const auto add = [&](Bytes frame) {
    frames.push_back({.time_ns = now_ns, .bytes = std::move(frame)});
    now_ns += 100'000;
  };
  for (unsigned host = 0; host < hosts; ++host)
    add(arp_frame({.dst = to_all, .src = mac_of(source(host))},
                  {.sender_mac = mac_of(source(host)), .sender = source(host)}));
  for (unsigned i = 0; i < 2 * flows; ++i) {
    const unsigned flow = i % flows;
    add(udp_frame({.src = mac_of(source(flow))}, {.src = source(flow)},
                  {.src_port = source_port(flow),
                   .dst_port = static_cast<std::uint16_t>(endpoint(flow) == 1 ? 9 : 7)},
                  Bytes(20, 1)));
  }
  return frames;
}

class FullTables : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Flows, FullTables,
                         testing::Values(both - 1000, both, both + 1, both + 100),
                         [](const auto& info) { return std::to_string(info.param); });

TEST_P(FullTables, EveryFlowArrivesWhereThePlanSays) {
  const unsigned flows = GetParam();
  start_dpdk();
  const passes::Inputs in = with_flows(flows);
  plan::Plan plan;
  const double compiled = seconds([&] { plan = must(passes::compile(in, {.prove = false})); });
  check_rules(plan, flows);
  const double proved = seconds([&] {
    const passes::Verdict verdict = must(passes::verify_plan(plan, in));
    EXPECT_TRUE(verdict.proved) << (verdict.counterexample ? verdict.counterexample->why : "");
  });
  auto stack = must(Stack::make(plan, in, capture(flows), {.trace = true}));
  const double ran = seconds([&] { stack->run(1'000'000'000); });
  std::cout << fmt::format(
      "{} flows, {} filters: compiled in {:.2f} s, proved in {:.2f} s, run in "
      "{:.2f} s\n",
      flows, plan.configuration.filters.size(), compiled, proved, ran);

  // Deliveries come in the order of frames, one flow after the other on each queue.
  std::map<unsigned, std::uint64_t> delivered;
  for (const Walked& walk : stack->walks) {
    if (walk.entry != "rx" && walk.path.back() != "udp_deliver") continue;
    if (walk.path.back() != "udp_deliver") continue;
    EXPECT_TRUE(walk.connected) << "a flow that is not known on queue " << walk.queue;
    ++delivered[walk.queue];
  }
  std::map<unsigned, std::uint64_t> planned;
  for (const plan::FlowEntry& flow : plan.flows) planned[flow.queue] += 2;
  EXPECT_EQ(delivered, planned);

  const observe::Snapshot snapshot = stack->stop();
  EXPECT_TRUE(observe::balance(snapshot).exact()) << observe::balance(snapshot).text();
  // Each flow got both answers.
  std::map<std::pair<std::uint32_t, std::uint16_t>, unsigned> answers;
  for (const auto& frame : stack->out()) {
    const std::size_t l3 = network_header(frame.bytes);
    if (network_type(frame.bytes) == 0x0800 && frame.bytes.at(l3 + 9) == 17)
      ++answers[{get32(frame.bytes, l3 + 16),
                 static_cast<std::uint16_t>(get16(frame.bytes, l3 + 22))}];
  }
  EXPECT_EQ(answers.size(), flows);
  for (const auto& [who, count] : answers) EXPECT_EQ(count, 2u) << who.second;
}

// A plan that asks for one more than there is room for, for another mask, or for a rule that would
// end in the other table, is refused by the card before a packet is taken, and says which rule.
TEST(FullTablesRefused, WhatTheDriverRefuses) {
  start_dpdk();
  const passes::Inputs in = with_flows(both);
  const plan::Plan good = must(passes::compile(in, {.prove = false}));
  const auto refused = [&](const char* why, auto&& edit) {
    plan::Plan plan = good;
    edit(plan.configuration.filters);
    auto stack = Stack::make(plan, in, {}, {});
    ASSERT_FALSE(stack) << why;
    const std::string words = diag::render(stack.error(), false);
    EXPECT_NE(words.find("E0613"), std::string::npos) << words;
    EXPECT_NE(words.find(why), std::string::npos) << words;
  };
  using Filters = std::vector<plan::Filter>;
  const auto any_of = [](Filters& filters, const char* table) -> plan::Filter& {
    return *std::find_if(filters.begin(), filters.end(),
                         [&](const plan::Filter& f) { return f.table == table; });
  };
  refused("ntuple5: all 128 rules are in use", [&](Filters& filters) {
    plan::Filter more = any_of(filters, "ntuple5");
    more.match["udp.src_port"].first = 9'999;
    filters.push_back(more);
  });
  refused("fdir: all 2046 rules are in use", [&](Filters& filters) {
    plan::Filter more = any_of(filters, "fdir");
    more.match["udp.src_port"].first = 9'999;
    filters.push_back(more);
  });
  refused("fdir: all rules share one mask",
          [&](Filters& filters) { any_of(filters, "fdir").match["ipv4.src"].second = 0xffffff00; });
  // Without its mark a rule is for ntuple5, which is full (and wants a priority).
  refused("ntuple5", [&](Filters& filters) { any_of(filters, "fdir").mark = 0; });
}

}  // namespace
}  // namespace weft::sim
