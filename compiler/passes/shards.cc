#include "compiler/passes/shards.h"

#include "compiler/passes/hash_terms.h"
#include "compiler/passes/resolve.h"
#include "compiler/plan/segment_rules.h"

namespace weft::passes {

using smt::Term;

Shards::Shards(const plan::Plan& plan, const Suspect* suspect)
    : suspect_(suspect), queues_(plan.configuration.rx_queues), rss_(plan.configuration.rss) {
  for (const plan::Filter* rule : plan::segment_rules(plan.configuration)) rules_.push_back(*rule);
  for (const auto& residue : plan.residues) {
    for (auto [v, end] = vertices(residue.graph.g); v != end; ++v) {
      for (const auto& slot : residue.graph.node(*v).slots) {
        elsewhere_[slot].emplace_back(&residue.graph, *v);
        auto& queues = queues_of_[slot];
        queues.insert(queues.end(), residue.queues.begin(), residue.queues.end());
      }
    }
  }
}

Term Shards::planned_owner(Symbolic& symbolic, const std::vector<Term>& key) const {
  smt::Session& session = symbolic.session();
  const Term owner = session.apply("udp_flows/owner", key, 16);
  return session.ite(session.less(owner, session.number(queues_, 16)), owner,
                     session.number(0, 16));
}

Term Shards::is_suspect(Symbolic& symbolic, const std::vector<Term>& key) const {
  smt::Session& session = symbolic.session();
  if (suspect_ == nullptr) return session.truth(false);
  const FlowKey& k = suspect_->key;
  const ir::Bits values[] = {k.src, k.src_port, k.dst, k.dst_port};  // as udp.find_flow's key
  std::vector<Term> all;
  for (std::size_t i = 0; i < key.size(); ++i)
    all.push_back(session.equal(key[i], session.number(values[i], session.width(key[i]))));
  return session.all_of(all);
}

Term Shards::owner_of_flow(Symbolic& symbolic, const std::vector<Term>& key,
                           const Term& shard) const {
  smt::Session& session = symbolic.session();
  const Term known = session.apply("udp_flows/hit", key, 0);
  const Term owner = session.ite(known, planned_owner(symbolic, key), shard);
  if (suspect_ == nullptr) return owner;
  const Term planned = suspect_->owner ? session.number(*suspect_->owner, 16) : shard;
  return session.ite(is_suspect(symbolic, key), planned, owner);
}

// The same for all shards: an unknown function of the key, into those that take over what the node
// hands over.
Term Shards::owner_by_hash(Symbolic& symbolic, const nodes::NodeDecl& handover,
                           const std::vector<Term>& key, const Term& shard) const {
  const auto at = queues_of_.find(handover.spawns);
  if (at == queues_of_.end() || at->second.empty()) return shard;
  smt::Session& session = symbolic.session();
  const Term owner = session.apply(std::string(handover.owner) + "/owner", key, 16);
  return session.ite(is_one_of(session, owner, at->second), owner,
                     session.number(at->second.front(), 16));
}

// As Owners::of_connection: where it was kept, where a rule brings whole segments, or the card's
// hash, or else one of ours.
Term Shards::home_of_segment(Symbolic& symbolic, const State& state) const {
  return where_kept(symbolic, state, home_if_new(symbolic, state));
}

// Rules and the table may have changed while it was open: a connection may be on any shard, which
// its key says. Else `otherwise`.
Term Shards::where_kept(Symbolic& symbolic, const State& state, const Term& otherwise) const {
  if (queues_ < 2) return otherwise;
  smt::Session& session = symbolic.session();
  const auto key = symbolic.terms(decl_of("handover.kept")->key, state);
  const Term shard = session.apply("kept/shard", key, 16);
  const Term there = session.all_of(
      {session.apply("kept/hit", key, 0), session.less(shard, session.number(queues_, 16))});
  return session.ite(there, shard, otherwise);
}

Term Shards::home_if_new(Symbolic& symbolic, const State& state) const {
  smt::Session& session = symbolic.session();
  Term home = home_but_for_rules(symbolic, state);
  for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
    // (Where nobody says which queue of a group it is, it is handed over as if there was no rule.)
    if (!rule->group.empty() && (rule->entries == 0 || !rss_.segment)) continue;
    std::vector<Term> all;
    for (const std::string& field : plan::segment_fields) {
      const auto [value, mask] = plan::seen_by(*rule, field);
      if (mask == 0) continue;
      const Term seen = symbolic.value(state, field);
      const unsigned width = session.width(seen);
      all.push_back(
          session.equal(session.arithmetic(ir::Op::bit_and, seen, session.number(mask, width)),
                        session.number(value, width)));
    }
    home = session.ite(session.all_of(all), arrival_in(symbolic, rss_, *rule, state), home);
  }
  return home;
}

