// Lists of operations as text. Residues stand beside them, as in a plan, and are named by their
// place:
//
//   operations:
//     - add_flow: {from: 10.7.0.1:40000, to: 10.7.0.2:7, endpoint: 0, queue: 2}
//     - set_residue: {queue: 3, residue: 0}
//   residues:
//     - id: "8b542252ec13"
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "compiler/plan/operation.h"
#include "compiler/plan/parts.h"
#include "compiler/plan/text.h"

namespace weft::plan {
namespace {

using Kind = Operation::Kind;
using frontend::Mapping;
using frontend::Value;

constexpr std::size_t most_endpoints = 65535;

std::string table_yaml(const Operation& o) {
  std::vector<std::string> entries;
  for (const auto& [index, queue] : o.entries)
    entries.push_back(fmt::format("{{entry: {}, queue: {}}}", index, queue));
  return fmt::format("[{}]", fmt::join(entries, ", "));
}

std::string argument(const Operation& o, std::vector<const Residue*>& residues) {
  switch (o.kind) {
    case Kind::add_flow:
    case Kind::remove_flow: return flow_yaml(o.flow);
    case Kind::move_flow: return fmt::format("{{flow: {}, onto: {}}}", flow_yaml(o.flow), o.queue);
    case Kind::create_rule:
    case Kind::destroy_rule: return filter_yaml(o.filter);
    case Kind::set_table: return table_yaml(o);
    case Kind::set_residue:
      residues.push_back(o.residue.get());
      return fmt::format("{{queue: {}, residue: {}}}", o.queue, residues.size() - 1);
    case Kind::drain: return fmt::format("{{queue: {}}}", o.queue);
    case Kind::add_endpoint:
    case Kind::remove_endpoint:
      return fmt::format("{{endpoint: {}, place: {}}}", endpoint_yaml(o.endpoint), o.place);
  }
  return "";
}

unsigned queue_of(const Value& at, const char* key) {
  Mapping m(at, "operation");
  const auto queue = static_cast<unsigned>(m.required(key).number(0, max_queue));
  m.done();
  return queue;
}

const std::vector<std::string>& kinds() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> out;
    for (unsigned k = 0; k <= static_cast<unsigned>(Kind::remove_endpoint); ++k)
      out.emplace_back(to_string(static_cast<Kind>(k)));
    return out;
  }();
  return words;
}

Operation read(const Value& at, const std::vector<std::shared_ptr<const Residue>>& residues,
               const ir::FieldTable& fields) {
  Operation out;
  const auto members = at.members();
  if (members.size() != 1) {
    at.error("E0451", "an operation is one key with what it is about");
    return out;
  }
  const auto& [name, about] = members.front();
  out.kind = static_cast<Kind>(name.word(kinds(), "operation"));
  switch (out.kind) {
    case Kind::add_flow:
    case Kind::remove_flow: out.flow = read_flow(about, most_endpoints, max_queue + 1); break;
    case Kind::move_flow: {
      Mapping m(about, "operation");
      out.flow = read_flow(m.required("flow"), most_endpoints, max_queue + 1);
      out.queue = static_cast<unsigned>(m.required("onto").number(0, max_queue));
      m.done();
      break;
    }
    case Kind::create_rule:
    case Kind::destroy_rule: out.filter = read_filter(about, fields); break;
    case Kind::set_table:
      for (const Value& v : about.list()) {
        Mapping m(v, "entry");
        const auto index = static_cast<unsigned>(m.required("entry").number(0, 65535));
        const auto queue = static_cast<std::uint16_t>(m.required("queue").number(0, max_queue));
        m.done();
        out.entries.emplace_back(index, queue);
      }
      break;
    case Kind::set_residue: {
      Mapping m(about, "operation");
      out.queue = static_cast<unsigned>(m.required("queue").number(0, max_queue));
      const Value which = m.required("residue");
      const auto place = which.number(0, max_queue);
      if (place < residues.size()) {
        out.residue = residues[place];
      } else {
        which.error("E0451", fmt::format("there are {} residues", residues.size()));
      }
      m.done();
      break;
    }
    case Kind::drain: out.queue = queue_of(about, "queue"); break;
    case Kind::add_endpoint:
    case Kind::remove_endpoint: {
      Mapping m(about, "operation");
      out.endpoint = read_endpoint(m.required("endpoint"));
      out.place = static_cast<unsigned>(m.required("place").number(0, most_endpoints - 1));
      m.done();
      break;
    }
  }
  return out;
}

}  // namespace

std::string to_yaml(const std::vector<Operation>& operations) {
  std::vector<const Residue*> residues;
  std::string out = operations.empty() ? "operations: []\n" : "operations:\n";
  for (const Operation& o : operations)
    out += fmt::format("  - {}: {}\n", to_string(o.kind), argument(o, residues));
  if (!residues.empty()) out += "residues:\n";
  for (const Residue* residue : residues) {
    Residue shape = *residue;
    shape.queues.clear();
    out += residue_yaml(shape);
  }
  return out;
}

std::string to_yaml(const Transition& transition) {
  return to_yaml(transition.operations) +
         fmt::format("workload: {}\n", plan::quoted(transition.workload)) +
         proof_yaml(transition.proof);
}

diag::Result<Transition> transition_from_text(const std::string& text,
                                              const ir::FieldTable& fields) {
  auto document = frontend::parse_yaml(text, "operations");
  if (!document) return diag::fail(document.error());
  Mapping root(document->root(), "list of operations");
  std::vector<std::shared_ptr<const Residue>> residues;
  if (auto list = root.optional("residues"))
    for (const Value& v : list->list())
      residues.push_back(std::make_shared<Residue>(read_residue(v, fields, max_queue + 1)));
  Transition out;
  for (const Value& v : root.required("operations").list())
    out.operations.push_back(read(v, residues, fields));
  if (auto workload = root.optional("workload")) out.workload = workload->text();
  if (auto proof = root.optional("proof")) out.proof = read_proof(*proof);
  root.done();
  return document->finish(std::move(out));
}

}  // namespace weft::plan
