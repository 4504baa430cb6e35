// `weft profile`: runs the stack on this machine, over a wire inside the process, and writes what
// its nodes cost.
#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "compiler/plan/text.h"
#include "compiler/tool/commands.h"
#include "compiler/tool/exec.h"
#include "compiler/tool/frame_text.h"
#include "compiler/tool/inputs.h"
#include "compiler/tool/pcap.h"
#include "compiler/tool/places.h"
#include "compiler/tool/profile_costs.h"
#include "compiler/tool/say.h"

namespace weft::tool {
namespace fs = std::filesystem;
namespace {

using Frames = std::vector<std::vector<std::uint8_t>>;
constexpr unsigned datagrams = 16'384;

// A folder for plans, captures and counters, gone with its owner.
class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "weft-profile-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  bool made() const { return !path_.empty(); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Echo requests of the workload's flows with 64 bytes each, after one who introduces himself.
diag::Result<Frames> traffic(const ir::Workload& workload) {
  if (workload.flows.empty() || workload.endpoints.empty())
    return diag::fail(plain("E0467", "the workload has no flows to measure with",
                            "take another one: --workload quickstart"));
  const std::string from = plan::address_text(workload.flows.front().src);
  Frames frames;
  const auto add = [&](const std::string& words) -> diag::Result<void> {
    auto frame = frame_from_text(words, workload.host, workload.endpoints.front().port);
    if (!frame) return diag::fail(frame.error());
    frames.push_back(std::move(*frame));
    return {};
  };
  auto done = add("arp from " + from);
  for (const ir::Flow& flow : workload.flows) {
    if (!done) return diag::fail(done.error());
    if (frames.size() > 64) break;
    done = add(fmt::format("udp from {}:{} to {}:{} len 64", plan::address_text(flow.src),
                           flow.src_port, plan::address_text(workload.local_address(flow)),
                           flow.dst_port));
  }
  if (!done) return diag::fail(done.error());
  for (std::size_t i = 1; frames.size() <= datagrams; ++i) frames.push_back(frames[i]);
  return frames;
}

struct Run {
  double way = 0;
  std::map<std::string, double> node;
};

// What the counters of one run say of each packet.
diag::Result<Run> read_run(const std::string& path) {
  std::ifstream file(path);
  const auto j = nlohmann::json::parse(file, nullptr, false);
  Run run;
  double cycles = 0, packets = 0;
  if (!j.is_discarded() && j.contains("queues")) {
    for (const auto& queue : j["queues"]) {
      for (const auto& [name, stage] : queue["stages"].items()) {
        cycles += stage.value("cycles", 0.0);
        if (name == "send") packets += stage.value("packets", 0.0);
      }
    }
    for (const auto& node : j["nodes"]) {
      const double n = node.value("packets", 0.0), c = node.value("cycles", 0.0);
      if (n > 1000 && c > 0) run.node[node["node"].get<std::string>()] = c / n;
    }
  }
  if (packets < datagrams / 2)
    return diag::fail(plain("E0467", "the stack did not answer while it was measured",
                            "`weft doctor` says what this machine lacks"));
  run.way = cycles / packets;
  return run;
}

class Profiler {
 public:
  Profiler(const ProfileArgs& args, const Scratch& scratch) : args_(args), scratch_(scratch) {}

  // The least of several runs: what else the machine does only ever adds.
  diag::Result<Measured> measure(const plan::Plan& plan, const std::string& name) {
    const std::string file = scratch_.file(name + ".yaml");
    if (auto written = plan::write_plan(plan, file); !written) return diag::fail(written.error());
    Measured out;
    out.residue = &plan.residues.front().graph;
    for (unsigned run = 0; run < args_.runs; ++run) {
      auto fused = once(file, false);
      if (!fused) return diag::fail(fused.error());
      auto split = once(file, true);
      if (!split) return diag::fail(split.error());
      out.way = run == 0 ? fused->way : std::min(out.way, fused->way);
      for (const auto& [node, cycles] : split->node) {
        const auto known = out.node.try_emplace(node, cycles).first;
        known->second = std::min(known->second, cycles);
      }
    }
    return out;
  }

 private:
  diag::Result<Run> once(const std::string& plan, bool interpret) {
    auto program = beside("weft-runtime");
    if (!program) return diag::fail(program.error());
    const std::string stats = scratch_.file("stats.json");
    std::vector<std::string> words = {
        plan,        "--unproved", "--wire",    "sim:" + scratch_.file("in.pcap"),
        "--profile", "--quiet",    "--no-huge", "--stats-file",
        stats,
    };
    if (interpret) words.push_back("--interpret");
    auto ran = filter(*program, words, "", "libdpdk-dev");
    if (!ran) return diag::fail(ran.error());
    return read_run(stats);
  }

