#include "compiler/passes/objectives.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

namespace weft::passes {

namespace {

constexpr unsigned each_up_to = 8;  // of more cores powers of two are tried, and all

double value(const plan::Compared& c, ir::Objective o) {
  switch (o) {
    case ir::Objective::load: return c.load;
    case ir::Objective::latency: return c.latency_us;
    case ir::Objective::cores: return c.cores;
    case ir::Objective::filters: return c.filters;
  }
  return 0;
}

bool same(const plan::Compared& a, const plan::Compared& b) {
  return a.cores == b.cores && a.priority == b.priority && a.filters == b.filters &&
         a.load == b.load && a.latency_us == b.latency_us;
}

bool counted(ir::Objective o) { return o == ir::Objective::cores || o == ir::Objective::filters; }

// Whatever comes of what is at least `least`: `found` is not left out before it, and stands in
// front.
bool is_beaten(const std::vector<ir::Objective>& order, const plan::Compared& least,
               const plan::Compared& found) {
  for (const ir::Objective o : order) {
    const double more = counted(o) ? 1 : 1 + close;
    if (value(least, o) > value(found, o) * more) return true;
    if (value(least, o) < value(found, o)) return false;
  }
  return true;
}

// All who are expected have a rate, or are known flows.
bool loads_are_known(const ir::Workload& workload) {
  std::vector<bool> known(workload.endpoints.size());
  for (const ir::Flow& f : workload.flows) known[f.endpoint] = true;
  for (const ir::FlowSet& s : workload.sets) known[s.endpoint] = true;
  for (std::size_t e = 0; e < known.size(); ++e) {
    const ir::Endpoint& it = workload.endpoints[e];
    if (!known[e] && !it.vacant() && it.rate == 0) return false;
  }
  return true;
}

bool before_load(const std::vector<ir::Objective>& order, ir::Objective o) {
  const auto load = std::find(order.begin(), order.end(), ir::Objective::load);
  return std::find(order.begin(), load, o) != load;
}

}  // namespace

std::vector<Alternative> ways(const ir::Workload& workload, unsigned queues, unsigned cores) {
  std::vector<unsigned> numbers = {cores};
  if (before_load(workload.objectives, ir::Objective::cores) || loads_are_known(workload))
    for (unsigned n = 1; n < cores; n = n < each_up_to ? n + 1 : n * 2) numbers.push_back(n);
  std::vector<unsigned> gold = {0};
  if (workload.policy == ir::Policy::gold && workload.gold_queues == 0)
    for (unsigned n = 1; n < queues && n <= 4; n *= 2) gold.push_back(n);
  std::vector<Alternative> out;
  for (const unsigned n : numbers)
    for (const unsigned g : gold)
      for (const bool few : {false, true}) out.push_back({n, g, few});
  return out;
}

bool clearly_better(const std::vector<ir::Objective>& order, const plan::Compared& a,
                    const plan::Compared& b) {
  for (const ir::Objective o : order) {
    const double more = counted(o) ? 1 : 1 + close;
    if (value(a, o) * more < value(b, o)) return true;
    if (value(b, o) * more < value(a, o)) return false;
  }
  return false;
}

diag::Result<Picked> pick(const std::vector<ir::Objective>& order,
                          const std::vector<Alternative>& ways, bool clock, const Look& look,
                          const Least& least, const std::function<bool()>& more) {
  for (const ir::Objective o : {ir::Objective::cores, ir::Objective::latency}) {
    if (!clock && before_load(order, o))
      return diag::fail(diag::Diagnostic{
          "E0276",
          fmt::format("`{}` comes before `load`, and nobody knows what a core can do",
                      to_string(o)),
          {},
          "",
          {},
          "give the machine: `weft host show > host.yaml`, `weft compile --host host.yaml`"});
  }
  std::vector<plan::Compared> all;
  std::vector<Alternative> of;
  std::vector<std::size_t> left;
  std::optional<diag::Error> first;
  for (const Alternative& way : ways) {
    if (!left.empty() && !more()) break;
    const auto beats = [&, at = left.empty() ? plan::Compared() : least(way)](const auto& found) {
      return is_beaten(order, at, found);
    };
    if (std::any_of(all.begin(), all.end(), beats)) continue;
    auto found = look(way);
    if (!found && !first) {
      first = found.error();
      if (order.front() == ir::Objective::load && first->list.front().code != "E0804") break;
    }
    if (!found) continue;
    const auto known = [&](const plan::Compared& c) { return same(c, *found); };
    if (std::any_of(all.begin(), all.end(), known)) continue;
    left.push_back(all.size());
    all.push_back(std::move(*found));
    of.push_back(way);
  }
  if (left.empty()) return diag::fail(*first);
  for (const ir::Objective o : order) {
    double best = std::numeric_limits<double>::max();
    for (const std::size_t i : left) best = std::min(best, value(all[i], o));
    const double most = counted(o) ? best : best * (1 + close);
    for (const std::size_t i : left)
      if (value(all[i], o) > most) all[i].lost = to_string(o);
    std::erase_if(left, [&](std::size_t i) { return !all[i].lost.empty(); });
  }
  for (std::size_t i = 1; i < left.size(); ++i) all[left[i]].lost = "equal";
  Picked out{of[left.front()], {all[left.front()]}};
  for (std::size_t i = 0; i < all.size(); ++i)
    if (i != left.front()) out.compared.push_back(std::move(all[i]));
  return out;
}

}  // namespace weft::passes
