// Every card with every host, policy, number of queues and kind of wish: a plan that the emulated
// card takes and that brings every flow where it says; or a refusal that a search through all rule
// assignments confirms, and whose facts are few and true. Some of it every day; all of it, each
// plan proved, with WEFT_NIGHTLY.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <set>

#include "compiler/frontend/places.h"
#include "compiler/ir/filter_shape.h"
#include "compiler/ir/rule_order.h"
#include "compiler/passes/choose.h"
#include "compiler/passes/steer.h"
#include "tests/sim/explanation.h"
#include "tests/sim/frames.h"
#include "tests/sim/harness.h"
#include "tests/sim/spread.h"

namespace weft::sim {
namespace {

// What is asked for, beside the policy.
enum class Wish {
  nothing,
  exclusive,
  trust,
  pin,
  pin_flow,
  core,
  prefix,
  pin_prefix,
  nested,
  region
};
constexpr Wish wishes[] = {Wish::nothing, Wish::exclusive, Wish::trust,
                           Wish::pin,     Wish::pin_flow,  Wish::core};
constexpr const char* words[] = {"nothing", "exclusive", "trust",      "pin",    "pin_flow",
                                 "core",    "prefix",    "pin_prefix", "nested", "region"};
constexpr std::uint32_t of_prefix = 0x0a090000;  // 10.9.0.0/16

struct Case {
  std::string nic;
  std::string host;  // what the graph is specialised for: tests/sim/workloads
  ir::Policy policy;
  Wish wish;
  bool strangers;  // the endpoint that wishes expects some
  unsigned queues = 4;
  unsigned flows = 3;  // of each endpoint; few where everything is to be tried
  std::string name() const {
    return fmt::format("{}, {}, {}, wish {}, {} queues, {} flows{}", nic, host,
                       ir::to_string(policy), words[static_cast<int>(wish)], queues, 2 * flows,
                       strangers ? ", strangers" : "");
  }
};

passes::Inputs inputs_of(const Case& c) {
  static std::map<std::pair<std::string, std::string>, passes::Inputs> read;
  auto& known = read[{c.nic, c.host}];
  if (known.graph.name.empty()) known = inputs(c.nic, c.host);
  passes::Inputs in = known;
  ir::Workload& w = in.workload;
  w.policy = c.policy;
  w.queues = c.queues;
  w.cores = 2;
  w.endpoints.resize(2);
  w.endpoints[0].rate = 1000;
  ir::Endpoint& e = w.endpoints[1];
  e.groups.clear();
  e.rate = c.strangers ? 100 : 0;
  e.gold = c.policy == ir::Policy::gold;
  e.exclusive = c.wish == Wish::exclusive;
  if (c.wish == Wish::trust) e.trust = "bank";
  if (c.wish == Wish::pin) e.queues = ir::QueueRange{2, 3};
  if (c.wish == Wish::core) e.core = 1;
  if (c.wish == Wish::region) w.endpoints[0].queues = e.queues = ir::QueueRange{4, 7};
  w.flows.clear();
  for (unsigned i = 0; i < 2 * c.flows; ++i) {
    ir::Flow f;
    f.src = on_link(10 + i);
    f.src_port = static_cast<std::uint16_t>(40000 + i);
    f.endpoint = i % 2;
    f.dst_port = f.endpoint == 0 ? 7 : 9;
    f.gold = w.endpoints[f.endpoint].gold;
    f.rate = 10.0 * (1 + i);
    if (c.wish == Wish::pin_flow && i == 1) f.queue = 2;
    w.flows.push_back(f);
  }
  w.sets.clear();
  if (c.wish == Wish::prefix || c.wish == Wish::pin_prefix || c.wish == Wish::nested) {
    ir::FlowSet set;
    set.src = of_prefix;
    set.src_mask = 0xffff0000;
    set.dst_port = 9;
    set.endpoint = 1;
    set.rate = 200;
    if (c.wish != Wish::prefix) set.queue = 2;
    w.sets = {set};
    if (c.wish != Wish::nested) return in;
    ir::Flow& f = w.flows[1];
    f.src = of_prefix + 7;
    f.queue = 1;
  }
  return in;
}

// Is there a way to keep the wish? All assignments of rules to tables are tried. (Shares with the
// chooser what a table takes: compiler/ir/filter_shape.h, which the emulated card checks.)
class Possible {
 public:
  explicit Possible(const Case& c, const passes::Inputs& in) : case_(c), in_(in) {
    for (const ir::Node* node : passes::receive_order(in.nic)) {
      if (node->config.table) tables_.push_back(&*node->config.table);
    }
  }

