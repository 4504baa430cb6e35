// Rules of one table that match the same packets while the narrower is not in front. On one level
// nobody says which counts, and some cards refuse the second; behind a wider one a rule is never
// hit.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "compiler/ir/fields.h"
#include "compiler/ir/graph.h"
#include "compiler/ir/nic_model.h"
#include "compiler/plan/plan.h"

namespace weft::passes {

// Two rules of this one table, by what they look at. (Types of packets count as far as their
// transport: where a table's types part two others, no packet will be found.)
bool misordered(const ir::FilterTable& table, const ir::FieldTable& fields, const plan::Filter& a,
                const plan::Filter& b);

using RulePair = std::pair<const plan::Filter*, const plan::Filter*>;
// One pair for each two masks and levels of which some are.
std::vector<RulePair> misordered_rules(const plan::Configuration& card, const ir::NicModel& nic,
                                       const ir::FieldTable& fields);

// "rules f1 and s0 of flows match the same packets, and neither is in front"
std::string misorder_text(const ir::FilterTable& table, const plan::Filter& a,
                          const plan::Filter& b);

}  // namespace weft::passes
