// Pass "prove": card followed by residue does what the protocol graph says, for every packet and
// every answer that the card may give, from every entry.
// Pre: any plan, from anywhere. Post: a proof record, or a packet that shows the difference.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "compiler/passes/addresses.h"
#include "compiler/passes/affinity.h"
#include "compiler/passes/card_symbolic.h"
#include "compiler/passes/check_wishes.h"
#include "compiler/passes/facts.h"
#include "compiler/passes/leaves.h"
#include "compiler/passes/pipeline.h"
#include "compiler/passes/prefer.h"
#include "compiler/passes/prove.h"
#include "compiler/passes/reach.h"
#include "compiler/passes/resolve.h"
#include "compiler/passes/rule_overlap.h"
#include "compiler/passes/shards.h"
#include "compiler/passes/tables.h"
#include "compiler/passes/witness.h"

namespace weft::passes {

namespace {

using smt::Outcome;
using smt::Term;

class Prover {
 public:
  // `suspect` fixes the packet to one flow.
  Prover(const plan::Plan& plan, const Inputs& inputs, TableFacts facts, const Suspect* suspect)
      : plan_(plan),
        in_(inputs),
        facts_(std::move(facts)),
        shards_(plan, suspect),
        symbolic_(session_, inputs.fields) {
    for (const auto& [knob, on] : plan.configuration.knobs)
      symbolic_.fix("knob." + knob, on ? 1 : 0);
    assume_host(symbolic_);
  }

  unsigned leaves() const { return leaves_; }
  unsigned queries() const { return session_.queries(); }

  // Packets of this flow are looked at by themselves.
  void leave_out(const Suspect& s) { session_.add(session_.negate(of_flow(s.key))); }

  // nullopt: everything holds.
  diag::Result<std::optional<Counterexample>> run(const Suspect* suspect) {
    auto found = search(suspect);
    if (found && !*found) *found = std::move(second_best_);
    return found;
  }

  // A packet that both rules match, where there is one: the wrong one of them counts, or either.
  std::optional<Counterexample> of_both(const RulePair& rules) {
    const ir::Node& node = in_.nic.receive.node(*in_.nic.receive.find(rules.first->table));
    const ir::FilterTable& table = *node.config.table;
    for (const Term& t : card_answers(symbolic_, in_.nic, plan_)) session_.add(t);
    session_.add(symbolic_.condition(table.applies, State{}));
    for (const plan::Filter* rule : {rules.first, rules.second})
      session_.add(hits(symbolic_, table, *rule));
    if (session_.check("a packet of both rules") == Outcome::unsat) return std::nullopt;
    // (Rather one that reaches an application.)
    for (const Leaf& leaf :
         leaves_of(symbolic_, in_.graph, *receive_entry(in_.graph), fresh(true)).leaves) {
      if (!leaf.application) continue;
      session_.push();
      session_.add(leaf.when);
      const bool can = session_.check("one that is delivered") == Outcome::sat;
      session_.pop();
      if (!can) continue;
      session_.add(leaf.when);
      break;
    }
    prefer_real(symbolic_, in_, plan_, false);
    Counterexample out;
    out.entry = "rx";
    out.queue = rules.first->queue;
    out.expected = fmt::format("one rule of {} counts", node.id);
    out.actual = fmt::format("{} (queue {}) or {} (queue {})", rules.first->id, rules.first->queue,
                             rules.second->id, rules.second->queue);
    out.why = misorder_text(table, *rules.first, *rules.second);
    witness(out, false);
    return out;
  }

  // A datagram of the flow that gets to its application, for people to look at.
  Counterexample datagram(const Suspect& flow) {
    pin(flow);
    for (const Term& t : card_answers(symbolic_, in_.nic, plan_)) session_.add(t);
    std::vector<Term> ways;
    for (const Leaf& leaf :
         leaves_of(symbolic_, in_.graph, *receive_entry(in_.graph), fresh(true)).leaves)
      if (leaf.application && leaf.about.empty()) ways.push_back(leaf.when);
    session_.add(symbolic_.condition(ir::has("udp"), State{}));
    session_.add(session_.any_of(ways));
    prefer_real(symbolic_, in_, plan_, false);
    Counterexample out;
    out.entry = "rx";
    witness(out, false);
    return out;
  }

