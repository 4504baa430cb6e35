// Binds the nodes of a graph to stack nodes.
// Pre: a graph as the reader gives it. Post: every test, effect and tested item names a stack node,
// and every port and slot that the graph uses is one that the stack node declares, and the reverse.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/fields.h"
#include "compiler/ir/graph.h"
#include "compiler/passes/pipeline.h"
#include "stack-nodes/node.h"

namespace weft::passes {

// `partial`: a residue, in which ports that can't be taken are absent.
diag::Result<void> resolve(const ir::Graph& graph, const ir::FieldTable& fields, bool partial);

// The workload asks for nothing over a protocol that the graph has no node for. E0308.
diag::Result<void> takes_protocols(const Inputs& inputs);

// The declaration behind a test or effect node; null for other kinds.
const nodes::NodeDecl* decl_of(const ir::Node& node);
const nodes::NodeDecl* decl_of(const std::string& impl);

// "ipv4.*, l4.payload" -> every field name it stands for, in the table's order.
std::vector<std::string> expand(std::string_view list, const ir::FieldTable& fields);

}  // namespace weft::passes
