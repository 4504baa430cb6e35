// stats and drops: the running stack's own document, as tables.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "compiler/diag/counted.h"
#include "compiler/tool/commands.h"
#include "compiler/tool/say.h"
#include "compiler/tool/stats_document.h"

namespace weft::tool {
namespace {

// What the counters support of one table's rules, and no more. Behind a queue that got frames may
// be one of its rules or all.
std::vector<std::string> seen_of(const Json& rules) {
  std::vector<std::string> out;
  if (const auto n = number(rules, "counted"); n != 0)
    out.push_back(fmt::format("{} of {} with counters at work, {} frames",
                              number(rules, "counted_at_work"), n,
                              number(rules, "frames_counted")));
  if (const auto n = number(rules, "queues"); n != 0) {
    const auto also = rules.value("also_fed_by", std::vector<std::string>());
    out.push_back(fmt::format(
        "{} of {} that only rules feed got {} frames, by which of the rules{} nobody counts",
        number(rules, "queues_at_work"), diag::counted(n, "queue"),
        number(rules, "frames_of_queues"),
        also.empty() ? "" : fmt::format(" (those of {} among them)", fmt::join(also, ", "))));
  }
  if (const auto n = number(rules, "unconfirmed"); n != 0)
    out.push_back(fmt::format("{} unconfirmed: no counters, and their queues get other packets too",
                              n == number(rules, "rules") ? "all" : fmt::format("{}", n)));
  return out;
}

void show_wire(const Json& j) {
  const Json& wire = j.at("wire");
  if (!text(wire, "name").empty())
    print(fmt::format("wire {}: {} received, {} sent, {} dropped, {} failed to send\n",
                      text(wire, "name"), number(wire, "received"), number(wire, "sent"),
                      number(wire, "dropped_by_wire"), number(wire, "send_failed")));
  const Json& card = j.at("card");
  print(fmt::format("card {}: {} received, {} transmitted\n", text(card, "name"),
                    number(card, "received"), number(card, "transmitted")));
  for (const Json& rules : card.value("rules", Json::array()))
    print(fmt::format("{} rules of {}: {}\n", number(rules, "rules"), text(rules, "table"),
                      fmt::join(seen_of(rules), "; ")));
  for (const Json& core : j.at("cores"))
    print(fmt::format("core {}: {} polls, {} empty\n", number(core, "core"), number(core, "polls"),
                      number(core, "empty_polls")));
  for (const Json& q : j.at("queues"))
    print(fmt::format("queue {} on core {}, residue {}: {} received, {} transmitted\n",
                      number(q, "queue"), number(q, "core"), text(q, "residue"),
                      number(q, "received"), number(q, "transmitted")));
}

// Cycles of the time stamp counter for each packet, sampled.
void show_stages(const Json& queues) {
  for (const Json& q : queues) {
    if (!q.contains("stages")) continue;
    std::vector<std::string> stages;
    for (const auto& [name, time] : q.at("stages").items()) {
      if (const auto packets = number(time, "packets"); packets != 0)
        stages.push_back(fmt::format("{} {}", name, number(time, "cycles") / packets));
    }
    if (!stages.empty())
      print(fmt::format("queue {}, cycles per packet (one batch in {} is timed): {}\n",
                        number(q, "queue"), number(q, "stages_timed_one_batch_in"),
                        fmt::join(stages, ", ")));
  }
}

void show_nodes(const Json& nodes, bool all) {
  print(fmt::format("\n{:<28} {:>12}  {}\n", "node", "packets", "went to"));
  std::size_t silent = 0;
  for (const Json& node : nodes) {
    if (number(node, "packets") == 0 && !all) {
      ++silent;
      continue;
    }
    std::vector<std::string> ports;
    for (const Json& port : node.at("ports"))
      if (number(port, "packets") != 0 || all)
        ports.push_back(fmt::format("{} {}", text(port, "to"), number(port, "packets")));
    std::string line = fmt::format("{:<28} {:>12}  {}", text(node, "node"), number(node, "packets"),
                                   fmt::join(ports, ", "));
    line.erase(line.find_last_not_of(' ') + 1);
    print(line + "\n");
  }
  if (silent != 0) say(diag::counted(silent, "node") + " saw no packet (--all shows them)");
}

}  // namespace

int stats(const ObserveArgs& args) {
  auto j = stats_document(args.name);
  if (!j) return report(j.error());
  if (args.json) {
    print(j->dump(2) + "\n");
    return ok;
  }
  try {
    print(head_line(*j));
    show_wire(*j);
    show_stages(j->at("queues"));
    show_nodes(j->at("nodes"), args.all);
    for (const Json& app : j->at("apps"))
      print(fmt::format("\nendpoint {} ({}, {}): {} received, {} sent, {} refused, {} held\n",
                        text(app, "endpoint"), text(app, "app"), text(app, "protocol"),
                        number(app, "received"), number(app, "sent"), number(app, "refused"),
                        number(app, "held")));
  } catch (const Json::exception& e) {
    return lacks_a_part(e);
  }
  return ok;
}

int drops(const ObserveArgs& args) {
  auto j = stats_document(args.name);
  if (!j) return report(j.error());
  try {
    const Json& drops = j->at("drops");
    if (args.json) {
      print(drops.dump(2) + "\n");
      return ok;
    }
    print(fmt::format("{:>12}  {:<32} {:<7} {}\n", "packets", "reason", "where", "meaning"));
    std::size_t silent = 0;
    for (const Json& drop : drops) {
      if (number(drop, "count") == 0 && !args.all) {
        ++silent;
      } else {
        print(fmt::format("{:>12}  {:<32} {:<7} {}\n", number(drop, "count"), text(drop, "reason"),
                          text(drop, "where"), text(drop, "meaning")));
      }
    }
    if (silent != 0) say(diag::counted(silent, "reason") + " never happened (--all shows them)");
  } catch (const Json::exception& e) {
    return lacks_a_part(e);
  }
  return ok;
}

}  // namespace weft::tool
