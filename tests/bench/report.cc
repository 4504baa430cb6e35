#include "tests/bench/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace weft::bench {

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

void compare(std::vector<Row>& rows) {
  for (auto& row : rows) {
    if (row.peer.empty()) continue;
    const auto peer = std::find_if(rows.begin(), rows.end(), [&](const Row& other) {
      return other.name == row.peer && other.metric == row.metric;
    });
    if (peer != rows.end() && peer->value != 0) row.ratio = row.value / peer->value;
  }
}

std::string to_json(const Row& row) {
  nlohmann::ordered_json json{{"bench", row.bench}, {"case", row.name}, {"metric", row.metric},
                              {"value", row.value}, {"unit", row.unit}, {"peer", nullptr},
                              {"ratio", nullptr},   {"runs", row.runs}};
  if (!row.peer.empty()) json["peer"] = row.peer;
  if (row.ratio != 0) json["ratio"] = row.ratio;
  return json.dump();
}

void print(const std::vector<Row>& rows, bool json) {
  if (!json && !rows.empty()) {
    fmt::print("{:<8} {:<28} {:<13} {:>9} {:<10} {:>6}  {:<20} {:>9} {:>9}\n", "bench", "case",
               "metric", "median", "unit", "ratio", "of", "least", "most");
  }
  for (const auto& row : rows) {
    if (json) {
      fmt::print("{}\n", to_json(row));
      continue;
    }
    const auto [least, most] = std::minmax_element(row.runs.begin(), row.runs.end());
    fmt::print("{:<8} {:<28} {:<13} {:>9.1f} {:<10} {:>6}  {:<20} {:>9.1f} {:>9.1f}\n", row.bench,
               row.name, row.metric, row.value, row.unit,
               row.ratio == 0 ? "" : fmt::format("{:.2f}", row.ratio), row.peer,
               row.runs.empty() ? row.value : *least, row.runs.empty() ? row.value : *most);
  }
}

}  // namespace weft::bench
