// All ends that packets from one entry of a graph can come to, each with its condition and what
// happened on the way. No solver is asked: ends that nothing reaches are listed too.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/ir/graph.h"
#include "compiler/passes/symbolic.h"

namespace weft::passes {

struct Leaf {
  std::string end;  // id of the terminal; "ipv4_build as reply"; "nowhere at NODE"
  ir::NodeKind kind = ir::NodeKind::drop;
  bool application = false;  // handed to an application
  bool spawn = false;        // goes on as an answer in its own buffer
  bool lost = false;         // the ring to its owner was full
  // The key of the flow that it is about, where it is no datagram of it but an ICMP error.
  std::vector<smt::Term> about;
  smt::Term when;
  State state;
  std::vector<std::string> path;  // ids, for people
};

// A way to a node, and the packet there.
struct Way {
  smt::Term when;
  State state;
};

struct Leaves {
  std::vector<Leaf> leaves;
  std::map<std::string, std::vector<Way>> arrivals;  // at nodes whose state may be elsewhere
};

// Where a packet that was handed over goes on: by slot, in every residue that has the entry.
using Elsewhere = std::map<std::string, std::vector<std::pair<const ir::Graph*, ir::Vertex>>>;

Leaves leaves_of(Symbolic& symbolic, const ir::Graph& graph, ir::Vertex start, const State& initial,
                 const Elsewhere& elsewhere = {});

// What an observer behind the end can see: names whose values must agree there.
std::vector<std::string> observables(const Leaf& a, const Leaf& b, const ir::FieldTable& fields);

// `a` and `b` end alike: same end, same events, same observables. nullopt where they can't.
std::optional<smt::Term> alike(Symbolic& symbolic, const Leaf& a, const Leaf& b);

}  // namespace weft::passes
