#include "compiler/passes/affinity.h"
#include "compiler/passes/card_receive.h"
#include "compiler/passes/descriptor_terms.h"

#include <fmt/format.h>

#include <functional>
#include <map>

#include "compiler/passes/reach.h"
#include "compiler/passes/resolve.h"
#include "compiler/passes/witness.h"
#include "stack-nodes/slots.h"

namespace weft::passes {

namespace {

using smt::Outcome;
using smt::Term;

// One packet: the ways of the card, and where it comes from there.
struct Side {
  Symbolic& symbolic;
  Term queue;
  std::vector<CardPath> paths;
  std::map<std::string, Leaves> of_residue;
};

class Affinity {
 public:
  Affinity(Symbolic& symbolic, const plan::Plan& plan, const Inputs& in, const TableFacts& facts,
           const Shards& shards)
      : plan_(plan),
        in_(in),
        facts_(facts),
        shards_(shards),
        session_(symbolic.session()),
        other_(session_, in.fields, "b:"),
        a_{symbolic, {}, {}, {}},
        b_{other_, {}, {}, {}} {}

  std::optional<Counterexample> run() {
    for (const auto& [knob, on] : plan_.configuration.knobs) other_.fix("knob." + knob, on ? 1 : 0);
    fill(a_);
    const auto replicated =
        touched([](const nodes::NodeDecl& decl) { return decl.state == nodes::State::replicated; });
    for (const auto& [id, decl] : replicated) {
      if (auto found = told(id)) return found;
    }
    const auto owned = touched([](const nodes::NodeDecl& decl) {
      return decl.state == nodes::State::owned && decl.table.empty() && !decl.key.empty();
    });
    if (!owned.empty()) fill(b_);
    for (const auto& [id, decl] : owned) {
      if (auto found = together(id, *decl)) return found;
      if (decl->handover != "handover.segment") continue;
      if (auto found = placed(id)) return found;
    }
    return std::nullopt;
  }

 private:
  void fill(Side& side) {
    side.queue = side.symbolic.unknown("queue", 16);
    side.paths = card_receive(side.symbolic, in_.nic, plan_, facts_, {});
    side.symbolic.unreadable = unfinished_checksums(side.symbolic, in_.nic, plan_);
    State fresh;
    fresh.shard = side.queue;
    for (const auto& residue : plan_.residues)
      side.of_residue[residue.id] =
          shards_.leaves(side.symbolic, residue.graph, *receive_entry(residue.graph), fresh);
    side.symbolic.unreadable.clear();
  }

  // Nodes of residues that may need a handover and whose declaration is like this.
  template <class F>
  std::map<std::string, const nodes::NodeDecl*> touched(F&& like) const {
    std::map<std::string, const nodes::NodeDecl*> out;
    for (const auto& residue : plan_.residues) {
      for (const auto& [id, ways] : a_.of_residue.at(residue.id).arrivals) {
        const auto v = residue.graph.find(id);
        const auto* decl = v ? decl_of(residue.graph.node(*v)) : nullptr;
        if (decl != nullptr && like(*decl)) out.emplace(id, decl);
      }
    }
    return out;
  }

  // The packet comes by this way of the card and gets to `id`, like that.
  Term reaches(const Side& side, const CardPath& path, const std::string& id,
               const std::function<Term(const Way&)>& like) const {
    std::vector<Term> ways;
    for (const auto& residue : plan_.residues) {
      const auto& arrivals = side.of_residue.at(residue.id).arrivals;
      const auto at = arrivals.find(id);
      if (at == arrivals.end()) continue;
      const Term arrives = is_one_of(session_, side.queue, residue.queues);
      std::vector<Term> here;
      for (const Way& way : at->second) here.push_back(session_.all_of({way.when, like(way)}));
      ways.push_back(session_.all_of({arrives, session_.any_of(here)}));
    }
    return session_.all_of(
        {path.when, session_.equal(side.queue, path.queue), session_.any_of(ways)});
  }

  // ... and touches its state on shard `where`.
  Term touches(const Side& side, const CardPath& path, const std::string& id,
               const Term& where) const {
    return reaches(side, path, id,
                   [&](const Way& way) { return session_.equal(where, way.state.shard); });
  }

  std::optional<Counterexample> together(const std::string& id, const nodes::NodeDecl& decl) {
    std::optional<Counterexample> found;
    session_.push();
    const auto key_a = a_.symbolic.terms(decl.key, State{});
    const auto key_b = b_.symbolic.terms(decl.key, State{});
    for (std::size_t i = 0; i < key_a.size(); ++i) session_.add(session_.equal(key_a[i], key_b[i]));
    const Term where_a = session_.variable("touched", 16);
    const Term where_b = session_.variable("b:touched", 16);
    session_.add(session_.negate(session_.equal(where_a, where_b)));
    for (const auto& a : a_.paths) {
      for (const auto& b : b_.paths) {
        if (found || !a.drop.empty() || !b.drop.empty()) continue;
        session_.push();
        session_.add(touches(a_, a, id, where_a));
        session_.add(touches(b_, b, id, where_b));
        if (session_.check("affinity " + id) != Outcome::unsat) found = apart(id, a, b);
        session_.pop();
      }
    }
    session_.pop();
    return found;
  }

  Counterexample apart(const std::string& id, const CardPath& a, const CardPath& b) {
    Counterexample out;
    out.entry = "rx";
    show_packet(a_.symbolic, out);
    out.second = witness_of(b_.symbolic).frame;
    out.queue = static_cast<unsigned>(session_.value(a_.queue));
    out.second_queue = static_cast<unsigned>(session_.value(b_.queue));
    out.expected = fmt::format("both packets reach the state of {} on one queue", id);
    out.actual = fmt::format("one arrives on queue {} ({}), the other on queue {} ({})", *out.queue,
                             a.name, *out.second_queue, b.name);
    out.why = fmt::format(
        "two packets with the same state of {} arrive on different queues, and are not handed over",
        id);
    return out;
  }

