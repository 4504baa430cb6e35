// All numbers of a running stack at one moment, and their JSON form (README.md has its shape).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runtime/engine/engine.h"
#include "runtime/ports/card_control.h"
#include "runtime/ports/translate.h"
#include "runtime/ports/wire.h"

namespace weft::observe {

// One residue's counters as people see them: ports by name, hot ports derived.
struct NodeCount {
  std::string node, kind, impl, meaning;
  std::uint64_t packets = 0;
  std::uint64_t cycles = 0;  // of the time stamp counter; 0: not timed
  struct Port {
    std::string port, to;
    std::uint64_t packets = 0;
  };
  std::vector<Port> ports;
};

struct QueueCounts {
  unsigned queue = 0, core = 0;
  std::string residue;
  bool only_flows = false;  // it runs the residue for queues that only rules feed
  engine::ShardCounters counters;
  engine::CoreView::Tables tables;
  engine::StageTimes stages{};
  unsigned stages_one_in = 0;                    // batches of which one is timed
  std::vector<NodeCount> nodes;                  // in the residue's order
  std::map<std::string, std::uint64_t> entries;  // "rx", "udp_send", ... -> packets
  std::uint64_t impossible = 0;
  // Packets that came by the receive entries and went on into the transmit part by an edge.
  std::uint64_t forwarded = 0;
  // Terminals that receive entries reach without passing the transmit part.
  std::map<std::string, std::uint64_t> received_ends;
};

struct Snapshot {
  std::string plan;                // its name: the file's stem
  std::string graph, nic, engine;  // engine: "generated" or "interpreted"
  bool running = false;
  std::uint64_t time_ns = 0;  // of the stack's clock
  std::string wire_name;      // "" when a port is used directly
  ports::WireCounters wire;
  std::string card_name;
  ports::CardStats card;
  std::vector<ports::RulesSeen> rules;  // by table
  std::vector<engine::CoreCounters> cores;
  std::vector<QueueCounts> queues;
  struct App {
    std::string endpoint, app;
    bool tcp = false;
    apps::AppCounters counters;  // over all cores
  };
  std::vector<App> apps;
};

// What the snapshot is of, beside the engine.
struct Source {
  std::string plan_name;
  std::string engine;  // "generated", "interpreted"
  const engine::Clock* clock = nullptr;
  const ports::Wire* wire = nullptr;  // null: none
  ports::CardControl* card = nullptr;
  const ports::AppliedRules* rules = nullptr;  // on that card
};

Snapshot take(engine::Engine& engine, const Source& source, bool running);

// The counts of all queues, nodes of the same name added up, in the order of the first queue.
std::vector<NodeCount> total_nodes(const Snapshot& snapshot);

// Every place where a packet can be lost, with its count: nodes of the graph, the card, the engine,
// applications, the wire. Sorted by count, largest first; zeros included.
struct Drop {
  std::string reason, where, meaning;  // where: "graph", "card", "engine", "app", "wire"
  std::uint64_t count = 0;
};
std::vector<Drop> drops(const Snapshot& snapshot);

std::string to_json(const Snapshot& snapshot);

}  // namespace weft::observe
