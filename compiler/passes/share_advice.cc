#include "compiler/passes/share_advice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace weft::passes {

namespace {

constexpr std::size_t most_tried = 8;

// Places of those that could share.
std::vector<std::size_t> exclusive(const ir::Workload& workload) {
  std::vector<std::size_t> out;
  for (std::size_t e = 0; e < workload.endpoints.size(); ++e)
    if (!workload.endpoints[e].vacant() && workload.endpoints[e].exclusive) out.push_back(e);
  return out;
}

Inputs shared(const Inputs& inputs, const std::vector<std::size_t>& whose) {
  Inputs out = inputs;
  for (const std::size_t e : whose) out.workload.endpoints[e].exclusive = false;
  return out;
}

}  // namespace

void advise_sharing(const Inputs& inputs, const Chosen& chosen, diag::Diagnostic& refusal) {
  if (refusal.code != "E0801" && refusal.code != "E0803") return;
  const std::vector<std::size_t> all = exclusive(inputs.workload);
  if (all.empty() || all.size() > most_tried) return;
  std::vector<std::string> ways;
  const auto& endpoints = inputs.workload.endpoints;
  for (const std::size_t e : all)
    if (chosen(shared(inputs, {e})))
      ways.push_back(fmt::format("leave out `exclusive:` of {}", endpoints[e].name));
  if (ways.empty() && all.size() > 1 && chosen(shared(inputs, all))) {
    std::vector<std::string> names;
    for (const std::size_t e : all) names.push_back(endpoints[e].name);
    ways.push_back(fmt::format("leave out `exclusive:` of {}", fmt::join(names, " and ")));
  }
  // One change is less than several: "one of these, and as well".
  if (!ways.empty() && refusal.help.starts_with("one of these: ")) {
    refusal.help = fmt::format("{} would do", fmt::join(ways, ", or "));
    return;
  }
  for (const std::string& way : ways)
    if (refusal.help.find(way) == std::string::npos) refusal.help += "; or " + way;
}

}  // namespace weft::passes
