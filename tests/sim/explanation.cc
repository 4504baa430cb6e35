#include "tests/sim/explanation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "compiler/passes/choose.h"
#include "compiler/passes/steer.h"
#include "tests/sim/harness.h"

namespace weft::sim {
namespace {

using Facts = std::set<std::string>;

// What a note can say, and the fact that it is. What is no fact (cards that would do) is left out.
Facts facts_of(const diag::Diagnostic& why, std::string& unknown) {
  Facts out = {"wish"};
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  for (const diag::Note& note : why.notes) {
    if (has(note.text, " wanted; ")) {
      out.insert("wish");
    } else if (note.text.starts_with("table ") && has(note.text, " takes ")) {
      out.insert("full " + note.text.substr(6, note.text.find(' ', 6) - 6));
    } else if (note.text.starts_with("all rules of table ")) {
      out.insert("mask " + note.text.substr(19, note.text.find(' ', 19) - 19));
    } else if (note.text.starts_with("two rules of one table ") ||
               note.text.starts_with("of rules of table ")) {
      out.insert("order");
    } else if (has(note.text, "has no table for rules")) {
      out.insert("tables");
    } else if (has(note.text, "nothing that spreads")) {
      out.insert("spreads nothing");
    } else if (has(note.text, "spread over all queues") || has(note.text, "nobody can say")) {
      out.insert("spreads blindly");
    } else if (note.text.starts_with("a flow with the same entry")) {
      out.insert("same entry");
    } else if (has(note.text, " has ")) {
      out.insert("few queues");
    } else {
      unknown += note.text + "\n";
    }
  }
  // What stands in the message or in the help instead of a note.
  if (has(why.help, "`queues: ")) out.insert("queues asked for");
  if (why.notes.empty() && has(why.help, "`cores: ")) out.insert("cores asked for");
  if (has(why.message, "nothing brings")) out.insert("tables");
  return out;
}

void no_wish(passes::Inputs& in) {
  ir::Endpoint& e = in.workload.endpoints[1];
  in.workload.policy = ir::Policy::balance;
  e.gold = e.exclusive = false;
  e.trust.clear();
  e.queues.reset();
  e.core.reset();
  for (ir::Flow& f : in.workload.flows) {
    f.gold = false;
    f.queue.reset();
  }
  for (ir::FlowSet& s : in.workload.sets) {
    s.gold = false;
    s.queue.reset();
  }
}

void each_node(ir::NicModel& nic, const std::function<void(ir::Node&)>& change) {
  for (auto [v, end] = vertices(nic.receive.g); v != end; ++v) change(nic.receive.node(*v));
}

// Where these facts hold, and no others.
passes::Inputs world(const passes::Inputs& asked, const Facts& facts) {
  passes::Inputs in = asked;
  // Its tables, or its way to spread, or neither: then a card that can do everything.
  const bool its_graph = std::any_of(facts.begin(), facts.end(), [](const std::string& f) {
    return f == "tables" || f == "spreads nothing" || f == "spreads blindly" || f == "same entry" ||
           f == "order" || f.starts_with("full ") || f.starts_with("mask ");
  });
  const unsigned most = std::min(asked.nic.rx_queues.max, asked.nic.tx_queues.max);
  static const ir::NicModel ideal = inputs("ideal", "host").nic;
  if (!its_graph) in.nic = ideal;
  in.nic.rx_queues.max = in.nic.tx_queues.max = facts.contains("few queues") ? most : 256;
  each_node(in.nic, [&](ir::Node& node) {
    if (node.config.table && !facts.contains("full " + node.id))
      node.config.table->capacity = 1'000'000;
    if (node.config.table && !facts.contains("mask " + node.id))
      node.config.table->same_mask_per.clear();
    if (node.config.table && !facts.contains("order")) {
      node.config.table->priority = {0, 7};
      node.config.table->order = ir::RuleOrder::lowest;
    }
    if (node.config.rss && !facts.contains("spreads blindly")) {
      node.config.rss->predictable = true;
      node.config.rss->table_settable = true;
      node.config.rss->queue_reach = 0;
    }
  });
  if (!facts.contains("queues asked for")) in.workload.queues = 8;
  if (!facts.contains("cores asked for") && !facts.contains("spreads blindly"))
    in.workload.cores = 8;
  if (!facts.contains("wish")) no_wish(in);
  if (!facts.contains("same entry")) {
    // Nobody else may stand where the flow that insists arrives.
    if (in.workload.flows.size() > 1 && in.workload.flows[1].queue)
      in.workload.flows = {in.workload.flows[1]};
  }
  return in;
}

bool feasible(const passes::Inputs& in) {
  passes::Options quick;
  quick.certify = false;
  return passes::choose(in, quick).has_value();
}

}  // namespace

std::string fault_of_explanation(const passes::Inputs& asked, const diag::Diagnostic& why) {
  std::string unknown;
  const Facts facts = facts_of(why, unknown);
  if (!unknown.empty()) return "no fact that anybody knows: " + unknown;
  const auto list = [](const Facts& f) { return fmt::format("{}", fmt::join(f, ", ")); };
  if (facts.size() < 2) return "nothing but the wish is named: " + why.message;
  if (feasible(world(asked, facts))) return "these do not stand against each other: " + list(facts);
  for (const std::string& fact : facts) {
    Facts rest = facts;
    rest.erase(fact);
    if (!feasible(world(asked, rest)))
      return fmt::format("of {}, {} can be left out", list(facts), fact);
  }
  return "";
}

}  // namespace weft::sim
