// Gold flows under twice as much other traffic as the core can do, in simulated time: how long
// their answers take, in times that one datagram takes the core, beside gold flows alone, one queue
// for all, and the policy balance. (Over a real wire: tests/net/test_gold.py.)
#include <cstring>

#include <fmt/format.h>

#include "tests/bench/report.h"
#include "tests/sim/gold.h"
#include "tests/sim/harness.h"

int main(int argc, char** argv) {
  using namespace weft;
  bool json = false;
  for (int i = 1; i < argc; ++i) json = json || std::strcmp(argv[i], "--json") == 0;
  sim::start_dpdk();
  std::vector<bench::Row> rows;
  for (const double load : {0.2, 0.4, 0.6}) {
    const std::pair<const char*, sim::Sharing> ways[] = {{"idle", sim::Sharing::idle},
                                                         {"gold", sim::Sharing::gold},
                                                         {"one queue", sim::Sharing::one_queue},
                                                         {"balanced", sim::Sharing::balanced}};
    for (const auto& [name, how] : ways) {
      const sim::GoldTimes t = sim::gold_times(how, load);
      const auto row = [&, name = name](const char* metric, double value, const char* unit,
                                        const char* peer) {
        const auto of = [&](const char* which) {
          return fmt::format("{:.0f}%/{}", 100 * load, which);
        };
        rows.push_back(
            {"gold", of(name), metric, value, unit, *peer != 0 ? of(peer) : "", 0, {value}});
      };
      row("p50", t.p50, "services", "");
      row("p99", t.p99, "services", how == sim::Sharing::idle ? "" : "idle");
      row("answered", 100.0 * static_cast<double>(t.gold) / static_cast<double>(t.gold_sent), "%",
          "");
      row("throughput", t.throughput, "of the core", "");
    }
  }
  bench::compare(rows);
  bench::print(rows, json);
  return 0;
}
