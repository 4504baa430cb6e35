#include "compiler/passes/pipeline.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "compiler/frontend/readers.h"
#include "compiler/passes/choose.h"
#include "compiler/passes/steer.h"
#include "compiler/plan/preview.h"
#include "compiler/tool/commands.h"
#include "compiler/tool/inputs.h"
#include "compiler/tool/places.h"
#include "compiler/tool/say.h"

namespace weft::tool {
namespace {

// One file for each pass, numbered in the order in which they ran. The first error is kept in
// `result`, which must outlive the function.
std::function<void(const std::string&, const std::string&)> dump_into(const std::string& folder,
                                                                      diag::Result<void>& result) {
  return [folder, &result, number = 0](const std::string& pass, const std::string& text) mutable {
    std::error_code ignored;  // a folder that can't be made shows when the first file is written
    std::filesystem::create_directories(folder, ignored);
    const std::string path = fmt::format("{}/{:02}-{}.txt", folder, ++number, pass);
    if (result) result = plan::write_file_atomically(text, path);
  };
}

// A fact of the card is among those that stand against each other.
bool is_about_card(const diag::Diagnostic& refusal, const ir::NicModel& nic) {
  return refusal.code == "E0801" ||
         std::any_of(refusal.notes.begin(), refusal.notes.end(),
                     [&](const diag::Note& note) { return note.span.file == nic.path; });
}

// A refusal, with the cards of the installation that would do.
diag::Error with_other_cards(diag::Error error, passes::Inputs in, const passes::Options& options) {
  constexpr auto patience = std::chrono::seconds(5);  // (most take some milliseconds for each)
  if (error.list.empty() || !is_about_card(error.list.front(), in.nic)) return error;
  const std::string refused = in.nic.name;
  // One with fewer queues may only leave nothing to ask for.
  const unsigned wanted = options.queues != 0 ? options.queues : in.workload.queues;
  const unsigned queues = std::min({wanted, in.nic.rx_queues.max, in.nic.tx_queues.max});
  std::vector<std::string> good, untried;
  passes::Options quick = options;
  quick.certify = false;
  const auto start = std::chrono::steady_clock::now();
  for (const std::string& name : names(Kind::nic)) {
    if (name == refused) continue;
    if (std::chrono::steady_clock::now() - start > patience) {
      untried.push_back(name);
      continue;
    }
    auto nic = frontend::read_nic(path_of(Kind::nic, name), in.fields);
    if (!nic) continue;
    in.nic = std::move(*nic);
    const auto choice = passes::choose(in, quick);
    if (choice && choice->rx_queues >= queues) good.push_back(name);
  }
  std::string text = good.empty() ? untried.empty() ? "no card of the installation would do"
                                                    : "no card that was tried would do"
                                  : fmt::format("cards that would do: {}", fmt::join(good, ", "));
  if (!untried.empty()) text += fmt::format("; not tried: {}", fmt::join(untried, ", "));
  error.list.front().notes.push_back({text, {}});
  return error;
}

std::string why_fewer_queues(const passes::Inputs& in, unsigned queues) {
  const ir::Node* rss = passes::rss_node(in.nic);
  if (queues == std::min(in.nic.rx_queues.max, in.nic.tx_queues.max))
    return fmt::format("{} has no more", in.nic.name);
  if (rss == nullptr) return fmt::format("{} has nothing that spreads packets", in.nic.name);
  return fmt::format(
      "nobody can say which queue of {} a packet arrives on, so there are no more than cores "
      "(--queues insists)",
      in.nic.name);
}

// What was asked for, by the command line or else by a line of the workload, and cannot be: there
// are `most` at the most.
void say_if_fewer(const char* what, std::size_t there, unsigned most, unsigned option,
                  unsigned wish, const diag::Span& line, const std::string& why) {
  const unsigned wanted = option != 0 ? option : line.line != 0 ? wish : 0;
  if (most >= wanted) return;
  say(fmt::format("note: {} of the {} {} that {}: {}", there, wanted, what,
                  option != 0 ? fmt::format("--{} asks for", what)
                              : fmt::format("{}:{} asks for", line.file, line.line),
                  why));
}

// Bounds for latency need a clock.
void say_if_not_looked_at(const passes::Inputs& in) {
  if (in.machine && in.machine->mhz > 0) return;
  std::vector<const ir::Endpoint*> bound;
  for (const ir::Endpoint& e : in.workload.endpoints)
    if (e.p99_us != 0) bound.push_back(&e);
  if (bound.empty()) return;
  const diag::Span& at = bound.front()->span;
  const std::string more =
      bound.size() == 1 ? "" : fmt::format(" (nor those of {} more)", bound.size() - 1);
  say(fmt::format("note: {}:{}: `p99:` of {} is not looked at{}: {}", at.file, at.line,
                  bound.front()->name, more,
                  in.machine ? fmt::format("{} gives no `mhz:`", in.machine->name)
                             : "nobody knows what a core can do; `weft host show > host.yaml` and "
                               "`--host host.yaml` say so"));
}

}  // namespace

int compile(const CompileArgs& args) {
  auto in = load_inputs(args.graph, args.nic, args.workload, args.costs);
  if (!in) return report(in.error());
  passes::Options options;
  options.queues = args.queues;
  options.cores = args.cores;
  options.prove = !args.no_proof;
  diag::Result<void> dumped;
  if (!args.dump.empty()) options.dump = dump_into(args.dump, dumped);
  options.time_limit = args.time_limit;
  if (!args.host.empty()) {
    auto machine = frontend::read_machine(args.host);
    if (!machine) return report(machine.error());
    in->machine = std::move(*machine);
  }
  auto plan = passes::compile(*in, options);
  if (!plan) return report(with_other_cards(plan.error(), *in, options));
  if (!dumped) return report(dumped.error());
  say_if_not_looked_at(*in);
  const ir::Workload& asked = in->workload;
  const unsigned queues = plan->configuration.rx_queues;
  say_if_fewer("queues", queues, queues, args.queues, asked.queues, asked.queues_span,
               why_fewer_queues(*in, queues));
  say_if_fewer("cores", plan->cores.size(), queues, args.cores, asked.cores, asked.cores_span,
               "a core has at least one queue");
  if (!args.output.empty() && args.output != "-") {
    auto written = plan::write_plan(*plan, args.output);
    if (!written) return report(written.error());
  }
  if (args.output == "-") {
    print(args.json ? plan::to_json(*plan) : plan::to_yaml(*plan));
    return plan->chosen.stopped ? time_limit : ok;
  }
  print(args.json ? plan::to_json(*plan) : plan::preview(*plan, {args.all, colour_on_stdout()}));
  if (args.output.empty()) {
    say("nothing was written: -o plan.yaml keeps the plan");
  } else {
    say(fmt::format("wrote {}", args.output));
  }
  if (!plan->chosen.stopped) return ok;
  say("the time limit was reached: this is the best plan so far, and not proved");
  return time_limit;
}

}  // namespace weft::tool
