#include "compiler/tool/profile_costs.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/passes/cycles.h"
#include "compiler/tool/say.h"

namespace weft::tool {
namespace {

using Samples = std::map<std::string, std::vector<double>>;

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

bool has_test(const ir::Item& item) { return !item.test.empty() && !item.when; }

// Nodes that are one thing: a body, a match, an `and` of comparisons alone.
void take_whole(const Measured& m, Samples& out) {
  for (auto [v, end] = vertices(m.residue->g); v != end; ++v) {
    const ir::Node& node = m.residue->node(*v);
    const auto found = m.node.find(node.id);
    if (found == m.node.end()) continue;
    switch (node.kind) {
      case ir::NodeKind::match: out["match"].push_back(found->second); break;
      case ir::NodeKind::test:
      case ir::NodeKind::effect: out[node.impl].push_back(found->second); break;
      case ir::NodeKind::conjunction:
      case ir::NodeKind::disjunction:
        if (!node.items.empty() && std::none_of(node.items.begin(), node.items.end(), has_test))
          out["item"].push_back(found->second / static_cast<double>(node.items.size()));
        break;
      default: break;
    }
  }
}

// What an `and` takes beyond its comparisons belongs to its tests, in proportion to what is known
// of them.
void take_tests(const Measured& m, double item, const passes::Costs& known, Samples& out) {
  for (auto [v, end] = vertices(m.residue->g); v != end; ++v) {
    const ir::Node& node = m.residue->node(*v);
    const auto found = m.node.find(node.id);
    if (found == m.node.end() || node.items.empty()) continue;
    double rest = found->second, weights = 0;
    for (const auto& i : node.items) {
      if (has_test(i))
        weights += known.of(i.test);
      else
        rest -= item;
    }
    if (weights == 0) continue;
    for (const auto& i : node.items) {
      if (has_test(i)) out[i.test].push_back(std::max(rest, 0.0) * known.of(i.test) / weights);
    }
  }
}

}  // namespace

diag::Result<passes::Costs> costs_from(const Measured& heavy, const Measured& light,
                                       const passes::Costs& known) {
  Samples samples;
  for (const Measured* m : {&heavy, &light}) take_whole(*m, samples);
  const double item = samples.contains("item") ? mean(samples.at("item")) : known.of("item");
  for (const Measured* m : {&heavy, &light}) take_tests(*m, item, known, samples);

  passes::Costs raw = known;
  double measured = 0, estimated = 0;
  for (const auto& [key, values] : samples) {
    raw.cycles[key] = mean(values);
    measured += mean(values);
    estimated += known.of(key);
  }
  for (auto& [key, value] : raw.cycles) {
    if (!samples.contains(key)) value *= measured / std::max(estimated, 1.0);
  }
  raw.cycles["read"] = item;
  raw.cycles["queue_poll"] = 0;

  // Interpreted, a body costs more than fused with its neighbours, and every way has a part that is
  // in no node: way = bodies * scale + fixed, for both.
  const double bodies_heavy = passes::cycles_of(*heavy.residue, raw);
  const double bodies_light = passes::cycles_of(*light.residue, raw);
  const double scale = (heavy.way - light.way) / (bodies_heavy - bodies_light);
  const double fixed = heavy.way - scale * bodies_heavy;
  if (!(bodies_heavy > bodies_light) || !(scale > 0.02 && scale < 3) || fixed < 0)
    return diag::fail(plain(
        "E0467",
        fmt::format("what was measured does not fit together: ways of {:.0f} and {:.0f} cycles, "
                    "bodies of {:.0f} and {:.0f}",
                    heavy.way, light.way, bodies_heavy, bodies_light),
        "something else keeps this machine busy: try again, or with more --runs"));
  for (auto& [key, value] : raw.cycles) value *= scale;
  raw.cycles["queue_poll"] = fixed;
  return raw;
}

std::string costs_yaml(const passes::Costs& costs, const std::string& source) {
  std::string out = fmt::format(
      "# Cycles of the time stamp counter for one packet, as measured by `weft profile`.\n"
      "costs: {}\nunit: cycles\nsource: \"{}\"\nnodes:\n",
      costs.name, source);
  for (const auto& [key, value] : costs.cycles) out += fmt::format("  {}: {:.2f}\n", key, value);
  return out;
}

}  // namespace weft::tool