  bool yes() {
    const bool gold = case_.policy == ir::Policy::gold;
    const bool apart = gold || case_.wish == Wish::exclusive || case_.wish == Wish::trust ||
                       case_.wish == Wish::core;
    const bool masked = case_.wish == Wish::pin_prefix || case_.wish == Wish::nested;
    const bool region = case_.wish == Wish::region;
    const bool pinned = case_.wish == Wish::pin || case_.wish == Wish::pin_flow || masked || region;
    if (!apart && !pinned) return true;
    const ir::Node* rss = passes::rss_node(in_.nic);
    unsigned queues = std::min({case_.queues, in_.nic.rx_queues.max, in_.nic.tx_queues.max});
    const bool spreads = rss != nullptr && !rss->config.rss->predictable;
    if (rss == nullptr) queues = 1;
    if (spreads) queues = std::min(queues, in_.workload.cores);
    if (case_.wish == Wish::core && queues < 2) return false;  // no core 1
    if (pinned && queues < (region ? 8 : case_.wish == Wish::pin ? 4 : 3)) return false;
    if (queues < 2) return false;
    // Whoever is apart needs queues that the card does not fill with anything else.
    if (apart && (spreads || !rss->config.rss->table_settable)) return false;
    if (masked) return by_prefix();
    if (pinned && !apart && rss != nullptr && !spreads && rss->config.rss->table_settable &&
        (!case_.strangers || case_.wish == Wish::pin_flow))
      return true;  // entries of the table are set (three flows on two queues of four)
    need_.clear();
    for (unsigned i = 0; i < in_.workload.flows.size(); ++i) {
      const ir::Flow& f = in_.workload.flows[i];
      const bool this_one = case_.wish == Wish::pin_flow ? f.queue.has_value() : f.endpoint == 1;
      if (f.endpoint == 1 && (apart || this_one)) need_.push_back(i);
    }
    return by_flow(0) || by_port();
  }

 private:
  static constexpr const char* of_flow[] = {"ipv4.src", "ipv4.dst", "udp.src_port", "udp.dst_port"};

  bool takes(const ir::FilterTable& t, const std::vector<std::string>& names) const {
    return ir::shape_for(t, names, in_.fields).has_value();
  }
  // A rule for the whole prefix, which looks at all of it and at nothing more; in front of it one
  // for the flow that belongs elsewhere.
  bool by_prefix() const {
    const ir::Shape shape = {
        {"ipv4.src", 0xffff0000}, {"ipv4.dst", 0xffffffff}, {"udp.dst_port", 0xffff}};
    for (std::size_t t = 0; t < tables_.size(); ++t) {
      if (tables_[t]->capacity > 0 && ir::shape_for(*tables_[t], shape, in_.fields) &&
          (case_.wish != Wish::nested || in_front(t)))
        return true;
    }
    return false;
  }
  // Rules for single flows; not enough where strangers are expected, nor where none of the
  // endpoint's packets may lie in anybody else's memory.
  bool by_flow(std::size_t next) {
    if (case_.wish == Wish::trust) return false;
    if (case_.strangers && case_.wish != Wish::pin_flow) return false;
    if (case_.strangers && case_.policy == ir::Policy::gold) return false;
    if (next == 0) used_.assign(tables_.size(), 0);
    if (next == need_.size()) return true;
    for (std::size_t t = 0; t < tables_.size(); ++t) {
      if (used_[t] == tables_[t]->capacity ||
          !takes(*tables_[t], {std::begin(of_flow), std::end(of_flow)}))
        continue;
      ++used_[t];
      const bool rest = by_flow(next + 1);
      --used_[t];
      if (rest) return true;
    }
    return false;
  }
  // One rule for the port; a flow that wants another queue than the rest needs its own before it.
  bool by_port() {
    for (std::size_t t = 0; t < tables_.size(); ++t) {
      if (tables_[t]->capacity == 0 || !takes(*tables_[t], {"udp.dst_port"})) continue;
      if (case_.wish != Wish::pin_flow) return true;
      if (in_front(t)) return true;
    }
    return false;
  }
  // Room for the rule of one flow in front of one for many in this table.
  bool in_front(std::size_t t) const {
    for (std::size_t u = 0; u <= t; ++u) {
      const bool before = u < t || (ir::levels(*tables_[t]) > 1 && tables_[t]->capacity > 1);
      if (before && tables_[u]->capacity > 0 &&
          takes(*tables_[u], {std::begin(of_flow), std::end(of_flow)}))
        return true;
    }
    return false;
  }

