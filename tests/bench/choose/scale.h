// Many flows: 2,174 fill both tables of an 82599; 100,000 of 100 classes go to 128 queues.
#pragma once

#include <vector>

#include "tests/bench/report.h"

namespace weft::bench {

std::vector<Row> many_flows(unsigned runs);

}  // namespace weft::bench
