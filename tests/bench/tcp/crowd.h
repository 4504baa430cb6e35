// Many connections that are open: what they take, and what becomes of requests beside them.
#pragma once

#include <string>
#include <vector>

#include "tests/bench/report.h"

namespace weft::bench {

// For the file of a plan for the card `none`, in this process, whose memory is measured.
std::vector<Row> measure_crowd(const std::string& plan, unsigned connections, unsigned runs);

}  // namespace weft::bench
