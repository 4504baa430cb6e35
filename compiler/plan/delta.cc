#include "compiler/plan/delta.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "compiler/plan/memory.h"
#include "compiler/plan/owners.h"
#include "compiler/plan/places.h"
#include "compiler/plan/segment_rules.h"
#include "compiler/plan/target.h"

namespace weft::plan {
namespace {

using Kind = Operation::Kind;

// Places where `a` has an endpoint, and `b` has not the same one.
std::vector<unsigned> endpoints_beside(const Plan& a, const Plan& b) {
  std::vector<unsigned> out;
  for (unsigned i = 0; i < a.endpoints.size(); ++i) {
    const bool there = i < b.endpoints.size() && ir::same_sockets(a.endpoints[i], b.endpoints[i]);
    if (!a.endpoints[i].vacant() && !there) out.push_back(i);
  }
  return out;
}

bool same_endpoints(const Plan& a, const Plan& b) {
  return endpoints_beside(a, b).empty() && endpoints_beside(b, a).empty();
}

bool same_cores(const Plan& a, const Plan& b) {
  return std::equal(a.cores.begin(), a.cores.end(), b.cores.begin(), b.cores.end(),
                    [](const NetCore& x, const NetCore& y) { return x.queues == y.queues; });
}

// Where rules bring connections, narrowest rule first.
std::vector<std::pair<std::string, std::string>> connections_by_rule(const Plan& plan) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const Filter* rule : segment_rules(plan.configuration))
    out.emplace_back(rule_key(*rule), target_text(*rule));
  std::sort(out.begin(), out.end());
  return out;
}

// Connections stay where they are: by rules, by what the card hashes of them and its table, or on
// the queues that they are handed over to. Or each is handed over to where it was.
bool right_connections(const Plan& a, const Plan& b) {
  const auto none = [](const Plan& plan) {
    return std::none_of(plan.endpoints.begin(), plan.endpoints.end(),
                        [](const ir::Endpoint& e) { return e.tcp; });
  };
  if (none(a) && none(b)) return true;
  const Rss &x = a.configuration.rss, &y = b.configuration.rss;
  if (x.segment != y.segment) return false;
  if (keeps_connections(a) && keeps_connections(b)) return true;
  return connections_by_rule(a) == connections_by_rule(b) && (!x.segment || x.table == y.table) &&
         takers(a, nodes::Slot::handed_segment) == takers(b, nodes::Slot::handed_segment);
}

std::string input_of(const Plan& plan, const char* name) {
  const auto at = plan.inputs.find(name);
  return at == plan.inputs.end() ? "" : at->second;
}

// What only a new start can change.
std::vector<std::string> fixed_things(const Plan& a, const Plan& b) {
  std::vector<std::string> out;
  const auto fixed = [&](bool same, const char* what) {
    if (!same) out.emplace_back(what);
  };
  const Configuration &c = a.configuration, &d = b.configuration;
  fixed(a.graph == b.graph && input_of(a, "graph") == input_of(b, "graph"), "the protocol graph");
  fixed(a.nic == b.nic && a.driver == b.driver && input_of(a, "nic") == input_of(b, "nic"),
        "the card");
  fixed(input_of(a, "headers") == input_of(b, "headers"), "header declarations");
  fixed(a.host == b.host, "the host's addresses, routes or MTU");
  fixed(c.rx_queues == d.rx_queues && c.tx_queues == d.tx_queues, "the number of queues");
  fixed(same_cores(a, b), "which core runs which queue");
  fixed(receive_regions(a) == receive_regions(b), "which queues have memory of their own");
  fixed(c.knobs == d.knobs, "switches of the card");
  fixed(c.rss.enabled == d.rss.enabled && c.rss.types == d.rss.types && c.rss.key == d.rss.key &&
            c.rss.function == d.rss.function && c.rss.table.size() == d.rss.table.size(),
        "RSS but for its table");
  fixed(right_connections(a, b), "which queue has which TCP connection");
  return out;
}

using Rules = std::unordered_map<std::string, const Filter*>;

Rules rules_of(const Plan& plan) {
  Rules out;
  for (const Filter& f : plan.configuration.filters) out.emplace(rule_key(f), &f);
  return out;
}

bool residue_is(const Residue& r, const Residue& other) {
  return r.id == other.id && r.queue_class == other.queue_class;
}

class Delta {
 public:
  Delta(const Plan& before, const Plan& after, const StandIn& stand_in)
      : before_(before), after_(after), stand_in_(stand_in) {}