  // Segments are where those who open a connection expect them, by what the plan says that the card
  // hashes of them, or that it hands over.
  std::optional<Counterexample> placed(const std::string& id) {
    if (!plan_.configuration.rss.segment && !shards_.take_over("handed_segment"))
      return unplaced(id, "the plan says where segments of a connection arrive, or hands them over",
                      "it does neither");
    for (const auto& path : a_.paths) {
      if (!path.drop.empty()) continue;
      session_.push();
      session_.add(reaches(a_, path, id, [&](const Way& way) { return strays(a_, way); }));
      std::optional<Counterexample> found;
      if (session_.check("placed " + id) != Outcome::unsat) {
        found = unplaced(id, "segments get to where the plan says that their connection is",
                         fmt::format("one is placed otherwise ({})", path.name));
        show_packet(a_.symbolic, *found);
        found->queue = static_cast<unsigned>(session_.value(a_.queue));
      }
      session_.pop();
      if (found) return found;
    }
    return placed_in_pieces(id);
  }

  Term strays(const Side& side, const Way& way) const {
    const Term home = shards_.home_of_segment(side.symbolic, way.state);
    return session_.negate(session_.equal(way.state.shard, home));
  }

  // The same of those that were put together of pieces, on whatever shard these met. (What the host
  // sends to itself stays on the shard that sends it: its source is none that a card lets in.)
  std::optional<Counterexample> placed_in_pieces(const std::string& id) {
    State whole;
    whole.shard = b_.symbolic.unknown("met", 16);
    std::optional<Counterexample> found;
    session_.push();
    session_.add(session_.less(whole.shard, session_.number(plan_.configuration.rx_queues, 16)));
    for (const auto& residue : plan_.residues) {
      for (const ir::Vertex start : of_pieces(residue.graph)) {
        const Leaves leaves = shards_.leaves(b_.symbolic, residue.graph, start, whole);
        const auto at = leaves.arrivals.find(id);
        if (found || at == leaves.arrivals.end()) continue;
        std::vector<Term> astray;
        for (const Way& way : at->second)
          astray.push_back(session_.all_of({way.when, strays(b_, way)}));
        session_.push();
        session_.add(session_.any_of(astray));
        if (session_.check("placed in pieces " + id) != Outcome::unsat) {
          found = unplaced(id, "it gets to where the other segments of its connection do",
                           fmt::format("its pieces meet on queue {}, and it is not handed over",
                                       session_.value(whole.shard)));
          found->why = fmt::format(
              "a segment that was put together of pieces reaches {} where its connection is not",
              id);
        }
        session_.pop();
      }
    }
    session_.pop();
    return found;
  }

  static std::vector<ir::Vertex> of_pieces(const ir::Graph& residue) {
    std::vector<ir::Vertex> out;
    for (const std::string_view slot : nodes::slot_names) {
      if (!made_of_pieces(slot)) continue;
      for (const ir::Vertex v : begins_at(residue, slot)) out.push_back(v);
    }
    return out;
  }

  Counterexample unplaced(const std::string& id, const std::string& expected,
                          const std::string& actual) {
    Counterexample out;
    out.entry = "rx";
    out.expected = expected;
    out.actual = actual;
    out.why = fmt::format("who opens a connection could not know where {} gets the answers", id);
    return out;
  }

  // Nobody learns something for itself.
  std::optional<Counterexample> told(const std::string& id) {
    std::optional<Counterexample> found;
    for (const auto& path : a_.paths) {
      for (const auto& residue : plan_.residues) {
        const auto& arrivals = a_.of_residue.at(residue.id).arrivals;
        const auto at = arrivals.find(id);
        if (found || !path.drop.empty() || at == arrivals.end()) continue;
        std::vector<Term> untold;
        for (const Way& way : at->second) {
          if (!way.state.versions.contains(std::string(told_to_all))) untold.push_back(way.when);
        }
        if (untold.empty()) continue;
        session_.push();
        session_.add(session_.all_of({path.when, session_.equal(a_.queue, path.queue),
                                      is_one_of(session_, a_.queue, residue.queues),
                                      session_.any_of(untold)}));
        if (session_.check("told " + id) != Outcome::unsat) found = alone(id);
        session_.pop();
      }
    }
    return found;
  }

  Counterexample alone(const std::string& id) {
    Counterexample out;
    out.entry = "rx";
    show_packet(a_.symbolic, out);
    out.queue = static_cast<unsigned>(session_.value(a_.queue));
    out.expected = fmt::format("all queues are told what {} learns", id);
    out.actual = fmt::format("queue {} learns it for itself", *out.queue);
    out.why = fmt::format("{} is not told to the queue that may have asked", id);
    return out;
  }

  const plan::Plan& plan_;
  const Inputs& in_;
  const TableFacts& facts_;
  const Shards& shards_;
  smt::Session& session_;
  Symbolic other_;
  Side a_, b_;
};

}  // namespace

std::optional<Counterexample> check_affinity(Symbolic& symbolic, const plan::Plan& plan,
                                             const Inputs& inputs, const TableFacts& facts,
                                             const Shards& shards) {
  if (plan.configuration.rx_queues < 2) return std::nullopt;
  return Affinity(symbolic, plan, inputs, facts, shards).run();
}

}  // namespace weft::passes
