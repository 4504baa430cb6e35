// What a graph does to a packet nobody has seen: symbolic execution, one node at a time.
// Tests and tables are uninterpreted functions of what they read, so that the same question about
// the same bytes has the same answer on a card, in the protocol graph and in a residue.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "compiler/ir/fields.h"
#include "compiler/ir/graph.h"
#include "compiler/smt/solver.h"
#include "stack-nodes/node.h"

namespace weft::passes {

// Something the outside can see, or a step that depends on the order of steps.
struct Event {
  std::string what;
  std::vector<smt::Term> args;
};

// A packet on its way. Names that are not in `values` still have the value they came in with.
struct State {
  std::map<std::string, smt::Term> values;
  std::map<std::string, smt::Term> versions;  // of state: "arp" -> how often it changed, abstractly
  std::vector<Event> trace;
  smt::Term shard;  // 16 bits: the queue whose shard has the packet; none in a protocol graph
};

// Version that says: what the packet teaches has been told to the other shards.
inline constexpr std::string_view told_to_all = "told to all";

struct Branch {
  unsigned port = 0;
  smt::Term condition;
  State after;
};

struct Lookup {
  smt::Term hit;     // Boolean
  smt::Term result;  // as wide as the result field
};

class Symbolic {
 public:
  // `prefix` keeps the variables of several packets in one session apart ("a:", "b:").
  Symbolic(smt::Session& session, const ir::FieldTable& fields, std::string prefix = "");

  // Names with a fixed value for the whole run: knobs.
  void fix(const std::string& name, ir::Bits value);
  // How tables answer; by default an uninterpreted function of the key.
  std::function<Lookup(const nodes::NodeDecl&, const std::vector<smt::Term>& key, const State&)>
      lookup;
  // Whose state it is: the shard that owns the key of a handover node. By default the one where the
  // packet is.
  std::function<smt::Term(const nodes::NodeDecl&, const std::vector<smt::Term>& key, const State&)>
      owner;
  // Tests whose answer means nothing under a condition: what they read is not what the fact is
  // about (a checksum that the card handed over unfinished). Filled for residues alone.
  std::map<std::string, smt::Term> unreadable;

  smt::Term initial(const std::string& name);
  // What is no field and may differ from packet to packet.
  smt::Term unknown(const std::string& name, unsigned width);
  smt::Term value(const State& state, const std::string& name);
  smt::Term encode(const ir::ExprPtr& e, const State& state);     // as it stands
  smt::Term condition(const ir::ExprPtr& e, const State& state);  // as a Boolean
  smt::Term test(const std::string& impl, const State& state);    // a stack node of kind test
  smt::Term item(const ir::Item& item, const State& state);       // when, or else test
  // All ways on from `node`, exclusive and exhaustive. Ports without an edge are included.
  std::vector<Branch> step(const ir::Node& node, const State& state);
  // Applies one effect to `state` and gives its branches by port of the declaration.
  std::vector<Branch> effect(const nodes::NodeDecl& decl, const State& state);

  Lookup default_lookup(const nodes::NodeDecl& decl, const std::vector<smt::Term>& key);
  // The number of the answer (8 bits) of a table whose ports are answers.
  smt::Term answer(std::string_view table, const std::vector<smt::Term>& key);
  std::vector<smt::Term> terms(std::string_view list, const State& state);

  smt::Session& session() { return session_; }
  const ir::FieldTable& fields() const { return fields_; }

 private:
  std::vector<Branch> match(const ir::Node& node, const State& state);
  std::vector<Branch> items(const ir::Node& node, const State& state);
  std::vector<Branch> choices(const smt::Term& choice, std::size_t ports, const State& state);
  std::vector<Branch> handover(const nodes::NodeDecl& decl, const State& state);
  smt::Term assigned(const std::string& text, const State& state);

  smt::Session& session_;
  const ir::FieldTable& fields_;
  std::string prefix_;
  std::map<std::string, ir::Bits> fixed_;
  std::map<std::string, ir::ExprPtr> parsed_;
};

// `queue` (16 bits) is one of these numbers.
template <class Queues>
smt::Term is_one_of(smt::Session& session, const smt::Term& queue, const Queues& queues) {
  std::vector<smt::Term> ways;
  for (const unsigned q : queues) ways.push_back(session.equal(queue, session.number(q, 16)));
  return session.any_of(ways);
}

}  // namespace weft::passes
