#include "runtime/emulator/receive.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::emulator {
namespace {

diag::Diagnostic bad_graph(const ir::Node& node, std::string_view why) {
  return {.code = "E0643",
          .message = fmt::format("the emulated card cannot walk `{}`: {}", node.id, why),
          .span = node.span};
}

// A number in [0, 1) for one packet and one unit: the same for the same seed, whatever the order in
// which queues are polled.
double chance(std::uint64_t seed, std::uint64_t packet, std::uint64_t unit) {
  std::uint64_t x = seed + 0x9e3779b97f4a7c15ULL * (packet * 2 + unit + 1);
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  x ^= x >> 31;
  return static_cast<double>(x >> 11) * 0x1.0p-53;
}

}  // namespace

unsigned Receiver::add_drop(std::string reason, std::string stands_for) {
  drops_.push_back({std::move(reason), std::move(stands_for)});
  return static_cast<unsigned>(drops_.size() - 1);
}

diag::Result<std::unique_ptr<Receiver>> Receiver::make(const ir::NicModel& model,
                                                       const Names& names) {
  auto out = std::unique_ptr<Receiver>(new Receiver);
  const ir::Graph& graph = model.receive;
  std::vector<FilterTable> tables;
  bool found = false;
  for (ir::Vertex v = 0; v < boost::num_vertices(graph.g); ++v) {
    if (auto added = out->add(graph, v, names, tables); !added) return diag::fail(added.error());
    if (graph.node(v).kind == ir::NodeKind::wire) {
      out->entry_ = static_cast<unsigned>(v);
      found = true;
    }
  }
  if (!found || graph.topological().empty()) {
    return diag::fail(
        diag::Diagnostic{.code = "E0643",
                         .message = fmt::format("the receive graph of `{}` has {}", model.name,
                                                found ? "a cycle" : "no wire")});
  }
  out->filters_ = std::make_unique<Filters>(std::move(tables));
  return out;
}

diag::Result<void> Receiver::add(const ir::Graph& graph, ir::Vertex v, const Names& names,
                                 std::vector<FilterTable>& tables) {
  const ir::Node& node = graph.node(v);
  Step step;
  switch (node.kind) {
    case ir::NodeKind::queue: step.kind = Kind::queue; break;
    case ir::NodeKind::drop:
      step.kind = Kind::drop;
      step.unit = add_drop(node.id, node.reason);
      break;
    case ir::NodeKind::match:
      if (auto done = add_match(graph, v, names, step); !done) return done;
      break;
    case ir::NodeKind::config:
      if (auto done = add_config(graph, v, names, tables, step); !done) return done;
      break;
    case ir::NodeKind::wire: {
      const auto next = graph.next(v, 0);
      if (!next) return diag::fail(bad_graph(node, "nothing follows"));
      step.next = {static_cast<unsigned>(*next)};
      break;
    }
    default: return diag::fail(bad_graph(node, "no card has this kind of node"));
  }
  steps_.push_back(std::move(step));
  return {};
}

diag::Result<void> Receiver::add_match(const ir::Graph& graph, ir::Vertex v, const Names& names,
                                       Step& step) {
  const ir::Node& node = graph.node(v);
  step.kind = Kind::match;
  std::optional<unsigned> otherwise;
  for (unsigned port = 0; port < node.ports.size(); ++port) {
    const auto next = graph.next(v, port);
    if (!next) return diag::fail(bad_graph(node, "a port leads nowhere"));
    if (node.ports[port].when == nullptr) {
      otherwise = static_cast<unsigned>(*next);
      continue;
    }
    auto when = Predicate::compile(node.ports[port].when, names);
    if (!when) return diag::fail(when.error());
    step.when.push_back(std::move(*when));
    step.next.push_back(static_cast<unsigned>(*next));
  }
  if (otherwise) step.next.push_back(*otherwise);
  // The ports of a verified graph are exhaustive: the last one needs no asking.
  if (!otherwise && !step.when.empty()) step.when.pop_back();
  if (step.next.empty()) return diag::fail(bad_graph(node, "a match without ports"));
  return {};
}

