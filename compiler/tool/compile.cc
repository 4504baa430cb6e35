#include "compiler/passes/pipeline.h"

#include <fmt/format.h>

#include "compiler/plan/preview.h"
#include "compiler/tool/commands.h"
#include "compiler/tool/inputs.h"
#include "compiler/tool/say.h"

namespace weft::tool {

int compile(const CompileArgs& args) {
  auto in = load_inputs(args.graph, args.nic, args.workload);
  if (!in) return report(in.error());
  passes::Options options;
  options.queues = args.queues;
  options.cores = args.cores;
  options.prove = !args.no_proof;
  if (args.dump)
    options.dump = [](const std::string& pass, const std::string& text) {
      say(fmt::format("--- after {}\n{}", pass, text));
    };
  auto plan = passes::compile(*in, options);
  if (!plan) return report(plan.error());
  if (plan->configuration.rx_queues < args.queues)
    say(fmt::format(
        "note: {} of the {} queues asked for: the card has {} for receiving and {} for "
        "sending that weft can use",
        plan->configuration.rx_queues, args.queues, in->nic.rx_queues.max, in->nic.tx_queues.max));
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
