// What the workload's `spread:` asks of the card's hash, in the words of compiler/rss; and what the
// card cannot do of it.
#pragma once

#include <string>
#include <vector>

#include "compiler/passes/pipeline.h"
#include "compiler/rss/keys.h"

namespace weft::passes {

// What a field is in a flow: "src", "dst", "src_port", "dst_port", whatever the protocol. Requests
// are about these.
std::string role_of(const std::string& field);

// Which packets a card hashes, and by what.
struct HashTypes {
  std::vector<std::string> on;          // names, in the card's order
  const ir::RssType* udp = nullptr;     // the one for datagrams of flows; null: they are not hashed
  std::vector<const ir::RssType*> all;  // that are on
};

// The smallest field sets that hold what the workload spreads by; all where it does not say.
diag::Result<HashTypes> choose_types(const Inputs& inputs, const ir::Node& node);

// What the plan says of a key that nobody chose.
inline constexpr const char* given_key = "the key that the workload gives";

// The low bits of the hash that pick the entry in a table of this size.
unsigned picking_bits(unsigned table_size);

// What the fields become a hash by: the card's own symmetric function where that is asked for.
ir::HashFunction choose_function(const Inputs& inputs, const ir::Node& node);

// Ports and requests; wishes are left to the caller.
rss::Task task_of(const Inputs& inputs, const ir::Node& node, const HashTypes& types,
                  ir::HashFunction function);
// The one that is being planned.
std::vector<rss::Port>::const_iterator own_port(const rss::Task& task, const ir::Spread& spread);

// E0811: what the card as a whole lacks, where the workload asks for something.
diag::Result<void> check_card(const Inputs& inputs, const ir::Node& node);

// E0813, with the requests by name and place.
diag::Error no_such_key(const Inputs& inputs, const ir::Node& node, const rss::Task& task,
                        const rss::Contradiction& why);

// For people: "symmetric: both directions of a flow on one queue".
std::vector<std::string> in_words(const ir::Spread& spread);

}  // namespace weft::passes
