#include "tests/sim/model_edit.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "compiler/frontend/places.h"
#include "compiler/frontend/readers.h"

namespace weft::sim {
namespace {

const ir::Graph& graph_of(const ir::NicModel& model, const Unit& unit) {
  return unit.section == "receive" ? model.receive : model.transmit;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

bool word_char(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Replaces `key: from` by `key: to` for the keys that lead from node to node.
void relink(std::string& line, const std::string& from, const std::string& to) {
  for (const char* key : {"next: ", "to: ", "hit: ", "miss: "}) {
    const std::string old = key + from;
    for (std::size_t at = line.find(old); at != std::string::npos; at = line.find(old, at + 1)) {
      const std::size_t end = at + old.size();
      const bool whole =
          (end == line.size() || !word_char(line[end])) && (at == 0 || !word_char(line[at - 1]));
      if (whole) line.replace(at, old.size(), key + to);
    }
  }
}

}  // namespace

std::vector<Unit> units_of(const ir::NicModel& model) {
  std::vector<Unit> units;
  for (const char* section : {"receive", "transmit"}) {
    const ir::Graph& graph = std::string(section) == "receive" ? model.receive : model.transmit;
    for (ir::Vertex v = 0; v < boost::num_vertices(graph.g); ++v) {
      if (graph.node(v).kind == ir::NodeKind::config) units.push_back({section, graph.node(v).id});
    }
  }
  return units;
}

// A switch that is not there is off: "knob.X == on || " and "(knob.X == on && ...) || " go.
void switch_off(std::string& line, const std::string& knob) {
  const std::string on = "knob." + knob + " == on", also = " || ";
  if (const auto at = line.find(on + also); at != std::string::npos)
    line.erase(at, on.size() + also.size());
  const auto begin = line.find("(" + on + " && ");
  const auto end = begin != std::string::npos ? line.find(also, begin) : begin;
  if (end != std::string::npos) line.erase(begin, end + also.size() - begin);
}

std::string without(const std::string& yaml, const ir::NicModel& model, const Unit& unit) {
  const ir::Graph& graph = graph_of(model, unit);
  const ir::Vertex v = *graph.find(unit.node);
  const auto behind = graph.next(v, graph.port(v, "miss").value_or(0));
  const std::string& knob = graph.node(v).config.knob;
  std::string out;
  bool inside = false, cut = false;
  for (std::string line : lines_of(yaml)) {
    if (!line.empty() && line[0] != ' ' && line[0] != '#')
      inside = line.starts_with(unit.section + ":");
    const bool at_node =
        line.starts_with("  ") && line.size() > 2 && line[2] != ' ' && line[2] != '#';
    if (at_node) cut = inside && line.starts_with("  " + unit.node + ":");
    if (line.empty() || line[0] != ' ') cut = false;
    if (cut) continue;
    if (inside && behind) relink(line, unit.node, graph.node(*behind).id);
    if (!knob.empty()) switch_off(line, knob);
    out += line + "\n";
  }
  return out;
}

std::string model_text(const std::string& nic) {
  std::ifstream in(fmt::format("{}/nicmodels/{}.yaml", frontend::source_root(), nic));
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

ir::NicModel model_from(const std::string& text, const std::string& nic,
                        const ir::FieldTable& fields) {
  const auto folder =
      std::filesystem::temp_directory_path() / fmt::format("weft-models-{}", getpid());
  std::filesystem::create_directory(folder);
  const auto path = folder / (nic + ".yaml");
  std::ofstream(path) << text;
  auto model = must(frontend::read_nic(path.string(), fields));
  std::filesystem::remove_all(folder);
  return model;
}

}  // namespace weft::sim