  // Strangers that arrive where the workload does not want them.
  std::optional<Counterexample> strangers() {
    for (const Term& t : card_answers(symbolic_, in_.nic, plan_)) session_.add(t);
    session_.add(session_.less_equal(symbolic_.initial("pkt.len"),
                                     session_.number(longest_frame(in_.nic), 16)));
    const Leaves spec = leaves_of(symbolic_, in_.graph, *receive_entry(in_.graph), fresh(true));
    return misplaced_stranger(symbolic_, plan_, in_, facts_, spec);
  }

 private:
  diag::Result<std::optional<Counterexample>> search(const Suspect* suspect) {
    if (suspect != nullptr) pin(*suspect);
    for (const Term& t : card_answers(symbolic_, in_.nic, plan_)) session_.add(t);
    const Outcome assumed = session_.check("assumptions can hold");
    if (assumed == Outcome::unknown) return gave_up("rx", "whether the assumptions can hold");
    if (assumed == Outcome::unsat) {
      return diag::fail(diag::Diagnostic{"E0410",
                                         "the model's assumptions contradict each other",
                                         {},
                                         "",
                                         {},
                                         "check the model's evidence and the workload's host"});
    }
    // What the card lets in is no longer than it can take; what applications send may be.
    session_.push();
    session_.add(session_.less_equal(symbolic_.initial("pkt.len"),
                                     session_.number(longest_frame(in_.nic), 16)));
    auto found = receive(suspect);
    if (!found || *found) return found;
    if (suspect != nullptr) {
      session_.pop();
      return reassembled(*suspect);
    }
    found = check_affinity(symbolic_, plan_, in_, facts_, shards_);
    if (*found) return found;
    session_.pop();
    return transmit();
  }

  using Found = diag::Result<std::optional<Counterexample>>;

  void assume_host(Symbolic& s) {
    const ir::HostConfig& host = in_.workload.host;
    const std::pair<const char*, ir::Bits> values[] = {{"host.mac", host.mac},
                                                       {"host.address", host.address},
                                                       {"host.broadcast", host.broadcast()},
                                                       {"host.vlan_id", host.vlan_id},
                                                       {"host.mtu", host.mtu},
                                                       {"host.forwarding", host.forwarding ? 1 : 0},
                                                       {"host.multicast", host.multicast ? 1 : 0}};
    for (const auto& [name, value] : values) {
      const Term t = s.initial(name);
      session_.add(session_.equal(t, session_.number(value, session_.width(t))));
    }
    for (const Term& fact : address_facts(s, in_.workload)) session_.add(fact);
  }

  Term of_flow(const FlowKey& key) {
    std::vector<Term> all;
    for (const char* field : {"ipv4.src", "udp.src_port", "ipv4.dst", "udp.dst_port"}) {
      const Term t = symbolic_.initial(field);
      all.push_back(session_.equal(t, session_.number(field_of(key, field), session_.width(t))));
    }
    return session_.all_of(all);
  }

  // The one flow that plan, card and workload may see differently, with what each says of it.
  void pin(const Suspect& s) {
    pinned_ = s.key;
    const KeyTerms key = key_terms(symbolic_);
    session_.add(of_flow(s.key));
    session_.add(s.endpoint ? key.hit : session_.negate(key.hit));
    if (s.endpoint) session_.add(session_.equal(key.endpoint, session_.number(*s.endpoint, 16)));
    // The flow's destination port is an endpoint or is not; its answer is known.
    const auto* find_port = decl_of("udp.find_port");
    const Lookup port =
        symbolic_.default_lookup(*find_port, symbolic_.terms(find_port->key, State{}));
    const std::optional<unsigned> endpoint =
        ir::endpoint_at(in_.workload.endpoints, s.key.dst, s.key.dst_port);
    session_.add(endpoint ? port.hit : session_.negate(port.hit));
    if (endpoint) session_.add(session_.equal(port.result, session_.number(*endpoint, 16)));
  }

  State fresh(bool from_wire) {
    State s;
    for (const char* request : {"desc.tx_ip_cksum", "desc.tx_l4_cksum", "desc.tx_tcp_cksum",
                                "desc.tx_segment", "desc.tx_vlan"}) {
      s.values[request] = session_.number(0, 1);
    }
    if (!from_wire) {  // the engine's own packets: no card has said anything of them
      s.values["desc.ip_cksum"] = session_.number(0, 2);
      s.values["desc.l4_cksum"] = session_.number(0, 2);
      s.values["desc.mark_valid"] = session_.number(0, 1);
    } else {
      s.values["meta.cast"] = session_.number(0, 2);
    }
    s.shard = session_.variable("queue", 16);
    return s;
  }

