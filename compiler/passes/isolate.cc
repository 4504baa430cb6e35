#include "compiler/passes/isolate.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "compiler/passes/classes.h"
#include "compiler/passes/objectives.h"

namespace weft::passes {

namespace {

constexpr std::size_t most_groups = 6;  // that are looked at one by one

using Groups = std::set<std::string>;

bool dedicated(const ir::Endpoint& e) {
  return !e.vacant() && how_of(e) == ir::Placement::dedicated;
}

// (Queues of its own are what an exclusive endpoint asks for by that word.)
bool may_share(const ir::Endpoint& e) { return dedicated(e) && !e.trust.empty() && !e.exclusive; }

bool any_trust(const ir::Workload& workload) {
  return std::any_of(workload.endpoints.begin(), workload.endpoints.end(),
                     [](const ir::Endpoint& e) { return !e.trust.empty(); });
}

// Nobody's queues are safe from pieces of a trust group's datagrams, which no rule brings: who has
// no group reads them in place only where nobody has one.
bool must_copy(const ir::Endpoint& e) { return dedicated(e) && e.trust.empty() && !e.exclusive; }

Inputs with_copied(const Inputs& inputs, const Groups& groups) {
  Inputs out = inputs;
  const bool trust = any_trust(inputs.workload);
  for (ir::Endpoint& e : out.workload.endpoints)
    e.copied = (trust && must_copy(e)) || (may_share(e) && groups.contains(e.trust));
  return out;
}

std::vector<std::string> groups_of(const ir::Workload& workload) {
  std::vector<std::string> out;
  for (const ir::Endpoint& e : workload.endpoints)
    if (may_share(e) && std::find(out.begin(), out.end(), e.trust) == out.end())
      out.push_back(e.trust);
  return out;
}

// What the card lacks, of the refusal of queues of its own.
std::string limit_of(const diag::Error& error) {
  const diag::Diagnostic& first = error.list.front();
  std::string out = first.message;
  for (const diag::Note& note : first.notes) {
    out += "; " + note.text;
    break;
  }
  std::string need = first.help;
  if (first.code == "E0801") need = "a card that has a rule for its packets";
  if (first.code == "E0802" && !need.starts_with("`queues:"))
    need = "a card that keeps queues apart";
  return fmt::format("{}; zero copy needs {}", out, need.substr(0, need.find(" would do")));
}

class Search {
 public:
  Search(const Inputs& inputs, const LookAt& look)
      : inputs_(inputs), look_(look), all_(groups_of(inputs.workload)) {}

  diag::Result<Isolated> run() {
    auto found = look(Groups());
    if (!found && !all_.empty()) {
      best_ = Groups(all_.begin(), all_.end());
      found = look(best_);
    }
    if (!found) return diag::fail(found.error());
    at_ = *found;
    all_.resize(std::min(all_.size(), most_groups));
    while (turn_one()) {
    }
    return told();
  }

 private:
  static constexpr const char* cheaper =
      "queues of its own can be had, and cost the busiest core more than the copies do";

  // The group for which the other way is best, where it is good at all: copies must be clearly
  // better than queues of its own, which are taken where nothing speaks against them.
  bool turn_one() {
    std::optional<std::string> whose;
    plan::Compared then;
    for (const std::string& group : all_) {
      const bool queues = best_.contains(group);
      const auto found = look(turned(group));
      if (!found) {
        if (queues) limit_[group] = limit_of(found.error());
        continue;
      }
      const bool good = queues ? !better(at_, *found) : better(*found, at_);
      if (good &&
          (!whose || better(*found, then) || (!better(then, *found) && found->load < then.load))) {
        whose = group;
        then = *found;
      }
      if (good != queues) limit_[group] = cheaper;
    }
    if (!whose) return false;
    best_ = turned(*whose);
    at_ = then;
    // (One that was turned stays so: this ends.)
    std::erase(all_, *whose);
    return true;
  }

  Groups turned(const std::string& group) const {
    Groups out = best_;
    if (out.erase(group) == 0) out.insert(group);
    return out;
  }

  // By the load, and by what comes before it: a rule that keeps packets apart is no waste.
  bool better(const plan::Compared& a, const plan::Compared& b) const {
    std::vector<ir::Objective> order = inputs_.workload.objectives;
    const auto load = std::find(order.begin(), order.end(), ir::Objective::load);
    order.erase(std::next(load), order.end());
    return clearly_better(order, a, b);
  }

  diag::Result<plan::Compared> look(const Groups& groups) const {
    return look_(with_copied(inputs_, groups));
  }

  Isolated told() const {
    Isolated out{with_copied(inputs_, best_), {}};
    const auto& endpoints = out.inputs.workload.endpoints;
    for (unsigned i = 0; i < endpoints.size(); ++i) {
      if (!endpoints[i].copied) continue;
      const auto limit = limit_.find(endpoints[i].trust);
      out.why[i] = endpoints[i].trust.empty()
                       ? "pieces of datagrams of trust groups arrive on its queues, too; zero copy "
                         "needs `exclusive:`, or `trust:`"
                   : limit != limit_.end() ? limit->second
                                           : "there are too many trust groups to try each";
    }
    return out;
  }

  const Inputs& inputs_;
  const LookAt& look_;
  std::vector<std::string> all_;
  std::map<std::string, std::string> limit_;  // by group that is copied
  Groups best_;                               // that are copied
  plan::Compared at_;                         // what comes of it
};

}  // namespace

bool may_copy(const ir::Workload& workload) {
  const auto& all = workload.endpoints;
  return any_trust(workload) && std::any_of(all.begin(), all.end(), [](const ir::Endpoint& e) {
           return may_share(e) || must_copy(e);
         });
}

diag::Result<Isolated> isolate(const Inputs& inputs, const LookAt& look) {
  return Search(inputs, look).run();
}

}  // namespace weft::passes
