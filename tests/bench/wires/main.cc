// UDP echo over wires of the kernel: dpdk-testpmd swapping addresses and ports (the bare wire) and
// weft, with the same load from the other end. Both run all the time; who is not measured is
// stopped, so that everything else that the machine does hits both alike.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <map>
#include <memory>

#include "runtime/ports/eal.h"
#include "tests/bench/process.h"
#include "tests/bench/report.h"
#include "tests/bench/wires/load.h"

namespace weft::bench {
namespace {

namespace fs = std::filesystem;

struct Options {
  unsigned runs = 7, window = 256, frame = 64;
  double seconds = 0.5;
  std::vector<std::string> wires = {"tap", "af_packet", "af_xdp"};
  bool json = false, busy = false;
};

// Who echoes: "bare", "weft" (the card `none` emulated on the wire), "weft-port" (the wire's port).
const std::vector<std::string> contenders = {"bare", "weft", "weft-port"};

struct Place {
  unsigned echo_cpu, load_cpu;
  fs::path folder, build;
};

// One contender on a wire of its own, with the load at the other end.
class Stage {
 public:
  Stage(const std::string& wire, const std::string& who, const Options& options, const Place& place,
        unsigned number)
      : peer_(fmt::format("wb{}p{}", getpid(), number)) {
    const bool tap = wire == "tap";
    if (!tap) {
      mine_ = std::make_unique<Namespace>(fmt::format("wb{}w{}", getpid(), number));
      command({"ip", "link", "add", "weft0", "netns", mine_->name, "type", "veth", "peer", "name",
               "peer0", "netns", peer_.name});
      command(peer_.inside({"ethtool", "-K", "peer0", "tx", "off", "gso", "off", "tso", "off"}));
      command(mine_->inside({"ethtool", "-K", "weft0", "tx", "off", "gso", "off", "gro", "off"}));
      command(mine_->inside({"ip", "link", "set", "weft0", "up"}));
      command(peer_.inside({"ip", "link", "set", "peer0", "up"}));
    }
    const Namespace& home = tap ? peer_ : *mine_;
    const std::string log = place.folder / fmt::format("{}.log", number);
    echo_ = who == "bare" ? bare(wire, home, place, number, log)
                          : weft(wire, who, home, options, place, number, log);
    if (tap) command(peer_.inside({"ip", "link", "set", "weft0", "up"}));
    load_ = std::make_unique<Load>(LoadOptions{.space = peer_.name,
                                               .interface = tap ? "weft0" : "peer0",
                                               .frame = options.frame,
                                               .window = options.window,
                                               .cpu = place.load_cpu});
    echo_->pause();
  }

  // Frames echoed per second, and the echo's processor time for each.
  std::pair<double, double> measure(double seconds) {
    echo_->resume();
    load_->run(0.05);
    const double before = echo_->cpu_seconds();
    const LoadResult result = load_->run(seconds);
    const double cpu = echo_->cpu_seconds() - before;
    echo_->pause();
    if (result.echoed == 0) throw std::runtime_error("nothing was echoed");
    const auto echoed = static_cast<double>(result.echoed);
    return {echoed / result.seconds, cpu / echoed * 1e9};
  }

 private:
  static std::unique_ptr<Process> bare(const std::string& wire, const Namespace& home,
                                       const Place& place, unsigned number,
                                       const std::string& log) {
    const std::map<std::string, std::string> devices = {
        {"tap", "net_tap0,iface=weft0"},
        {"af_packet", "net_af_packet0,iface=weft0,framesz=2048,blocksz=32768,framecnt=2048"},
        {"af_xdp", "net_af_xdp0,iface=weft0"}};
    return std::make_unique<Process>(
        home.inside({"dpdk-testpmd", "--no-huge", "-m", "256", "--no-pci", "--no-telemetry",
                     "--no-shconf", "--file-prefix", fmt::format("wb{}x{}", getpid(), number),
                     "--lcores", fmt::format("0@{0},1@{0}", place.echo_cpu), "--vdev",
                     devices.at(wire), "--", "--forward-mode=5tswap", "--auto-start",
                     "--total-num-mbufs=8192", "--no-lsc-interrupt", "--stats-period=3600"}),
        log, "Throughput");
  }