  // ---- receive ------------------------------------------------------------------------------
  Found receive(const Suspect* suspect) {
    const auto rx = receive_entry(in_.graph);
    spec_ = leaves_of(symbolic_, in_.graph, *rx, fresh(true));
    const auto paths = card_receive(symbolic_, in_.nic, plan_, facts_, pinned_);
    std::map<std::string, Leaves> of_residue;
    for (const auto& residue : plan_.residues) {
      const auto entry = receive_entry(residue.graph);
      if (!entry) return std::optional<Counterexample>(no_entry(residue.id, "rx"));
      symbolic_.unreadable = unfinished_checksums(symbolic_, in_.nic, plan_);
      of_residue[residue.id] = shards_.leaves(symbolic_, residue.graph, *entry, fresh(true));
      symbolic_.unreadable.clear();
    }
    for (const CardPath& path : paths) {
      session_.push();
      session_.add(path.when);
      path_ = path.name;
      std::optional<Counterexample> found;
      if (!path.drop.empty()) {
        Leaf leaf;
        leaf.end = path.drop;
        leaf.path = {path.name};
        leaf.when = session_.truth(true);
        leaf.state = fresh(true);
        found = settle(compare(leaf, spec_, "rx", suspect));
      } else {
        session_.add(session_.equal(session_.variable("queue", 16), path.queue));
        for (const auto& residue : plan_.residues) {
          if (found || residue.queues.empty()) continue;
          session_.push();
          std::vector<Term> here;
          for (const auto q : residue.queues)
            here.push_back(session_.equal(path.queue, session_.number(q, 16)));
          session_.add(session_.any_of(here));
          if (session_.check("does this way lead to the residue") != Outcome::unsat) {
            for (const Leaf& leaf : of_residue[residue.id].leaves) {
              if (!found) found = settle(compare(leaf, spec_, "rx", suspect));
            }
          }
          session_.pop();
        }
      }
      session_.pop();
      if (found) return found;
    }
    return std::optional<Counterexample>();
  }

  // A counterexample that can be replayed ends the search; one that only the abstraction knows, in
  // which tables and hash answer anything, is kept for the case that there is no better one.
  std::optional<Counterexample> settle(std::optional<Counterexample> found) {
    if (found && real_) return found;
    if (found && !second_best_) second_best_ = std::move(found);
    return std::nullopt;
  }

  // Not proved, and nothing to show for it.
  static Counterexample gave_up(const std::string& entry, const std::string& on) {
    Counterexample out;
    out.entry = entry;
    out.why = "the solver gave up on " + on;
    out.actual = on;
    return out;
  }

  // Is there a packet that ends at `actual` where the protocol graph would have it end otherwise?
  std::optional<Counterexample> compare(const Leaf& actual, const Leaves& expected,
                                        const std::string& entry, const Suspect* suspect) {
    ++leaves_;
    if (actual.lost) return std::nullopt;  // rings are bounded; the drop says so and counts it
    const Term fit = session_.all_of(
        {shards_.at_home(symbolic_, actual), session_.negate(leaves_unfinished(actual, entry))});
    std::vector<Term> fine;
    for (const Leaf& leaf : expected.leaves) {
      if (const auto same = alike(symbolic_, leaf, actual))
        fine.push_back(session_.all_of({leaf.when, *same, fit}));
    }
    session_.push();
    session_.add(actual.when);
    session_.add(session_.negate(session_.any_of(fine)));
    std::optional<Counterexample> out;
    const Outcome outcome = session_.check("leaf " + actual.end);
    if (outcome == Outcome::sat) out = show(actual, expected, entry, suspect);
    if (outcome == Outcome::unknown) out = gave_up(entry, actual.end);
    session_.pop();
    return out;
  }

  // Others' datagram that is passed on with the checksum that it came with, which was not finished:
  // nobody finishes it on the way out.
  Term leaves_unfinished(const Leaf& leaf, const std::string& entry) {
    std::vector<Term> any;
    if (entry == "rx" && leaf.kind == ir::NodeKind::wire) {
      for (const auto& [fact, term] : unfinished_checksums(symbolic_, in_.nic, plan_))
        any.push_back(term);
    }
    return session_.any_of(any);
  }

