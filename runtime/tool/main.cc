// weft-runtime: runs a plan on a wire. `weft run` hands over to it.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "compiler/frontend/places.h"
#include "compiler/tool/command_tree_of.h"
#include "runtime/tool/options.h"
#include "runtime/tool/probe.h"
#include "runtime/tool/report.h"

namespace weft::tool {

std::string root() { return frontend::source_root(); }

}  // namespace weft::tool

namespace {

using weft::tool::RuntimeOptions;

constexpr const char* example =
    "Example:\n"
    "  weft-runtime plan.yaml --wire tap:weft0\n"
    "  weft-runtime plan.yaml --wire sim:in.pcap,out.pcap --stats-file stats.json\n\n"
    "Runs a compiled and proved plan until SIGINT or SIGTERM, or the end of the capture.";

void declare(CLI::App& app, RuntimeOptions& o, std::string& wire) {
  app.add_option("PLAN", o.plan, "plan, as `weft compile -o` writes it");
  app.add_option(
      "--wire", wire,
      "tap:NAME, af_packet:INTERFACE, af_xdp:INTERFACE, memif:SOCKET, virtio_user:SOCKET, "
      "vhost:SOCKET, ring:NAME, pcap:IN,OUT, sim:IN,OUT (no rights needed), or "
      "pci:0000:00:04.0 (a card that weft drives itself)");
  app.add_option("--card", o.card,
                 "emulated (the default): the plan's model on top of the wire; port: the wire's "
                 "own port (always, with pci:)")
      ->check(CLI::IsMember({"emulated", "port"}));
  app.add_option("--nic", o.nic, "file of the NIC model, when it is not an installed one");
  app.add_option("--object", o.object, "generated code to load (built when it is not given)");
  app.add_flag("--interpret", o.interpret, "run the graph node by node, without a compiler");
  auto* huge = app.add_flag("--huge", o.huge, "insist on huge pages");
  app.add_flag("--no-huge", o.no_huge, "use none, even where there are some")->excludes(huge);
  app.add_option("--cpus", o.cpus, "CPUs for the net cores: 2,3 (they take turns when too few)")
      ->delimiter(',');
  app.add_option("--duration", o.duration_s, "end after so many seconds (of the stack's clock)")
      ->check(CLI::PositiveNumber);
  app.add_flag("--once", o.once, "end when the capture has been read (captures always do)");
  app.add_option("--stats-file", o.stats_file, "write all counters there at the end, as JSON");
  app.add_option("--name", o.name, "of this instance, instead of the plan file's");
  app.add_option("--app-path", o.app_path, "folder with applications (may be given repeatedly)");
  app.add_option("--seed", o.seed,
                 "of everything random; runs on sim repeat exactly (default 1 there)");
  app.add_flag("--busy", o.busy, "poll without rest, even when idle");
  app.add_flag("--profile", o.profile,
               "time every batch, and with --interpret every node (counters then hold cycles)");
  app.add_flag("--quiet", o.quiet, "say nothing but errors");
  app.add_flag("--unproved,--unproven", o.unproved, "run a plan without its proof");
  app.add_flag("--doctor", o.doctor, "only say what this machine lacks for that");
  app.add_flag("--json", o.json, "with --doctor: as JSON");
}

// `weft-runtime --probe PORT ...`, which `weft nic probe` becomes.
void declare_probe(CLI::App& app, weft::tool::ProbeOptions& o) {
  app.add_option("PORT", o.port,
                 "pci:0000:01:00.0, tap:NAME, af_packet:INTERFACE, memif:SOCKET, ring:NAME, or "
                 "emulated:MODEL")
      ->required();
  app.add_option("-o,--output", o.output,
                 "write a NIC model of it there; the file names the model");
  app.add_option("--rules", o.rules, "rules of each kind to create, to see how many fit (0: none)")
      ->check(CLI::Range(0, 100'000));
  app.add_flag("--json", o.json, "as JSON");
}

int misused(const std::string& why) {
  std::fprintf(stderr, "weft-runtime: %s\nTry `weft-runtime --help`.\n", why.c_str());
  return weft::tool::usage;
}

int checked(RuntimeOptions& o, const std::string& wire) {
  if (o.quiet) weft::tool::be_quiet();
  if (!wire.empty()) {
    auto name = weft::ports::wire_name(wire);
    if (!name) {
      weft::tool::report(name.error());
      return weft::tool::usage;
    }
    o.wire = *name;
  }
  const bool pci = o.wire && o.wire->kind == weft::ports::WireName::Kind::pci;
  if (pci && o.card == "emulated")
    return misused("a card of its own needs no emulated one on top; leave --card out");
  if (o.card.empty()) o.card = pci ? "port" : "emulated";
  if (o.doctor) return weft::tool::doctor(o);
  if (o.plan.empty()) return misused("a plan is missing");
  if (!o.wire)
    return misused("say on which wire: --wire tap:weft0, or --wire sim:in.pcap,out.pcap");
  if (o.once && o.wire->live()) return misused("--once is for captures; " + wire + " has no end");
  if (o.card == "port" && o.wire->kind == weft::ports::WireName::Kind::sim)
    return misused("the simulated wire has no port; leave --card out");
  if (o.interpret && !o.object.empty())
    return misused("--interpret and --object exclude each other");
  return weft::tool::run(o);
}

}  // namespace

int probe_main(int argc, char** argv) {
  CLI::App app{
      "Example:\n  weft nic probe emulated:intel_82599\n  weft nic probe pci:0000:01:00.0 -o "
      "mine.yaml\n\nAsks a port what it is: queues, offloads, RSS, and which rules it takes, each "
      "created and\ndestroyed again. Writes a NIC model, and says where the catalogue's differs.",
      "weft nic probe"};
  weft::tool::ProbeOptions options;
  declare_probe(app, options);
  try {
    app.parse(argc, argv);
    return weft::tool::probe(options);
  } catch (const CLI::Success& done) {
    return app.exit(done);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "weft nic probe: %s\nTry `weft nic probe --help`.\n", error.what());
    return weft::tool::usage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "weft nic probe: internal error: %s\n", error.what());
    return weft::tool::our_bug;
  }
}

// What `weft completion` asks: the options of `weft run`, `weft doctor` and `weft nic probe`.
int tell_commands() {
  CLI::App run{example, "run"}, probe{"", "probe"};
  RuntimeOptions options;
  std::string wire;
  declare(run, options, wire);
  weft::tool::ProbeOptions probe_options;
  declare_probe(probe, probe_options);
  const nlohmann::json all = {{"run", weft::tool::command_of(run)},
                              {"probe", weft::tool::command_of(probe)}};
  std::printf("%s\n", all.dump().c_str());
  return weft::tool::ok;
}

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--commands") return tell_commands();
  if (argc > 1 && std::string_view(argv[1]) == "--probe") return probe_main(argc - 1, argv + 1);
  CLI::App app{example, "weft-runtime"};
  RuntimeOptions options;
  std::string wire;
  declare(app, options, wire);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    return app.exit(done);
  } catch (const CLI::ParseError& error) {
    return misused(error.what());
  }
  try {
    return checked(options, wire);
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "weft-runtime: not enough memory\n");
    return weft::tool::not_ready;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "weft-runtime: internal error: %s\n", error.what());
    return weft::tool::our_bug;
  }
}
