// The command line of weft. CLI11 is used here and nowhere else.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <functional>
#include <new>

#include "compiler/smt/solver.h"
#include "compiler/tool/command_tree_of.h"
#include "compiler/tool/commands.h"
#include "compiler/tool/say.h"

namespace weft::tool {
namespace {

// Help begins with an example, because that is what people look for.
class Help final : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const final {
    if (mode == CLI::AppFormatMode::Sub) return Formatter::make_help(app, name, mode);
    std::string text = app->get_description();
    return text + "\n" + make_usage(app, name) + make_positionals(app) + make_groups(app, mode) +
           make_subcommands(app, mode);
  }
  // In the list of commands, one line for each: what follows the example.
  std::string make_subcommand(const CLI::App* sub) const final {
    std::string text = sub->get_description();
    std::size_t at = text.find("\n\n");
    if (at != std::string::npos) text = text.substr(at + 2);
    text = text.substr(0, text.find('\n'));
    return fmt::format("  {:<10} {}\n", sub->get_name(), text);
  }
};

// (CLI11's own says "not in range 0 to" and 309 digits.)
const CLI::Validator not_negative(
    [](const std::string& text) {
      return text.starts_with('-') ? "seconds, not fewer than 0: " + text : std::string();
    },
    "NONNEGATIVE");

struct CommandLine {
  CLI::App app;
  std::function<int()> chosen;

  CheckArgs check;
  CompileArgs compile;
  ProfileArgs profile;
  DiffArgs diff;
  ExplainArgs explain;
  VerifyArgs verify;
  BuildArgs build;
  GraphArgs graph;
  NicShowArgs nic;
  bool nic_json = false;
  HostShowArgs host;
  ObserveArgs stats, drops;
  TopArgs top;
  ApplyArgs apply;
  PlanArgs plan;
  RequestArgs flow, endpoint;
  NodesArgs nodes;
  std::string shell, kind;

