// What a port has of the catalogue's model of its driver.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "compiler/ir/filter_shape.h"
#include "runtime/probe/learned.h"

namespace weft::probe {

namespace {

// The same graph without some nodes: what led to one leads to where its packets went on.
ir::Graph without(const ir::Graph& graph, const std::set<std::string>& gone) {
  ir::Graph out;
  out.name = graph.name;
  out.title = graph.title;
  out.headers = graph.headers;
  for (auto [v, end] = vertices(graph.g); v != end; ++v)
    if (!gone.contains(graph.node(*v).id)) out.add(graph.node(*v));
  const auto onwards = [&](ir::Vertex v) {
    while (gone.contains(graph.node(v).id)) v = *graph.next(v, graph.port(v, "miss").value_or(0));
    return *out.find(graph.node(v).id);
  };
  for (auto [v, end] = vertices(graph.g); v != end; ++v) {
    if (gone.contains(graph.node(*v).id)) continue;
    for (unsigned p = 0; p < graph.node(*v).ports.size(); ++p)
      if (const auto next = graph.next(*v, p))
        out.connect(*out.find(graph.node(*v).id), p, onwards(*next));
  }
  return out;
}

void set_count(ir::Graph& graph, unsigned count) {
  for (auto [v, end] = vertices(graph.g); v != end; ++v)
    if (graph.node(*v).kind == ir::NodeKind::queue) graph.node(*v).count = count;
}

// Of the rules that the model expects a table to take, how many were tried, and how many made it.
std::pair<unsigned, unsigned> taken_by(const std::string& table, const ir::NicModel& known,
                                       const Findings& found, const ir::FieldTable& fields) {
  unsigned expected = 0, made = 0;
  for (const Attempt& rule : found.rules) {
    if (table_for(known, rule, fields) != table) continue;
    ++expected;
    made += rule.creates ? 1 : 0;
  }
  return {expected, made};
}

// How many rules of a table the port had room for; nullopt: more than were tried, or none tried.
std::optional<unsigned> room(const std::string& table, const ir::NicModel& known,
                             const Findings& found, const ir::FieldTable& fields) {
  std::optional<unsigned> out;
  for (const auto& [name, n] : found.fits) {
    const Attempt* rule = found.rule(name);
    if (n < found.tried_to_fit && rule != nullptr && table_for(known, *rule, fields) == table)
      out = std::max(out.value_or(0), n);
  }
  return out;
}

void narrow(ir::RssUnit& rss, const Findings& found) {
  if (!rss.predictable) return;
  std::erase_if(rss.types, [&](const ir::RssType& type) {
    return !type.fixed && std::find(found.rss_types.begin(), found.rss_types.end(), type.name) ==
                              found.rss_types.end();
  });
  if (found.key_bytes != 0) rss.key_bytes = found.key_bytes;
  if (found.table_size != 0) rss.table_size = found.table_size;
  rss.key_settable = found.key_settable;
  rss.table_settable = found.table_settable;
  // Where key or table are not known, neither is the queue.
  rss.predictable = rss.key_settable && rss.table_settable;
}

}  // namespace

void describe(ir::NicModel& nic, const Findings& found, const std::string& name) {
  nic.name = name;
  nic.title = fmt::format("{} as found at {}", found.driver, found.port);
  nic.sources.push_back(fmt::format("weft nic probe {}", found.port));
}

ir::NicModel narrowed(const ir::NicModel& known, const Findings& found, const std::string& name,
                      const ir::FieldTable& fields) {
  ir::NicModel nic = known;
  describe(nic, found, name);
  if (found.rx_queues < nic.rx_queues.max)
    nic.rx_queues = {std::max(1u, found.rx_queues), reported};
  if (found.tx_queues < nic.tx_queues.max)
    nic.tx_queues = {std::max(1u, found.tx_queues), reported};
  if (found.tx_segments != 0) nic.tx_segments = std::min(nic.tx_segments, found.tx_segments);
  nic.max_frame = std::min(nic.max_frame, std::max(64u, found.max_frame));
  for (ir::Graph* graph : {&nic.receive, &nic.transmit}) {
    std::set<std::string> gone;
    for (auto [v, end] = vertices(graph->g); v != end; ++v) {
      ir::Node& node = graph->node(*v);
      for (const std::string& offload : node.config.offloads) {
        if (!found.offers(offload)) gone.insert(node.id);
      }
      if (node.config.rss) narrow(*node.config.rss, found);
      if (!node.config.table) continue;
      const auto [expected, made] = taken_by(node.id, known, found, fields);
      if (expected != 0 && made == 0) gone.insert(node.id);
      if (const auto n = room(node.id, known, found, fields); n && *n < node.config.table->capacity)
        node.config.table->capacity = std::max(1u, *n);
    }
    *graph = without(*graph, gone);
    set_count(*graph, graph == &nic.receive ? nic.rx_queues.max : nic.tx_queues.max);
  }
  return nic;
}

std::vector<std::string> differences(const ir::NicModel& known, const Findings& found,
                                     const ir::FieldTable& fields) {
  std::vector<std::string> out;
  const auto numbers = [&](const char* what, unsigned here, unsigned there) {
    if (here != there) out.push_back(fmt::format("{} {}, the model says {}", here, what, there));
  };
  numbers("receive queues", found.rx_queues, known.rx_queues.max);
  numbers("transmit queues", found.tx_queues, known.tx_queues.max);
  if (found.tx_segments != 0) numbers("segments on transmit", found.tx_segments, known.tx_segments);
  numbers("bytes in a frame", found.max_frame, known.max_frame);
  for (const ir::Graph* graph : {&known.receive, &known.transmit}) {
    for (auto [v, end] = vertices(graph->g); v != end; ++v) {
      const ir::Node& node = graph->node(*v);
      for (const std::string& offload : node.config.offloads) {
        if (!found.offers(offload))
          out.push_back(fmt::format("no {}, the model has it as {}", offload, node.id));
      }
      if (const auto& rss = node.config.rss; rss && rss->predictable) {
        if (found.key_bytes != 0 || rss->key_settable)
          numbers("bytes of RSS key", found.key_bytes, rss->key_bytes);
        numbers("entries of indirection table", found.table_size, rss->table_size);
        if (found.rx_queues > 1 && rss->key_settable && !found.key_settable)
          out.push_back("the RSS key can't be set");
        if (found.rx_queues > 1 && rss->table_settable && !found.table_settable)
          out.push_back("the indirection table can't be set");
        for (const auto& type : rss->types) {
          if (type.fixed || std::find(found.rss_types.begin(), found.rss_types.end(), type.name) !=
                                found.rss_types.end())
            continue;
          out.push_back(fmt::format("no RSS over {}, the model has it", type.name));
        }
      }
      if (!node.config.table) continue;
      if (const auto n = room(node.id, known, found, fields);
          n && *n != node.config.table->capacity)
        numbers(fmt::format("rules fit into {}", node.id).c_str(), *n, node.config.table->capacity);
    }
  }
  for (const Attempt& rule : found.rules) {
    const std::string table = table_for(known, rule, fields);
    if (rule.creates == !table.empty()) continue;
    out.push_back(rule.creates
                      ? fmt::format("takes `{}`, for which the model has no table", rule.name)
                      : fmt::format("refuses `{}` ({}), which the model has in {}", rule.name,
                                    rule.says, table));
  }
  return out;
}

}  // namespace weft::probe
