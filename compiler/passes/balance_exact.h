// Part of balance: where there is little to try, everything is tried, and what is left is the best.
#pragma once

#include "compiler/passes/balance.h"

namespace weft::passes {

inline constexpr std::size_t most_exact = 40;     // items
inline constexpr unsigned exact_effort = 20'000;  // steps, of some 50 ns each

// `found` made better until nothing is better: true, and it is the best there is. False where the
// effort did not suffice (or there is too much to try); `found` may be better even so.
bool improve_exactly(std::span<const BalanceItem> items, const std::vector<double>& before,
                     const std::vector<double>& surcharge, const std::vector<double>& slower,
                     double bound, Balanced& found);

}  // namespace weft::passes
