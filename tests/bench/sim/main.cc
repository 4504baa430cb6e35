// Seeds in a second of one core: two hosts of the simulation port on a bad wire, as tests/unit/sim
// runs them, each with its streams compared and its ends checked. In time of this process alone.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "tests/bench/report.h"
#include "tests/unit/sim/two_hosts.h"

namespace {

double cpu_s() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace weft;
  unsigned runs = 5, seeds = 1000;
  bool json = false;
  CLI::App app("Seeds of the simulation port in a second of one core");
  app.add_option("--runs", runs, "measurements");
  app.add_option("--seeds", seeds, "seeds in each");
  app.add_flag("--json", json, "one JSON row in a line");
  CLI11_PARSE(app, argc, argv);

  std::vector<double> rates, frame_rates;
  std::uint64_t seed = 1;
  for (unsigned run = 0; run < runs; ++run) {
    const double begin = cpu_s();
    std::uint64_t frames = 0;
    for (unsigned i = 0; i < seeds; ++i, ++seed) {
      test::TwoHosts both(test::hosts_of(seed));
      const std::string wrong = both.run();
      frames += both.frames();
      if (wrong.empty()) continue;
      std::fprintf(stderr, "seed %lu: %s\n", seed, wrong.c_str());
      return 1;
    }
    const double took = cpu_s() - begin;
    rates.push_back(seeds / took);
    frame_rates.push_back(static_cast<double>(frames) / took);
  }
  bench::print({{.bench = "sim",
                 .name = "two hosts",
                 .metric = "seeds",
                 .value = bench::median(rates),
                 .unit = "1/s",
                 .runs = rates},
                {.bench = "sim",
                 .name = "two hosts",
                 .metric = "frames",
                 .value = bench::median(frame_rates),
                 .unit = "1/s",
                 .runs = frame_rates}},
               json);
}