Term Shards::home_but_for_rules(Symbolic& symbolic, const State& state) const {
  if (rss_.segment) return arrival_of(symbolic, rss_, state);
  const nodes::NodeDecl& decl = *decl_of("handover.segment");
  return owner_by_hash(symbolic, decl, symbolic.terms(decl.key, state), state.shard);
}

// handover.whole leaves what is no segment where it is.
Term Shards::owner_of_whole(Symbolic& symbolic, const State& state) const {
  smt::Session& session = symbolic.session();
  const Term room = symbolic.value(state, "l4.room");
  const Term segment =
      session.all_of({session.equal(symbolic.value(state, "ipv4.protocol"), session.number(6, 8)),
                      session.less_equal(session.number(20, session.width(room)), room)});
  return session.ite(segment, home_of_segment(symbolic, state), state.shard);
}

Leaves Shards::leaves(Symbolic& symbolic, const ir::Graph& residue, ir::Vertex start,
                      const State& initial) const {
  smt::Session& session = symbolic.session();
  symbolic.lookup = [&](const nodes::NodeDecl& decl, const std::vector<Term>& key,
                        const State& state) {
    Lookup found = symbolic.default_lookup(decl, key);
    if (decl.table != "udp_flows" || !state.shard) return found;
    const Term owner = planned_owner(symbolic, key);
    found.hit = session.all_of({found.hit, session.equal(owner, state.shard)});
    if (suspect_ == nullptr) return found;
    const Term same = is_suspect(symbolic, key);
    const bool there = suspect_->owner.has_value();
    const Term planned = there ? session.equal(state.shard, session.number(*suspect_->owner, 16))
                               : session.truth(false);
    found.hit = session.any_of(
        {session.all_of({same, planned}), session.all_of({session.negate(same), found.hit})});
    if (there)
      found.result =
          session.ite(same, session.number(*suspect_->plan_endpoint, session.width(found.result)),
                      found.result);
    return found;
  };
  symbolic.owner = [&](const nodes::NodeDecl& decl, const std::vector<Term>& key,
                       const State& state) {
    if (decl.owner == "udp_flows") return owner_of_flow(symbolic, key, state.shard);
    if (decl.name == "handover.whole") return owner_of_whole(symbolic, state);
    if (decl.name == "handover.kept") return where_kept(symbolic, state, state.shard);
    if (decl.owner == "segments") return home_of_segment(symbolic, state);
    return owner_by_hash(symbolic, decl, key, state.shard);
  };
  Leaves out = leaves_of(symbolic, residue, start, initial, elsewhere_);
  symbolic.lookup = nullptr;
  symbolic.owner = nullptr;
  return out;
}

Term Shards::home_of(Symbolic& symbolic, const Leaf& leaf) const {
  smt::Session& session = symbolic.session();
  const Term& here = leaf.state.shard;
  if (!leaf.about.empty()) return owner_of_flow(symbolic, leaf.about, here);
  const auto connected = leaf.state.values.find("meta.connected");
  if (connected == leaf.state.values.end()) return here;  // no flow was looked for
  const auto* decl = decl_of("udp.find_flow");
  return session.ite(session.equal(connected->second, session.number(1, 1)),
                     owner_of_flow(symbolic, symbolic.terms(decl->key, leaf.state), here), here);
}

Term Shards::at_home(Symbolic& symbolic, const Leaf& leaf) const {
  smt::Session& session = symbolic.session();
  if (!leaf.application || !leaf.state.shard) return session.truth(true);
  return session.equal(home_of(symbolic, leaf), leaf.state.shard);
}

}  // namespace weft::passes
