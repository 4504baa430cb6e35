// Is a refusal true and minimal? Its facts are read as a person reads them, from its words, and put
// into a world where nothing else stands in the way: a card without limits, a workload without
// other wishes. There the chooser must refuse, and without any one of the facts it must not.
#pragma once

#include <string>

#include "compiler/passes/pipeline.h"

namespace weft::sim {

// Endpoint 1 of the workload (or one of its flows) is who wishes. "": all is well.
std::string fault_of_explanation(const passes::Inputs& asked, const diag::Diagnostic& why);

}  // namespace weft::sim
