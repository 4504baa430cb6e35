// Part of the pass "choose": refusals that help. Each names the few facts that stand against each
// other, with their lines in the workload and the model, and the least change that would do.
#pragma once

#include "compiler/passes/filter_plan.h"

namespace weft::passes {

// Some class lacks rules that it must have (E0801).
diag::Diagnostic refuse_filters(const Inputs& inputs, const FilterProblem& problem);

// More zones than queues, or none that is left for everybody (E0802). `queues`: how many there are,
// `wanted`: how many would do.
diag::Diagnostic refuse_queues(const Inputs& inputs, const Classes& classes, unsigned queues,
                               unsigned wanted);

// A card that spreads what no rule matches over all queues, or over none, keeps no queue for
// anybody (E0802). `rss` is null where there is nothing that spreads.
diag::Diagnostic refuse_spreading(const Inputs& inputs, const Zone& zone, const ir::Node* rss);

// `wanted` queues are needed where there are `queues`; why there are not more, and what would do
// (E0803).
diag::Diagnostic refuse_few(const Inputs& inputs, const diag::Span& at, std::string message,
                            unsigned queues, unsigned wanted);
std::string so_many(unsigned n);  // "is 1", "are 4"

// A wish for a queue or core that cannot be (E0803).
diag::Diagnostic refuse_pin(const diag::Span& at, std::string message,
                            std::vector<diag::Note> notes, std::string help);

}  // namespace weft::passes
