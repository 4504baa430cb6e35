// One function for each command of `weft`; each gives the exit code (say.h). Its file has the same
// name; main.cc declares the options.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/tool/command_tree.h"

namespace weft::tool {

struct CheckArgs {
  std::vector<std::string> things;  // names or paths of graphs, models, workloads
  bool json = false;
};
int check(const CheckArgs& args);

struct CompileArgs {
  std::string graph, nic, workload, costs = "default";
  unsigned queues = 0, cores = 0;    // 0: as the workload says
  std::string output;                // empty: nothing is written; "-": the plan on stdout
  std::string dump;                  // folder for what each pass leaves; empty: nothing
  std::string host;                  // machine file; empty: not known
  std::optional<double> time_limit;  // seconds
  bool json = false, all = false, no_proof = false;
};
int compile(const CompileArgs& args);

struct DiffArgs {
  std::string before, after;
  bool json = false, all = false, detailed_exitcode = false;
};
int diff(const DiffArgs& args);

struct ExplainArgs {
  std::string subject;  // error code, or plan
  std::string node;
  std::string packet, pcap;
  unsigned frame = 1;
  std::string nic;                      // model, when the plan's is not installed
  std::vector<std::string> descriptor;  // "ip_cksum=unknown": instead of what the card would say
  bool json = false;
  bool all = false;
};
int explain(const ExplainArgs& args);

struct VerifyArgs {
  std::string plan, graph, nic, workload, costs;
  std::string pcap = "counterexample.pcap";
  bool json = false;
};
int verify(const VerifyArgs& args);

struct BuildArgs {
  std::string plan;
  bool source = false;  // print the C++ instead
  std::string output;   // with source: write it there
  std::string cpu;      // "": this machine's; else a level that -march knows
};
int build(const BuildArgs& args);

struct ProfileArgs {
  std::string graph = "host_udp_ipv4", workload = "quickstart";
  std::string output;                // "": stdout
  std::vector<std::string> against;  // cards to predict and to measure
  unsigned runs = 7;
  bool json = false;
};
int profile(const ProfileArgs& args);

// Arguments are weft-runtime's, as written; the first is the plan.
int run(const std::vector<std::string>& arguments);
int doctor(const std::vector<std::string>& arguments);
int nic_probe(const std::vector<std::string>& arguments);  // weft-runtime does it

struct ApplyArgs {
  std::string what;  // plan or workload
  std::string stack, graph, nic, costs;
  bool dry_run = false, detailed_exitcode = false, all = false;
};
int apply(const ApplyArgs& args);

struct PlanArgs {
  std::string stack, output, graph, nic, workload, costs;
  bool json = false, serve = false;
  double watch_s = 1;  // --serve: looks at the queues so often
  double drift = 25;   // percent of the mean, from where on flows move
  unsigned moves = 0;  // at most so many at once; 0: none by itself
};
int plan(const PlanArgs& args);

struct RequestArgs {
  std::vector<std::string> words;  // "add", "echo", "10.7.0.1:40000"
  std::string stack, graph, nic, costs;
  bool json = false;
};
int flow(const RequestArgs& args);
int endpoint(const RequestArgs& args);

struct GraphArgs {
  std::string thing;
  std::string format = "dot";         // dot, svg, text
  unsigned queue = 0;                 // of a plan
  std::string direction = "receive";  // of a card
};
int graph(const GraphArgs& args);

int nic_list(bool json);
struct NicShowArgs {
  std::string nic;
  bool json = false;
};
int nic_show(const NicShowArgs& args);

struct HostShowArgs {
  std::string interface;  // whose card is meant; empty: none
  bool json = false;
};
int host_show(const HostShowArgs& args);

struct ObserveArgs {
  std::string name;  // of a running stack, or its socket's path; empty: the only one
  bool json = false, all = false;
};
int stats(const ObserveArgs& args);
struct TopArgs {
  std::string name;       // as of ObserveArgs
  unsigned count = 0;     // pictures; 0: until the stack ends
  double interval_s = 1;  // between two
};
int top(const TopArgs& args);
int drops(const ObserveArgs& args);

struct NodesArgs {
  std::string name;  // empty: all
  bool json = false;
};
int nodes(const NodesArgs& args);

// Kinds of files, and where the schema of each is below the installation.
const std::vector<std::pair<std::string, std::string>>& schema_files();
int schema(const std::string& kind);

// The script for bash, zsh or fish; `weft`: all commands that there are.
int completion(const std::string& shell, Command weft);

}  // namespace weft::tool
