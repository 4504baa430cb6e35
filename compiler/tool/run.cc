#include <fmt/format.h>

#include <algorithm>

#include "compiler/tool/commands.h"
#include "compiler/tool/exec.h"
#include "compiler/tool/inputs.h"
#include "compiler/tool/places.h"
#include "compiler/tool/say.h"

namespace weft::tool {
namespace {

bool given(const std::vector<std::string>& arguments, const char* option) {
  return std::find(arguments.begin(), arguments.end(), option) != arguments.end();
}

int hand_over(const std::vector<std::string>& arguments) {
  auto program = beside("weft-runtime");
  if (!program) return report(program.error());
  return report(become(*program, arguments));
}

}  // namespace

// weft-runtime refuses unproved and edited plans by itself; here they are refused before it starts.
int run(const std::vector<std::string>& arguments) {
  if (given(arguments, "--help") || given(arguments, "-h")) return hand_over({"--help"});
  if (arguments.empty() || arguments.front().starts_with("-")) {
    say("weft run: which plan? The plan comes first: weft run plan.yaml --wire tap:weft0");
    say("  weft run --help shows how it is used");
    return usage;
  }
  if (!given(arguments, "--unproved") && !given(arguments, "--unproven")) {
    auto plan = load_plan(arguments.front());
    if (!plan) return report(plan.error());
    auto proved = proved_as_it_stands(*plan, arguments.front());
    if (!proved) return report(proved.error());
  }
  return hand_over(arguments);
}

int nic_probe(const std::vector<std::string>& arguments) {
  std::vector<std::string> all = {"--probe"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return hand_over(all);
}

int doctor(const std::vector<std::string>& arguments) {
  auto program = beside("weft-runtime");
  if (!program) {
    say("weft itself works here: check, compile, verify, explain, diff and graph need no DPDK");
    return report(program.error());
  }
  std::vector<std::string> all = arguments;
  if (!given(all, "--help")) all.insert(all.begin(), "--doctor");
  return report(become(*program, all));
}

}  // namespace weft::tool
