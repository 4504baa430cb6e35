// TCP beside lwIP and the kernel: each on a wire of its own with the same load at the other end, by
// turns; who is not measured is stopped.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "runtime/ports/eal.h"
#include "tests/bench/instructions.h"
#include "tests/bench/report.h"
#include "tests/bench/tcp/crowd.h"
#include "tests/bench/tcp/scripted.h"
#include "tests/bench/tcp/servers.h"
#include "tests/bench/tcp/stage.h"

namespace weft::bench {
namespace {

namespace fs = std::filesystem;

struct Options {
  unsigned runs = 5;
  double seconds = 0.3;
  unsigned crowd = 1'000'000;
  std::vector<std::string> wires = {"veth", "memif"};
  bool json = false, no_instructions = false, no_rates = false;
  // Of the programs that this one starts.
  std::string serve, scripted, wire;
  unsigned cpu = 0, connections = 32;
  std::uint64_t count = 0;
};

struct Load {
  const char* name;
  unsigned connections;
  Counted (*run)(const LoadOptions&, unsigned);
};
const std::vector<Load> loads = {
    {"1", 1, requests},
    {"32", 32, requests},
    {"256", 256, requests},
    {"open and close", 0, [](const LoadOptions& o, unsigned) { return connects(o); }},
    {"bulk in", 0, [](const LoadOptions& o, unsigned) { return send_bulk(o); }},
    {"bulk out", 0, [](const LoadOptions& o, unsigned) { return receive_bulk(o); }}};

// (No kernel has a memif.)
std::vector<std::string> contenders(const std::string& wire) {
  if (wire == "memif") return {"lwip", "weft"};
  return {"lwip", "kernel", "weft"};
}

struct Measured {
  std::vector<double> rate, cpu, trip;
};

void add_rows(std::vector<Row>& rows, const std::string& wire, const std::string& who,
              const Load& load, const Measured& m) {
  const std::string name = fmt::format("{}/{}/{}", wire, load.name, who);
  const std::string peer = who == "lwip" ? "" : fmt::format("{}/{}/lwip", wire, load.name);
  const bool bulk = std::string_view(load.name).starts_with("bulk");
  rows.push_back({"tcp", name, "rate", median(m.rate),
                  bulk                    ? "MB/s"
                  : load.connections != 0 ? "requests/s"
                                          : "connections/s",
                  peer, 0, m.rate});
  rows.push_back({"tcp", name, "cpu", median(m.cpu), bulk ? "ns/KB" : "ns", peer, 0, m.cpu});
  if (load.connections == 1)
    rows.push_back({"tcp", name, "round trip", median(m.trip), "us", peer, 0, m.trip});
}

void measure(const Options& options, const Place& place, std::vector<Row>& rows) {
  unsigned number = 0;
  for (const std::string& wire : options.wires) {
    const auto whos = contenders(wire);
    std::vector<std::unique_ptr<Stage>> stages;
    for (const std::string& who : whos)
      stages.push_back(std::make_unique<Stage>(wire, who, place, number++));
    for (const Load& load : loads) {
      std::vector<Measured> measured(whos.size());
      for (unsigned run = 0; run < options.runs; ++run) {
        for (std::size_t i = 0; i < whos.size(); ++i) {
          double cpu = 0;
          Counted c;
          try {
            c = stages[i]->measure(load.run, load.connections, options.seconds, cpu);
          } catch (const std::exception& error) {
            throw std::runtime_error(
                fmt::format("{}/{}/{}: {}", wire, load.name, whos[i], error.what()));
          }
          const bool bulk = std::string_view(load.name).starts_with("bulk");
          measured[i].rate.push_back(c.count / c.seconds / (bulk ? 1e6 : 1));
          measured[i].cpu.push_back(cpu / c.count * (bulk ? 1e12 : 1e9));
          measured[i].trip.push_back(c.median_ns / 1e3);
        }
      }
      for (std::size_t i = 0; i < whos.size(); ++i)
        add_rows(rows, wire, whos[i], load, measured[i]);
    }
  }
}

std::string plan_without_card(const Place& place) {
  const std::string plan = place.folder + "/none.yaml";
  command({place.build + "/weft", "compile", "host_ipv4", "--nic", "none", "--workload", "tcp_echo",
           "--no-proof", "-o", plan});
  return plan;
}

// The slope between two counts of requests.
void count(const std::string& plan, std::vector<Row>& rows) {
  for (const unsigned connections : {1u, 32u, 256u}) {
    for (const std::string who : {"lwip", "weft"}) {
      double n[2] = {};
      for (const unsigned part : {0u, 1u}) {
        const auto counted = count_instructions(
            counted_functions(who),
            {this_program(), "--scripted", who == "lwip" ? who : plan, "--connections",
             std::to_string(connections), "--count", std::to_string((part + 1) * 8000)});
        if (!counted) {
          fmt::print(stderr, "tcp: instructions of {} are not counted\n", who);
          return;
        }
        n[part] = *counted;
      }
      const double each = (n[1] - n[0]) / 8000;
      rows.push_back({"tcp",
                      fmt::format("scripted/{}/{}", connections, who),
                      "instructions",
                      each,
                      "1/request",
                      who == "lwip" ? "" : fmt::format("scripted/{}/lwip", connections),
                      0,
                      {each}});
    }
  }
}

int run(const Options& options) {
  if (options.serve == "kernel") return serve_kernel();
  if (options.serve == "lwip") return serve_lwip(options.wire, options.cpu);
  if (!options.scripted.empty()) {
    on_scripted(options.scripted, [&](ScriptedWire& wire, const auto& until_done) {
      wire.open(options.connections);
      wire.ask(options.count, options.connections);
      until_done();
    });
    return 0;
  }
  if (geteuid() != 0) {
    fmt::print(stderr, "tcp: network namespaces need root\n");
    return 77;
  }
  const auto cpus = ports::usable_cpus();
  char folder[] = "/tmp/weft-bench-XXXXXX";
  if (mkdtemp(folder) == nullptr) throw std::runtime_error("no temporary folder");
  const Place place{.stack_cpu = cpus.back(),
                    .load_cpu = cpus.front(),
                    .folder = folder,
                    .build = fs::path(this_program()).parent_path().parent_path()};
  std::vector<Row> rows;
  std::error_code ignored;
  try {
    if (!options.no_rates) measure(options, place, rows);
    const std::string plan = plan_without_card(place);
    if (!options.no_instructions) count(plan, rows);
    if (options.crowd != 0) {
      const auto more = measure_crowd(plan, options.crowd, options.runs);
      rows.insert(rows.end(), more.begin(), more.end());
    }
  } catch (...) {
    fs::remove_all(folder, ignored);
    throw;
  }
  fs::remove_all(folder, ignored);
  compare(rows);
  print(rows, options.json);
  return 0;
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) {
  weft::bench::Options options;
  CLI::App app{"tests/bench/run tcp\n\nTCP of weft beside lwIP and the kernel.", "tcp"};
  app.add_option("--runs", options.runs, "measurements of each; the median counts")
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "of one measurement")->capture_default_str();
  app.add_option("--wires", options.wires, "veth, memif")->delimiter(',');
  app.add_flag("--no-rates", options.no_rates, "counts instructions only");
  app.add_flag("--no-instructions", options.no_instructions, "leaves callgrind out");
  app.add_option("--crowd", options.crowd, "connections open at once; 0: leaves that out")
      ->capture_default_str();
  app.add_flag("--json", options.json, "one row in a line");
  for (auto* inner :
       {app.add_option("--serve", options.serve), app.add_option("--scripted", options.scripted),
        app.add_option("--wire", options.wire), app.add_option("--cpu", options.cpu),
        app.add_option("--connections", options.connections),
        app.add_option("--count", options.count)})
    inner->group("");
  CLI11_PARSE(app, argc, argv);
  try {
    return weft::bench::run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "tcp: {}\n", error.what());
    return 70;
  }
}