diag::Result<void> Receiver::add_config(const ir::Graph& graph, ir::Vertex v, const Names& names,
                                        std::vector<FilterTable>& tables, Step& step) {
  const ir::Node& node = graph.node(v);
  const ir::Config& config = node.config;
  if (config.table) {
    step.kind = Kind::table;
    step.unit = static_cast<unsigned>(tables.size());
    auto table = FilterTable::make(node.id, *config.table, names);
    if (!table) return diag::fail(table.error());
    tables.push_back(std::move(*table));
    for (const char* name : {"hit", "miss"}) {
      const auto port = graph.port(v, name);
      const auto next = port ? graph.next(v, *port) : std::nullopt;
      if (!next) return diag::fail(bad_graph(node, "a table needs the ports hit and miss"));
      step.next.push_back(static_cast<unsigned>(*next));
    }
    const auto& actions = config.table->actions;
    if (std::find(actions.begin(), actions.end(), "drop") != actions.end())
      step.filter_drop = add_drop(node.id, "");
    return {};
  }
  const auto next = graph.next(v, 0);
  if (config.report) {
    const auto knob = std::find(names.knobs.begin(), names.knobs.end(), config.knob);
    if (knob == names.knobs.end()) return diag::fail(bad_graph(node, "a report without a knob"));
    auto reporter =
        Reporter::make(*config.report, static_cast<unsigned>(knob - names.knobs.begin()), names);
    if (!reporter) return diag::fail(reporter.error());
    step.kind = Kind::report;
    step.unit = static_cast<unsigned>(reporters_.size());
    reporters_.push_back(std::move(*reporter));
  } else if (config.rss) {
    if (rss_) return diag::fail(bad_graph(node, "a second RSS unit"));
    auto rss = Rss::make(*config.rss, names);
    if (!rss) return diag::fail(rss.error());
    rss_ = std::move(*rss);
    step.kind = Kind::rss;
  } else if (!next) {
    return {};  // a switch that stands beside the graph (promiscuous mode)
  }
  if (!next) return diag::fail(bad_graph(node, "nothing follows"));
  step.next = {static_cast<unsigned>(*next)};
  return {};
}

// The group's own table has its queues in turn; of the card's table it takes what an entry says.
std::uint16_t Receiver::of_group(const Rule& rule, const ir::QueueGroups& groups,
                                 const Frame& frame, std::uint64_t index, const CardState& state,
                                 const DescriptorPolicy& policy) const {
  const std::size_t size = rule.group.size();
  if (groups.of_rss) return rule.group[rss_->pick(frame, state).queue % size];
  if (groups.entries != 0) {
    const std::uint32_t hash = rss_ ? rss_->pick(frame, state).hash : 0;
    return rule.group[hash % groups.entries % size];
  }
  const std::uint64_t any = policy.place ? policy.place(index, frame.bytes())
                            : rss_       ? rss_->stand_in(frame)
                                         : 0;
  return rule.group[any % size];
}

Receiver::Outcome Receiver::receive(const Frame& frame, std::uint64_t index, const CardState& state,
                                    const DescriptorPolicy& policy) const {
  Outcome out;
  unsigned at = entry_;
  for (;;) {
    const Step& step = steps_[at];
    switch (step.kind) {
      case Kind::pass: at = step.next[0]; break;
      case Kind::match: {
        std::size_t port = 0;
        while (port < step.when.size() && !step.when[port].holds(frame, state)) ++port;
        at = step.next[port];
        break;
      }
      case Kind::report: {
        const Reporter& reporter = reporters_[step.unit];
        Verdict verdict = reporter.judge(frame, state);
        if (policy.doubt > 0 && reporter.on(state) &&
            chance(policy.seed, index, reporter.about_ip() ? 0 : 1) < policy.doubt)
          verdict = Verdict::unknown;
        if (policy.unfinished > 0 && chance(~policy.seed, index, 0) < policy.unfinished &&
            reporter.may_be_unfinished(frame, state)) {
          verdict = Verdict::none;
          out.unfinished = true;
        }
        (reporter.about_ip() ? out.answers.ip : out.answers.l4) = verdict;
        at = step.next[0];
        break;
      }
      case Kind::table: {
        const FilterTable& table = filters_->table(step.unit);
        const Rule* rule = table.find(frame, state);
        if (rule == nullptr) {
          at = step.next[1];
          break;
        }
        if (rule->hits) rule->hits->fetch_add(1, std::memory_order_relaxed);
        if (rule->drop) {
          out.drop = step.filter_drop;
          return out;
        }
        out.queue = rule->queue
                        ? *rule->queue
                        : of_group(*rule, *table.limits().groups, frame, index, state, policy);
        if (table.limits().mark_reported) out.mark = rule->mark;
        at = step.next[0];
        break;
      }
      case Kind::rss: {
        const Rss::Answer answer = rss_->pick(frame, state);
        out.queue = answer.queue;
        if (policy.place && !rss_->predictable())
          out.queue =
              static_cast<std::uint16_t>(policy.place(index, frame.bytes()) % rss_->queues());
        if (answer.hashed) out.hash = answer.hash;
        at = step.next[0];
        break;
      }
      case Kind::queue:
        if (policy.force) out.answers = policy.force(index, frame.bytes(), out.answers);
        return out;
      case Kind::drop: out.drop = step.unit; return out;
    }
  }
}

}  // namespace weft::emulator
