// weft host show: this machine, as a file that `weft compile --host` reads.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>

#include "compiler/frontend/readers.h"
#include "compiler/frontend/yaml_reader.h"
#include "compiler/tool/commands.h"
#include "compiler/tool/say.h"

namespace weft::tool {
namespace {

namespace fs = std::filesystem;

// A file of /sys with one number in it.
std::optional<unsigned> number_in(const fs::path& path) {
  std::ifstream file(path);
  long long value = -1;
  if (!(file >> value) || value < 0) return std::nullopt;
  return static_cast<unsigned>(value);
}

// "cpu12" with the prefix "cpu".
std::optional<unsigned> numbered(const std::string& name, const std::string& prefix) {
  const std::string digits = name.substr(std::min(prefix.size(), name.size()));
  if (!name.starts_with(prefix) || digits.empty() || digits.size() > 5 ||
      digits.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return static_cast<unsigned>(std::stoul(digits));
}

unsigned node_of(const fs::path& cpu) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(cpu, ignored)) {
    if (const auto node = numbered(entry.path().filename().string(), "node")) return *node;
  }
  return 0;
}

double clock_mhz() {
  if (const auto khz = number_in("/sys/devices/system/cpu/cpu0/cpufreq/base_frequency"))
    return *khz / 1000.0;
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("cpu MHz")) return std::stod(line.substr(line.find(':') + 1));
  }
  return 0;
}

// What could be had now without swapping.
double free_megabytes() {
  std::ifstream file("/proc/meminfo");
  for (std::string word; file >> word;) {
    double kilobytes = 0;
    if (word == "MemAvailable:" && file >> kilobytes) return std::floor(kilobytes / 1024);
  }
  return 0;
}

// CPUs that this process may run on (taskset, cpusets of containers). Empty: nobody says.
std::set<unsigned> usable_cpus() {
  std::array<cpu_set_t, 8> sets{};  // (the kernel refuses less than it has; it has at most 8192)
  std::set<unsigned> out;
  if (::sched_getaffinity(0, sizeof sets, sets.data()) != 0) return out;
  for (unsigned cpu = 0; cpu < sizeof sets * 8; ++cpu)
    if (CPU_ISSET_S(cpu, sizeof sets, sets.data())) out.insert(cpu);
  return out;
}

ir::Machine this_machine() {
  ir::Machine out;
  char name[65] = "this";
  ::gethostname(name, sizeof name - 1);
  for (const char* c = name; *c != 0; ++c)
    out.name += std::isalnum(static_cast<unsigned char>(*c)) ? *c : '_';
  if (std::isdigit(static_cast<unsigned char>(out.name[0]))) out.name = "_" + out.name;
  if (frontend::is_yaml_boolean(out.name)) out.name += "_";
  out.mhz = clock_mhz();
  out.memory_mb = free_megabytes();
  const std::set<unsigned> usable = usable_cpus();
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/sys/devices/system/cpu", ignored)) {
    const auto id = numbered(entry.path().filename().string(), "cpu");
    if (!id || number_in(entry.path() / "online") == 0u) continue;
    out.cpus.push_back({.id = *id,
                        .node = node_of(entry.path()),
                        .core = number_in(entry.path() / "topology/core_id").value_or(*id),
                        .reserved = !usable.empty() && !usable.contains(*id)});
  }
  if (out.cpus.empty()) out.cpus.push_back({});
  std::sort(out.cpus.begin(), out.cpus.end(),
            [](const ir::Cpu& a, const ir::Cpu& b) { return a.id < b.id; });
  return out;
}

// The NUMA node of the card behind an interface; none where the kernel names none.
diag::Result<std::optional<unsigned>> node_of_card(const std::string& interface) {
  const fs::path all = "/sys/class/net";
  std::error_code ignored;
  std::set<std::string> known;
  for (const auto& entry : fs::directory_iterator(all, ignored))
    if (entry.is_directory(ignored)) known.insert(entry.path().filename());
  if (!known.contains(interface))
    return diag::fail(plain("E0468", fmt::format("there is no interface `{}` here", interface),
                            known.empty() ? "there is none at all"
                                          : fmt::format("there are {}", fmt::join(known, ", "))));
  return number_in(all / interface / "device/numa_node");  // (-1: not known)
}

std::vector<unsigned> reserved_cpus(const ir::Machine& machine) {
  std::vector<unsigned> out;
  for (const ir::Cpu& c : machine.cpus)
    if (c.reserved) out.push_back(c.id);
  return out;
}

}  // namespace

int host_show(const HostShowArgs& args) {
  ir::Machine machine = this_machine();
  if (!args.interface.empty()) {
    const auto node = node_of_card(args.interface);
    if (!node) return report(node.error());
    machine.nic_node = *node;
    if (!machine.nic_node)
      say(fmt::format("note: the kernel names no NUMA node for {}: `nic_node` is left out",
                      args.interface));
  }
  if (const auto reserved = reserved_cpus(machine); !reserved.empty())
    say(fmt::format("note: this process may not use CPU {}: `reserved: on`",
                    fmt::join(reserved, ", ")));
  if (!args.json) {
    print(frontend::print_machine(machine));
    return ok;
  }
  nlohmann::ordered_json out{{"machine", machine.name}, {"mhz", machine.mhz}};
  if (machine.memory_mb > 0) out["memory"] = machine.memory_mb;
  if (machine.nic_node) out["nic_node"] = *machine.nic_node;
  out["cpus"] = nlohmann::ordered_json::array();
  for (const ir::Cpu& c : machine.cpus) {
    nlohmann::ordered_json row{{"cpu", c.id}, {"node", c.node}, {"core", c.core}};
    if (c.reserved) row["reserved"] = true;
    out["cpus"].push_back(std::move(row));
  }
  print(out.dump(2) + "\n");
  return ok;
}

}  // namespace weft::tool