  static std::string text(const std::vector<std::string>& path, const std::string& end) {
    std::string out;
    for (const auto& id : path) out += (out.empty() ? "" : " > ") + id;
    if (path.empty() || path.back() != end) out += (out.empty() ? "" : " > ") + end;
    return out;
  }

  // What is taken off as a tag lies in the frame as one: if it can be, the type before it does not
  // say that an IPv4 or ARP header begins there.
  void wish_for_a_tag() {
    const Term type = symbolic_.initial("eth.type");
    const Term wish =
        session_.negate(session_.any_of({session_.equal(type, session_.number(0x0800, 16)),
                                         session_.equal(type, session_.number(0x0806, 16))}));
    session_.push();
    session_.add(wish);
    const bool can = session_.check("a tag to show") == Outcome::sat;
    session_.pop();
    if (can) session_.add(wish);
  }

  // The packet of the solver's model, and what the card says of it.
  void witness(Counterexample& out, bool popped) {
    Witness w = witness_of(symbolic_, popped);
    out.fields = std::move(w.fields);
    out.frame = std::move(w.frame);
    for (const char* field : {"desc.ip_cksum", "desc.l4_cksum"})
      out.descriptor[field] = static_cast<unsigned>(session_.value(symbolic_.initial(field)));
  }

  Counterexample show(const Leaf& actual, const Leaves& expected, const std::string& entry,
                      const Suspect* suspect) {
    const bool popped =
        entry == "rx" && session_.same(symbolic_.value(actual.state, "meta.ethertype"),
                                       symbolic_.initial("vlan.type"));
    if (popped) wish_for_a_tag();
    // A model is any packet; one that can be sent, and is easy to look at, is better.
    real_ = entry != "rx" || prefer_real(symbolic_, in_, plan_, path_ == "rss");
    Counterexample out;
    out.entry = entry;
    out.actual = text(actual.path, actual.end);
    for (const Leaf& leaf : expected.leaves) {
      if (session_.value(leaf.when) != 0) out.expected = text(leaf.path, leaf.end);
    }
    if (entry == "rx") {
      witness(out, popped);
      if (actual.path.empty() || actual.end != actual.path.front()) {
        out.queue = static_cast<unsigned>(session_.value(session_.variable("queue", 16)));
      }
    } else {
      for (const auto& [name, term] : actual.state.values) {
        out.fields.emplace_back(name, ir::format_bits(session_.value(term)));
      }
    }
    const bool lost_way = session_.value(shards_.at_home(symbolic_, actual)) == 0;
    if (entry == "rx" && lost_way && out.queue) {
      out.expected =
          fmt::format("arrives on queue {}", session_.value(shards_.home_of(symbolic_, actual)));
      out.actual = fmt::format("arrives on queue {} ({})", *out.queue, path_);
    }
    const auto last = [](const std::string& s) { return s.substr(s.rfind(' ') + 1); };
    out.why = suspect != nullptr ? suspect->why
              : last(out.expected) == last(out.actual)
                  ? fmt::format("both end at {}, with different effects", last(out.actual))
                  : fmt::format("the protocol graph ends at {}, card and residue at {}",
                                last(out.expected), last(out.actual));
    return out;
  }

  Counterexample no_entry(const std::string& residue, const std::string& entry) {
    Counterexample out;
    out.entry = entry;
    out.why = fmt::format("residue {} has no entry `{}`", residue, entry);
    out.expected = entry;
    out.actual = "nowhere";
    return out;
  }

  // ---- the other entries: what applications send, answers, packets that waited ----------------
  Found transmit() {
    for (const auto& residue : plan_.residues) {
      std::set<std::pair<ir::Vertex, ir::Vertex>> done;
      for (const Entry& entry : entries(in_.graph)) {
        if (entry.name == "rx") continue;
        const std::string slot = entry.name.substr(0, entry.name.find('@'));
        const bool answer = slot == "reply" || slot == "icmp_error";
        const bool elsewhere = is_of_class_any(slot) && residue.queue_class != "any";
        auto starts = answer ? answered_at(residue.graph, entry) : begins_at(residue.graph, slot);
        // (Unless it starts it all the same, somewhere.)
        if (starts.empty() && elsewhere) starts = spawned(residue.graph, slot);
        if (starts.empty() && (answer || elsewhere)) continue;  // nobody there starts it
        if (starts.empty()) return std::optional<Counterexample>(no_entry(residue.id, slot));
        for (const ir::Vertex v : starts) {
          if (!done.emplace(entry.vertex, v).second) continue;
          if (auto found = from(entry.vertex, residue.graph, v, slot); found) return found;
        }
      }
    }
    return std::optional<Counterexample>();
  }