  CommandLine();
  CLI::App* add(const std::string& name, const std::string& example, const std::string& what,
                std::function<int()> act, CLI::App* under = nullptr);
  void add_planning();
  void add_measuring();
  void add_looking();
  void add_running();
  void add_changing();
};

CommandLine::CommandLine() : app("", "weft") {
  app.description(
      "Example:\n"
      "  weft compile host_udp_ipv4 --nic intel_82599 --workload quickstart -o plan.yaml\n"
      "  weft explain plan.yaml --packet 'udp from 10.7.0.1:40000 to 10.7.0.2:7'\n"
      "  weft run plan.yaml --wire tap:weft0\n\n"
      "weft weaves a protocol graph into a network card: it compiles a plan, proves it, and\n"
      "builds and runs the stack that is left.\n");
  app.formatter(std::make_shared<Help>());
  app.set_version_flag("--version", "weft 0.1.0");
  app.require_subcommand(1);
  add_planning();
  add_measuring();
  add_looking();
  add_running();
  add_changing();
}

CLI::App* CommandLine::add(const std::string& name, const std::string& example,
                           const std::string& what, std::function<int()> act, CLI::App* under) {
  CLI::App* sub = (under != nullptr ? under : &app)->add_subcommand(name);
  sub->description("Example:\n  " + example + "\n\n" + what + "\n");
  sub->callback([this, act = std::move(act)] { chosen = act; });
  return sub;
}

void CommandLine::add_planning() {
  auto* c = add("check", "weft check graphs/host_udp_ipv4.yaml nicmodels/intel_82599.yaml",
                "Reads and verifies graphs, NIC models, workloads and plans.",
                [this] { return tool::check(check); });
  c->add_option("THING", check.things, "files, or names of the installation")->required();
  c->add_flag("--json", check.json, "results as JSON");

  c = add("compile",
          "weft compile host_udp_ipv4 --nic intel_82599 --workload quickstart -o plan.yaml",
          "Compiles and proves a plan, and shows it.", [this] { return tool::compile(compile); });
  c->add_option("GRAPH", compile.graph, "protocol graph: a name or a file")->required();
  c->add_option("--nic", compile.nic, "NIC model: a name or a file")->required();
  c->add_option("--workload", compile.workload, "workload: a name or a file")->required();
  c->add_option("--costs", compile.costs, "cycles of nodes: a name or a file (weft profile)")
      ->capture_default_str();
  c->add_option("--queues", compile.queues, "receive queues (the workload's wish otherwise)")
      ->check(CLI::Range(1u, 4096u));
  c->add_option("--cores", compile.cores, "net cores (the workload's wish otherwise)")
      ->check(CLI::Range(1u, 4096u));
  c->add_option("-o,--output", compile.output, "where the plan goes; - is stdout");
  c->add_flag("--json", compile.json, "show the plan as JSON");
  c->add_flag("--all", compile.all, "show every filter and every node with its reason");
  c->add_flag("--no-proof", compile.no_proof, "leave the plan unproved");
  c->add_option("--host", compile.host, "machine file, as `weft host show` writes it");
  c->add_option("--time-limit", compile.time_limit,
                "seconds after which the best plan so far is taken (exit 4)")
      ->check(not_negative);
  c->add_option("--dump", compile.dump, "folder for what each pass leaves, one file each");

  c = add("diff", "weft diff old.yaml new.yaml", "What changes from one plan to another.",
          [this] { return tool::diff(diff); });
  c->add_option("BEFORE", diff.before, "plan")->required();
  c->add_option("AFTER", diff.after, "plan")->required();
  c->add_flag("--json", diff.json, "the changes as JSON");
  c->add_flag("--all", diff.all, "every filter and flow");
  c->add_flag("--detailed-exitcode", diff.detailed_exitcode, "exit 2 when there are changes");

  c = add("verify", "weft verify plan.yaml",
          "Proves that card and residues do what the protocol graph says.\n"
          "Where they do not, shows a packet that they treat otherwise, and writes it as a pcap.",
          [this] { return tool::verify(verify); });
  c->add_option("PLAN", verify.plan, "plan")->required();
  c->add_option("--graph", verify.graph, "protocol graph (the one that the plan names)");
  c->add_option("--nic", verify.nic, "NIC model (the one that the plan names)");
  c->add_option(
      "--workload", verify.workload,
      "workload (the installed one with the plan's hash); the plan itself, where flows or "
      "endpoints changed while it ran");
  c->add_option("--costs", verify.costs,
                "cycles of nodes (the installed ones with the plan's hash)");
  c->add_option("--pcap", verify.pcap, "where the counterexample goes")->capture_default_str();
  c->add_flag("--json", verify.json, "the verdict as JSON");
}

void CommandLine::add_measuring() {
  auto* c =
      add("profile", "weft profile -o mine.yaml",
          "Runs the stack on this machine, over a wire inside the process, and writes what its\n"
          "nodes cost here: a cost file for `weft compile --costs`.",
          [this] { return tool::profile(profile); });
  c->add_option("-o,--output", profile.output, "where the costs go (stdout otherwise)");
  c->add_option("--graph", profile.graph, "protocol graph")->capture_default_str();
  c->add_option("--workload", profile.workload, "whose flows it is measured with")
      ->capture_default_str();
  c->add_option("--against", profile.against,
                "cards: shows what the costs foretell, and what is measured")
      ->delimiter(',');
  c->add_flag("--json", profile.json, "with --against: as JSON");
  c->add_option("--runs", profile.runs, "of each; the least counts")
      ->capture_default_str()
      ->check(CLI::Range(1u, 100u));
}

void CommandLine::add_looking() {
  auto* c =
      add("explain",
          "weft explain plan.yaml udp_checksum\n"
          "  weft explain plan.yaml --packet 'udp from 10.7.0.1:40000 to 10.7.0.2:7 ttl 3'\n"
          "  weft explain E0104",
          "A plan, its endpoints and nodes; what happens to a packet; what an error code means.",
          [this] { return tool::explain(explain); });
  c->add_option("PLAN", explain.subject, "plan, or an error code")->required();
  c->add_option("NODE", explain.node, "endpoint; or node of the protocol graph, or node.item");
  auto* packet = c->add_option(
      "--packet", explain.packet,
      "udp|icmp|tcp|arp [from A[:P]] [to A[:P]] [len N] [vlan N] [ttl N] [fragment OFFSET [more]]\n"
      "[bad-checksum udp|tcp|icmp|ipv4] [no-checksum] [eth-dst MAC] [eth-src MAC]");
  auto* pcap = c->add_option("--pcap", explain.pcap, "take the packet from a capture file");
  c->add_option("--frame", explain.frame, "which frame of the capture, from 1")
      ->needs(pcap)
      ->check(CLI::PositiveNumber);
  packet->excludes(pcap);
  c->add_option("--desc", explain.descriptor,
                "ip_cksum|l4_cksum=unknown|good|bad|none: instead of what the card would say");
  c->add_option("--nic", explain.nic, "NIC model (the one that the plan names)");
  c->add_flag("--json", explain.json, "the story as JSON");
  c->add_flag("--all", explain.all, "of a plan: every filter and every node with its reason");

  c = add("graph", "weft graph host_udp_ipv4 --format svg > graph.svg",
          "The picture or the text of a protocol graph, a NIC model or a plan's residue.",
          [this] { return tool::graph(graph); });
  c->add_option("THING", graph.thing, "graph, NIC model or plan: a name or a file")->required();
  c->add_option("--format", graph.format, "dot, svg or text")
      ->check(CLI::IsMember({"dot", "svg", "text"}))
      ->capture_default_str();
  c->add_option("--queue", graph.queue, "of a plan: the queue whose residue is drawn")
      ->capture_default_str();
  c->add_option("--direction", graph.direction, "of a NIC model: receive or transmit")
      ->check(CLI::IsMember({"receive", "transmit"}))
      ->capture_default_str();

  CLI::App* nic_group = app.add_subcommand("nic");
  nic_group->description(
      "Example:\n  weft nic list\n  weft nic show intel_82599\n"
      "  weft nic probe pci:0000:01:00.0 -o mine.yaml\n\n"
      "The NIC models.\n");
  nic_group->require_subcommand(1);
  c = add(
      "list", "weft nic list", "The installed NIC models.",
      [this] { return tool::nic_list(nic_json); }, nic_group);
  c->add_flag("--json", nic_json, "as JSON");
  c = add(
      "show", "weft nic show intel_82599", "What a card can do, and where we know it from.",
      [this] { return tool::nic_show(nic); }, nic_group);
  c->add_option("NIC", nic.nic, "NIC model: a name or a file")->required();
  c->add_flag("--json", nic.json, "as JSON");
  c = add("probe", "weft nic probe pci:0000:01:00.0 -o mine.yaml",
          "Asks a live port what it is, and writes a NIC model of it.", nullptr, nic_group);
  c->set_help_flag();
  c->prefix_command();
  c->callback([this, c] { chosen = [c] { return tool::nic_probe(c->remaining()); }; });

  CLI::App* host_group = app.add_subcommand("host");
  host_group->description("Example:\n  weft host show > host.yaml\n\nThe machine.\n");
  host_group->require_subcommand(1);
  c = add(
      "show", "weft host show --interface eth0 > host.yaml",
      "This machine's CPUs, as a file for `weft compile --host`.\n"
      "CPUs that this process may not use (taskset, a container's) are `reserved: on` in it.",
      [this] { return tool::host_show(host); }, host_group);
  c->add_option("--interface", host.interface,
                "the card's, for its NUMA node (left out where the kernel names none)");
  c->add_flag("--json", host.json, "as JSON");

  c = add("nodes", "weft nodes udp.checksum_ok", "The stack nodes and their declarations.",
          [this] { return tool::nodes(nodes); });
  c->add_option("NAME", nodes.name, "one of them");
  c->add_flag("--json", nodes.json, "as JSON");

  c = add("schema", "weft schema workload > workload.schema.json",
          "The JSON schema of a kind of files, for editors that check and complete YAML.",
          [this] { return tool::schema(kind); });
  std::vector<std::string> kinds;
  for (const auto& [name, file] : schema_files()) kinds.push_back(name);
  c->add_option("KIND", kind, "what the file is")->check(CLI::IsMember(kinds))->required();

  c = add("completion", "source <(weft completion bash)",
          "A script with which a shell completes weft's command line.",
          [this] { return tool::completion(shell, command_of(app)); });
  c->add_option("SHELL", shell, "bash, zsh or fish")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->required();
}

void CommandLine::add_running() {
  auto* c = add("build", "weft build plan.yaml\n  weft build plan.yaml --source | less",
                "Generates the C++ of a plan's residues and compiles it.",
                [this] { return tool::build(build); });
  c->add_option("PLAN", build.plan, "plan")->required();
  c->add_flag("--source", build.source, "print the C++ instead of compiling it");
  c->add_option("-o,--output", build.output, "keep the C++ in this file");
  c->add_option("--cpu", build.cpu, "for another machine: the least that its CPU can do")
      ->check(CLI::IsMember({"x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"}));

  // What weft-runtime understands is its own business: everything goes to it as written.
  for (auto [name, example, what, act] :
       {std::tuple{"run", "weft run plan.yaml --wire tap:weft0",
                   "Runs a proved plan: hands it and all arguments to weft-runtime.", &tool::run},
        std::tuple{"doctor", "weft doctor plan.yaml --wire tap:weft0",
                   "What this machine lacks, and the command that mends it.", &tool::doctor}}) {
    c = add(name, example, what, nullptr);
    c->set_help_flag();
    c->prefix_command();
    c->callback([this, c, act = act] { chosen = [c, act] { return act(c->remaining()); }; });
  }

  for (auto [name, what, args, act] :
       {std::tuple{"stats", "Packets per node of a running stack.", &stats, &tool::stats},
        std::tuple{"drops", "Dropped packets of a running stack, by reason.", &drops,
                   &tool::drops}}) {
    c = add(name, fmt::format("weft {}", name), what,
            [args = args, act = act] { return act(*args); });
    c->add_option("NAME", args->name,
                  "the stack's name or its socket's path (the only one, otherwise)");
    c->add_flag("--all", args->all, "zeros, too");
    c->add_flag("--json", args->json, "as JSON");
  }

  c = add("top", "weft top\n  weft top echo --count 1",
          "What a running stack does now: rates of cores and queues, and what is dropped.",
          [this] { return tool::top(top); });
  c->add_option("NAME", top.name,
                "the stack's name or its socket's path (the only one, otherwise)");
  c->add_option("--count", top.count, "so many times, then end (0: until the stack ends)")
      ->capture_default_str();
  c->add_option("--interval", top.interval_s, "seconds between two")
      ->check(CLI::Range(0.05, 3600.0))
      ->capture_default_str();
}

// What changes while the stack runs.
void CommandLine::add_changing() {
  const auto stack_and_inputs = [](CLI::App* c, auto& args) {
    c->add_option("--stack", args.stack, "the running stack's name (the only one, otherwise)");
    c->add_option("--graph", args.graph, "protocol graph (the one that the plan names)");
    c->add_option("--nic", args.nic, "NIC model (the one that the plan names)");
    c->add_option("--costs", args.costs, "cycles of nodes (those that the plan was made with)");
  };
  auto* c = add("apply", "weft apply workload.yaml --dry-run\n  weft apply new-plan.yaml",
                "Changes a running stack to another plan, or to the plan of another workload.\n"
                "Shows what is added, moved and removed; each state in between is proved.",
                [this] { return tool::apply(apply); });
  c->add_option("PLAN", apply.what, "plan, or workload")->required();
  stack_and_inputs(c, apply);
  c->add_flag("--dry-run", apply.dry_run, "show and prove it, and change nothing");
  c->add_flag("--all", apply.all, "every operation");
  c->add_flag("--detailed-exitcode", apply.detailed_exitcode, "exit 2 when there are changes");

  c = add("plan", "weft plan -o now.yaml\n  weft plan --serve --workload workload.yaml",
          "The plan that a running stack has come to; or a planner that stays beside it.",
          [this] { return tool::plan(plan); });
  stack_and_inputs(c, plan);
  c->add_option("-o,--output", plan.output, "where it goes (stdout, otherwise)");
  c->add_flag("--json", plan.json, "as JSON");
  c->add_flag("--serve", plan.serve, "serve `weft flow` and `weft endpoint` until the stack ends");
  c->add_option("--workload", plan.workload, "with --serve: the rates of flows");
  c->add_option("--watch", plan.watch_s, "with --serve: seconds between two looks at the queues")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  c->add_option("--drift", plan.drift, "with --serve: percent of the mean, from where flows move")
      ->capture_default_str();
  c->add_option("--moves", plan.moves, "with --serve: at most so many flows move at once; 0: none")
      ->capture_default_str();

  c = add("flow",
          "weft flow add echo 10.7.0.1:40000 rate 100\n  weft flow move 10.7.0.1:40000 queue 2\n"
          "  weft flow remove 10.7.0.1:40000",
          "Adds, moves or removes a flow of a running stack.", [this] { return tool::flow(flow); });
  c->add_option(
       "REQUEST", flow.words,
       "add ENDPOINT A:P [to A:P] [rate R] [class C] [queue N] | move A:P [to A:P] queue N | "
       "remove A:P [to A:P] [of ENDPOINT]; connections also from A, A/LENGTH, A:P-P")
      ->required();
  stack_and_inputs(c, flow);
  c->add_flag("--json", flow.json, "as JSON");

  c = add("endpoint", "weft endpoint add more udp 1007 app udp_echo\n  weft endpoint remove more",
          "Adds or removes an endpoint of a running stack.",
          [this] { return tool::endpoint(endpoint); });
  c->add_option("REQUEST", endpoint.words, "add NAME udp|tcp PORT app APP | remove NAME")
      ->required();
  stack_and_inputs(c, endpoint);
  c->add_flag("--json", endpoint.json, "as JSON");
}

// The deepest command that was named, for hints.
const CLI::App* named(const CLI::App& app) {
  for (const CLI::App* sub : app.get_subcommands()) return named(*sub);
  return &app;
}

struct Wrong {
  std::string word;  // the first that nobody knows, "" when all are known
  std::string hint;
};

// Which word of the command line is wrong, seen from the deepest command that was named.
Wrong wrong_word(const CLI::App& app, int argc, char** argv) {
  std::vector<std::string> options, commands;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) options.push_back("--" + name);
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    commands.push_back(sub->get_name());
  int first = 1;
  for (const CLI::App* a = &app; a->get_parent() != nullptr; a = a->get_parent()) ++first;
  for (int i = first; i < argc; ++i) {
    std::string word = argv[i];
    word = word.substr(0, word.find('='));
    const bool option = word.starts_with("--");
    if (!option && (commands.empty() || word.starts_with("-"))) continue;
    const auto& known = option ? options : commands;
    if (std::find(known.begin(), known.end(), word) != known.end()) continue;
    std::string near = diag::nearest(word, known);
    return {word, near.empty() ? "" : fmt::format("did you mean `{}`?", near)};
  }
  return {};
}

