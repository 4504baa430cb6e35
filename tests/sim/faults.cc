#include "tests/sim/faults.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "compiler/passes/rule_overlap.h"
#include "compiler/plan/operation.h"
#include "compiler/plan/places.h"
#include "stack-nodes/registry.h"

namespace weft::sim {
namespace {

using plan::Plan;

void redirect(ir::Graph& graph, ir::Vertex v, unsigned port, ir::Vertex to) {
  boost::remove_out_edge_if(
      v, [&](auto edge) { return !graph.g[edge].spawn && graph.g[edge].port == port; }, graph.g);
  graph.connect(v, port, to);
}

// Everything that led to `v` leads to where its port 0 leads.
void bypass(ir::Graph& graph, ir::Vertex v) {
  const ir::Vertex next = *graph.next(v, 0);
  for (ir::Vertex from = 0; from < boost::num_vertices(graph.g); ++from) {
    for (unsigned port = 0; port < graph.node(from).ports.size(); ++port) {
      if (graph.next(from, port) == v) redirect(graph, from, port, next);
    }
    for (const auto& [slot, to] : graph.spawns(from)) {
      if (to != v) continue;
      boost::remove_out_edge_if(
          from,
          [&, slot = slot](auto edge) { return graph.g[edge].spawn && graph.g[edge].slot == slot; },
          graph.g);
      graph.connect_spawn(from, slot, next);
    }
  }
  auto& slots = graph.node(v).slots;
  auto& to = graph.node(next).slots;
  to.insert(to.end(), slots.begin(), slots.end());
  slots.clear();
}

ir::ExprPtr answers(const std::string& field, unsigned value) {
  return ir::binary(ir::Op::eq, ir::name(field, 2), ir::constant(value, 2));
}

// The descriptor field that an item reads; "" for an item that reads none.
std::string read_by(const ir::Item& item) {
  if (!item.when) return "";
  for (const std::string& name : ir::names_in(item.when)) {
    if (name == "desc.ip_cksum" || name == "desc.l4_cksum") return name;
  }
  return "";
}

class Enumerate {
 public:
  Enumerate(const Plan& plan, const passes::Inputs& in) : plan_(plan), in_(in) {}

  std::vector<Fault> run() {
    filters();
    groups();
    order();
    flows();
    rss();
    knobs();
    for (std::size_t r = 0; r < plan_.residues.size(); ++r) residue(r);
    swapped_residues();
    wishes();
    return std::move(out_);
  }

 private:
  void add(std::string kind, std::string place, std::function<void(Plan&)> plant) {
    out_.push_back({std::move(kind), std::move(place), std::move(plant)});
  }

  void filters() {
    const auto& all = plan_.configuration.filters;
    for (std::size_t i = 0; i < all.size(); ++i) {
      for (unsigned q = 0; q < plan_.configuration.rx_queues; ++q) {
        if (q == all[i].queue) continue;
        add("filter's queue", fmt::format("{} to queue {}", all[i].id, q),
            [i, q](Plan& p) { p.configuration.filters[i].queue = q; });
      }
      group(i);
      const auto v = in_.nic.receive.find(all[i].table);
      const bool reported = in_.nic.receive.node(*v).config.table->mark_reported;
      for (std::uint32_t mark = 0; reported && mark <= plan_.endpoints.size() + 1; ++mark) {
        if (mark == all[i].mark) continue;
        add("filter's mark", fmt::format("{} with mark {}", all[i].id, mark),
            [i, mark](Plan& p) { p.configuration.filters[i].mark = mark; });
      }
      add("filter missing", all[i].id, [i](Plan& p) {
        p.configuration.filters.erase(p.configuration.filters.begin() + static_cast<long>(i));
      });
      for (const auto& [field, match] : all[i].match) {
        add("filter's match", fmt::format("{} with another {}", all[i].id, field),
            [i, field = field](Plan& p) { p.configuration.filters[i].match[field].first ^= 1; });
      }
    }
    masks();
    if (!all.empty()) {
      add("filter too many", "a flow that the workload does not have", [](Plan& p) {
        plan::Filter stale = p.configuration.filters.back();
        stale.id = "stale";
        stale.match["udp.src_port"].first = 50001;
        p.configuration.filters.push_back(stale);
      });
    }
  }