  std::vector<Operation> run() {
    for (const unsigned i : endpoints_beside(after_, before_))
      out_.push_back({.kind = Kind::add_endpoint, .endpoint = after_.endpoints[i], .place = i});
    residues("any");
    compare_rules();
    compare_flows();
    for (const Filter* rule : gone_) destroy(*rule);
    for (const auto& [old, now] : swapped_) {
      destroy(*old);
      create(*now);
    }
    for (const Replaced& rule : replaced_) {
      create(rule.stand_in);
      destroy(*rule.old);
    }
    table();
    move();
    for (const FlowEntry* flow : fresh_flows_)
      out_.push_back({.kind = Kind::add_flow, .flow = *flow});
    for (const Replaced& rule : replaced_) {
      create(*rule.now);
      destroy(rule.stand_in);
    }
    for (const Filter* rule : fresh_) create(*rule);
    for (const FlowEntry* flow : dead_flows_) {
      drain(flow->queue);
      out_.push_back({.kind = Kind::remove_flow, .flow = *flow});
    }
    residues("flows");
    std::vector<unsigned> going = endpoints_beside(before_, after_);
    // Packets that were marked for one of them are through when its number may be another's.
    if (!going.empty()) {
      for (const unsigned queue : std::set<unsigned>(waiting_)) drain(queue);
    }
    for (const unsigned i : going)
      out_.push_back({.kind = Kind::remove_endpoint, .endpoint = before_.endpoints[i], .place = i});
    return std::move(out_);
  }

 private:
  // A residue for whatever comes is there before the card may send it; one for flows alone, when
  // it does so no longer.
  void residues(const std::string& queue_class) {
    for (unsigned q = 0; q < before_.configuration.rx_queues; ++q) {
      const Residue* old = residue_of_queue(before_, q);
      const Residue* now = residue_of_queue(after_, q);
      if (old == nullptr || now == nullptr || residue_is(*old, *now) ||
          now->queue_class != queue_class)
        continue;
      if (queue_class == "flows") out_.push_back({.kind = Kind::drain, .queue = q});
      out_.push_back(
          {.kind = Kind::set_residue, .queue = q, .residue = std::make_shared<Residue>(*now)});
    }
  }

  void compare_rules() {
    const Rules old = rules_of(before_), now = rules_of(after_);
    for (const Filter& f : before_.configuration.filters) {
      const auto at = now.find(rule_key(f));
      if (at == now.end()) {
        gone_.push_back(&f);
      } else if (!same_target(*at->second, f) || at->second->mark != f.mark) {
        changed(f, *at->second);
      }
    }
    for (const Filter& f : after_.configuration.filters)
      if (!old.contains(rule_key(f))) fresh_.push_back(&f);
  }

  // Away before its flow moves, back when it has. (Connections are kept by the core that has them,
  // wherever they arrive meanwhile.)
  void changed(const Filter& old, const Filter& now) {
    const auto flow = flow_of(old);
    const FlowEntry* entry = flow ? find_flow(before_, *flow) : nullptr;
    if (entry != nullptr && find_flow(after_, *flow) != nullptr) {
      changed_[entry].emplace_back(&old, &now);
    } else if (about_segments(now)) {
      swapped_.emplace_back(&old, &now);
    } else if (auto other = stand_in_ ? stand_in_(now) : std::nullopt) {
      replaced_.push_back({&old, &now, std::move(*other)});
    } else {
      gone_.push_back(&old);
      fresh_.push_back(&now);
    }
  }

  void compare_flows() {
    for (const FlowEntry& f : before_.flows) {
      const FlowEntry* now = find_flow(after_, f);
      if (now == nullptr) {
        dead_flows_.push_back(&f);
      } else if (now->queue != f.queue || now->endpoint != f.endpoint || changed_.contains(&f)) {
        moved_.emplace_back(&f, now);
      }
    }
    for (const FlowEntry& f : after_.flows)
      if (find_flow(before_, f) == nullptr) fresh_flows_.push_back(&f);
  }

  void table() {
    const auto &old = before_.configuration.rss.table, &now = after_.configuration.rss.table;
    Operation change{.kind = Kind::set_table};
    for (unsigned i = 0; i < now.size(); ++i) {
      if (old[i] == now[i]) continue;
      change.entries.emplace_back(i, now[i]);
      waiting_.insert(old[i]);
    }
    if (!change.entries.empty()) out_.push_back(std::move(change));
  }

  void move() {
    for (std::size_t at = 0; at < moved_.size(); at += moved_at_once) {
      const std::size_t end = std::min(at + moved_at_once, moved_.size());
      for (std::size_t i = at; i < end; ++i) {
        for (const auto& [old, now] : rules_of_flow(i)) destroy(*old);
      }
      for (std::size_t i = at; i < end; ++i) move(*moved_[i].first, *moved_[i].second);
      for (std::size_t i = at; i < end; ++i) {
        for (const auto& [old, now] : rules_of_flow(i)) create(*now);
      }
    }
  }

