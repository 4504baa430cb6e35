#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "compiler/frontend/nic_print.h"
#include "compiler/frontend/readers.h"
#include "compiler/ir/rule_order.h"
#include "compiler/tool/commands.h"
#include "compiler/tool/inputs.h"
#include "compiler/tool/places.h"
#include "compiler/tool/say.h"

namespace weft::tool {
namespace {

using Json = nlohmann::ordered_json;

const char* match_word(ir::Match m) {
  static constexpr const char* words[] = {"none", "full", "full or none", "any mask",
                                          "full, else ignored"};
  return words[static_cast<int>(m)];
}

std::string facts_of(const ir::Report& report) {
  std::string out;
  for (const ir::Claim& claim : report.claims) out += (out.empty() ? "" : ", ") + claim.fact;
  return out;
}

// " (2 to 128 queues, a power of two, one behind the other; nobody says which of them)"
std::string groups_text(const ir::QueueGroups& g) {
  return fmt::format(" ({} to {} queues{}{}{}; {})", g.min, g.max,
                     g.power_of_two ? ", a power of two" : "",
                     g.contiguous ? ", one behind the other" : "",
                     g.count == 0 ? "" : fmt::format(", {} groups", g.count),
                     g.entries == 0 ? "nobody says which of them"
                     : g.of_rss     ? "by the entry of the indirection table, modulo the size"
                                    : fmt::format("by a table of {} of its own", g.entries));
}

std::string order_text(const ir::FilterTable& table) {
  if (ir::levels(table) == 1) return "";
  return fmt::format("; of two that match, the one of the {} priority counts ({} to {})",
                     table.order == ir::RuleOrder::lowest ? "lowest" : "highest",
                     table.priority->first, table.priority->second);
}

// One line for what a unit of the card can do; "" for plain nodes.
std::string ability(const ir::Node& node) {
  const ir::Config& c = node.config;
  if (c.report)
    return fmt::format("reports {} as {}{}{}{}", facts_of(*c.report), c.report->field,
                       c.report->says_something() ? "" : "; never `good`",
                       c.report->none_is_good ? "; `none` (left unfinished) counts as `good`" : "",
                       ir::is_false(c.report->checks) ? "; never `bad`"
                       : c.report->bad_trusted        ? ""
                                                      : "; `bad` is checked again in software");
  if (c.table) {
    std::vector<std::string> keys;
    for (const auto& [field, match] : c.table->fields)
      keys.push_back(fmt::format("{} ({})", field, match_word(match)));
    std::string shapes;
    for (const auto& shape : c.table->shapes)
      shapes +=
          fmt::format("{}{}", shapes.empty() ? "; rules on " : " or ", fmt::join(shape, " + "));
    return fmt::format(
        "{} rules{} on {}; actions {}{}{}{}{}{}", c.table->capacity,
        c.table->capacity_by_device ? " (some devices fewer)" : "", fmt::join(keys, ", "),
        fmt::join(c.table->actions, ", "), c.table->groups ? groups_text(*c.table->groups) : "",
        shapes,
        c.table->same_mask_per.empty() ? ""
                                       : "; one mask for all rules of a " + c.table->same_mask_per,
        c.table->items_ignored ? "; the headers named in a rule are not compared" : "",
        order_text(*c.table));
  }
  if (c.rss) {
    if (!c.rss->predictable) return "spreads by a rule that can be neither set nor predicted";
    std::vector<std::string> types;
    for (const ir::RssType& type : c.rss->types)
      types.push_back(type.name + (type.fixed ? " (always)" : ""));
    return fmt::format("hashes {}; key of {} bytes, table of {}", fmt::join(types, ", "),
                       c.rss->key_bytes, c.rss->table_size);
  }
  if (c.performs) return fmt::format("performs {}", c.performs->effect);
  if (!c.toggle.empty()) return "switch " + c.toggle;
  if (node.kind == ir::NodeKind::drop)
    return fmt::format("drops for {}; counter: {}", node.reason, node.counter);
  return "";
}

void show_units(const char* title, const ir::Graph& graph) {
  print(fmt::format("{}\n", title));
  for (auto [v, end] = boost::vertices(graph.g); v != end; ++v) {
    const ir::Node& node = graph.node(*v);
    std::string what = ability(node);
    if (what.empty()) continue;
    print(fmt::format("  {:<12} {}{}\n", node.id, what,
                      node.config.in_software ? "; done by the driver in software" : ""));
    if (!node.config.knob.empty()) print(fmt::format("  {:<12} knob {}\n", "", node.config.knob));
    if (!node.source.empty()) print(fmt::format("  {:<12} source: {}\n", "", node.source));
  }
}

Json units_json(const ir::Graph& graph) {
  Json out = Json::array();
  for (auto [v, end] = boost::vertices(graph.g); v != end; ++v) {
    const ir::Node& node = graph.node(*v);
    Json row{{"id", node.id}, {"kind", ir::to_string(node.kind)}};
    if (!node.config.knob.empty()) row["knob"] = node.config.knob;
    if (!node.config.offloads.empty()) row["offloads"] = node.config.offloads;
    if (std::string what = ability(node); !what.empty()) row["does"] = what;
    if (node.config.in_software) row["in_software"] = true;
    if (node.config.table) row["capacity"] = node.config.table->capacity;
    if (!node.source.empty()) row["source"] = node.source;
    out.push_back(std::move(row));
  }
  return out;
}

Json overflow_json(const ir::Overflow& overflow) {
  if (!overflow.stated) return nullptr;
  return {{"kept_by_peer", overflow.kept_by_peer}, {"counter", overflow.counter}};
}

}  // namespace

int nic_list(bool json) {
  auto fields = load_fields();
  if (!fields) return report(fields.error());
  Json rows = Json::array();
  int worst = ok;
  for (const std::string& name : names(Kind::nic)) {
    auto nic = frontend::read_nic(path_of(Kind::nic, name), *fields);
    if (!nic) {
      worst = report(nic.error());
      continue;
    }
    if (json) {
      rows.push_back({{"name", nic->name},
                      {"title", nic->title},
                      {"driver", nic->driver},
                      {"rx_queues", nic->rx_queues.max},
                      {"tx_queues", nic->tx_queues.max}});
    } else {
      print(fmt::format("{:<16} {:>4} queues  {}\n", nic->name, nic->rx_queues.max, nic->title));
    }
  }
  if (json) print(rows.dump(2) + "\n");
  return worst;
}

int nic_show(const NicShowArgs& args) {
  auto fields = load_fields();
  if (!fields) return report(fields.error());
  auto path = resolve(Kind::nic, args.nic);
  if (!path) return report(path.error());
  auto nic = frontend::read_nic(*path, *fields);
  if (!nic) return report(nic.error());
  if (args.json) {
    print(Json{{"format_version", 1},
               {"name", nic->name},
               {"title", nic->title},
               {"driver", nic->driver},
               {"sources", nic->sources},
               {"rx_queues", {{"max", nic->rx_queues.max}, {"source", nic->rx_queues.source}}},
               {"tx_queues", {{"max", nic->tx_queues.max}, {"source", nic->tx_queues.source}}},
               {"tx_segments", nic->tx_segments},
               {"rx_segments", nic->rx_segments},
               {"external_buffers", nic->external_buffers},
               {"zero_copy", frontend::zero_copy_word(nic->zero_copy)},
               {"overflow", overflow_json(nic->overflow)},
               {"max_frame", nic->max_frame},
               {"receive", units_json(nic->receive)},
               {"transmit", units_json(nic->transmit)}}
              .dump(2) +
          "\n");
    return ok;
  }
  print(fmt::format("{}: {}\n", nic->name, nic->title));
  print(fmt::format("driver {}; sources: {}\n", nic->driver, fmt::join(nic->sources, ", ")));
  print(fmt::format("{} receive queues ({}), {} transmit queues ({})\n", nic->rx_queues.max,
                    nic->rx_queues.source, nic->tx_queues.max, nic->tx_queues.source));
  print(fmt::format("frames up to {} bytes, {} segment{} each on transmit, {} on receive\n",
                    nic->max_frame, nic->tx_segments, nic->tx_segments == 1 ? "" : "s",
                    nic->rx_segments));
  print(fmt::format("zero copy: {}; memory from elsewhere is {}\n",
                    frontend::zero_copy_word(nic->zero_copy),
                    nic->external_buffers ? "taken" : "copied first"));
  if (nic->overflow.stated)
    print(fmt::format("frames that find no room: {}, counter: {}\n",
                      nic->overflow.kept_by_peer ? "the peer keeps them" : "lost",
                      nic->overflow.counter));
  show_units("receive", nic->receive);
  show_units("transmit", nic->transmit);
  return ok;
}

}  // namespace weft::tool
