// Everything that comes from files. All readers are strict: unknown keys at any depth, duplicate
// and merge keys, wrong types, aliases and files over 16 MiB are errors with a place.
#pragma once

#include <string>
#include <string_view>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/fields.h"
#include "compiler/ir/graph.h"
#include "compiler/ir/machine.h"
#include "compiler/ir/nic_model.h"
#include "compiler/ir/workload.h"

namespace weft::frontend {

// Precedence, low to high: || , && , ! , comparisons and `in`, | , & , << >> , + - .
// Literals: 10, 0x1f, 10.0.0.1, 02:00:00:00:00:01, on/off (1/0), unknown/good/bad/none (0..3),
// true/false. `x in {1, 2}` and `x in 10.0.0.0/8` are sugar for comparisons. `at` is the place of
// the text.
diag::Result<ir::ExprPtr> parse_expr(std::string_view text, const ir::FieldTable& fields,
                                     const diag::Span& at);

// Reads every *.yaml of `folder` (graphs/headers).
diag::Result<ir::FieldTable> read_headers(const std::string& folder);

diag::Result<ir::Graph> read_graph(const std::string& path, const ir::FieldTable& fields);
diag::Result<ir::Graph> graph_from_text(std::string_view text, const std::string& name,
                                        const ir::FieldTable& fields);
// Canonical text; graph_from_text(print_graph(g)) prints the same text again.
std::string print_graph(const ir::Graph& graph);

diag::Result<ir::NicModel> read_nic(const std::string& path, const ir::FieldTable& fields);
// `fields` gives the prefix: knob names of the model are added as "knob.<name>" by read_nic itself.
diag::Result<ir::Workload> read_workload(const std::string& path);

diag::Result<ir::Machine> read_machine(const std::string& path);
std::string print_machine(const ir::Machine& machine);  // reads back

}  // namespace weft::frontend
