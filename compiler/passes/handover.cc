#include "compiler/passes/handover.h"

#include <algorithm>

#include "compiler/ir/filter_shape.h"
#include "compiler/passes/reach.h"
#include "compiler/passes/resolve.h"
#include "compiler/passes/steer.h"
#include "compiler/plan/segment_rules.h"
#include "stack-nodes/registry.h"

namespace weft::passes {

namespace {

ir::Node end(const char* id, ir::NodeKind kind, const char* meaning, const char* why) {
  ir::Node out;
  out.id = id;
  out.kind = kind;
  out.meaning = meaning;
  out.fate = ir::Fate::handover;
  out.why = why;
  return out;
}

class Insert {
 public:
  Insert(const ir::Graph& in, const std::vector<Handover>& handovers)
      : in_(in), handovers_(handovers) {}

  ir::Graph run() {
    out_.name = in_.name;
    out_.title = in_.title;
    out_.headers = in_.headers;
    for (auto [v, last] = vertices(in_.g); v != last; ++v) {
      const std::string& id = in_.node(*v).id;
      if (const Handover* h = at(Place::front, id)) out_.add(added_for(*h));
      out_.add(in_.node(*v));
      if (const Handover* h = at(Place::miss, id)) out_.add(added_for(*h));
    }
    for (const Handover& h : handovers_) {
      if (h.place == Place::entry && begins(h.at)) out_.add(added_for(h));
    }
    if (passes_) add_ends();
    for (auto [v, last] = vertices(in_.g); v != last; ++v) connect(*v);
    for (const Handover& h : handovers_) {
      if (h.place == Place::entry && begins(h.at)) at_entry(h, front(*begins(h.at)));
    }
    return std::move(out_);
  }

 private:
  using Place = Handover::Place;

  const Handover* at(Place place, const std::string& where) const {
    for (const Handover& h : handovers_) {
      if (h.place == place && h.at == where) return &h;
    }
    return nullptr;
  }

  std::optional<ir::Vertex> begins(const std::string& slot) const {
    const auto all = begins_at(in_, slot);
    return all.empty() ? std::nullopt : std::optional(all.front());
  }

  ir::Node added_for(const Handover& h) {
    const nodes::NodeDecl& decl = *decl_of(h.impl);
    ir::Node added;
    added.id = handover_of(h.at);
    added.kind = ir::NodeKind::effect;
    added.impl = h.impl;
    for (const auto& port : nodes::split(decl.ports)) added.ports.push_back({port, nullptr, {}});
    added.meaning = decl.meaning;
    added.fate = ir::Fate::handover;
    added.why = h.why;
    passes_ = passes_ || !decl.spawns.empty();
    return added;
  }

  void add_ends() {
    out_.add(end(handed_over, ir::NodeKind::endpoint, "went to the core that owns its state",
                 "it goes on there"));
    ir::Node drop = end(drop_handover_full, ir::NodeKind::drop,
                        "the ring to the core that owns its state was full", "rings are bounded");
    out_.add(std::move(drop));
  }

  // The vertex of `out_` where packets for `v` enter.
  ir::Vertex front(ir::Vertex v) const {
    const std::string& id = in_.node(v).id;
    return *out_.find(at(Place::front, id) != nullptr ? handover_of(id) : id);
  }
  // The same for those of a slot.
  ir::Vertex entry(const std::string& slot, ir::Vertex v) const {
    return at(Place::entry, slot) != nullptr && begins(slot) ? *out_.find(handover_of(slot))
                                                             : front(v);
  }