  // As many queues elsewhere, and fewer.
  void group(std::size_t i) {
    const plan::Filter& rule = plan_.configuration.filters[i];
    const auto size = static_cast<unsigned>(rule.group.size());
    const auto other = [&](unsigned first, unsigned queues) {
      std::vector<unsigned> named(queues);
      std::iota(named.begin(), named.end(), first);
      if (named == rule.group) return;
      add("group's queues", fmt::format("{} to queues {}-{}", rule.id, first, named.back()),
          [i, named](Plan& p) {
            p.configuration.filters[i].group = named;
            p.configuration.filters[i].queue = named.front();
          });
    };
    for (unsigned first = 0; size != 0 && first + size <= plan_.configuration.rx_queues; ++first)
      other(first, size);
    for (unsigned less = size / 2; less != 0; less /= 2)
      for (unsigned at = 0; at < size; at += less) other(rule.group[at], less);
  }

  // A queue too many, another one's queue, and the hash taken otherwise.
  void groups() {
    const auto& all = plan_.configuration.filters;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::vector<unsigned>& group = all[i].group;
      if (group.empty()) continue;
      const auto with = [&](const char* kind, const std::string& place,
                            std::vector<unsigned> queues, unsigned entries) {
        add(kind, place, [i, queues, entries](Plan& p) {
          plan::Filter& rule = p.configuration.filters[i];
          rule.group = queues;
          rule.queue = queues.front();
          rule.entries = entries;
        });
      };
      for (unsigned q = 0; q < plan_.configuration.rx_queues; ++q) {
        if (std::find(group.begin(), group.end(), q) != group.end()) continue;
        std::vector<unsigned> more = group, other = group;
        more.push_back(q);
        other.back() = q;
        with("rule: group too large", fmt::format("{} with queue {}", all[i].id, q), more,
             all[i].entries);
        with("rule: group's queue", fmt::format("{} with queue {}", all[i].id, q), other,
             all[i].entries);
      }
      std::vector<unsigned> turned(group.begin() + 1, group.end());
      turned.push_back(group.front());
      with("rule: group's spread", all[i].id + " in another order", turned, all[i].entries);
      with("rule: group's spread", all[i].id + " by another table", group, all[i].entries / 2);
    }
  }

  // Of two rules of one table that match the same packets the other in front, or neither.
  void order() {
    const auto& all = plan_.configuration.filters;
    for (std::size_t i = 0; i < all.size(); ++i) {
      for (std::size_t k = 0; k < i; ++k) {
        plan::Filter beside = all[i];
        beside.priority = all[k].priority;
        const ir::Node& node = in_.nic.receive.node(*in_.nic.receive.find(all[i].table));
        if (all[i].priority == all[k].priority ||
            !passes::misordered(*node.config.table, in_.fields, beside, all[k]))
          continue;
        const std::string pair = fmt::format("{} and {}", all[i].id, all[k].id);
        add("rule: order of two", pair, [i, k](Plan& p) {
          std::swap(p.configuration.filters[i].priority, p.configuration.filters[k].priority);
        });
        add("rule: one priority for two", pair, [i, k](Plan& p) {
          p.configuration.filters[i].priority = p.configuration.filters[k].priority;
        });
      }
    }
  }

  // Part of a field, in all rules of a table, so that they still share one mask. Some drivers take
  // that and then do not look at the field at all.
  void masks() {
    std::set<std::pair<std::string, std::string>> places;
    for (const auto& rule : plan_.configuration.filters)
      for (const auto& [field, match] : rule.match) places.emplace(rule.table, field);
    for (const auto& [table, field] : places) {
      add("partial mask", fmt::format("{} of all rules of {}", field, table),
          [table = table, field = field](Plan& p) {
            for (auto& rule : p.configuration.filters)
              if (rule.table == table) rule.match[field].second &= ~std::uint64_t{1};
          });
    }
  }

  void flows() {
    for (std::size_t i = 0; i < plan_.flows.size(); ++i) {
      const plan::FlowEntry& f = plan_.flows[i];
      const std::string name = fmt::format("flow {:#x}:{} to {}", f.src, f.src_port, f.dst_port);
      add("flow entry dropped", name,
          [i](Plan& p) { p.flows.erase(p.flows.begin() + static_cast<long>(i)); });
      for (unsigned q = 0; q < plan_.configuration.rx_queues; ++q) {
        if (q != f.queue)
          add("flow entry's queue", fmt::format("{} on queue {}", name, q),
              [i, q](Plan& p) { p.flows[i].queue = q; });
      }
      for (unsigned e = 0; e < plan_.endpoints.size(); ++e) {
        if (e != f.endpoint)
          add("flow entry's endpoint", fmt::format("{} to endpoint {}", name, e),
              [i, e](Plan& p) { p.flows[i].endpoint = e; });
      }
    }
    // A stale entry where the card would bring the flow, so that it is found.
    for (unsigned q = 0; q < plan_.configuration.rx_queues; ++q) {
      for (unsigned e = 0; e < plan_.endpoints.size(); ++e) {
        add("flow entry stale",
            fmt::format("10.7.0.1:50001 to port 7, endpoint {}, queue {}", e, q), [q, e](Plan& p) {
              p.flows.push_back({.src = 0x0a070001,
                                 .src_port = 50001,
                                 .dst = p.host.address,
                                 .dst_port = 7,
                                 .endpoint = e,
                                 .queue = q});
            });
      }
    }
  }

