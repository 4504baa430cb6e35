// "Why is this node here": what became of one protocol node in every residue of a plan.
#pragma once

#include <string>
#include <vector>

#include "compiler/ir/nic_model.h"
#include "compiler/plan/plan.h"

namespace weft::tool {

struct NodeStory {
  struct There {
    std::string residue, queue_class;
    std::vector<unsigned> queues;
    std::vector<plan::Decision> decisions;  // the node's, then its items'
    std::string becomes;                    // impl in the residue, where it differs
    std::vector<std::string> from, to;  // edges in the residue: "eth_ok.yes", "other -> drop_..."
  };
  std::string node, kind, meaning, source;
  std::vector<There> residues;
  std::vector<std::string> knobs;  // "rx.ipv4_cksum = on: ..."
};

// `name` is a node, or a node and one of its items: "ipv4_ok.checksum". `graph` and `nic` may be
// null: the story is then told without meaning, source and knobs. E0460 for an unknown node.
diag::Result<NodeStory> explain_node(const plan::Plan& plan, const std::string& name,
                                     const ir::Graph* graph, const ir::NicModel* nic);
std::string to_text(const NodeStory& story);
std::string to_json(const NodeStory& story);

}  // namespace weft::tool
