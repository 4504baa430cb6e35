// UDP echo from ring to ring on one core: generated, interpreted, by hand, librte_graph.
// Measured is everything from the dequeue of a batch to the enqueue of its replies.
#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <sched.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <map>

#include "compiler/codegen/build.h"
#include "runtime/engine/interpreter.h"
#include "tests/bench/graph/contender.h"
#include "tests/bench/graph/plans.h"
#include "tests/bench/huge_pages.h"
#include "tests/bench/instructions.h"
#include "tests/bench/report.h"

// The measured part has a C name, so that callgrind can find it.
extern "C" __attribute__((noinline)) void weft_bench_measured(weft::bench::Contender& contender,
                                                              weft::bench::Traffic& traffic) {
  while (contender.batch(traffic.in, traffic.out)) {
  }
}

namespace weft::bench {
namespace {

constexpr unsigned frames_per_round = 512;
constexpr unsigned few_flows = 1000;
// 2^23 buckets of 64 bytes: 512 MB of flow state, half full.
constexpr std::uint64_t many_flows = 16'000'000;

struct Scene {
  std::string nic;  // model
  std::uint64_t flows;
  bool facts;  // the card checks sums and marks flows (plans.h)
  bool grown = false;
  CardSays says() const { return {facts, facts}; }
};
const std::map<std::string, Scene> scenes = {
    {"none", {"none", few_flows, false}},   {"intel_e810", {"intel_e810", few_flows, true}},
    {"ideal", {"ideal", few_flows, true}},  {"3x", {"none", few_flows, false, true}},
    {"512MB", {"none", many_flows, false}},
};
struct Case {
  std::string name, scene, contender, peer;
};
const std::vector<Case> all_cases = {
    {"none/hand-fused", "none", "hand-fused", ""},
    {"none/generated", "none", "generated", "none/hand-fused"},
    {"none/interpreted", "none", "interpreted", "none/generated"},
    {"none/librte_graph", "none", "librte_graph", "none/hand-fused"},
    {"intel_e810/hand-fused", "intel_e810", "hand-card", "none/hand-fused"},
    {"intel_e810/generated", "intel_e810", "generated", "none/hand-fused"},
    {"intel_e810/interpreted", "intel_e810", "interpreted", "intel_e810/generated"},
    {"ideal/generated", "ideal", "generated", "none/hand-fused"},
    {"3x/generated", "3x", "generated", "none/generated"},
    {"3x/interpreted", "3x", "interpreted", "none/interpreted"},
    {"512MB/unprefetched", "512MB", "hand-fused", ""},
    {"512MB/prefetched", "512MB", "hand-prefetched", "512MB/unprefetched"},
    {"512MB/generated", "512MB", "generated", "512MB/unprefetched"},
};

int failed(const diag::Error& error) {
  fmt::print(stderr, "{}", diag::render(error, false));
  return 70;
}

// One scene's state and all that was built for it.
class Stage {
 public:
  explicit Stage(const Scene& scene) : scene_(scene) {}

  // `written`: a plan file to take instead of planning, or "".
  diag::Result<void> prepare(const std::string& written) {
    auto plan = written.empty() ? plan_for(scene_.nic, few_flows, scene_.facts, scene_.grown)
                                : plan_from(written, scene_.facts);
    if (!plan) return diag::fail(plan.error());
    plan_ = std::move(*plan);
    core = make_core(scene_.flows, services_);
    edges_.resize(4096);
    core->edges = edges_.data();
    return {};
  }

