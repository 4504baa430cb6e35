#include "tests/bench/tcp/stage.h"

#include <fmt/format.h>
#include <unistd.h>

#include "tests/bench/instructions.h"

namespace weft::bench {
namespace {

// Frames of 1,514 bytes with all sums in them, whoever sends: no stack is spared what others do.
void make_veth(const Namespace& mine, const Namespace& peer) {
  command({"ip", "link", "add", "weft0", "netns", mine.name, "type", "veth", "peer", "name",
           "peer0", "netns", peer.name});
  for (const auto& [space, name] : {std::pair{&peer, "peer0"}, std::pair{&mine, "weft0"}}) {
    command(space->inside(
        {"ethtool", "-K", name, "tx", "off", "gso", "off", "tso", "off", "gro", "off"}));
    command(space->inside({"ip", "link", "set", name, "up"}));
  }
}

}  // namespace

Stage::Stage(const std::string& wire, const std::string& who, const Place& place, unsigned number)
    : name_(fmt::format("wb{}x{}", getpid(), number)),
      peer_(name_ + "p"),
      mine_(name_ + "w"),
      load_cpu_(place.load_cpu) {
  const std::string log = fmt::format("{}/{}.log", place.folder, number);
  const bool memif = wire == "memif";
  if (!memif) make_veth(mine_, peer_);
  const std::string socket = fmt::format("{}/{}.sock", place.folder, number);
  const std::string at = memif ? "memif:" + socket : "af_packet:weft0";
  if (who == "kernel") {
    command(mine_.inside({"ip", "addr", "add", "10.7.0.2/24", "dev", "weft0"}));
    stack_ =
        std::make_unique<Process>(mine_.inside({"taskset", "-c", std::to_string(place.stack_cpu),
                                                this_program(), "--serve", "kernel"}),
                                  log, " runs on ");
  } else if (who == "lwip") {
    stack_ = std::make_unique<Process>(
        mine_.inside({"taskset", "-c", std::to_string(place.stack_cpu), this_program(), "--serve",
                      "lwip", "--wire", at, "--cpu", std::to_string(place.stack_cpu)}),
        log, " runs on ");
  } else {
    const std::string plan = fmt::format("{}/{}.plan.yaml", place.folder, number);
    const std::string tool = place.build + "/weft";
    command({tool, "compile", "host_ipv4", "--nic", memif ? "memif" : "af_packet", "--workload",
             "tcp_echo", "--queues", "1", "-o", plan});
    stack_ = std::make_unique<Process>(
        mine_.inside({tool, "run", plan, "--wire", at, "--card", "port", "--name", name_, "--cpus",
                      std::to_string(place.stack_cpu)}),
        log, " runs on ");
  }
  std::string interface = "peer0";
  if (memif) {
    interface = "tap0";
    bridge_ = std::make_unique<Process>(
        peer_.inside({"dpdk-testpmd",
                      "--no-huge",
                      "-m",
                      "256",
                      "--no-pci",
                      "--no-telemetry",
                      "--no-shconf",
                      "--file-prefix",
                      name_ + "t",
                      "--lcores",
                      fmt::format("0@{0},1@{0}", place.load_cpu),
                      "--vdev",
                      "net_memif0,role=client,socket=" + socket + ",socket-abstract=no",
                      "--vdev",
                      "net_tap0,iface=tap0",
                      "--",
                      "--forward-mode=io",
                      "--auto-start",
                      "--total-num-mbufs=8192",
                      "--no-lsc-interrupt",
                      "--disable-link-check",
                      "--stats-period=3600"}),
        log + ".bridge", "Throughput");
    command(peer_.inside({"ip", "link", "set", interface, "up"}));
  }
  command(peer_.inside({"ip", "addr", "add", "10.7.0.1/24", "dev", interface}));
  for (unsigned i = 11; i < 19; ++i)
    command(peer_.inside({"ip", "addr", "add", fmt::format("10.7.0.{}/24", i), "dev", interface}));
  command(peer_.inside({"sysctl", "-qw", "'net.ipv4.ip_local_port_range=1024 65000'"}));
  command(peer_.inside({"ping", "-c", "1", "-W", "5", "-q", "10.7.0.2"}));
  stack_->pause();
  if (bridge_) bridge_->pause();
}

Counted Stage::measure(Counted (*load)(const LoadOptions&, unsigned), unsigned connections,
                       double seconds, double& cpu) {
  stack_->resume();
  if (bridge_) bridge_->resume();
  load({.space = peer_.name, .cpu = load_cpu_, .seconds = 0.05}, connections);
  const double before = stack_->cpu_seconds();
  const Counted counted =
      load({.space = peer_.name, .cpu = load_cpu_, .seconds = seconds}, connections);
  cpu = stack_->cpu_seconds() - before;
  usleep(20'000);  // what ends still
  stack_->pause();
  if (bridge_) bridge_->pause();
  return counted;
}

}  // namespace weft::bench
