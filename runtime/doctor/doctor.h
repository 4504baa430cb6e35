// What this machine lacks for a plan on a wire, found before DPDK is started, with the command that
// mends it. A library: weft-runtime asks it before every start, and `weft doctor` prints it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/plan/plan.h"
#include "runtime/ports/wire_name.h"

namespace weft::doctor {

struct Check {
  std::string name;  // "rights", "interface", ...
  bool ok = true;
  std::string what;  // one line: what was found
  std::string mend;  // the command, or what to do; "" when there is nothing to be done
};

struct Question {
  const plan::Plan* plan = nullptr;  // null: the machine alone
  std::optional<ports::WireName> wire;
  std::string plan_name;       // as the running instance would be called
  std::string card_driver;     // DPDK's name of what the plan's model describes; "" : any
  bool huge_pages = false;     // must be there
  unsigned megabytes = 128;    // that DPDK will want
  std::vector<unsigned> cpus;  // asked for by --cpus
  bool own_port = false;       // without an emulated card (--card port)
  bool traffic = true;         // packets will come and go (none do while a port is probed)
};

std::vector<Check> examine(const Question& question);

bool all_ok(const std::vector<Check>& checks);
// One line for each check, and one more for each command; or only those that are not ok.
std::string to_text(const std::vector<Check>& checks, bool only_bad);
// {"ready": bool, "checks": [{"name", "ok", "what", "mend"}]}
std::string to_json(const std::vector<Check>& checks);

}  // namespace weft::doctor
