// A NIC model without one of its units: the YAML text with the unit's block cut out and everything
// that led to it leading on to what was behind it.
#pragma once

#include <string>
#include <vector>

#include "tests/sim/harness.h"

namespace weft::sim {

struct Unit {
  std::string section;  // "receive", "transmit"
  std::string node;
};

// Every knob, filter table and RSS unit of the model.
std::vector<Unit> units_of(const ir::NicModel& model);

std::string without(const std::string& yaml, const ir::NicModel& model, const Unit& unit);
std::string model_text(const std::string& nic);
// Reads `text` as the model `nic`.
ir::NicModel model_from(const std::string& text, const std::string& nic,
                        const ir::FieldTable& fields);

}  // namespace weft::sim
