#include "compiler/passes/pipeline.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>

#include "compiler/frontend/readers.h"
#include "compiler/passes/choose.h"
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

// A refusal, with the cards of the installation that would do.
diag::Error with_other_cards(diag::Error error, passes::Inputs in, const passes::Options& options) {
  if (error.list.empty()) return error;
  const std::string& code = error.list.front().code;
  if (code != "E0801" && code != "E0802") return error;
  const std::string refused = in.nic.name;
  std::vector<std::string> good;
  passes::Options quick = options;
  quick.certify = false;
  for (const std::string& name : names(Kind::nic)) {
    auto nic = frontend::read_nic(path_of(Kind::nic, name), in.fields);
    if (!nic || name == refused) continue;
    in.nic = std::move(*nic);
    if (passes::choose(in, quick)) good.push_back(name);
  }
  error.list.front().notes.push_back(
      {good.empty() ? "no card of the installation would do"
                    : fmt::format("cards that would do: {}", fmt::join(good, ", ")),
       {}});
  return error;
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
  if (plan->configuration.rx_queues < args.queues)
    say(fmt::format(
        "note: {} of the {} queues asked for; `weft nic show {}` says what the card has",
        plan->configuration.rx_queues, args.queues, args.nic));
  if (plan->cores.size() < args.cores)
    say(fmt::format("note: {} of the {} cores asked for: a core has at least one queue",
                    plan->cores.size(), args.cores));
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
