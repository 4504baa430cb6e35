// Machine files: what `weft host show` writes.
#include <fmt/format.h>

#include <set>

#include "compiler/frontend/readers.h"
#include "compiler/frontend/yaml_reader.h"

namespace weft::frontend {
namespace {

constexpr std::uint64_t most_cpus = 4095;

ir::Cpu read_cpu(const Value& at) {
  Mapping m(at, "the CPU");
  ir::Cpu out;
  out.span = at.span();
  out.id = static_cast<unsigned>(m.required("cpu").number(0, most_cpus));
  out.core = out.id;
  if (const auto v = m.optional("node")) out.node = static_cast<unsigned>(v->number(0, 1023));
  if (const auto v = m.optional("core")) out.core = static_cast<unsigned>(v->number(0, most_cpus));
  if (const auto v = m.optional("reserved")) out.reserved = v->flag();
  m.done();
  return out;
}

}  // namespace

diag::Result<ir::Machine> read_machine(const std::string& path) {
  auto document = read_yaml(path);
  if (!document) return diag::fail(document.error());
  Mapping root(document->root(), "the machine");
  ir::Machine out;
  out.name = root.required("machine").name();
  if (const auto v = root.optional("mhz")) {
    out.mhz = v->real(1, 100'000);
    out.mhz_span = v->span();
  }
  if (const auto v = root.optional("nic_node"))
    out.nic_node = static_cast<unsigned>(v->number(0, 1023));
  if (const auto v = root.optional("smt")) out.smt = v->real(1, 100);
  if (const auto v = root.optional("remote")) out.remote = v->real(0, 1e6);
  if (const auto v = root.optional("memory")) {
    out.memory_mb = v->real(1, 1e9);
    out.memory_span = v->span();
  }
  const Value cpus = root.required("cpus");
  out.cpus_span = cpus.key_span();
  root.done();
  std::set<unsigned> seen;
  for (const Value& at : cpus.list()) {
    const std::size_t before = at.error_count();
    const ir::Cpu cpu = read_cpu(at);
    if (at.error_count() == before && !seen.insert(cpu.id).second)
      at.error("E0275", fmt::format("CPU {} is there twice", cpu.id));
    out.cpus.push_back(cpu);
  }
  if (cpus.is_sequence() && out.cpus.empty()) cpus.error("E0275", "a machine without CPUs");
  return document->finish(std::move(out));
}

std::string print_machine(const ir::Machine& machine) {
  std::string out = fmt::format(
      "# What packets may run on: set `reserved: on` where something else does.\nmachine: {}\n",
      machine.name);
  if (machine.mhz > 0) out += fmt::format("mhz: {:.0f}\n", machine.mhz);
  if (machine.memory_mb > 0)
    out += fmt::format("memory: {:.0f}  # MB that packets may have\n", machine.memory_mb);
  if (machine.nic_node) out += fmt::format("nic_node: {}\n", *machine.nic_node);
  std::set<unsigned> nodes;
  std::set<std::pair<unsigned, unsigned>> cores;
  for (const ir::Cpu& c : machine.cpus) {
    nodes.insert(c.node);
    cores.insert({c.node, c.core});
  }
  // (Of a machine that has such CPUs.)
  if (cores.size() < machine.cpus.size()) out += fmt::format("smt: {:.4g}\n", machine.smt);
  if (nodes.size() > 1) out += fmt::format("remote: {:.6g}\n", machine.remote);
  out += "cpus:\n";
  for (const ir::Cpu& c : machine.cpus)
    out += fmt::format("  - {{cpu: {}, node: {}, core: {}{}}}\n", c.id, c.node, c.core,
                       c.reserved ? ", reserved: on" : "");
  return out;
}

}  // namespace weft::frontend
