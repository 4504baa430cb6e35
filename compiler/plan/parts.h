// Parts of a plan as text, for the two documents that have them: plans, and lists of operations.
#pragma once

#include <string>

#include "compiler/frontend/yaml_reader.h"
#include "compiler/ir/fields.h"
#include "compiler/plan/plan.h"

namespace weft::plan {

inline constexpr std::uint64_t max_queue = 4095;
inline constexpr std::uint64_t max_entries = 65536;  // of an indirection table

std::string filter_yaml(const Filter& filter);  // {id: f1, table: ntuple5, ...}
std::string flow_yaml(const FlowEntry& flow);   // {from: 10.7.0.1:40000, ...}
std::string endpoint_yaml(
    const ir::Endpoint& endpoint);                 // {name: "echo", port: 7, ...}, {vacant: on}
std::string residue_yaml(const Residue& residue);  // an item of a list, indented by 2
std::string proof_yaml(const Proof& proof);        // a whole member: "proof:\n  ..."

// What is wrong is recorded at the value.
Filter read_filter(const frontend::Value& at, const ir::FieldTable& fields);
FlowEntry read_flow(const frontend::Value& at, std::size_t endpoints, unsigned queues);
ir::Endpoint read_endpoint(const frontend::Value& at);
Residue read_residue(const frontend::Value& at, const ir::FieldTable& fields, unsigned queues);
Proof read_proof(const frontend::Value& at);

}  // namespace weft::plan