  void connect(ir::Vertex v) {
    const ir::Node& node = in_.node(v);
    const ir::Vertex from = *out_.find(node.id);
    const bool behind = at(Place::miss, node.id) != nullptr;
    for (unsigned p = 0; p < node.ports.size(); ++p) {
      const auto next = in_.next(v, p);
      if (!next) continue;
      if (behind && node.ports[p].name == "miss") {
        const ir::Vertex added = *out_.find(handover_of(node.id));
        out_.connect(from, p, added);
        handover(added, front(*next), from);
      } else {
        out_.connect(from, p, front(*next));
      }
    }
    for (const auto& [slot, to] : in_.spawns(v)) out_.connect_spawn(from, slot, entry(slot, to));
    if (at(Place::front, node.id) == nullptr) return;
    // What entered here passes by there first; what was handed over does not do so again.
    std::swap(out_.node(front(v)).slots, out_.node(from).slots);
    handover(front(v), from, from);
  }

  void at_entry(const Handover& h, ir::Vertex next) {
    const ir::Vertex added = *out_.find(handover_of(h.at));
    std::erase(out_.node(next).slots, h.at);
    out_.node(added).slots.push_back(h.at);
    handover(added, next, next);
  }

  // `here`: where a packet goes on whose state is here; `entry`: where one that was handed over
  // does.
  void handover(ir::Vertex added, ir::Vertex here, ir::Vertex entry) {
    const ir::Node& node = out_.node(added);
    const nodes::NodeDecl& decl = *decl_of(node);
    const bool packets = !decl.spawns.empty();
    for (unsigned p = 0; p < node.ports.size(); ++p) {
      const std::string& name = node.ports[p].name;
      const bool stays = !packets || name == "here";
      out_.connect(added, p,
                   stays ? here : *out_.find(name == "away" ? handed_over : drop_handover_full));
    }
    for (const auto& slot : nodes::split(decl.spawns)) {
      out_.connect_spawn(added, slot, entry);
      out_.node(entry).slots.push_back(slot);
    }
  }

