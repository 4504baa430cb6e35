// NIC models as text, for those that no person has written (`weft nic probe`).
#pragma once

#include <string>

#include "compiler/ir/nic_model.h"

namespace weft::frontend {

// As a model file says it: "none", "receive", ...
const char* zero_copy_word(ir::ZeroCopy z);

// Reading it gives the same model again. `source` stands where a model in memory does not keep
// where a fact is from; `comment` comes first, its lines without "# ".
std::string print_nic(const ir::NicModel& nic, const std::string& source,
                      const std::string& comment);

}  // namespace weft::frontend
