// The plan: the only thing that the compiler and the runtime share.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/fields.h"
#include "compiler/ir/graph.h"
#include "compiler/ir/workload.h"

namespace weft::plan {

// One rule in one of the card's tables.
struct Filter {
  std::string id;     // "f17"
  std::string table;  // node of the card's receive graph: "ntuple5"
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> match;  // field -> value, mask
  unsigned priority = 0;  // as the table wants it; 0 where it wants none
  unsigned queue = 0;
  std::uint32_t mark = 0;  // endpoint index + 1; 0: no mark
  // Several queues, over which the card's hash spreads; empty: `queue` alone, else that is the
  // first of them. What `entries` says: ir::QueueGroups. (target.h)
  std::vector<unsigned> group;
  unsigned entries = 0;
};

// What a card may hash of a segment.
inline const std::vector<std::string> segment_fields = {"ipv4.src", "ipv4.dst", "tcp.src_port",
                                                        "tcp.dst_port"};

struct Rss {
  bool enabled = false;
  std::vector<std::uint8_t> key;
  std::vector<std::string> types;    // switched on, DPDK's names
  std::vector<std::uint16_t> table;  // indirection table; empty where it can't be set
  // What the card hashes of each segment that reaches a connection ("ipv4.src", ...) and that no
  // rule is for, where it brings all of a connection to one queue: they are not handed over, and an
  // application that opens one picks a port by it. Nothing: the table's first entry has them all.
  std::optional<std::vector<std::string>> segment;
  std::vector<std::string> does;  // what the key is made for, for people: "symmetric"
  // Keys of the ports whose packets belong together with this one's, by name.
  std::map<std::string, std::vector<std::uint8_t>> peers;
  ir::HashFunction function = ir::HashFunction::toeplitz;  // here and at those ports
};

struct Configuration {
  unsigned rx_queues = 1;
  unsigned tx_queues = 1;
  std::map<std::string, bool> knobs;  // "rx.ipv4_cksum" -> on
  Rss rss;
  std::vector<Filter> filters;
};

// Every node (and every item of an and / or) of the protocol graph, and what became of it.
struct Decision {
  std::string node;
  std::string item;  // "" for the node itself
  ir::Fate fate = ir::Fate::software;
  std::string why;
};

struct Residue {
  std::string id;                // first 12 hex digits of the hash of `graph`'s text
  std::vector<unsigned> queues;  // that run it
  std::string queue_class;       // "any" (whatever RSS sends) or "flows" (fed by filters alone)
  ir::Graph graph;               // entry: the node behind the wire; slots: spawn edges
  std::vector<Decision> decisions;
};

// A connected flow, and the queue whose shard owns its state. A shard is the state of one queue
// (flow table, neighbours, fragments); a net core runs the shards of its queues.
struct FlowEntry {
  std::uint32_t src = 0;
  std::uint16_t src_port = 0;
  std::uint32_t dst = 0;
  std::uint16_t dst_port = 0;
  unsigned endpoint = 0;
  unsigned queue = 0;
  // What it asked for: whoever moves flows while the stack runs keeps to it.
  bool pinned = false;       // to `queue`
  std::optional<bool> gold;  // its class; none: as its endpoint
};

struct NetCore {
  unsigned id = 0;  // 0, 1, ... (which CPU it is on is the runtime's --cpus)
  std::vector<unsigned> queues;
  double load = 0;                 // predicted cycles per second
  std::vector<unsigned> priority;  // those of its queues that are polled before any other
  std::optional<unsigned> cpu;     // of the machine that the plan was made for
  double slower = 1;  // `load` is so many times what it would be: the CPU's sibling works, too
  double remote = 0;  // cycles for each packet in `load`: the card is on another NUMA node
};

// Who shares queues. The first zone is everybody's.
struct QueueZone {
  std::string name;  // "everybody", "gold", "endpoint db"
  std::vector<unsigned> queues;
  bool priority = false;  // polled before others
};

// Where an endpoint's application runs, where there is something to say about it; else it runs to
// completion.
struct Placed {
  unsigned endpoint = 0;  // index
  ir::Placement how = ir::Placement::run_to_completion;
  std::string why;
  // Dedicated: the process that it runs in ("trust bank", "endpoint db"); "": the stack's own.
  std::string process;
  bool copies = false;  // its packets are copied into that process's memory; else they are mapped
  // What its memory is sized by: packets per second, and bytes of payload of one.
  double rate = 0;
  unsigned size = 0;
};

// Memory for packets, where it is not one pool for all queues that the stack alone maps.
struct Region {
  enum class Kind {
    receive,   // filled by some queues; processes that read it in place map it read-only
    copies,    // of packets that a process may see, of queues that carry others', too
    transmit,  // written by a process
  };
  Kind kind = Kind::receive;
  std::string name;              // "everybody", or whose it is: "trust bank", "endpoint db"
  std::vector<unsigned> queues;  // receive: that fill it
  unsigned buffers = 0;
  unsigned bytes = 0;            // of each, behind its headroom
  std::optional<unsigned> node;  // of NUMA, where the machine is known
  bool operator==(const Region&) const = default;
};

// How full the fullest is, and what no assignment could be better than. Cycles per second.
struct Gap {
  double busiest = 0;
  double bound = 0;
  double share() const { return bound > 0 ? busiest / bound - 1 : 0; }  // 0: as good as can be
};

// What packets take from their queue to the application, where the machine's clock is known.
struct Latency {
  std::vector<unsigned> endpoints;  // indexes; all of them alike
  bool priority = false;            // their packets of class gold, on queues that are polled first
  double wait_us = 0;               // mean, for what came before them
  double p99_us = 0;                // what 99 of 100 take at most
  double allowed_us = 0;            // their `p99:`; 0: there is no bound
  bool alike(const Latency& o) const {
    return priority == o.priority && wait_us == o.wait_us && p99_us == o.p99_us &&
           allowed_us == o.allowed_us;
  }
};

// A choice that was looked at.
struct Compared {
  unsigned cores = 0;
  unsigned priority = 0;  // queues of the priority classes
  unsigned filters = 0;
  double load = 0;        // of the busiest core, cycles per second
  double latency_us = 0;  // of the priority classes; 0: nobody knows
  std::string lost;       // at which objective it was left out; "": this is the plan
};

// How the choice was made, and how far it is at most from the best one.
struct Chosen {
  std::string policy = "balance";
  std::vector<QueueZone> zones;
  Gap queues;  // estimated before the residues are known
  Gap cores;
  std::vector<std::string> certified;  // proved to be the best: "filters", "offloads"
  std::vector<Placed> placement;
  std::vector<std::string> objectives;  // as the workload orders them; empty: nothing was compared
  std::vector<Compared> compared;
  bool stopped = false;  // the time limit ended the search
};

struct Proof {
  std::string status = "none";  // "proved", "none"
  std::string content;          // SHA-256 of the plan without this record
  unsigned leaves = 0;
  unsigned queries = 0;
  std::string solver;                   // "z3 4.8.12"
  std::vector<std::string> not_proved;  // what is opaque: "ipv4.reassemble"
};

struct Plan {
  unsigned version = 1;
  std::string graph;  // name of the protocol graph
  std::string nic;    // name of the model
  std::string driver;
  std::map<std::string, std::string>
      inputs;  // "graph" | "nic" | "workload" | "headers" | "costs" -> sha256
  ir::HostConfig host;
  Configuration configuration;
  std::vector<ir::Endpoint> endpoints;
  std::vector<FlowEntry> flows;
  Chosen chosen;
  std::vector<NetCore> cores;
  // Of endpoints with a bound, and of priority classes; empty: there are none, or no clock is
  // known.
  std::vector<Latency> latency;
  std::vector<Region> memory;  // empty: one pool for all queues (plan/memory.h)
  std::vector<Residue> residues;
  double cycles_per_packet = 0;  // predicted, mean over the workload
  double cycles_saved = 0;       // against no card at all
  Proof proof;
};

// YAML text; same plan, same bytes. The proof record comes last.
std::string to_yaml(const Plan& plan);
std::string to_json(const Plan& plan);
std::string to_yaml_without_proof(const Plan& plan);
// SHA-256 (hex) of to_yaml without the proof record.
std::string content_hash(const Plan& plan);
diag::Result<Plan> read_plan(const std::string& path, const ir::FieldTable& fields);
diag::Result<Plan> plan_from_text(const std::string& text, const std::string& name,
                                  const ir::FieldTable& fields);
// Atomic: a temporary file in the same folder, then rename.
diag::Result<void> write_plan(const Plan& plan, const std::string& path);
diag::Result<void> write_file_atomically(const std::string& text, const std::string& path);

// Field -> mask, without the values (compiler/ir/filter_shape.h).
std::map<std::string, std::uint64_t> shape_of(const Filter& filter);
const Residue* residue_of_queue(const Plan& plan, unsigned queue);

}  // namespace weft::plan