  void rss() {
    const plan::Rss& rss = plan_.configuration.rss;
    for (std::size_t i = 0; i < rss.table.size(); ++i) {
      for (unsigned q = 0; q < plan_.configuration.rx_queues; ++q) {
        if (q != rss.table[i])
          add("RETA entry", fmt::format("{} to queue {}", i, q),
              [i, q](Plan& p) { p.configuration.rss.table[i] = static_cast<std::uint16_t>(q); });
      }
    }
    for (std::size_t i = 0; i < rss.types.size(); ++i)
      add("RSS type missing", rss.types[i], [i](Plan& p) {
        p.configuration.rss.types.erase(p.configuration.rss.types.begin() + static_cast<long>(i));
      });
    for (std::size_t i = 0; i < rss.key.size(); ++i)
      add("RSS key", fmt::format("byte {}", i),
          [i](Plan& p) { p.configuration.rss.key[i] ^= 0x10; });
    if (rss.enabled) add("RSS off", "all", [](Plan& p) { p.configuration.rss.enabled = false; });
  }

  void knobs() {
    for (const auto& [knob, on] : plan_.configuration.knobs)
      add(on ? "knob off" : "knob on", knob,
          [knob = knob](Plan& p) { p.configuration.knobs[knob] = !p.configuration.knobs[knob]; });
  }

  // What changes node v of residue r.
  template <class F>
  void change(const char* kind, std::size_t r, ir::Vertex v, const std::string& what, F&& f) {
    const plan::Residue& residue = plan_.residues[r];
    add(kind, fmt::format("{} {}{}", residue.queue_class, residue.graph.node(v).id, what),
        [r, v, f](Plan& p) { f(p.residues[r].graph, v); });
  }

  void residue(std::size_t r) {
    const ir::Graph& graph = plan_.residues[r].graph;
    for (ir::Vertex v = 0; v < boost::num_vertices(graph.g); ++v) {
      const ir::Node& node = graph.node(v);
      for (std::size_t i = 0; i < node.items.size(); ++i) item(r, v, i);
      if (node.kind == ir::NodeKind::match || node.kind == ir::NodeKind::effect) ports(r, v);
      if (node.kind == ir::NodeKind::match) predicates(r, v);
      if (node.kind == ir::NodeKind::effect) effect(r, v);
      for (std::size_t s = 0; s < node.slots.size(); ++s)
        change("slot without entry", r, v, " " + node.slots[s], [s](ir::Graph& g, ir::Vertex at) {
          g.node(at).slots.erase(g.node(at).slots.begin() + static_cast<long>(s));
        });
    }
  }

  void item(std::size_t r, ir::Vertex v, std::size_t i) {
    const ir::Item& item = plan_.residues[r].graph.node(v).items[i];
    change("check dropped", r, v, "." + item.id, [i](ir::Graph& g, ir::Vertex at) {
      g.node(at).items[i].when = ir::truth(true);
      g.node(at).items[i].test.clear();
    });
    change("check inverted", r, v, "." + item.id, [i](ir::Graph& g, ir::Vertex at) {
      ir::Item& it = g.node(at).items[i];
      it.when = it.when && it.test.empty() ? ir::negate(it.when) : ir::truth(false);
      it.test.clear();
    });
    const std::string field = read_by(item);
    if (field.empty()) return;
    for (const auto& [word, value] : {std::pair{"unknown", 0u}, {"bad", 2u}, {"none", 3u}}) {
      change("trust in an answer", r, v, fmt::format(".{}: \"{}\"", item.id, word),
             [i, field, value = value](ir::Graph& g, ir::Vertex at) {
               ir::Item& it = g.node(at).items[i];
               it.when = ir::any_of({it.when, answers(field, value)});
             });
    }
    change(
        "guard of \"good\" dropped", r, v, "." + item.id,
        [i, field](ir::Graph& g, ir::Vertex at) { g.node(at).items[i].when = answers(field, 1); });
    if (item.when->op == ir::Op::logical_and) {  // each condition of the guard by itself
      for (std::size_t k = 0; k < item.when->args.size(); ++k) {
        const auto names = ir::names_in(item.when->args[k]);
        if (std::find(names.begin(), names.end(), field) != names.end()) continue;
        change("part of a guard dropped", r, v,
               fmt::format(".{}: {}", item.id, ir::to_string(item.when->args[k])),
               [i, k](ir::Graph& g, ir::Vertex at) {
                 ir::Item& it = g.node(at).items[i];
                 auto args = it.when->args;
                 args.erase(args.begin() + static_cast<long>(k));
                 it.when = ir::all_of(args);
               });
      }
    }
  }