  const ProfileArgs& args_;
  const Scratch& scratch_;
};

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "an unnamed processor";
}

// The stack on one card with one queue for each core, as it is planned and as it ran.
struct Stage {
  plan::Plan plan;
  Measured measured;
};

diag::Result<std::unique_ptr<Stage>> stage(const ProfileArgs& args, const Scratch& scratch,
                                           const std::string& nic, passes::Costs& costs,
                                           unsigned cores = 1) {
  auto inputs = load_inputs(args.graph, nic, args.workload, "default");
  if (!inputs) return diag::fail(inputs.error());
  if (costs.cycles.empty()) costs = inputs->costs;
  inputs->costs = costs;
  auto frames = traffic(inputs->workload);
  if (!frames) return diag::fail(frames.error());
  if (auto written = write_pcap(scratch.file("in.pcap"), *frames); !written)
    return diag::fail(written.error());
  auto plan =
      passes::compile(*inputs, {.queues = cores, .cores = cores, .prove = false, .dump = {}});
  if (!plan) return diag::fail(plan.error());
  say(fmt::format("measuring the stack on the card `{}` ...", nic));
  auto out = std::make_unique<Stage>(Stage{std::move(*plan), {}});
  auto measured = Profiler(args, scratch).measure(out->plan, "plan");
  if (!measured) return diag::fail(measured.error());
  out->measured = std::move(*measured);
  return out;
}

diag::Result<passes::Costs> profiled(const ProfileArgs& args, const Scratch& scratch) {
  if (!scratch.made()) return diag::fail(plain("E0467", "no temporary folder can be made"));
  passes::Costs known;
  auto heavy = stage(args, scratch, "none", known);
  if (!heavy) return diag::fail(heavy.error());
  auto light = stage(args, scratch, "ideal", known);
  if (!light) return diag::fail(light.error());
  const Measured &a = (*heavy)->measured, &b = (*light)->measured;
  say(fmt::format("a datagram and its answer: {:.0f} cycles, {:.0f} where the card does sums",
                  a.way, b.way));
  auto costs = costs_from(a, b, known);
  if (!costs) return costs;
  // Rings: with two cores on a card that nobody can predict, one packet in two is handed over.
  costs->cycles["handover"] = 0;
  auto handed = stage(args, scratch, "tap", *costs, 2);
  if (!handed) return diag::fail(handed.error());
  const double more = (*handed)->measured.way - (*handed)->plan.cycles_per_packet;
  costs->cycles["handover"] = std::max(0.0, 2 * more);
  return costs;
}

// How well the costs foretell what other cards leave to do.
diag::Result<void> compare(const ProfileArgs& args, const Scratch& scratch, passes::Costs costs) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  std::string table =
      fmt::format("{:<20} {:>10} {:>10} {:>7}\n", "card", "predicted", "measured", "ratio");
  for (const std::string& nic : args.against) {
    auto one = stage(args, scratch, nic, costs);
    if (!one) return diag::fail(one.error());
    const double predicted = (*one)->plan.cycles_per_packet, measured = (*one)->measured.way;
    rows.push_back({{"card", nic},
                    {"predicted", predicted},
                    {"measured", measured},
                    {"ratio", predicted / measured}});
    table += fmt::format("{:<20} {:>10.1f} {:>10.1f} {:>7.2f}\n", nic, predicted, measured,
                         predicted / measured);
  }
  print(args.json ? rows.dump(2) + "\n" : table);
  return {};
}

}  // namespace

int profile(const ProfileArgs& args) {
  const Scratch scratch;
  auto costs = profiled(args, scratch);
  if (!costs) return report(costs.error());
  costs->name = args.output.empty() ? "measured" : fs::path(args.output).stem().string();
  const std::string text =
      costs_yaml(*costs, fmt::format("weft profile, least of {} runs, {}", args.runs, processor()));
  if (!args.output.empty()) {
    if (auto written = plan::write_file_atomically(text, args.output); !written)
      return report(written.error());
    say(fmt::format("wrote {}; `weft compile --costs {}` plans with it", args.output, args.output));
  } else if (args.against.empty()) {
    print(text);
  }
  if (args.against.empty()) return ok;
  if (auto compared = compare(args, scratch, *costs); !compared) return report(compared.error());
  return ok;
}

}  // namespace weft::tool