  void move(const FlowEntry& old, const FlowEntry& now) {
    if (old.queue != now.queue || old.endpoint != now.endpoint) drain(old.queue);
    if (old.endpoint != now.endpoint) {
      out_.push_back({.kind = Kind::remove_flow, .flow = old});
      out_.push_back({.kind = Kind::add_flow, .flow = now});
    } else if (old.queue != now.queue) {
      out_.push_back({.kind = Kind::move_flow, .flow = old, .queue = now.queue});
    }
  }

  using Pairs = std::vector<std::pair<const Filter*, const Filter*>>;
  const Pairs& rules_of_flow(std::size_t moved) const {
    static const Pairs none;
    const auto at = changed_.find(moved_[moved].first);
    return at == changed_.end() ? none : at->second;
  }

  void destroy(const Filter& rule) {
    out_.push_back({.kind = Kind::destroy_rule, .filter = rule});
    for (const unsigned queue : queues_of(rule)) waiting_.insert(queue);
  }
  void create(const Filter& rule) { out_.push_back({.kind = Kind::create_rule, .filter = rule}); }
  // Only where something may wait that the card would send elsewhere now.
  void drain(unsigned queue) {
    if (waiting_.erase(queue) != 0) out_.push_back({.kind = Kind::drain, .queue = queue});
  }

  struct Replaced {
    const Filter* old = nullptr;
    const Filter* now = nullptr;
    Filter stand_in;
  };

  const Plan& before_;
  const Plan& after_;
  const StandIn& stand_in_;
  std::vector<const Filter*> gone_, fresh_;
  Pairs swapped_;
  std::vector<Replaced> replaced_;
  std::map<const FlowEntry*, Pairs> changed_;  // by the flow in `before`
  std::vector<const FlowEntry*> dead_flows_, fresh_flows_;
  std::vector<std::pair<const FlowEntry*, const FlowEntry*>> moved_;
  std::set<unsigned> waiting_;
  std::vector<Operation> out_;
};

}  // namespace

diag::Result<std::vector<Operation>> operations(const Plan& before, const Plan& after,
                                                const StandIn& stand_in) {
  std::vector<std::string> fixed = fixed_things(before, after);
  const std::vector<unsigned> going = endpoints_beside(before, after);
  const std::vector<unsigned> coming = endpoints_beside(after, before);
  for (const unsigned i : going) {
    for (const unsigned j : coming) {
      if (before.endpoints[i].name == after.endpoints[j].name && fixed.empty())
        fixed.push_back(
            fmt::format("endpoint `{}` (its place or its sockets)", before.endpoints[i].name));
    }
  }
  if (!fixed.empty())
    return diag::fail(diag::Diagnostic{
        .code = "E0670",
        .message = fmt::format("the running stack cannot change {}", fmt::join(fixed, ", ")),
        .help = "end the stack and start the new plan; or apply the workload instead of the plan, "
                "and weft makes one that fits"});
  if (going.empty() || coming.empty()) return Delta(before, after, stand_in).run();
  // What comes may want the sockets, or the number, of what goes.
  Plan middle = before;
  for (const unsigned i : going) remove_endpoint(middle, i);
  std::vector<Operation> all = Delta(before, middle, stand_in).run();
  for (Operation& o : Delta(middle, after, stand_in).run()) all.push_back(std::move(o));
  return all;
}

bool same_but_for_names(const Plan& a, const Plan& b) {
  if (!fixed_things(a, b).empty() || a.configuration.rss.table != b.configuration.rss.table ||
      !same_endpoints(a, b) || a.flows.size() != b.flows.size() ||
      a.configuration.filters.size() != b.configuration.filters.size())
    return false;
  const Rules other = rules_of(b);
  for (const Filter& f : a.configuration.filters) {
    const auto at = other.find(rule_key(f));
    if (at == other.end() || !same_target(*at->second, f) || at->second->mark != f.mark)
      return false;
  }
  for (const FlowEntry& f : a.flows) {
    const FlowEntry* g = find_flow(b, f);
    if (g == nullptr || g->queue != f.queue || g->endpoint != f.endpoint) return false;
  }
  for (unsigned q = 0; q < a.configuration.rx_queues; ++q) {
    const Residue *r = residue_of_queue(a, q), *s = residue_of_queue(b, q);
    if ((r == nullptr) != (s == nullptr) || (r != nullptr && !residue_is(*r, *s))) return false;
  }
  return true;
}

}  // namespace weft::plan