  static std::unique_ptr<Process> weft(const std::string& wire, const std::string& who,
                                       const Namespace& home, const Options& options,
                                       const Place& place, unsigned number,
                                       const std::string& log) {
    const bool port = who == "weft-port";
    const std::string plan = place.folder / fmt::format("{}.plan.yaml", number);
    const std::string tool = place.build / "weft";
    command({tool, "compile", "host_udp_ipv4", "--nic", port ? wire : "none", "--workload",
             "quickstart", "--queues", "1", "-o", plan});
    std::vector<std::string> words = {tool,
                                      "run",
                                      plan,
                                      "--wire",
                                      wire + ":weft0",
                                      "--name",
                                      fmt::format("wb{}x{}", getpid(), number),
                                      "--cpus",
                                      std::to_string(place.echo_cpu)};
    if (port) words.insert(words.end(), {"--card", "port"});
    if (options.busy) words.push_back("--busy");
    return std::make_unique<Process>(home.inside(words), log, " runs on ");
  }

  Namespace peer_;
  std::unique_ptr<Namespace> mine_;
  std::unique_ptr<Process> echo_;
  std::unique_ptr<Load> load_;
};

std::vector<Row> measure(const Options& options, const Place& place) {
  std::vector<Row> rows;
  unsigned number = 0;
  for (const std::string& wire : options.wires) {
    std::vector<std::unique_ptr<Stage>> stages;
    for (const std::string& who : contenders)
      stages.push_back(std::make_unique<Stage>(wire, who, options, place, number++));
    std::vector<std::vector<double>> rates(stages.size()), costs(stages.size());
    for (unsigned run = 0; run < options.runs; ++run) {
      for (std::size_t i = 0; i < stages.size(); ++i) {
        const auto [rate, cost] = stages[i]->measure(options.seconds);
        rates[i].push_back(rate);
        costs[i].push_back(cost);
      }
    }
    for (std::size_t i = 0; i < stages.size(); ++i) {
      const std::string peer = i == 0 ? "" : wire + "/bare";
      rows.push_back({"wires", wire + "/" + contenders[i], "rate", median(rates[i]), "packets/s",
                      peer, 0, rates[i]});
      rows.push_back({"wires", wire + "/" + contenders[i], "cpu", median(costs[i]), "ns/packet",
                      peer, 0, costs[i]});
    }
  }
  compare(rows);
  return rows;
}

int run(const Options& options) {
  const auto cpus = ports::usable_cpus();
  Place place{.echo_cpu = cpus.back(), .load_cpu = cpus.front(), .folder = {}, .build = {}};
  char folder[] = "/tmp/weft-bench-XXXXXX";
  if (mkdtemp(folder) == nullptr) throw std::runtime_error("no temporary folder");
  place.folder = folder;
  place.build = fs::read_symlink("/proc/self/exe").parent_path().parent_path();
  std::error_code ignored;
  try {
    print(measure(options, place), options.json);
  } catch (...) {
    fs::remove_all(place.folder, ignored);
    throw;
  }
  fs::remove_all(place.folder, ignored);
  return 0;
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) {
  weft::bench::Options options;
  CLI::App app{"tests/bench/run wires\n\nEcho rates of wires: the bare wire, and weft on it.",
               "wires"};
  app.add_option("--runs", options.runs, "measurements of each; the median counts")
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "of one measurement")->capture_default_str();
  app.add_option("--window", options.window, "frames under way")->capture_default_str();
  app.add_option("--frame", options.frame, "bytes of a frame, without FCS")
      ->check(CLI::Range(60, 1514))
      ->capture_default_str();
  app.add_option("--wires", options.wires, "tap, af_packet, af_xdp")->delimiter(',');
  app.add_flag("--busy", options.busy, "weft polls without rest, as testpmd does");
  app.add_flag("--json", options.json, "one row in a line");
  CLI11_PARSE(app, argc, argv);
  if (geteuid() != 0) {
    fmt::print(stderr, "wires: network namespaces need root\n");
    return 77;
  }
  try {
    return weft::bench::run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "wires: {}\n", error.what());
    return 70;
  }
}
