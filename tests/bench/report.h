// What a benchmark says: rows, printed as a table or as JSON, one row in a line.
#pragma once

#include <string>
#include <vector>

namespace weft::bench {

struct Row {
  std::string bench;   // "graph"
  std::string name;    // the case: "none/generated"
  std::string metric;  // "time", "instructions"
  double value = 0;    // the median of `runs`
  std::string unit;    // "ns/packet", "1/packet"
  std::string peer;    // the row that it is compared with, or ""
  double ratio = 0;    // value / peer's value; 0: not compared
  std::vector<double> runs;
};

double median(std::vector<double> values);

// Sets `ratio` in every row that names a peer of the same metric.
void compare(std::vector<Row>& rows);

// Keys: bench, case, metric, value, unit, peer, ratio, runs.
std::string to_json(const Row& row);
void print(const std::vector<Row>& rows, bool json);

}  // namespace weft::bench