  const ir::Graph& in_;
  const std::vector<Handover>& handovers_;
  ir::Graph out_;
  bool passes_ = false;
};

bool possible(smt::Session& session, const std::vector<smt::Term>& all) {
  session.push();
  for (const smt::Term& t : all) session.add(t);
  const auto outcome = session.check("does the card look at more than the key");
  session.pop();
  return outcome != smt::Outcome::unsat;
}

template <class List, class Item>
bool contains(const List& list, const Item& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// What a rule looks at, and the protocol that it is about where that is all it says.
struct Kind {
  ir::Shape shape;
  std::optional<std::uint64_t> protocol;
  bool operator==(const Kind&) const = default;
};

Kind kind_of(const plan::Filter& rule) {
  Kind out{plan::shape_of(rule), std::nullopt};
  if (plan::about_whole_type(rule)) out.protocol = rule.match.begin()->second.first;
  return out;
}

// Of the rules of the table, each once; but for those that `besides` is true of.
template <class F>
std::vector<Kind> kinds_in(const plan::Configuration& config, const ir::Node& table, F&& besides) {
  std::vector<Kind> out;
  for (const plan::Filter& f : config.filters) {
    if (f.table != table.id || besides(f)) continue;
    Kind kind = kind_of(f);
    if (!contains(out, kind)) out.push_back(std::move(kind));
  }
  return out;
}

// Could a rule of this kind place some of those that `when` is true of?
bool concerns(Symbolic& symbolic, const ir::FilterTable& table, const Kind& kind,
              const smt::Term& when) {
  std::vector<smt::Term> all = {when,
                                symbolic.condition(ir::applies_to(table, kind.shape), State{})};
  if (kind.protocol)
    all.push_back(symbolic.session().equal(symbolic.initial("ipv4.protocol"),
                                           symbolic.session().number(*kind.protocol, 8)));
  return possible(symbolic.session(), all);
}

// A rule of this shape matches all packets with the same key, or none.
bool within_key(Symbolic& symbolic, const ir::FilterTable& table, const ir::Shape& shape,
                const std::vector<std::string>& key, const smt::Term& when) {
  const bool seen = std::all_of(shape.begin(), shape.end(), [&](const auto& part) {
    return part.first == "ipv4.protocol" || contains(key, part.first);
  });
  const smt::Term applies = symbolic.condition(ir::applies_to(table, shape), State{});
  return seen && !possible(symbolic.session(), {when, symbolic.session().negate(applies)});
}

}  // namespace

// Yes where the card hashes nothing but the key, and rules look at nothing else. (Over the queues
// of a group it spreads by the same hash.)
bool arrive_together(Symbolic& symbolic, const ir::NicModel& nic, const plan::Configuration& config,
                     const ir::Node& node, const smt::Term& when) {
  const auto* decl = decl_of(node);
  if (decl == nullptr || decl->handover.empty() || !decl->table.empty()) return false;
  if (config.rx_queues < 2) return true;
  const auto key = expand(decl->key, symbolic.fields());
  std::vector<smt::Term> rest = {when};
  for (const ir::Node* unit : receive_order(nic)) {
    if (unit->config.table) {
      const ir::FilterTable& table = *unit->config.table;
      for (const plan::Filter& f : config.filters) {
        const bool anywhere = f.table == unit->id && !f.group.empty() && f.entries == 0;
        if (anywhere && concerns(symbolic, table, kind_of(f), when)) return false;
      }
      for (const Kind& kind : kinds_in(config, *unit, [](const auto&) { return false; })) {
        if (concerns(symbolic, table, kind, when) &&
            !within_key(symbolic, table, kind.shape, key, when))
          return false;
      }
    }
    if (!unit->config.rss) continue;
    if (!unit->config.rss->predictable) return false;
    for (const auto& type : unit->config.rss->types) {
      if (!is_on(type, config.rss)) continue;
      const bool within = std::all_of(type.input.begin(), type.input.end(),
                                      [&](const auto& f) { return contains(key, f); });
      rest.push_back(symbolic.condition(type.applies, State{}));
      if (!within && possible(symbolic.session(), rest)) return false;
      rest.back() = symbolic.session().negate(rest.back());
    }
  }
  return true;
}

std::optional<std::vector<std::string>> hashed_of(Symbolic& symbolic, const ir::NicModel& nic,
                                                  const plan::Configuration& config,
                                                  const smt::Term& when) {
  std::vector<smt::Term> rest = {when};
  std::vector<std::vector<std::string>> ways;
  for (const ir::Node* unit : receive_order(nic)) {
    if (unit->config.table) {
      for (const Kind& kind : kinds_in(config, *unit, plan::about_segments)) {
        if (concerns(symbolic, *unit->config.table, kind, when)) return std::nullopt;
      }
    }
    if (!unit->config.rss) continue;
    if (!unit->config.rss->predictable) return std::nullopt;
    for (const auto& type : unit->config.rss->types) {
      if (!is_on(type, config.rss) || !config.rss.enabled) continue;
      rest.push_back(symbolic.condition(type.applies, State{}));
      if (possible(symbolic.session(), rest)) ways.push_back(type.input);
      rest.back() = symbolic.session().negate(rest.back());
    }
  }
  if (possible(symbolic.session(), rest)) ways.emplace_back();
  const bool alike =
      std::all_of(ways.begin(), ways.end(), [&](const auto& way) { return way == ways.front(); });
  if (ways.empty() || !alike) return std::nullopt;
  const bool readable = std::all_of(ways.front().begin(), ways.front().end(), [](const auto& f) {
    return contains(plan::segment_fields, f);
  });
  return readable ? std::optional(ways.front()) : std::nullopt;
}

bool is_behind(const nodes::NodeDecl& decl) {
  return !decl.table.empty() && decl_of(std::string(decl.handover))->owner == decl.table;
}

std::string handover_of(const std::string& at) { return at + "_handover"; }

ir::Graph with_handovers(const ir::Graph& residue, const std::vector<Handover>& handovers) {
  return handovers.empty() ? residue : Insert(residue, handovers).run();
}

}  // namespace weft::passes
