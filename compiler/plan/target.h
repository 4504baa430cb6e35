// Where a rule of a plan brings what it catches: one queue, or a group of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/plan/plan.h"

namespace weft::plan {

std::vector<unsigned> queues_of(const Filter& rule);
// The queue by the card's hash, modulo the size; empty: nobody says which of them it is.
std::vector<std::uint16_t> table_of(const Filter& rule);
bool same_target(const Filter& a, const Filter& b);
void set_queue(Filter& rule, unsigned queue);  // this one alone

// "queue 4", "queues 4-7 by hash", "any of queues 4-7"
std::string target_text(const Filter& rule);

}  // namespace weft::plan