  // Each port to where every other port of the node leads, and to where no packet ends.
  void ports(std::size_t r, ir::Vertex v) {
    const ir::Graph& graph = plan_.residues[r].graph;
    const ir::Node& node = graph.node(v);
    for (unsigned a = 0; a < node.ports.size(); ++a) {
      if (!graph.next(v, a)) continue;
      std::set<ir::Vertex> targets;
      for (unsigned b = 0; b < node.ports.size(); ++b) {
        const auto to = graph.next(v, b);
        if (to && *to != *graph.next(v, a)) targets.insert(*to);
      }
      for (const ir::Vertex to : targets)
        change("port redirected", r, v,
               fmt::format(".{} to {}", node.ports[a].name, graph.node(to).id),
               [a, to](ir::Graph& g, ir::Vertex at) { redirect(g, at, a, to); });
      change("port cut off", r, v, "." + node.ports[a].name, [a](ir::Graph& g, ir::Vertex at) {
        boost::remove_out_edge_if(
            at, [&](auto e) { return !g.g[e].spawn && g.g[e].port == a; }, g.g);
      });
    }
  }

  void predicates(std::size_t r, ir::Vertex v) {
    const ir::Node& node = plan_.residues[r].graph.node(v);
    for (unsigned p = 0; p < node.ports.size(); ++p) {
      if (!node.ports[p].when) continue;
      change("predicate inverted", r, v, "." + node.ports[p].name,
             [p](ir::Graph& g, ir::Vertex at) {
               g.node(at).ports[p].when = ir::negate(g.node(at).ports[p].when);
             });
      change("predicate always true", r, v, "." + node.ports[p].name,
             [p](ir::Graph& g, ir::Vertex at) { g.node(at).ports[p].when = ir::truth(true); });
      change("predicate never true", r, v, "." + node.ports[p].name,
             [p](ir::Graph& g, ir::Vertex at) { g.node(at).ports[p].when = ir::truth(false); });
    }
  }

  void effect(std::size_t r, ir::Vertex v) {
    const ir::Graph& graph = plan_.residues[r].graph;
    const ir::Node& node = graph.node(v);
    if (node.ports.size() == 1 && graph.next(v, 0) && graph.spawns(v).empty()) {
      const bool request = node.impl.ends_with("_request");
      change(request ? "request omitted" : "effect omitted", r, v, "",
             [](ir::Graph& g, ir::Vertex at) { bypass(g, at); });
    }
    for (const ir::Node& unit : transmit_units()) {
      const auto& performs = *unit.config.performs;
      const auto become = [](std::string impl) {
        return [impl](ir::Graph& g, ir::Vertex at) { g.node(at).impl = impl; };
      };
      if (node.impl == performs.request)
        change("request replaced", r, v, " by " + performs.effect, become(performs.effect));
      if (node.impl == performs.effect)
        change("effect replaced", r, v, " by " + performs.request, become(performs.request));
    }
    handover(r, v);
    if (node.impl == "udp.flow_from_mark")
      change("mark not read", r, v, "", [](ir::Graph& g, ir::Vertex at) { bypass(g, at); });
  }

  // Left out, so that what arrives elsewhere is taken for the core's own; to the wrong owner, by
  // another key; with its entry behind another node.
  void handover(std::size_t r, ir::Vertex v) {
    const ir::Graph& graph = plan_.residues[r].graph;
    const ir::Node& node = graph.node(v);
    if (!node.impl.starts_with("handover.")) return;
    change("handover removed", r, v, "", [](ir::Graph& g, ir::Vertex at) { bypass(g, at); });
    for (const char* other : {"handover.flow", "handover.quoted", "handover.datagram",
                              "handover.segment", "handover.whole", "handover.kept"}) {
      if (node.impl == other || graph.spawns(v).empty()) continue;
      change(
          "handover to a wrong owner", r, v, fmt::format(" by {}", other),
          [other = std::string(other)](ir::Graph& g, ir::Vertex at) { g.node(at).impl = other; });
    }
    for (const auto& [slot, to] : graph.spawns(v)) {
      for (unsigned port = 0; port < graph.node(to).ports.size(); ++port) {
        const auto behind = graph.next(to, port);
        if (!behind) continue;
        change("handover goes on elsewhere", r, v, fmt::format(" at {}", graph.node(*behind).id),
               [slot = slot, to = to, behind = *behind](ir::Graph& g, ir::Vertex at) {
                 boost::remove_out_edge_if(
                     at, [&](auto e) { return g.g[e].spawn; }, g.g);
                 g.connect_spawn(at, slot, behind);
                 std::erase(g.node(to).slots, slot);
                 g.node(behind).slots.push_back(slot);
               });
      }
    }
  }

