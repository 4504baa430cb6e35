// What a plan shall be good at.
#pragma once

#include <array>
#include <string_view>

namespace weft::ir {

// In the order that holds where a workload names none (what is left out follows in it, too).
enum class Objective {
  load,     // of the busiest core
  latency,  // of the priority classes: what 99 of 100 of their packets take at most
  cores,    // that packets take
  filters,  // that the card holds
};

inline constexpr std::array all_objectives = {Objective::load, Objective::latency, Objective::cores,
                                              Objective::filters};

// The YAML word.
inline std::string_view to_string(Objective o) {
  constexpr std::array<std::string_view, 4> words = {"load", "latency", "cores", "filters"};
  return words[static_cast<std::size_t>(o)];
}

}  // namespace weft::ir