  const Case& case_;
  const passes::Inputs& in_;
  std::vector<const ir::FilterTable*> tables_;
  std::vector<unsigned> need_, used_;
};

std::vector<ports::Frame> capture(const passes::Inputs& in) {
  std::vector<ports::Frame> frames;
  std::uint64_t now_ns = 0;
  const int vlan = in.workload.host.vlan_id != 0 ? in.workload.host.vlan_id : -1;
  for (const ir::Flow& f : in.workload.flows) {
    frames.push_back(
        {.time_ns = now_ns += 100'000,
         .bytes = udp_frame({.src = mac_of(f.src), .vlan = vlan}, {.src = f.src},
                            {.src_port = f.src_port, .dst_port = f.dst_port}, Bytes(20, 1))});
  }
  for (const ir::FlowSet& s : in.workload.sets) {
    for (unsigned i = 0; i < 16; ++i) {
      const std::uint32_t src = s.src + 257 * i + 1;
      frames.push_back(
          {.time_ns = now_ns += 100'000,
           .bytes =
               udp_frame({.src = mac_of(in.workload.flows[0].src), .vlan = vlan}, {.src = src},
                         {.src_port = static_cast<std::uint16_t>(5000 + i), .dst_port = s.dst_port},
                         Bytes(20, 1))});
    }
  }
  return frames;
}

// Where the card brings the packets of sets that `capture` makes.
void count_sets(const Case& c, const passes::Inputs& in, const plan::Plan& plan,
                std::map<unsigned, unsigned>& planned) {
  for (const ir::FlowSet& s : in.workload.sets) {
    for (unsigned i = 0; i < 16; ++i) {
      const auto where = passes::deliver(in.nic, in.fields, plan.configuration,
                                         {s.src + 257 * i + 1, static_cast<std::uint16_t>(5000 + i),
                                          in.workload.host.address, s.dst_port});
      ASSERT_TRUE(where) << c.name();
      EXPECT_TRUE(c.wish == Wish::prefix || where->queue == 2) << c.name();
      ++planned[where->queue];
    }
  }
}

// On the emulated card: all of the plan's operations are taken, and every flow reaches its
// application on the queue that owns it.
void run(const Case& c, const passes::Inputs& in, const plan::Plan& plan) {
  auto stack = Stack::make(plan, in, capture(in), {.trace = true});
  ASSERT_TRUE(stack) << c.name() << "\n" << diag::render(stack.error(), false);
  (*stack)->run(1'000'000'000);
  std::map<unsigned, unsigned> delivered, planned;
  for (const Walked& walk : (*stack)->walks) {
    if (walk.path.back() == "udp_deliver") ++delivered[walk.queue];
  }
  for (const plan::FlowEntry& flow : plan.flows) ++planned[flow.queue];
  const ir::Node* rss = passes::rss_node(in.nic);
  const bool blind = rss != nullptr && !rss->config.rss->predictable;
  if (!blind || in.workload.sets.empty()) {  // (Nobody owns what is no flow: it stays anywhere.)
    count_sets(c, in, plan, planned);
    EXPECT_EQ(delivered, planned) << c.name();
  }
  (*stack)->stop();
}

// Wishes hold in the plan.
void check(const Case& c, const passes::Inputs& in, const plan::Plan& plan) {
  std::set<unsigned> first, second;
  for (const plan::FlowEntry& f : plan.flows) (f.endpoint == 0 ? first : second).insert(f.queue);
  const bool apart = c.policy == ir::Policy::gold || c.wish == Wish::exclusive ||
                     c.wish == Wish::trust || c.wish == Wish::core;
  for (const unsigned q : second) {
    EXPECT_FALSE(apart && first.contains(q)) << c.name();
    EXPECT_TRUE(c.wish != Wish::pin || q == 2 || q == 3) << c.name() << ", queue " << q;
    EXPECT_TRUE(c.wish != Wish::region || q >= 4) << c.name() << ", queue " << q;
    if (c.wish != Wish::core) continue;
    const auto& on = plan.cores.at(1).queues;
    EXPECT_EQ(std::count(on.begin(), on.end(), q), 1) << c.name();
  }
  if (c.wish == Wish::region) {  // one for both endpoints
    ASSERT_EQ(std::count_if(plan.configuration.filters.begin(), plan.configuration.filters.end(),
                            [](const plan::Filter& f) { return !f.group.empty(); }),
              1)
        << c.name();
  }
  for (const plan::FlowEntry& f : plan.flows) {
    const auto& wanted = in.workload.flows[1].queue;
    const bool it = wanted && f.src == in.workload.flows[1].src;
    EXPECT_TRUE(!it || f.queue == *wanted) << c.name() << ", queue " << f.queue;
  }
}

constexpr const char* hosts[] = {"host", "vlan", "forwarder"};
constexpr const char* axes =
    "axes: every model of nicmodels/\n"
    "  x host (plain, in a VLAN, forwarding) x policy balance, static x 1, 2, 4, 8 queues, 6 "
    "flows\n"
    "  x policy balance, static x strangers, none x 4 queues, 40 flows\n"
    "  x policy gold x strangers, none x 2, 4 queues\n"
    "  x wish exclusive, trust, pin, pin_flow, core x strangers, none x 4 queues\n"
    "  x flows of a prefix x host x policy balance, static x 4 queues; that prefix pinned, and on\n"
    "    cards with masks a flow of it pinned elsewhere\n"
    "  x all endpoints on four of 8 queues, on the card with queue regions\n";

std::vector<std::string> models() {
  std::vector<std::string> out;
  for (const auto& file :
       std::filesystem::directory_iterator(frontend::source_root() + "/nicmodels")) {
    if (file.path().extension() == ".yaml") out.push_back(file.path().stem());
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<Case> cases_of(const std::string& nic) {
  std::vector<Case> out;
  for (const ir::Policy policy : {ir::Policy::balance, ir::Policy::fixed}) {
    for (const char* host : hosts) {
      for (const unsigned queues : {1u, 2u, 4u, 8u})
        out.push_back({nic, host, policy, Wish::nothing, false, queues});
    }
    for (const bool strangers : {false, true})
      out.push_back({nic, "host", policy, Wish::nothing, strangers, 4, 20});
    for (const char* host : hosts) out.push_back({nic, host, policy, Wish::prefix, false});
  }
  out.push_back({nic, "host", ir::Policy::balance, Wish::pin_prefix, false});
  const std::set<std::string> with_masks = {"ideal", "intel_82599", "intel_x550",
                                            "mellanox_connectx5"};
  if (with_masks.contains(nic))  // (the others refuse the prefix already)
    out.push_back({nic, "host", ir::Policy::balance, Wish::nested, false});
  if (nic == "intel_xl710")
    out.push_back({nic, "host", ir::Policy::balance, Wish::region, true, 8});
  for (const bool strangers : {false, true}) {
    for (const unsigned queues : {2u, 4u})
      out.push_back({nic, "host", ir::Policy::gold, Wish::nothing, strangers, queues});
    for (const Wish wish : wishes) {
      if (wish != Wish::nothing) out.push_back({nic, "host", ir::Policy::balance, wish, strangers});
    }
  }
  return out;
}

struct Tally {
  unsigned planned = 0, refused = 0;
};
Tally tally;

// A refusal must be one, and few facts; a plan must keep what is wished.
void judge(const Case& c, const passes::Inputs& in, const diag::Error* refusal) {
  const bool possible = Possible(c, in).yes();
  EXPECT_EQ(refusal == nullptr, possible)
      << c.name() << "\n"
      << (refusal != nullptr ? diag::render(*refusal, false) : "");
  ++(refusal == nullptr ? tally.planned : tally.refused);
  if (refusal == nullptr) return;
  const diag::Diagnostic& why = refusal->list.front();
  EXPECT_TRUE(why.code.starts_with("E08")) << c.name() << ": " << why.code;
  EXPECT_FALSE(why.help.empty()) << c.name();
  EXPECT_EQ(fault_of_explanation(in, why), "") << c.name() << "\n" << diag::render(*refusal, false);
}

void decide(const Case& c) {
  const passes::Inputs in = inputs_of(c);
  passes::Options quick;
  quick.certify = false;
  const auto choice = passes::choose(in, quick);
  judge(c, in, choice ? nullptr : &choice.error());
}

void compile_and_run(const Case& c) {
  const passes::Inputs in = inputs_of(c);
  passes::Options options;
  options.prove = nightly();
  const auto plan = passes::compile(in, options);
  if (nightly()) judge(c, in, plan ? nullptr : &plan.error());
  if (!plan) return;
  EXPECT_TRUE(!nightly() || plan->proof.status == "proved") << c.name();
  check(c, in, *plan);
  run(c, in, *plan);
}

class Matrix : public ::testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() {
    start_dpdk();
    std::cout << axes;
  }
  static void TearDownTestSuite() {
    const unsigned all = tally.planned + tally.refused;
    std::cout << fmt::format("{} combinations: {} planned, {} refused\n", all, tally.planned,
                             tally.refused);
    EXPECT_LE(5 * tally.refused, all) << "at most one in five";
  }
};

// Every day all is chosen and some of each model's run, others for the next one.
TEST_P(Matrix, APlanOrARefusalThatHoldsWater) {
  const auto all = models();
  const std::vector<Case> cases = cases_of(GetParam());
  EXPECT_GE(cases.size() * all.size(), 500u);
  const auto number =
      static_cast<std::size_t>(std::find(all.begin(), all.end(), GetParam()) - all.begin());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (!nightly()) decide(cases[i]);
    const bool rare = cases[i].wish == Wish::nested || cases[i].wish == Wish::region;
    if (nightly() || rare || i == number * 7 % cases.size()) compile_and_run(cases[i]);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Matrix, ::testing::ValuesIn(models()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace weft::sim