  std::vector<ir::Node> transmit_units() const {
    std::vector<ir::Node> units;
    const ir::Graph& graph = in_.nic.transmit;
    for (ir::Vertex v = 0; v < boost::num_vertices(graph.g); ++v) {
      if (graph.node(v).config.performs) units.push_back(graph.node(v));
    }
    return units;
  }

  void swapped_residues() {
    for (std::size_t r = 0; r < plan_.residues.size(); ++r) {
      for (std::size_t other = 0; other < plan_.residues.size(); ++other) {
        if (r == other) continue;
        for (const unsigned q : plan_.residues[r].queues)
          add("residue of a queue",
              fmt::format("queue {}: {} instead of {}", q, plan_.residues[other].queue_class,
                          plan_.residues[r].queue_class),
              [r, other, q](Plan& p) {
                auto& from = p.residues[r].queues;
                from.erase(std::find(from.begin(), from.end(), q));
                p.residues[other].queues.push_back(q);
              });
      }
    }
  }

  // ---- what the workload asks of queues and cores --------------------------------------------
  void wishes() {
    for (const ir::Flow& f : in_.workload.flows) moved(f);
    for (std::size_t c = 0; c < plan_.cores.size(); ++c) {
      for (std::size_t i = 0; i < plan_.cores[c].priority.size(); ++i)
        add("wish: priority lost", fmt::format("queue {}", plan_.cores[c].priority[i]),
            [c, i](Plan& p) {
              auto& first = p.cores[c].priority;
              first.erase(first.begin() + static_cast<long>(i));
            });
    }
    for (std::size_t e = 0; e < plan_.endpoints.size(); ++e) {
      const ir::Endpoint& endpoint = in_.workload.endpoints[e];
      if (!endpoint.trust.empty() || (endpoint.exclusive && endpoint.rate > 0)) strangers(e);
    }
  }

  // Rule and entry agree, and are where the workload does not want them.
  void moved(const ir::Flow& f) {
    const ir::Endpoint& its = in_.workload.endpoints[f.endpoint];
    const plan::FlowEntry key{.src = f.src,
                              .src_port = f.src_port,
                              .dst = in_.workload.local_address(f),
                              .dst_port = f.dst_port};
    for (unsigned q = 0; q < plan_.configuration.rx_queues; ++q) {
      const bool pin =
          f.queue ? *f.queue != q : its.queues && (q < its.queues->first || q > its.queues->last);
      const bool others = std::any_of(plan_.flows.begin(), plan_.flows.end(), [&](const auto& o) {
        return o.queue == q && o.endpoint != f.endpoint &&
               (its.exclusive || in_.workload.endpoints[o.endpoint].exclusive);
      });
      if (!pin && !others) continue;
      add(pin ? "wish: pin broken" : "wish: exclusive broken",
          fmt::format("flow {:#x}:{} to {} on queue {}", f.src, f.src_port, f.dst_port, q),
          [key, q](Plan& p) {
            plan::find_flow(p, key)->queue = q;
            for (plan::Filter& rule : p.configuration.filters) {
              const auto of = plan::flow_of(rule);
              if (of && plan::same_flow(*of, key)) rule.queue = q;
            }
          });
    }
  }

  // Nothing brings the rest of what comes to the endpoint to its queues.
  void strangers(std::size_t e) {
    const auto all = [e](const plan::Filter& f, const Plan& p) {
      return !plan::flow_of(f) && plan::endpoint_of(f, p) == e;
    };
    const auto& rules = plan_.configuration.filters;
    if (std::none_of(rules.begin(), rules.end(), [&](const auto& f) { return all(f, plan_); }))
      return;
    add("wish: isolation broken", plan_.endpoints[e].name, [all](Plan& p) {
      std::erase_if(p.configuration.filters, [&](const auto& f) { return all(f, p); });
    });
  }

  const Plan& plan_;
  const passes::Inputs& in_;
  std::vector<Fault> out_;
};

}  // namespace

std::vector<Fault> faults_of(const Plan& plan, const passes::Inputs& inputs) {
  return Enumerate(plan, inputs).run();
}

}  // namespace weft::sim
