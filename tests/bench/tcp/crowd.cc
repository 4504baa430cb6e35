#include "tests/bench/tcp/crowd.h"

#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <stdexcept>

#include "tests/bench/tcp/scripted.h"

namespace weft::bench {
namespace {

constexpr unsigned few = 1000, requests = 200'000;

double resident_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    unsigned kb = 0;
    if (std::sscanf(line.c_str(), "VmRSS: %u", &kb) == 1) return kb / 1024.0;
  }
  throw std::runtime_error("/proc/self/status says nothing of memory");
}

// Processor time of the stack alone.
template <class F>
double stack_seconds(const ScriptedWire& wire, F&& work) {
  const double peer = wire.spent(), begin = cpu_seconds();
  work();
  return cpu_seconds() - begin - (wire.spent() - peer);
}

}  // namespace

std::vector<Row> measure_crowd(const std::string& plan, unsigned connections, unsigned runs) {
  std::vector<Row> rows;
  const auto row = [&](const char* name, const char* metric, std::vector<double> values,
                       const char* unit, const char* peer = "") {
    rows.push_back({"tcp", name, metric, median(values), unit, peer, 0, values});
  };
  on_scripted(plan, [&](ScriptedWire& wire, const std::function<void()>& until_done) {
    const auto rate = [&](unsigned among) {
      wire.ask(requests, among);
      return requests / stack_seconds(wire, until_done);
    };
    const auto opened = [&](unsigned from, unsigned to) {
      wire.open(to);
      return std::vector<double>{1e9 * stack_seconds(wire, until_done) / (to - from)};
    };
    opened(0, few);
    const double before = resident_mib();
    std::vector<double> alone, beside, all;
    rate(few);  // (warms)
    for (unsigned i = 0; i < runs; ++i) alone.push_back(rate(few));
    row("crowd/1,000", "rate", alone, "requests/s");
    row("crowd/first", "open", opened(few, few + connections / 10), "ns");
    opened(few + connections / 10, connections - connections / 10);
    row("crowd/last", "open", opened(connections - connections / 10, connections), "ns",
        "crowd/first");
    // (The peer's table of 16 bytes each is in it.)
    row("crowd/all", "resident", {resident_mib() - before}, "MiB");
    rate(connections);
    for (unsigned i = 0; i < runs; ++i) {
      beside.push_back(rate(few));
      all.push_back(rate(connections));
    }
    row("crowd/1,000 beside all", "rate", beside, "requests/s", "crowd/1,000");
    row("crowd/all in turn", "rate", all, "requests/s", "crowd/1,000");
    row("crowd/all of beside", "rate", all, "requests/s", "crowd/1,000 beside all");
    wire.close(connections / 10);
    row("crowd/first", "close", {1e9 * stack_seconds(wire, until_done) / (connections / 10.0)},
        "ns");
    wire.close(connections - connections / 10);
    until_done();
    wire.close(connections);
    row("crowd/last", "close", {1e9 * stack_seconds(wire, until_done) / (connections / 10.0)}, "ns",
        "crowd/first");
  });
  return rows;
}

}  // namespace weft::bench
