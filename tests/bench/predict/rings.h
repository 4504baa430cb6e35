// Rings between cores, foretold and counted: on a card whose spreading nobody can predict, with two
// cores, every other packet is handed over to the core that owns its flow.
#pragma once

#include <string>
#include <vector>

#include "tests/bench/report.h"

namespace weft::bench {

// Work of both cores for each packet, of that of one core alone: from plans with costs of this
// machine, and in instructions under callgrind. Nothing without valgrind.
void add_rings(const std::string& build, std::vector<Row>& table);

}  // namespace weft::bench