  // Answers go on behind their spawner's edge, which is compared by the name of where it leads.
  std::vector<ir::Vertex> answered_at(const ir::Graph& residue, const Entry& entry) const {
    const auto v = residue.find(in_.graph.node(entry.vertex).id);
    return v ? std::vector{*v} : std::vector<ir::Vertex>{};
  }

  // A flow's datagram that was put together from fragments, on the shard that the plan says owns
  // it.
  Found reassembled(const Suspect& suspect) {
    for (const Entry& entry : entries(in_.graph)) {
      const std::string slot = entry.name.substr(0, entry.name.find('@'));
      if (!made_of_pieces(slot)) continue;
      for (const auto& residue : plan_.residues) {
        if (residue.queue_class != "any") continue;
        for (const ir::Vertex v : begins_at(residue.graph, slot)) {
          if (auto found = from(entry.vertex, residue.graph, v, slot, &suspect)) return found;
        }
      }
    }
    return std::optional<Counterexample>();
  }

  static std::vector<ir::Vertex> spawned(const ir::Graph& graph, const std::string& slot) {
    std::vector<ir::Vertex> out;
    for (auto [v, end] = vertices(graph.g); v != end; ++v) {
      for (const auto& [name, to] : graph.spawns(*v)) {
        if (name == slot) out.push_back(to);
      }
    }
    return out;
  }

  std::optional<Counterexample> from(ir::Vertex spec_start, const ir::Graph& residue,
                                     ir::Vertex start, const std::string& slot,
                                     const Suspect* suspect = nullptr) {
    const Leaves expected = leaves_of(symbolic_, in_.graph, spec_start, fresh(false));
    Leaves actual = shards_.leaves(symbolic_, residue, start, fresh(false));
    session_.push();
    session_.add(session_.less(session_.variable("queue", 16),
                               session_.number(plan_.configuration.rx_queues, 16)));
    std::optional<Counterexample> found;
    for (Leaf& leaf : actual.leaves) {
      if (leaf.kind == ir::NodeKind::wire)
        leaf.state = card_transmit(symbolic_, in_.nic, plan_, leaf.state);
      if (!found) found = compare(leaf, expected, slot, suspect);
    }
    session_.pop();
    return found;
  }

