#include "compiler/passes/handover.h"

#include <algorithm>

#include "compiler/passes/resolve.h"
#include "compiler/passes/steer.h"
#include "stack-nodes/registry.h"

namespace weft::passes {

namespace {

constexpr const char* made_whole = "ipv4_reassembled";

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
  Insert(const ir::Graph& in, const std::map<std::string, std::string>& why,
         const std::string& of_wholes)
      : in_(in), why_(why), of_wholes_(of_wholes) {}

  ir::Graph run() {
    out_.name = in_.name;
    out_.title = in_.title;
    out_.headers = in_.headers;
    for (auto [v, last] = vertices(in_.g); v != last; ++v) {
      const auto at = why_.find(in_.node(*v).id);
      if (at == why_.end()) {
        out_.add(in_.node(*v));
      } else {
        add(*v, at->second);
      }
    }
    if (!of_wholes_.empty()) add_whole();
    add_ends();
    for (auto [v, last] = vertices(in_.g); v != last; ++v) connect(*v);
    if (goes_on_) handover(*out_.find(whole_handover), *goes_on_, *goes_on_);
    return std::move(out_);
  }

 private:
  void add(ir::Vertex v, const std::string& why) {
    ir::Node node = in_.node(v);
    const nodes::NodeDecl& decl = *decl_of(node);
    const nodes::NodeDecl& handover = *decl_of(std::string(decl.handover));
    ir::Node added;
    added.id = handover_of(node.id);
    added.kind = ir::NodeKind::effect;
    added.impl = decl.handover;
    for (const auto& port : nodes::split(handover.ports))
      added.ports.push_back({port, nullptr, {}});
    added.meaning = handover.meaning;
    added.fate = ir::Fate::handover;
    added.why = why;
    passes_ = passes_ || !handover.spawns.empty();
    // What entered here passes by there first; what was handed over does not do so again.
    if (!is_behind(decl)) std::swap(added.slots, node.slots);
    for (const auto& slot : nodes::split(handover.spawns)) node.slots.push_back(slot);
    if (!is_behind(decl)) out_.add(added);
    out_.add(std::move(node));
    if (is_behind(decl)) out_.add(std::move(added));
  }

  // In front of where whole datagrams go on.
  void add_whole() {
    for (auto [v, last] = vertices(in_.g); v != last; ++v) {
      ir::Node& next = out_.node(front(*v));
      if (std::erase(next.slots, made_whole) == 0) continue;
      const nodes::NodeDecl& decl = *decl_of(std::string("handover.whole"));
      ir::Node added;
      added.id = whole_handover;
      added.kind = ir::NodeKind::effect;
      added.impl = decl.name;
      for (const auto& port : nodes::split(decl.ports)) added.ports.push_back({port, nullptr, {}});
      added.slots = {made_whole};
      added.meaning = decl.meaning;
      added.fate = ir::Fate::handover;
      added.why = of_wholes_;
      for (const auto& slot : nodes::split(decl.spawns)) next.slots.push_back(slot);
      goes_on_ = front(*v);
      out_.add(std::move(added));
      passes_ = true;
      return;
    }
  }

  void add_ends() {
    if (!passes_) return;
    out_.add(end(handed_over, ir::NodeKind::endpoint, "went to the core that owns its state",
                 "it goes on there"));
    ir::Node drop = end(drop_handover_full, ir::NodeKind::drop,
                        "the ring to the core that owns its state was full", "rings are bounded");
    out_.add(std::move(drop));
  }

  // The vertex of `out_` where packets for `v` enter.
  ir::Vertex front(ir::Vertex v) const {
    const ir::Node& node = in_.node(v);
    const bool added = why_.contains(node.id) && !is_behind(*decl_of(node));
    return *out_.find(added ? handover_of(node.id) : node.id);
  }

  void connect(ir::Vertex v) {
    const ir::Node& node = in_.node(v);
    const ir::Vertex from = *out_.find(node.id);
    const bool added = why_.contains(node.id);
    const bool miss_is_handed = added && is_behind(*decl_of(node));
    for (unsigned p = 0; p < node.ports.size(); ++p) {
      const auto next = in_.next(v, p);
      if (!next) continue;
      if (miss_is_handed && node.ports[p].name == "miss") {
        out_.connect(from, p, *out_.find(handover_of(node.id)));
        handover(*out_.find(handover_of(node.id)), front(*next), from);
      } else {
        out_.connect(from, p, front(*next));
      }
    }
    for (const auto& [slot, to] : in_.spawns(v)) {
      const bool whole = goes_on_ && slot == made_whole;
      out_.connect_spawn(from, slot, whole ? *out_.find(whole_handover) : front(to));
    }
    if (added && !miss_is_handed) handover(front(v), from, from);
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
    for (const auto& slot : nodes::split(decl.spawns)) out_.connect_spawn(added, slot, entry);
  }

  const ir::Graph& in_;
  const std::map<std::string, std::string>& why_;
  const std::string& of_wholes_;
  std::optional<ir::Vertex> goes_on_;  // where they do, in `out_`
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

bool has_rules(const plan::Configuration& config, const std::string& table) {
  return std::any_of(config.filters.begin(), config.filters.end(),
                     [&](const auto& f) { return f.table == table; });
}

template <class List, class Item>
bool contains(const List& list, const Item& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

}  // namespace

// Yes where the card hashes nothing but the key and no rule catches some of them.
bool arrive_together(Symbolic& symbolic, const ir::NicModel& nic, const plan::Configuration& config,
                     const ir::Node& node, const smt::Term& when) {
  const auto* decl = decl_of(node);
  if (decl == nullptr || decl->handover.empty() || !decl->table.empty()) return false;
  if (config.rx_queues < 2) return true;
  const auto key = expand(decl->key, symbolic.fields());
  std::vector<smt::Term> rest = {when};
  for (const ir::Node* unit : receive_order(nic)) {
    if (unit->config.table && has_rules(config, unit->id)) {
      const smt::Term applies = symbolic.condition(unit->config.table->applies, State{});
      if (possible(symbolic.session(), {when, applies})) return false;
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
    if (unit->config.table && has_rules(config, unit->id)) {
      const smt::Term applies = symbolic.condition(unit->config.table->applies, State{});
      if (possible(symbolic.session(), {when, applies})) return std::nullopt;
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

std::string handover_of(const std::string& id) { return id + "_handover"; }

ir::Graph with_handovers(const ir::Graph& residue, const std::map<std::string, std::string>& why,
                         const std::string& of_wholes) {
  return why.empty() && of_wholes.empty() ? residue : Insert(residue, why, of_wholes).run();
}

}  // namespace weft::passes
