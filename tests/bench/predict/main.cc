// What a plan says that a packet costs, and what it does: costs are measured with `weft profile` on
// two cards, the others are foretold from them and then measured.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/bench/predict/rings.h"
#include "tests/bench/report.h"

namespace weft::bench {
namespace {

std::string output_of(const std::string& command) {
  std::string out;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return out;
  char part[4096];
  while (const std::size_t n = fread(part, 1, sizeof(part), pipe)) out.append(part, n);
  return pclose(pipe) == 0 ? out : std::string();
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) {
  std::string cards = "tap,af_packet,virtio,vmxnet3,qemu_e1000e,intel_82599,intel_e810";
  unsigned runs = 7;
  bool json = false;
  CLI::App app{"tests/bench/run predict\n\nPredicted and measured cycles per packet, by card.",
               "predict"};
  app.add_option("--cards", cards, "which, separated by commas")->capture_default_str();
  app.add_option("--runs", runs, "of each card; the least counts")->capture_default_str();
  app.add_flag("--json", json, "one row in a line");
  CLI11_PARSE(app, argc, argv);
  const auto build =
      std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path().string();
  const auto rows = nlohmann::json::parse(
      weft::bench::output_of(
          fmt::format("'{}/weft' profile --json --runs {} --against {}", build, runs, cards)),
      nullptr, false);
  if (rows.is_discarded()) {
    fmt::print(stderr, "predict: `weft profile` failed\n");
    return 70;
  }
  std::vector<weft::bench::Row> table;
  for (const auto& row : rows) {
    const std::string card = row["card"];
    const double measured = row["measured"], predicted = row["predicted"];
    table.push_back(
        {"predict", card + "/measured", "cycles", measured, "1/packet", "", 0, {measured}});
    table.push_back({"predict",
                     card + "/predicted",
                     "cycles",
                     predicted,
                     "1/packet",
                     card + "/measured",
                     0,
                     {predicted}});
  }
  weft::bench::add_rings(build, table);
  weft::bench::compare(table);
  weft::bench::print(table, json);
  return 0;
}