  const plan::Plan& plan_;
  const Inputs& in_;
  TableFacts facts_;
  Shards shards_;
  smt::Session session_;
  Symbolic symbolic_;
  Pinned pinned_;
  Leaves spec_;
  std::string path_;   // by which the card delivers, while its packets are compared
  bool real_ = false;  // of the last counterexample
  std::optional<Counterexample> second_best_;
  unsigned leaves_ = 0;
};

// Takes over what the prover has found.
diag::Result<Verdict> verdict(const Prover& prover,
                              diag::Result<std::optional<Counterexample>> found) {
  if (!found) return diag::fail(found.error());
  Verdict out;
  out.counterexample = std::move(*found);
  out.proved = !out.counterexample;
  out.proof.leaves = prover.leaves();
  out.proof.queries = prover.queries();
  return out;
}

}  // namespace

std::vector<std::string> opaque(const ir::Graph& graph) {
  std::set<std::string> out;
  for (auto [v, end] = vertices(graph.g); v != end; ++v) {
    const auto* decl = decl_of(graph.node(*v));
    if (decl != nullptr && !decl->spawns.empty() && !decl->reuses_buffer)
      out.insert(std::string(decl->name));
  }
  return {out.begin(), out.end()};
}

diag::Result<Verdict> prove_all(const plan::Plan& plan, const Inputs& inputs,
                                const TableFacts& facts, const std::vector<Suspect>& left_out) {
  Prover prover(plan, inputs, facts, nullptr);
  for (const Suspect& suspect : left_out) prover.leave_out(suspect);
  return verdict(prover, prover.run(nullptr));
}

diag::Result<Verdict> prove_one(const plan::Plan& plan, const Inputs& inputs,
                                const TableFacts& facts, const Suspect& suspect) {
  Prover prover(plan, inputs, facts, &suspect);
  return verdict(prover, prover.run(&suspect));
}

namespace {

// What card and residues do, whatever the workload wants beside it.
diag::Result<Verdict> prove_meaning(const plan::Plan& plan, const Inputs& inputs,
                                    const TableCheck& tables) {
  Verdict all;
  all.proof.solver = smt::Session::version();
  all.proof.not_proved = opaque(inputs.graph);
  const auto take = [&](diag::Result<Verdict> one) -> diag::Result<void> {
    if (!one) return diag::fail(one.error());
    all.proof.leaves += one->proof.leaves;
    all.proof.queries += one->proof.queries;
    all.counterexample = std::move(one->counterexample);
    return {};
  };
  // Rules that have no order, or the wrong one: what they are for is not what they do.
  for (const RulePair& rules : misordered_rules(plan.configuration, inputs.nic, inputs.fields)) {
    Prover prover(plan, inputs, tables.facts, nullptr);
    all.counterexample = prover.of_both(rules);
    all.proof.queries += prover.queries();
    if (all.counterexample) return all;
  }
  // Entries that do not fit first: each shows a concrete flow that goes wrong.
  // (A handover may make up for some.) Then everything else.
  for (const Suspect& suspect : tables.suspects) {
    if (auto ok = take(prove_one(plan, inputs, tables.facts, suspect)); !ok)
      return diag::fail(ok.error());
    if (all.counterexample) return all;
  }
  if (auto ok = take(prove_all(plan, inputs, tables.facts, tables.suspects)); !ok)
    return diag::fail(ok.error());
  all.proved = !all.counterexample;
  all.proof.status = all.proved ? "proved" : "none";
  return all;
}

// A known flow that does not arrive where the plan has it, though it is handed over to there; or
// that the plan has where it may not be.
std::optional<Counterexample> flow_elsewhere(const plan::Plan& plan, const Inputs& inputs,
                                             const TableCheck& tables) {
  const auto shown = [&](const Suspect& flow, unsigned queue) {
    Counterexample out = Prover(plan, inputs, tables.facts, &flow).datagram(flow);
    out.queue = queue;
    out.actual = fmt::format("arrives on queue {}", queue);
    return out;
  };
  const Steering card(inputs.nic, inputs.fields, plan.configuration);
  for (const Suspect& suspect : tables.suspects) {
    const auto where = card.deliver(suspect.key);
    if (!where || !suspect.endpoint || !suspect.owner || where->queue == *suspect.owner) continue;
    Counterexample out = shown(suspect, where->queue);
    out.expected = fmt::format("{}: queue {}", where_planned, *suspect.owner);
    out.why = suspect.why;
    return out;
  }
  const auto misplaced = misplaced_flow(plan, inputs);
  if (!misplaced) return std::nullopt;
  Suspect flow{.key = misplaced->key};
  flow.endpoint = flow.plan_endpoint = misplaced->endpoint;
  flow.owner = misplaced->queue;
  Counterexample out = shown(flow, misplaced->queue);
  out.expected = where_wanted;
  out.why = fmt::format("flow {} arrives on queue {}: {}", flow_text(flow.key), misplaced->queue,
                        misplaced->breach.why);
  return out;
}

// What needs no solver.
diag::Result<void> check_form(const plan::Plan& plan, const Inputs& inputs) {
  if (auto ok = check_plan(plan, inputs); !ok) return ok;
  for (const auto& residue : plan.residues) {
    if (auto ok = resolve(residue.graph, inputs.fields, true); !ok) return ok;
  }
  return {};
}

}  // namespace

diag::Result<Verdict> verify_meaning(const plan::Plan& plan, const Inputs& inputs) {
  if (auto ok = check_form(plan, inputs); !ok) return diag::fail(ok.error());
  return prove_meaning(plan, inputs, check_tables(plan, inputs));
}

diag::Result<Verdict> verify_plan(const plan::Plan& plan, const Inputs& inputs) {
  if (auto ok = check_form(plan, inputs); !ok) return diag::fail(ok.error());
  const TableCheck tables = check_tables(plan, inputs);
  auto all = prove_meaning(plan, inputs, tables);
  if (!all || !all->proved) return all;
  all->counterexample = flow_elsewhere(plan, inputs, tables);
  if (!all->counterexample) {
    if (auto ok = check_wishes(plan, inputs); !ok) return diag::fail(ok.error());
    Prover prover(plan, inputs, tables.facts, nullptr);
    all->counterexample = prover.strangers();
    all->proof.queries += prover.queries();
  }
  all->proved = !all->counterexample;
  all->proof.status = all->proved ? "proved" : "none";
  return all;
}

}  // namespace weft::passes
