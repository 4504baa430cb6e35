#include <fmt/format.h>

#include "compiler/tool/commands.h"
#include "compiler/tool/exec.h"
#include "compiler/tool/inputs.h"
#include "compiler/tool/places.h"
#include "compiler/tool/say.h"

namespace weft::tool {
namespace {

// An unproved plan starts only when the user says so, and a plan that was edited not even then.
diag::Result<void> may_run(const RunArgs& args) {
  auto plan = load_plan(args.plan);
  if (!plan) return diag::fail(plan.error());
  auto proved = proved_as_it_stands(*plan, args.plan);
  if (proved) return {};
  if (!args.unproved || proved.error().list.front().code != "E0457")
    return diag::fail(proved.error());
  say(fmt::format("note: {}; it runs because of --unproved", proved.error().list.front().message));
  return {};
}

}  // namespace

int run(const RunArgs& args) {
  if (auto may = may_run(args); !may) return report(may.error());
  auto program = beside("weft-runtime");
  if (!program) return report(program.error());
  std::vector<std::string> arguments = {args.plan};
  if (args.unproved) arguments.push_back("--unproved");
  arguments.insert(arguments.end(), args.rest.begin(), args.rest.end());
  return report(become(*program, arguments));
}

int doctor(const std::vector<std::string>& rest) {
  auto program = beside("weft-runtime");
  if (!program) {
    say("weft itself works here: check, compile, verify, explain, diff and graph need no DPDK");
    return report(program.error());
  }
  std::vector<std::string> arguments = {"--doctor"};
  arguments.insert(arguments.end(), rest.begin(), rest.end());
  return report(become(*program, arguments));
}

}  // namespace weft::tool
