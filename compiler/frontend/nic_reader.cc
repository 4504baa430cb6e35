// NIC models: nicmodels/*.yaml.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "compiler/diag/sha256.h"
#include "compiler/frontend/graph_reader.h"
#include "compiler/frontend/readers.h"
#include "compiler/frontend/yaml_reader.h"

namespace weft::frontend {
namespace {

using ir::Graph;
using ir::NicModel;
using ir::NodeKind;

ir::Limit read_limit(const Value& at, const std::string& what) {
  Mapping m(at, what);
  ir::Limit out;
  out.max = static_cast<unsigned>(m.required("max").number(1, 65536));
  out.source = m.required("source").text();
  m.done();
  return out;
}

// The limits of descriptors and frames; what is left out is what most cards are like.
void read_limits(const Value& at, NicModel& nic) {
  Mapping limits(at, "`limits`");
  nic.tx_segments = static_cast<unsigned>(limits.required("tx_segments").number(1, 65536));
  if (const auto segments = limits.optional("rx_segments"))
    nic.rx_segments = static_cast<unsigned>(segments->number(1, 65535));
  if (const auto external = limits.optional("external_buffers"))
    nic.external_buffers = external->flag();
  if (const auto copies = limits.optional("zero_copy")) {
    static const std::vector<std::string> words = {"none", "receive", "transmit", "both"};
    nic.zero_copy = static_cast<ir::ZeroCopy>(copies->word(words, "zero copy"));
  }
  nic.max_frame = static_cast<unsigned>(limits.required("max_frame").number(64, 1 << 20));
  limits.required("source").text();
  limits.done();
}

ir::Overflow read_overflow(const Value& at) {
  Mapping m(at, "`overflow`");
  ir::Overflow out;
  out.stated = true;
  if (const auto kept = m.optional("kept_by_peer")) out.kept_by_peer = kept->flag();
  out.counter = m.required("counter").text();
  m.required("source").text();
  m.done();
  return out;
}

bool has_next(const Graph& graph, ir::Vertex v) { return graph.next(v, 0).has_value(); }

// Receive graphs go from one wire to one queue template, transmit graphs the other way.
void check_ends(const Graph& graph, const Value& at, const std::string& direction, NodeKind source,
                NodeKind sink) {
  const auto count = [&](NodeKind kind, bool with_next) {
    unsigned n = 0;
    for (auto [v, end] = boost::vertices(graph.g); v != end; ++v) {
      if (graph.node(*v).kind == kind && has_next(graph, *v) == with_next) ++n;
    }
    return n;
  };
  for (const auto& [kind, with_next] : {std::pair{source, true}, std::pair{sink, false}}) {
    if (count(kind, with_next) == 1 && count(kind, !with_next) == 0) continue;
    at.error("E0243",
             fmt::format("the {} graph needs one node `kind: {}` {} `next`", direction,
                         to_string(kind), with_next ? "with" : "without"),
             "", "packets go from the wire to the queues, or from the queues to the wire");
  }
}

// Kinds that belong to protocol graphs do not happen inside a card.
void check_kinds(const Graph& graph, const Value& at) {
  for (auto [v, end] = boost::vertices(graph.g); v != end; ++v) {
    const ir::Node& n = graph.node(*v);
    if (n.kind != NodeKind::effect && n.kind != NodeKind::endpoint && n.kind != NodeKind::test) {
      continue;
    }
    at.report(
        {.code = "E0243",
         .message = fmt::format("a card has no node `kind: {}`", to_string(n.kind)),
         .span = n.span,
         .help = "what a card can do is `kind: config`; where packets end is queue, drop or wire"});
  }
}

// A table decides between `hit` and `miss`; every other unit has one way on.
void check_ports(const Graph& graph, const Value& at) {
  for (auto [v, end] = boost::vertices(graph.g); v != end; ++v) {
    const ir::Node& n = graph.node(*v);
    if (n.kind != NodeKind::config) continue;
    std::set<std::string> names;
    for (const ir::Port& port : n.ports) names.insert(port.name);
    const bool unit = n.config.report || n.config.rss || n.config.performs;
    if (n.config.table ? names == std::set<std::string>{"hit", "miss"}
                       : (names == std::set<std::string>{"out"} || (names.empty() && !unit))) {
      continue;
    }
    at.report({.code = "E0243",
               .message = fmt::format("node `{}` needs {}", n.id,
                                      n.config.table ? "the ports `hit` and `miss`" : "`next`"),
               .span = n.span});
  }
}

void check_knobs(const Graph& graph, const Value& at, std::set<std::string>& seen) {
  for (auto [v, end] = boost::vertices(graph.g); v != end; ++v) {
    const ir::Node& n = graph.node(*v);
    if (n.config.knob.empty() || seen.insert(n.config.knob).second) continue;
    at.report({.code = "E0241",
               .message = fmt::format("knob `{}` is declared twice", n.config.knob),
               .span = n.span,
               .help = "each knob is one node"});
  }
}

// Groups that are spread by the card's own indirection table have as many entries.
void link_groups(Graph& graph, const Value& at) {
  const ir::RssUnit* rss = nullptr;
  for (auto [v, end] = boost::vertices(graph.g); v != end; ++v)
    if (graph.node(*v).config.rss) rss = &*graph.node(*v).config.rss;
  for (auto [v, end] = boost::vertices(graph.g); v != end; ++v) {
    ir::Node& n = graph.node(*v);
    if (!n.config.table || !n.config.table->groups || !n.config.table->groups->of_rss) continue;
    n.config.table->groups->entries = rss != nullptr ? rss->table_size : 0;
    if (rss != nullptr && rss->table_settable && rss->table_size >= n.config.table->groups->max)
      continue;
    at.report({.code = "E0242",
               .message = fmt::format("table `{}` spreads groups by the RSS table, and there is "
                                      "none that can be set and has so many entries",
                                      n.id),
               .span = n.span,
               .help = "write `spread: unknown`"});
  }
}

NicModel read_model(const Value& root, const std::string& path, ir::FieldTable fields) {
  NicModel nic;
  nic.path = path;
  Mapping top(root, "the model");
  const Value name = top.required("nic");
  nic.name = name.name();
  const std::string stem = std::filesystem::path(path).stem().string();
  if (!nic.name.empty() && nic.name != stem) {
    name.error("E0240", fmt::format("model `{}` is in a file called `{}.yaml`", nic.name, stem), "",
               "name and file must be the same");
  }
  if (const auto title = top.optional("title")) nic.title = title->text();
  nic.driver = top.required("driver").text();
  const Value sources = top.required("sources");
  for (const Value& source : sources.list()) nic.sources.push_back(source.text());
  if (sources.is_sequence() && nic.sources.empty()) {
    sources.error("E0244", "a model without sources", "", "say where its facts are from");
  }

  Mapping queues(top.required("queues"), "`queues`");
  nic.rx_queues = read_limit(queues.required("rx"), "`queues.rx`");
  nic.tx_queues = read_limit(queues.required("tx"), "`queues.tx`");
  queues.done();

  read_limits(top.required("limits"), nic);
  if (const auto overflow = top.optional("overflow")) nic.overflow = read_overflow(*overflow);

  const Value receive = top.required("receive");
  const Value transmit = top.required("transmit");
  top.done();
  add_knobs(receive, fields);
  add_knobs(transmit, fields);
  GraphOptions options;
  options.rx_queues = nic.rx_queues.max;
  options.tx_queues = nic.tx_queues.max;
  nic.receive.name = nic.name + "_receive";
  nic.transmit.name = nic.name + "_transmit";
  std::set<std::string> knobs;
  for (const auto& [value, graph] :
       {std::pair{receive, &nic.receive}, std::pair{transmit, &nic.transmit}}) {
    const bool rx = graph == &nic.receive;
    const std::size_t before = root.error_count();
    read_nodes(value, fields, options, *graph);
    if (root.error_count() != before || !value.is_mapping()) continue;
    check_ends(*graph, value, rx ? "receive" : "transmit", rx ? NodeKind::wire : NodeKind::queue,
               rx ? NodeKind::queue : NodeKind::wire);
    check_kinds(*graph, value);
    check_ports(*graph, value);
    link_groups(*graph, value);
    check_knobs(*graph, value, knobs);
    graph->digest = diag::sha256_hex(print_graph(*graph));
  }
  return nic;
}

}  // namespace

diag::Result<NicModel> read_nic(const std::string& path, const ir::FieldTable& fields) {
  auto document = read_yaml(path);
  if (!document) return diag::fail(document.error());
  NicModel nic = read_model(document->root(), path, fields);
  nic.digest = diag::sha256_hex(document->text());
  return document->finish(std::move(nic));
}

}  // namespace weft::frontend