int usage_error(const CLI::App& app, std::string message, int argc, char** argv) {
  const CLI::App* at = named(app);
  std::string full;
  for (const CLI::App* a = at; a != nullptr; a = a->get_parent())
    full = a->get_name() + (full.empty() ? "" : " " + full);
  Wrong wrong = wrong_word(*at, argc, argv);
  if (!wrong.word.empty())
    message =
        fmt::format("no {} `{}`", wrong.word.starts_with("-") ? "option" : "command", wrong.word);
  say(fmt::format("{}: {}", full, message));
  if (!wrong.hint.empty()) say("  " + wrong.hint);
  say(fmt::format("  {} --help shows how it is used", full));
  return usage;
}

}  // namespace

int main(int argc, char** argv) {
  CommandLine line;
  try {
    if (argc == 1) {
      print(line.app.help());
      return usage;
    }
    line.app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    return line.app.exit(e);
  } catch (const CLI::ParseError& e) {
    return usage_error(line.app, e.what(), argc, argv);
  }
  return line.chosen();
}

}  // namespace weft::tool

int main(int argc, char** argv) {
  try {
    return weft::tool::main(argc, argv);
  } catch (const std::bad_alloc&) {
    weft::tool::say("weft: not enough memory");
    return weft::tool::not_ready;
  } catch (const std::exception& e) {
    if (weft::smt::is_out_of_memory(e.what())) {
      weft::tool::say("weft: not enough memory");
      return weft::tool::not_ready;
    }
    weft::tool::say(std::string("weft: this is a bug of weft: ") + e.what());
  } catch (...) {
    weft::tool::say("weft: this is a bug of weft: an unknown exception");
  }
  return weft::tool::our_bug;
}
