// Reads the nodes of one graph, and joins them. Use: nodes(), drops(), finish(). What a node says
// is read in graph_nodes.cc, its conditions in graph_conditions.cc, and graph_edges.cc leads its
// ways to their ends.
#pragma once

#include <string>
#include <vector>

#include "compiler/frontend/graph_parts.h"
#include "compiler/frontend/graph_reader.h"

namespace weft::frontend {

class GraphReader {
 public:
  GraphReader(const ir::FieldTable& fields, const GraphOptions& options, ir::Graph& graph)
      : fields_(fields), options_(options), graph_(graph) {}

  void nodes(const Value& at);
  void drops(const Value& at);
  // Joins what was read; `at` is where errors of the graph as a whole are recorded.
  void finish(const Value& at);
  void count_errors_from(std::size_t before) { errors_before_ = before; }

 private:
  // An edge whose target may be declared further down.
  struct Pending {
    ir::Vertex from = 0;
    unsigned port = 0;
    std::string slot;  // of a spawn edge
    Value target;
  };

  ir::Vertex add(const Value& key, ir::Node node);
  void node(const Value& key, const Value& value);
  void body(Mapping& m, ir::Vertex v, ir::Node& out);
  void read_fate(Mapping& m, ir::Fate& fate, std::string& why);
  unsigned read_count(const Value& value);
  std::vector<std::string> slots(const Value& value);
  std::string slot(const Value& value);

  // Ports are called `yes` and `no` where they answer a question; that is the one place where
  // YAML's booleans are names.
  std::string port_name(const Value& key);
  void lead(ir::Vertex from, unsigned port, const Value& target);
  // The way out of an and / or (`needed`), or of what may end here. Adds port `name`.
  void read_next(Mapping& m, ir::Vertex v, ir::Node& out, const char* name, bool needed = false);
  void read_ways(Mapping& m, ir::Vertex v, ir::Node& out, bool needed);
  void read_spawns(Mapping& m, ir::Vertex v);

  void read_test_ports(Mapping& m, ir::Vertex v, ir::Node& out);
  void read_match(Mapping& m, ir::Vertex v, ir::Node& out);
  void read_join(Mapping& m, ir::Vertex v, ir::Node& out);
  void read_item(const Value& entry, ir::Vertex v, ir::Node& out);

  void connect(const Pending& edge);
  // A predicate names only headers that the graph says it knows.
  void check_headers(const Value& at);

  const ir::FieldTable& fields_;
  const GraphOptions& options_;
  ir::Graph& graph_;
  std::vector<Pending> pending_;
  std::size_t errors_before_ = 0;
  bool broken_ = false;
};

}  // namespace weft::frontend