  diag::Result<std::unique_ptr<Contender>> make(const std::string& kind, Traffic& traffic) {
    const auto& residue = plan_.plan.residues.at(plan_.residue);
    if (kind == "generated") {
      // What valgrind knows, too; the hand-written loops are compiled with the same flags.
      auto built = codegen::build(plan_.plan, plan_.fields, {.more_flags = {"-march=x86-64-v3"}});
      if (!built) return diag::fail(built.error());
      auto loaded = codegen::load(built->object, built->key);
      if (!loaded) return diag::fail(loaded.error());
      generated_ = std::move(*loaded);
      return std::make_unique<Stack>(*core, *generated_->residue(residue.id));
    }
    if (kind == "interpreted") {
      auto made = engine::Interpreter::make(residue.graph, plan_.fields, *core);
      if (!made) return diag::fail(made.error());
      interpreter_ = std::move(*made);
      return std::make_unique<Interpreted>(*core, *interpreter_);
    }
    if (kind == "librte_graph") {
      if (auto made = librte_graph(*core, traffic.in, traffic.out)) return made;
      return diag::fail({.code = "E0640", .message = "librte_graph refuses to make the graph"});
    }
    if (kind == "hand-card") return behind_card(*core);
    return hand_fused(*core, kind == "hand-prefetched");
  }

  const Scene& scene() const { return scene_; }
  const plan::Plan& plan() const { return plan_.plan; }
  std::unique_ptr<Core> core;

