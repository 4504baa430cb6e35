// One flow more and one less on a running plan: how long until it is decided, and until it is
// proved with every state in between; beside it the proof of the whole plan. The shipped graph, 10
// queues of an 82599. Times are of this thread's CPU, since machines are shared.
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "compiler/frontend/places.h"
#include "compiler/frontend/readers.h"
#include "compiler/planner/planner.h"
#include "tests/bench/report.h"

namespace weft::bench {
namespace {

using passes::FlowKey;

template <class T>
T must(diag::Result<T> result) {
  if (!result) {
    std::fputs(diag::render(result.error(), false).c_str(), stderr);
    std::exit(1);
  }
  return std::move(*result);
}

double now_us() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
}

double percentile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  const auto at = static_cast<std::size_t>(part * static_cast<double>(values.size()));
  return values[std::min(at, values.size() - 1)];
}

passes::Inputs inputs(unsigned flows) {
  const std::string root = frontend::source_root();
  passes::Inputs in;
  in.fields = must(frontend::read_headers(root + "/graphs/headers"));
  in.graph = must(frontend::read_graph(root + "/graphs/host_udp_ipv4.yaml", in.fields));
  in.nic = must(frontend::read_nic(root + "/nicmodels/intel_82599.yaml", in.fields));
  in.workload = must(frontend::read_workload(root + "/graphs/workloads/quickstart.yaml"));
  in.costs = must(passes::read_costs(root + "/nicmodels/costs/default.yaml"));
  in.workload.queues = 10;
  in.workload.flows.clear();
  for (unsigned i = 0; i < flows; ++i)
    in.workload.flows.push_back({.src = 0x0a070001,
                                 .src_port = static_cast<std::uint16_t>(20000 + i),
                                 .dst_port = 7,
                                 .endpoint = 0,
                                 .rate = 1.0 + i % 13});
  return in;
}

void measure(unsigned flows, unsigned rounds, std::vector<Row>& rows) {
  const passes::Inputs in = inputs(flows);
  passes::Options options;
  options.prove = false;
  const plan::Plan plan = must(passes::compile(in, options));
  const double start = now_us();
  auto planner = must(planner::Planner::begin(plan, in));
  const double begun = now_us() - start;
  std::vector<double> decided, added, removed;
  for (unsigned i = 0; i < rounds; ++i) {
    const FlowKey key = {0x0a070001, static_cast<std::uint16_t>(40000 + i), 0x0a070002, 7};
    double t = now_us();
    const auto place = planner->decider().place(key, 0);
    decided.push_back(now_us() - t);
    if (!place || place->queue >= 10) std::exit(1);
    t = now_us();
    (void)must(planner->add_flow(key, 0, 1 + i % 5));
    added.push_back(now_us() - t);
    // The one before goes, so that there are always as many.
    if (i == 0) continue;
    t = now_us();
    (void)must(planner->remove_flow(
        {key.src, static_cast<std::uint16_t>(40000 + i - 1), key.dst, key.dst_port}));
    removed.push_back(now_us() - t);
  }
  std::vector<double> whole;
  for (unsigned i = 0; i < 3; ++i) {
    const double t = now_us();
    if (!must(passes::verify_plan(plan, in)).proved) std::exit(1);
    whole.push_back(now_us() - t);
  }
  const std::string name = fmt::format("{} flows", flows);
  const auto row = [&](const std::string& what, double value, std::vector<double> runs) {
    rows.push_back({.bench = "live",
                    .name = name + "/" + what,
                    .metric = "cpu",
                    .value = value,
                    .unit = "us",
                    .peer = what == "whole" ? "" : name + "/whole",
                    .ratio = 0,
                    .runs = std::move(runs)});
  };
  row("whole", *std::min_element(whole.begin(), whole.end()), whole);
  row("begin", begun, {begun});
  const std::pair<const char*, std::vector<double>*> all[] = {
      {"+1 decided", &decided}, {"+1 proved", &added}, {"-1 proved", &removed}};
  for (const auto& [what, values] : all) {
    for (const auto& [part, p] : {std::pair{"p50", 0.5}, {"p99", 0.99}}) {
      const double value = percentile(*values, p);
      row(fmt::format("{} {}", what, part), value, {value});
    }
  }
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) {
  bool json = false;
  unsigned rounds = 1000;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0) json = true;
    if (std::strncmp(argv[i], "--rounds=", 9) == 0)
      rounds = static_cast<unsigned>(std::max(2, std::atoi(argv[i] + 9)));
  }
  std::vector<weft::bench::Row> rows;
  for (const unsigned flows : {10u, 20u, 50u, 100u, 250u, 500u})
    weft::bench::measure(flows, rounds, rows);
  weft::bench::compare(rows);
  weft::bench::print(rows, json);
  return 0;
}
