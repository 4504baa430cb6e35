// Choosing: 10 to 500 flows with Zipf rates on 10 queues of an Intel 82599, policies balance and
// gold: the choice, the choice with its certificate, the proof; a few flows more and fewer; beside
// it a greedy search that walks the graph (walked.h). Processor time, so that what else runs on the
// machine counts little.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "compiler/frontend/places.h"
#include "compiler/frontend/readers.h"
#include "compiler/passes/choose.h"
#include "compiler/passes/choose_delta.h"
#include "tests/bench/choose/scale.h"
#include "tests/bench/choose/timing.h"
#include "tests/bench/choose/walked.h"
#include "tests/bench/report.h"

namespace weft::bench {
namespace {

constexpr unsigned queues = 10;
constexpr unsigned gold_queues = 2;
constexpr unsigned steps[] = {1, 10};
constexpr unsigned rounds = 100;  // of flows added and removed, for one figure

ir::Flow flow_at(unsigned i, ir::Policy policy) {
  ir::Flow f;
  f.src = 0x0a070100 + i / 100;
  f.src_port = static_cast<std::uint16_t>(40000 + i % 100);
  f.gold = policy == ir::Policy::gold && i % 5 == 4;
  f.endpoint = f.gold ? 1 : 0;
  f.dst_port = f.gold ? 9 : 7;
  f.rate = 1e5 / (1 + i);
  return f;
}

passes::Inputs inputs_for(unsigned flows, ir::Policy policy) {
  const std::string root = frontend::source_root();
  passes::Inputs in;
  in.fields = must(frontend::read_headers(root + "/graphs/headers"));
  in.graph = must(frontend::read_graph(root + "/graphs/host_udp_ipv4.yaml", in.fields));
  in.nic = must(frontend::read_nic(root + "/nicmodels/intel_82599.yaml", in.fields));
  in.costs = must(passes::read_costs(root + "/nicmodels/costs/default.yaml"));
  in.workload = must(frontend::read_workload(root + "/graphs/workloads/quickstart.yaml"));
  ir::Workload& w = in.workload;
  w.host.prefix_length = 16;
  w.queues = queues;
  w.policy = policy;
  w.gold_queues = policy == ir::Policy::gold ? gold_queues : 0;
  w.flows.clear();
  w.endpoints.front().rate = 1000;
  if (policy == ir::Policy::gold) {
    w.endpoints.push_back(w.endpoints.front());
    w.endpoints.back().name = "gold";
    w.endpoints.back().port = 9;
    w.endpoints.back().rate = 0;
    w.endpoints.back().gold = true;
  }
  for (unsigned i = 0; i < flows; ++i) w.flows.push_back(flow_at(i, policy));
  return in;
}

class Bench {
 public:
  Bench(unsigned runs, unsigned peer_most) : runs_(runs), peer_most_(peer_most) {}

  void size(unsigned flows, ir::Policy policy) {
    const passes::Inputs in = inputs_for(flows, policy);
    const std::string name = fmt::format("{}/{}", ir::to_string(policy), flows);
    passes::Options guess;
    guess.certify = false;
    passes::Options options;
    options.prove = false;
    const plan::Plan plan = must(passes::compile(in, options));
    Row chosen{"choose", name + "/chosen", "time", 0, "ms", "", 0, {}};
    Row certified{"choose", name + "/certified", "time", 0, "ms", "", 0, {}};
    Row proved{"choose", name + "/proved", "time", 0, "ms", "", 0, {}};
    for (unsigned run = 0; run < runs_; ++run) {
      chosen.runs.push_back(timed([&] { must(passes::choose(in, guess)); }));
      certified.runs.push_back(timed([&] { must(passes::choose(in, {})); }));
      proved.runs.push_back(timed([&] {
        if (!must(passes::verify_plan(plan, in)).proved) std::exit(1);
      }));
    }
    if (flows <= peer_most_) {
      Row walked{"choose", name + "/walked", "time", 0, "ms", "", 0, {}};
      walked.runs.push_back(timed(
          [&] { search_by_walking(in, queues, policy == ir::Policy::gold ? gold_queues : 0); }));
      chosen.peer = walked.name;
      rows.push_back(std::move(walked));
    }
    rows.push_back(std::move(chosen));
    rows.push_back(std::move(certified));
    rows.push_back(std::move(proved));
    // What the choice is worth: the fullest queue over what none can be below.
    rows.push_back({"choose",
                    name + "/gap",
                    "busiest over bound",
                    0,
                    "%",
                    "",
                    0,
                    {100 * plan.chosen.queues.share()}});
    for (const unsigned n : steps) change(in, plan, flows, policy, n, name);
  }

  std::vector<Row> rows;

 private:
  // n flows more, then n fewer, again and again; microseconds for each n.
  void change(const passes::Inputs& in, const plan::Plan& plan, unsigned flows, ir::Policy policy,
              unsigned n, const std::string& name) {
    Row more{"choose", fmt::format("{}/+{}", name, n), "time", 0, "us", "", 0, {}};
    Row fewer{"choose", fmt::format("{}/-{}", name, n), "time", 0, "us", "", 0, {}};
    passes::ChoiceState state(in, plan);
    std::vector<ir::Flow> extra;
    for (unsigned i = 0; i < rounds * n; ++i) extra.push_back(flow_at(flows + i, policy));
    for (unsigned run = 0; run < runs_; ++run) {
      const auto each = [&](auto act) {
        return timed([&] {
                 for (const ir::Flow& f : extra) act(f);
               }) *
               1e3 / rounds;
      };
      more.runs.push_back(each([&](const ir::Flow& f) {
        if (!state.add(f)) std::exit(1);
      }));
      fewer.runs.push_back(each([&](const ir::Flow& f) {
        if (!state.remove({f.src, f.src_port, in.workload.local_address(f), f.dst_port}))
          std::exit(1);
      }));
    }
    rows.push_back(std::move(more));
    rows.push_back(std::move(fewer));
  }

  unsigned runs_;
  unsigned peer_most_;  // flows; it takes seconds for 500, once for each figure
};

int run(int argc, char** argv) {
  CLI::App app("Choosing, certifying, proving; and a few flows more or fewer.");
  unsigned runs = 5, most = 500;
  bool json = false, no_peer = false;
  app.add_option("--runs", runs, "of each figure")->check(CLI::PositiveNumber);
  app.add_option("--most", most, "flows of the largest case");
  app.add_flag("--json", json, "rows as JSON");
  app.add_flag("--no-peer", no_peer, "leave out the search that walks the graph");
  CLI11_PARSE(app, argc, argv);
  Bench bench(runs, no_peer ? 0 : most);
  for (const ir::Policy policy : {ir::Policy::balance, ir::Policy::gold}) {
    for (const unsigned flows : {10u, 20u, 50u, 100u, 250u, 500u}) {
      if (flows <= most) bench.size(flows, policy);
    }
  }
  for (Row& row : many_flows(runs)) bench.rows.push_back(std::move(row));
  for (Row& row : bench.rows) row.value = median(row.runs);
  compare(bench.rows);
  print(bench.rows, json);
  return 0;
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) { return weft::bench::run(argc, argv); }
