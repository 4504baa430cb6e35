#include "compiler/passes/zones.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "compiler/plan/memory.h"

namespace weft::passes {

std::string zone_name(const ir::Workload& workload, const ir::Endpoint& endpoint, bool gold) {
  std::vector<std::string> parts;
  if (gold && workload.policy == ir::Policy::gold) parts.push_back("gold");
  if (endpoint.exclusive) {
    parts.push_back("endpoint " + endpoint.name);
  } else if (!endpoint.trust.empty() && !endpoint.copied) {
    parts.push_back("trust " + endpoint.trust);
  }
  if (endpoint.core) parts.push_back(fmt::format("core {}", *endpoint.core));
  return parts.empty() ? everybody : fmt::format("{}", fmt::join(parts, ", "));
}

ir::Placement how_of(const ir::Endpoint& endpoint) {
  return endpoint.placement.value_or(ir::Placement::run_to_completion);
}

std::string group_of(const ir::Endpoint& endpoint) {
  return endpoint.copied ? plan::everybodys : plan::group_of(endpoint, how_of(endpoint));
}

}  // namespace weft::passes
