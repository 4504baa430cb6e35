// The parts of the graph reader: config nodes, structure, and how each is printed again.
#pragma once

#include <string>

#include "compiler/frontend/yaml_reader.h"
#include "compiler/ir/fields.h"
#include "compiler/ir/graph.h"

namespace weft::frontend {

// The keys of a config node that say what it is: knob, offload, switch, in_software, reports,
// table, rss, performs. `node` is the mapping being read.
ir::Config read_config(Mapping& node, const ir::FieldTable& fields);
// The same keys as YAML lines, indented by four.
std::string print_config(const ir::Config& config);

// All nodes in declared order, indented by two: what stands under `receive:` and `transmit:`.
std::string print_nodes(const ir::Graph& graph);

// Sources, cycles, unreachable nodes, slots with two targets (E0222, E0223, E0226, E0230). Only for
// graphs whose names all resolved. Errors are recorded at `at`, with the places of the nodes.
void check_structure(const ir::Graph& graph, bool residue, const Value& at);

}  // namespace weft::frontend