 private:
  Scene scene_;
  MbufServices services_;
  CardPlan plan_;
  std::vector<std::uint64_t> edges_;
  std::unique_ptr<codegen::Generated> generated_;
  std::unique_ptr<engine::Interpreter> interpreter_;
};

// Nanoseconds per packet of one round; every reply of a checked round is looked at.
double round(Contender& contender, Traffic& traffic, bool check) {
  traffic.fill();
  const auto begin = rte_rdtsc_precise();
  weft_bench_measured(contender, traffic);
  const auto end = rte_rdtsc_precise();
  const unsigned replies = traffic.drain(check);
  if (replies != traffic.frames()) {
    fmt::print(stderr, "bench graph: {} replies to {} packets\n", replies, traffic.frames());
    std::exit(70);
  }
  return static_cast<double>(end - begin) * 1e9 / static_cast<double>(rte_get_tsc_hz()) /
         traffic.frames();
}

struct Options {
  bool json = false;
  unsigned runs = 9;
  unsigned rounds = 200;  // of 512 packets, in each run
  std::vector<std::string> only;
  std::string plan;
  std::string child;  // count mode: this case, `rounds` rounds, nothing printed
  bool no_instructions = false;
};

bool wanted(const Options& options, const Case& c) {
  if (!options.child.empty()) return c.name == options.child;
  if (options.only.empty()) return true;
  return std::any_of(options.only.begin(), options.only.end(), [&](const std::string& word) {
    return c.name.find(word) != std::string::npos;
  });
}

std::optional<Row> instructions(const Case& c, const std::string& plan) {
  double counted[2];
  for (const unsigned rounds : {4u, 12u}) {
    const auto n = count_instructions(
        {"weft_bench_measured"},
        {this_program(), "--child", c.name, "--rounds", std::to_string(rounds), "--plan", plan});
    if (!n) return std::nullopt;
    counted[rounds == 12] = *n;
  }
  const double slope = (counted[1] - counted[0]) / (8 * frames_per_round);
  return Row{"graph", c.name, "instructions", slope, "1/packet", c.peer, 0, {slope}};
}

int run(const Options& options) {
  auto traffic = Traffic::make(frames_per_round);
  if (traffic == nullptr) return 5;
  std::map<std::string, std::unique_ptr<Stage>> stages;
  std::vector<std::pair<const Case*, std::unique_ptr<Contender>>> contenders;
  for (const auto& c : all_cases) {
    if (!wanted(options, c)) continue;
    auto& stage = stages[c.scene];
    if (stage == nullptr) {
      stage = std::make_unique<Stage>(scenes.at(c.scene));
      if (auto ok = stage->prepare(options.plan); !ok) return failed(ok.error());
    }
    auto made = stage->make(c.contender, *traffic);
    if (!made) return failed(made.error());
    contenders.emplace_back(&c, std::move(*made));
    traffic->set_flows(stage->scene().flows, stage->scene().says());
    round(*contenders.back().second, *traffic, true);
  }
  if (!options.child.empty()) {
    for (unsigned i = 0; i < options.rounds; ++i) {
      round(*contenders.at(0).second, *traffic, false);
    }
    return 0;
  }

  // Interleaved: every run measures all of them, so that what else the machine does hits all.
  std::map<const Case*, std::vector<double>> times;
  for (unsigned run = 0; run < options.runs; ++run) {
    for (auto& [c, contender] : contenders) {
      const auto& scene = stages.at(c->scene)->scene();
      traffic->set_flows(scene.flows, scene.says());
      round(*contender, *traffic, true);
      std::vector<double> rounds;
      for (unsigned i = 0; i < options.rounds; ++i) {
        rounds.push_back(round(*contender, *traffic, false));
      }
      times[c].push_back(median(rounds));
    }
  }
  std::vector<Row> rows;
  for (auto& [c, contender] : contenders) {
    rows.push_back({"graph", c->name, "time", median(times[c]), "ns/packet", c->peer, 0, times[c]});
  }
  auto folder = (std::filesystem::temp_directory_path() / "weft-plans-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return 5;
  for (const auto& [name, stage] : stages) {
    if (auto ok = plan::write_plan(stage->plan(), folder + "/" + name); !ok)
      return failed(ok.error());
  }
  contenders.clear();
  stages.clear();
  for (const auto& c : all_cases) {
    // (512 MB under valgrind is a matter of minutes, and instructions are not what it is about.)
    if (!wanted(options, c) || c.scene == "512MB" || options.no_instructions) continue;
    if (auto row = instructions(c, folder + "/" + c.scene)) rows.push_back(*row);
  }
  std::filesystem::remove_all(folder);
  compare(rows);
  print(rows, options.json);
  return 0;
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) {
  weft::bench::Options options;
  CLI::App app{"UDP echo from ring to ring on one core"};
  app.add_flag("--json", options.json, "one JSON row in a line");
  app.add_option("--runs", options.runs, "interleaved runs")->check(CLI::Range(1, 1000));
  app.add_option("--rounds", options.rounds, "rounds of 512 packets in each run");
  app.add_option("--only", options.only, "cases whose name holds one of these words");
  app.add_flag("--no-instructions", options.no_instructions, "time only");
  app.add_option("--plan", options.plan, "for callgrind: a plan file, instead of planning");
  app.add_option("--child", options.child, "for callgrind: run this case alone, print nothing");
  CLI11_PARSE(app, argc, argv);

  // (Under valgrind instructions are counted, which do not depend on pages.)
  constexpr unsigned megabytes = 64;
  const weft::bench::HugePages pages(options.child.empty() ? megabytes : 0);
  const bool huge = options.child.empty() && pages.there();
  if (options.child.empty() && !huge)
    fmt::print(stderr, "bench graph: no huge pages: times are mostly misses of the TLB\n");
  // (--no-huge and --in-memory exclude each other in DPDK 22.11; --no-shconf leaves no files.)
  std::string words[] = {argv[0],
                         "--no-pci",
                         huge ? "--in-memory" : "--no-huge",
                         "--no-shconf",
                         "-m",
                         std::to_string(megabytes),
                         "--no-telemetry",
                         "--log-level=lib.*:error"};
  std::vector<char*> eal;
  for (auto& word : words) eal.push_back(word.data());
  if (rte_eal_init(static_cast<int>(eal.size()), eal.data()) < 0) {
    fmt::print(stderr, "bench graph: DPDK does not start\n");
    return 5;
  }
  // One core, whichever it is now; a move in the middle of a run would cost caches.
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET(static_cast<unsigned>(sched_getcpu()), &here);
  sched_setaffinity(0, sizeof here, &here);
  const int code = weft::bench::run(options);
  rte_eal_cleanup();
  return code;
}
