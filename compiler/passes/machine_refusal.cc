#include "compiler/passes/machine_refusal.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "compiler/diag/counted.h"
#include "compiler/passes/classes.h"
#include "compiler/plan/memory.h"

namespace weft::passes {

namespace {

// CPUs that packets may have.
unsigned free_of(const ir::Machine& machine) {
  const auto is_free = [](const ir::Cpu& c) { return !c.reserved; };
  return static_cast<unsigned>(std::count_if(machine.cpus.begin(), machine.cpus.end(), is_free));
}

// The first of the reserved CPUs, or the list where none is.
std::vector<diag::Note> who_has_the_cpus(const ir::Machine& machine) {
  constexpr std::size_t most = 4;
  std::vector<diag::Note> out;
  std::size_t more = 0;
  for (const ir::Cpu& cpu : machine.cpus) {
    if (!cpu.reserved) continue;
    if (out.size() == most) {
      ++more;
    } else {
      out.push_back({fmt::format("CPU {} is reserved", cpu.id), cpu.span});
    }
  }
  if (more != 0) out.push_back({fmt::format("and {} others are", more), {}});
  if (out.empty())
    out.push_back(
        {fmt::format("{} has {}", machine.name, diag::counted(machine.cpus.size(), "CPU")),
         machine.cpus_span});
  return out;
}

// The most queues whose buffers fit, with a core for each at most; 0: not even those of one.
unsigned queues_that_fit(plan::Plan plan, double megabytes) {
  if (!plan.memory.empty()) return 0;  // fewer queues may be too few for those who want their own
  auto& it = plan.configuration;
  while (--it.rx_queues != 0) {
    it.tx_queues = std::min(it.tx_queues, it.rx_queues);
    if (plan.cores.size() > it.rx_queues) plan.cores.resize(it.rx_queues);
    if (static_cast<double>(plan::megabytes_for(plan)) <= megabytes) return it.rx_queues;
  }
  return 0;
}

}  // namespace

diag::Diagnostic refuse_cores(const Inputs& inputs, unsigned queues, unsigned wanted,
                              unsigned left) {
  const ir::Machine& machine = *inputs.machine;
  diag::Diagnostic out;
  out.code = "E0803";
  out.message = fmt::format("{} wanted, {} leaves {}", diag::counted(wanted, "net core"),
                            machine.name, diag::counted(left, "CPU"));
  // (Whoever said it on the command line knows where.)
  if (std::min(inputs.workload.cores, queues) == wanted) {
    out.span = inputs.workload.cores_span;
    if (inputs.workload.cores != wanted)
      out.label = fmt::format("no more than {}", diag::counted(queues, "queue"));
  }
  out.notes = who_has_the_cpus(machine);
  out.help = left == 0 ? "take `reserved: on` from a CPU"
             : left == machine.cpus.size()
                 ? fmt::format("`cores: {}`", left)
                 : fmt::format("`cores: {}`, or fewer reserved CPUs", left);
  return out;
}

diag::Diagnostic refuse_memory(const Inputs& inputs, const plan::Plan& plan) {
  const ir::Machine& machine = *inputs.machine;
  const auto needed = static_cast<double>(plan::megabytes_for(plan));
  const unsigned queues = queues_that_fit(plan, machine.memory_mb);
  diag::Diagnostic out;
  out.code = "E0805";
  out.message = fmt::format("buffers for {} and {} take {:.0f} MB, {} has {:.0f}",
                            diag::counted(plan.configuration.rx_queues, "queue"),
                            diag::counted(plan.cores.size(), "core"), needed, machine.name,
                            machine.memory_mb);
  out.span = machine.memory_span;
  if (inputs.workload.queues_span.line != 0)
    out.notes = {{"the queues are wanted here", inputs.workload.queues_span}};
  for (const plan::Region& r : plan.memory) {
    const auto& all = inputs.workload.endpoints;
    const auto whose = std::find_if(all.begin(), all.end(), [&](const ir::Endpoint& e) {
      return group_of(e) == r.name || plan::process_of(e, how_of(e)) == r.name;
    });
    out.notes.push_back(
        {fmt::format("{:.1f} MB to {} for {}",
                     static_cast<double>(plan::bytes_of(plan, r)) / (1024 * 1024),
                     plan::to_string(r.kind), r.name),
         r.name == plan::everybodys || whose == all.end() ? diag::Span() : whose->span});
  }
  out.help = queues == 0 ? fmt::format("`memory: {:.0f}`", needed)
                         : fmt::format("`memory: {:.0f}`, or `queues: {}`", needed, queues);
  return out;
}

diag::Diagnostic refuse_load(const Inputs& inputs, const plan::Plan& plan,
                             const plan::NetCore& core, const std::vector<Burden>& burdens) {
  const ir::Machine& machine = *inputs.machine;
  const double clock = machine.mhz * 1e6;
  double total = 0;
  for (const auto& c : plan.cores) total += c.load;
  diag::Diagnostic out;
  out.code = "E0804";
  out.message = fmt::format("core {} would have {:.0f} % of its time to do", core.id,
                            100 * core.load / clock);
  const auto heaviest =
      std::max_element(burdens.begin(), burdens.end(),
                       [](const Burden& a, const Burden& b) { return a.load() < b.load(); });
  if (heaviest != burdens.end() && heaviest->load() > 0) {
    const auto e = static_cast<std::size_t>(heaviest - burdens.begin());
    out.span = inputs.workload.endpoints[e].span;
    out.label = fmt::format("{:.0f} packets/s of {:.0f} cycles are {:.0f} % of all that is to do",
                            heaviest->rate, heaviest->cycles, 100 * heaviest->load() / total);
  }
  out.notes = {
      {fmt::format("a CPU does {:.0f} million cycles a second", machine.mhz), machine.mhz_span}};
  const auto needed = 1 + static_cast<unsigned>(total / clock);
  const unsigned free = free_of(machine);
  out.help =
      needed <= free
          ? fmt::format("at least {} are needed for this load", diag::counted(needed, "core"))
          : fmt::format(
                "at least {} are needed for this load; the {} that {} leaves can do "
                "{:.2g} % of it",
                diag::counted(needed, "core"), diag::counted(free, "CPU"), machine.name,
                100 * free * clock / total);
  return out;
}

}  // namespace weft::passes
