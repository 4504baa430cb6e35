#include "tests/bench/choose/scale.h"

#include <unistd.h>

#include <cstdlib>

#include "compiler/frontend/places.h"
#include "compiler/frontend/readers.h"
#include "compiler/passes/choose.h"
#include "tests/bench/choose/timing.h"
#include "tests/unit/passes/many_flows.h"

namespace weft::bench {
namespace {

using passes::testing::ManyFlows;

// A folder that goes when the program does.
struct Scratch {
  char name[32] = "/tmp/weft-many-XXXXXX";
  std::vector<std::string> files;
  Scratch() {
    if (mkdtemp(name) == nullptr) std::exit(1);
  }
  ~Scratch() {
    for (const std::string& file : files) unlink(file.c_str());
    rmdir(name);
  }
  std::string put(const std::string& file, const std::string& text) {
    files.push_back(std::string(name) + "/" + file);
    passes::testing::write_text(files.back(), text);
    return files.back();
  }
};

passes::Inputs card(const std::string& nic) {
  const std::string root = frontend::source_root();
  passes::Inputs in;
  in.fields = must(frontend::read_headers(root + "/graphs/headers"));
  in.graph = must(frontend::read_graph(root + "/graphs/host_udp_ipv4.yaml", in.fields));
  in.nic = must(frontend::read_nic(fmt::format("{}/nicmodels/{}.yaml", root, nic), in.fields));
  in.costs = must(passes::read_costs(root + "/nicmodels/costs/default.yaml"));
  return in;
}

template <class F>
Row row(const std::string& name, unsigned runs, F what) {
  Row out{"choose", name, "time", 0, "ms", "", 0, {}};
  for (unsigned run = 0; run < runs; ++run) out.runs.push_back(timed(what));
  return out;
}

void full_tables(unsigned runs, std::vector<Row>& rows) {
  passes::Inputs in = card("intel_82599");
  in.workload =
      must(frontend::read_workload(frontend::source_root() + "/graphs/workloads/quickstart.yaml"));
  in.workload.queues = 10;
  in.workload.flows.clear();
  for (unsigned i = 0; i < 128 + 2046; ++i)
    in.workload.flows.push_back({.src = 0x0a070001 + i % 190,
                                 .src_port = static_cast<std::uint16_t>(10'000 + i),
                                 .dst_port = 7,
                                 .rate = 1e5 / (1 + i)});
  rows.push_back(row("full tables/2174/certified", runs, [&] {
    for (const auto& f : must(passes::choose(in, {})).flows) {
      if (f.table.empty()) std::exit(1);
    }
  }));
}

}  // namespace

std::vector<Row> many_flows(unsigned runs) {
  std::vector<Row> rows;
  full_tables(runs, rows);
  Scratch scratch;
  const ManyFlows many;
  const std::string csv = scratch.put("flows.csv", many.csv());
  const std::string files[] = {scratch.put("ranges.yaml", many.ranges()),
                               scratch.put("csv.yaml", many.with_csv(csv))};
  ir::Workload workload;
  const char* how[] = {"ranges", "csv"};
  for (unsigned i = 0; i < 2; ++i)
    rows.push_back(row(fmt::format("many/100000/read {}", how[i]), runs,
                       [&] { workload = must(frontend::read_workload(files[i])); }));
  for (const char* nic : {"intel_e810", "ideal"}) {
    passes::Inputs in = card(nic);
    in.workload = workload;
    passes::Options guess;
    guess.certify = false;
    rows.push_back(row(fmt::format("many/100000/{}/chosen", nic), runs,
                       [&] { must(passes::choose(in, guess)); }));
    rows.push_back(row(fmt::format("many/100000/{}/certified", nic), runs,
                       [&] { must(passes::choose(in, {})); }));
  }
  return rows;
}

}  // namespace weft::bench
