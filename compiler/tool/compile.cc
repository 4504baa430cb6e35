#include "compiler/passes/pipeline.h"

#include <fmt/format.h>

#include <filesystem>

#include "compiler/plan/preview.h"
#include "compiler/tool/commands.h"
#include "compiler/tool/inputs.h"
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
  auto plan = passes::compile(*in, options);
  if (!plan) return report(plan.error());
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
    return ok;
  }
  print(args.json ? plan::to_json(*plan) : plan::preview(*plan, {args.all, colour_on_stdout()}));
  if (args.output.empty()) {
    say("nothing was written: -o plan.yaml keeps the plan");
  } else {
    say(fmt::format("wrote {}", args.output));
  }
  return ok;
}

}  // namespace weft::tool
