#include "compiler/passes/refusal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>

#include "compiler/diag/counted.h"
#include "compiler/frontend/address.h"
#include "compiler/passes/judge.h"
#include "compiler/passes/steer.h"

namespace weft::passes {

namespace {

// What the workload says that makes rules necessary.
std::string reason(const FilterProblem& p, const FlowClass& c) {
  if (c.exception) return "another rule would bring them elsewhere";
  if (c.zone == 0) {
    return c.pin->first == c.pin->last
               ? fmt::format("must arrive on queue {}", c.pin->first)
               : fmt::format("must arrive on queues {}-{}", c.pin->first, c.pin->last);
  }
  return fmt::format("{} have queues of their own: {}", c.strangers ? "they" : "these",
                     p.classes->zones[c.zone].name);
}

// What a person would change to take the wish back.
std::string without_wish(const FilterProblem& p, const Inputs& inputs, const FlowClass& c) {
  if (c.zone == 0 && !c.pin)
    return "the same class and queue for all flows that the wide rule is for";
  if (c.zone == 0) return fmt::format("leave out `queue:` of {}", c.name);
  const ir::Endpoint& e = inputs.workload.endpoints[c.endpoint];
  if (p.classes->zones[c.zone].gold)
    return fmt::format("`policy: balance`, or `class: normal` for {}", c.name);
  if (e.exclusive) return fmt::format("leave out `exclusive:` of {}", e.name);
  if (e.trust.empty()) return fmt::format("leave out `core:` of {}", e.name);
  std::vector<std::string> group;
  for (const ir::Endpoint& o : inputs.workload.endpoints)
    if (o.trust == e.trust && !o.exclusive) group.push_back(o.name);
  return fmt::format("leave out `trust:` of {}", fmt::join(group, " and "));
}

// "ipv4.src/24, udp.dst_port"
std::string fields(const ir::Shape& shape) {
  std::vector<std::string> parts;
  const bool tcp = ir::packet_type(shape) == "tcp";
  for (const std::string& name : {std::string("ipv4.src"), ir::port_field(tcp, "src_port"),
                                  std::string("ipv4.dst"), ir::port_field(tcp, "dst_port")}) {
    const auto at = shape.find(name);
    if (at == shape.end()) continue;
    const std::uint64_t all = shape_of_flow(tcp).at(name);
    parts.push_back(at->second == all ? name
                                      : fmt::format("{}/{}", name, std::popcount(at->second)));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string rules(unsigned n) { return diag::counted(n, "rule"); }

diag::Span of_model(const Inputs& inputs) { return {inputs.nic.path, 0, 0, 1}; }

diag::Note nothing_spreads(const Inputs& inputs) {
  return {fmt::format("{} has nothing that spreads packets: all arrive on the first queue",
                      inputs.nic.name),
          of_model(inputs)};
}

// The one fact that `queues` are not `wanted`: the card, its spreading, or the workload.
void why_not_more(diag::Diagnostic& out, const Inputs& inputs, unsigned queues, unsigned wanted) {
  const ir::Node* rss = rss_node(inputs.nic);
  const unsigned most = std::min(inputs.nic.rx_queues.max, inputs.nic.tx_queues.max);
  if (wanted > most) {
    out.notes.push_back({fmt::format("{} has {}", inputs.nic.name, most), of_model(inputs)});
    out.help = "leave the wish out, or take another card";
  } else if (rss == nullptr) {
    out.notes.push_back(nothing_spreads(inputs));
    out.help = "leave the wish out, or take a card that spreads packets over queues";
  } else if (!rss->config.rss->predictable && inputs.workload.queues > queues) {
    out.notes.push_back(
        {"nobody can say which queue a packet arrives on, so there are no more "
         "queues than cores",
         rss->span});
    out.help = fmt::format("`cores: {}`, or another card", wanted);
  } else {
    out.help = fmt::format("`queues: {}` would do", wanted);
  }
}

// Rules of one of them match some of what those of another one do.
bool nested(const Classes& classes, const std::vector<unsigned>& among) {
  return std::any_of(among.begin(), among.end(), [&](unsigned a) {
    return std::any_of(among.begin(), among.end(),
                       [&](unsigned b) { return a != b && inside(classes, a, b); });
  });
}

// Why rules of which one matches some of what another does are not all in one table.
diag::Note too_few_levels(const FilterProblem& problem, const Contradiction& why) {
  const RuleTable* some = nullptr;
  for (const RuleTable& table : problem.tables) {
    const bool holds = std::any_of(why.classes.begin(), why.classes.end(),
                                   [&](unsigned c) { return table.holds[c]; });
    if (holds && (some == nullptr || table.levels > some->levels)) some = &table;
  }
  if (some == nullptr || some->levels == 1)
    return {"two rules of one table that match the same packets have no order", {}};
  return {fmt::format("of rules of table {} that match the same packets, {} can stand in front of "
                      "each other",
                      some->name(), some->levels),
          some->node->span};
}

// Without it there would be rules for all that must have some.
bool wants_queues_for_trust(const ir::Endpoint& e) {
  return !e.trust.empty() && !e.exclusive && how_of(e) != ir::Placement::dedicated;
}

std::string by_copy(const std::string& whose) {
  return fmt::format("`placement: dedicated` for {}, whose packets are copied then", whose);
}

// Another way to keep a zone's packets from others; "": there is none.
std::string or_by_copy(const Inputs& inputs, const Zone& zone) {
  std::vector<std::string> names;
  for (const ir::Endpoint& e : inputs.workload.endpoints)
    if (wants_queues_for_trust(e) && group_of(e) == zone.group)
      names.push_back(fmt::format("`{}`", e.name));
  return names.empty() ? "" : "; or " + by_copy(fmt::format("{}", fmt::join(names, ", ")));
}

// The same for as many zones as there are queues too few; "": there are not so many.
std::string or_by_copies(const Inputs& inputs, const Classes& classes, unsigned missing) {
  std::vector<std::string> groups;
  for (const Zone& zone : classes.zones) {
    std::vector<std::string> names;
    for (const ir::Endpoint& e : inputs.workload.endpoints)
      if (wants_queues_for_trust(e) && group_of(e) == zone.group)
        names.push_back(fmt::format("`{}`", e.name));
    if (!names.empty()) groups.push_back(fmt::format("{}", fmt::join(names, " and ")));
  }
  if (groups.empty() || groups.size() < missing) return "";
  const std::string all = fmt::format("{}", fmt::join(groups, ", "));
  return "; or " + by_copy(missing == groups.size() ? all : fmt::format("{} of {}", missing, all));
}

bool spread_stands_in_the_way(const Inputs& inputs, const FilterProblem& problem) {
  return inputs.workload.spread.binds() &&
         plan_filters(filter_problem(inputs, *problem.classes)).missing.empty();
}

// Some cards take no rule for a port without an address.
bool would_do_if_bound(const Inputs& inputs, const FilterProblem& problem, const FlowClass& c) {
  if (!c.strangers || inputs.workload.spread.binds() ||
      inputs.workload.endpoints[c.endpoint].bound())
    return false;
  Inputs bound = inputs;
  bound.workload.endpoints[c.endpoint].address = inputs.workload.host.address;
  return plan_filters(filter_problem(bound, *problem.classes)).missing.empty();
}

// The wish that brings this class rules is taken back, for all that share it.
void take_back(Classes& classes, const FlowClass& wish) {
  for (FlowClass& c : classes.all) {
    const bool same =
        wish.zone != 0 ? c.zone == wish.zone : c.endpoint == wish.endpoint && c.pin == wish.pin;
    if (!same) continue;
    c.zone = 0;
    c.pin.reset();
    c.exception = false;
  }
}

// What would still have to go, when one wish of the contradiction has gone.
std::vector<std::string> further_wishes(const FilterProblem& problem, const Inputs& inputs,
                                        const Contradiction& first) {
  constexpr unsigned most = 8;
  Classes classes = *problem.classes;
  FilterProblem rest = problem;
  rest.classes = &classes;
  std::vector<std::string> out;
  std::vector<unsigned> at = first.classes;
  for (bool named = true; !at.empty() && out.size() < most; named = false) {
    const FlowClass wish = classes.all[at.front()];
    if (!named) out.push_back(without_wish(rest, inputs, wish));
    take_back(classes, wish);
    if (plan_filters(rest).missing.empty()) break;
    at = why_not(rest).classes;
  }
  return out;
}

}  // namespace

diag::Diagnostic refuse_filters(const Inputs& inputs, const FilterProblem& problem) {
  const Contradiction why = why_not(problem);
  const auto& all = problem.classes->all;
  diag::Diagnostic out;
  out.code = "E0801";
  std::vector<std::string> names;
  unsigned wanted = 0;
  for (const unsigned c : why.classes) {
    names.push_back(all[c].name);
    wanted += all[c].rules;
  }
  if (why.classes.empty()) {  // nobody could say it shorter: all of it
    for (const FlowClass& c : all) {
      if (c.must()) wanted += c.rules;
    }
    out.message = fmt::format("the tables of {} do not take the {} that the workload needs",
                              inputs.nic.name, rules(wanted));
    out.help = "fewer wishes for queues, or another card";
    return out;
  }
  const FlowClass& first = all[why.classes.front()];
  out.span = first.span;
  out.message = fmt::format("{} cannot bring {} where {} belong", inputs.nic.name,
                            fmt::join(names, " and "), names.size() == 1 ? "they" : "all of them");
  out.label = fmt::format("{} wanted; {}", rules(first.rules), reason(problem, first));
  for (std::size_t i = 1; i < why.classes.size(); ++i) {
    const FlowClass& c = all[why.classes[i]];
    out.notes.push_back({fmt::format("{} wanted; {}", rules(c.rules), reason(problem, c)), c.span});
  }
  bool any_table = false;
  for (unsigned t = 0; t < problem.tables.size(); ++t) {
    const RuleTable& table = problem.tables[t];
    const bool useful = std::any_of(why.classes.begin(), why.classes.end(),
                                    [&](unsigned c) { return table.holds[c]; });
    any_table = any_table || useful;
    if (std::find(why.full.begin(), why.full.end(), t) != why.full.end() && useful)
      out.notes.push_back({fmt::format("table {} takes {}", table.name(), rules(table.capacity)),
                           table.node->span});
    if (std::find(why.masked.begin(), why.masked.end(), t) != why.masked.end())
      out.notes.push_back(
          {fmt::format("all rules of table {} share one mask", table.name()), table.node->span});
  }
  if (nested(*problem.classes, why.classes)) out.notes.push_back(too_few_levels(problem, why));
  if (inputs.workload.spread.binds()) {
    out.notes.push_back({"`spread:` leaves no rules: they would bring some packets elsewhere",
                         inputs.workload.spread.span});
  } else if (!any_table) {
    std::vector<std::string> shapes;
    // Rules for the flows, and one for all that comes to the endpoint, are two ways to the same
    // end.
    for (const unsigned c : why.classes) {
      for (unsigned d = 0; d < all.size(); ++d) {
        std::string text = fields(problem.shapes[problem.shape[d]]);
        if (all[d].endpoint == all[c].endpoint &&
            std::find(shapes.begin(), shapes.end(), text) == shapes.end() &&
            (d == c || all[d].spare))
          shapes.push_back(std::move(text));
      }
    }
    out.notes.push_back({fmt::format("{} has no table for rules on {}", inputs.nic.name,
                                     fmt::join(shapes, ", or on ")),
                         of_model(inputs)});
  }
  std::vector<std::string> ways;
  for (const unsigned c : why.classes) {
    if (would_do_if_bound(inputs, problem, all[c]))
      ways.push_back(fmt::format("`address: {}` for `{}`",
                                 frontend::format_ipv4(inputs.workload.host.address),
                                 inputs.workload.endpoints[all[c].endpoint].name));
    const unsigned fit = any_table ? most_rules(problem, c, why.classes) : 0;
    std::string way = without_wish(problem, inputs, all[c]);
    if (fit > 0 && !all[c].many())
      way = fmt::format("at most {} of {}, or {}", fit, all[c].name, way);
    if (std::find(ways.begin(), ways.end(), way) == ways.end()) ways.push_back(std::move(way));
    const ir::Endpoint& e = inputs.workload.endpoints[all[c].endpoint];
    if (wants_queues_for_trust(e)) ways.push_back(by_copy(fmt::format("`{}`", e.name)));
  }
  if (spread_stands_in_the_way(inputs, problem)) ways.push_back("leave out `spread:`");
  const std::vector<std::string> then = further_wishes(problem, inputs, why);
  out.help = then.empty() ? fmt::format("any of these would do: {}", fmt::join(ways, "; "))
                          : fmt::format("one of these: {}; and as well: {}", fmt::join(ways, "; "),
                                        fmt::join(then, "; "));
  return out;
}

diag::Diagnostic refuse_queues(const Inputs& inputs, const Classes& classes, unsigned queues,
                               unsigned wanted) {
  diag::Diagnostic out;
  out.code = "E0802";
  std::vector<std::string> names;
  for (std::size_t z = 1; z < classes.zones.size(); ++z) names.push_back(classes.zones[z].name);
  out.message = fmt::format("{} queue{} for everybody and for {} alone", queues,
                            queues == 1 ? "" : "s", fmt::join(names, ", "));
  out.span = classes.zones[1].span;
  out.label = "wants queues of its own";
  for (std::size_t z = 2; z < classes.zones.size(); ++z)
    out.notes.push_back({fmt::format("so does {}", classes.zones[z].name), classes.zones[z].span});
  why_not_more(out, inputs, queues, wanted);
  out.help += or_by_copies(inputs, classes, wanted - queues);
  return out;
}

diag::Diagnostic refuse_spreading(const Inputs& inputs, const Zone& zone, const ir::Node* rss) {
  diag::Diagnostic out;
  out.code = "E0802";
  out.message = fmt::format("{} keeps no queue for {} alone", inputs.nic.name, zone.name);
  out.span = zone.span;
  out.label = "wants queues of its own";
  if (rss != nullptr) {
    out.notes = {{"what no rule matches is spread over all queues, whatever is set", rss->span}};
    out.help = "leave the wish out, or take a card whose indirection table can be set";
  } else {
    out.notes = {nothing_spreads(inputs)};
    out.help = "leave the wish out, or take a card that spreads packets over queues";
  }
  out.help += or_by_copy(inputs, zone);
  return out;
}

diag::Diagnostic refuse_few(const Inputs& inputs, const diag::Span& at, std::string message,
                            unsigned queues, unsigned wanted) {
  diag::Diagnostic out{"E0803", std::move(message), at, "", {}, ""};
  why_not_more(out, inputs, queues, wanted);
  return out;
}

std::string so_many(unsigned n) { return fmt::format("{} {}", n == 1 ? "is" : "are", n); }

diag::Diagnostic refuse_pin(const diag::Span& at, std::string message,
                            std::vector<diag::Note> notes, std::string help) {
  return {"E0803", std::move(message), at, "", std::move(notes), std::move(help)};
}

}  // namespace weft::passes
