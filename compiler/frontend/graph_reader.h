// Graphs inside other files: residues in a plan, the two card graphs in a NIC model.
#pragma once

#include "compiler/diag/diagnostic.h"
#include "compiler/frontend/yaml_reader.h"
#include "compiler/ir/fields.h"
#include "compiler/ir/graph.h"

namespace weft::frontend {

struct GraphOptions {
  // `fate` and `why` on nodes and items; ports may lead nowhere. A graph that says `residue: true`
  // turns this on by itself (print_graph writes it wherever a node has a fate or a why).
  bool residue = false;
  unsigned rx_queues = 1;  // what `count: rx` and `count: tx` stand for
  unsigned tx_queues = 1;
};

// Reads a mapping {graph, title, headers, residue, nodes, drops}: what print_graph prints. The
// digest is that of print_graph's text. Errors are returned, and not left in the document.
diag::Result<ir::Graph> graph_from_node(const Value& at, const ir::FieldTable& fields,
                                        const GraphOptions& options = {});

// Reads a mapping {id: node, ...}: the value of `nodes:`, or `receive:` of a NIC model. Errors are
// recorded in the document. `into` may hold nodes already (drops, say).
void read_nodes(const Value& at, const ir::FieldTable& fields, const GraphOptions& options,
                ir::Graph& into);

// `fields` and one field of width 1, "knob.NAME", for every config node of `nodes` with a knob.
void add_knobs(const Value& nodes, ir::FieldTable& fields);

}  // namespace weft::frontend
