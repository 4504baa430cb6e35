// What weft-runtime was asked to do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/ports/wire_name.h"

namespace weft::tool {

enum Exit { ok = 0, input_error = 1, not_ready = 5, usage = 64, our_bug = 70 };

struct RuntimeOptions {
  std::string plan;  // path; may be empty for --doctor
  std::optional<ports::WireName> wire;
  std::string card;    // "emulated", or "port": the wire's own port, without one
  std::string nic;     // path of the model, "" : the one that the plan names
  std::string object;  // generated code, "" : built or taken from the cache
  bool interpret = false;
  bool huge = false, no_huge = false;
  std::vector<unsigned> cpus;
  double duration_s = 0;  // 0: until a signal, or the wire's end
  std::string stats_file;
  std::string name;  // "" : the plan file's stem
  std::vector<std::string> app_path;
  std::uint64_t seed = 0;  // 0: from the system; 1 on a simulated wire
  bool busy = false, once = false, profile = false, quiet = false, unproved = false, doctor = false,
       json = false;
};

// $WEFT_ROOT, or where this program was built from.
std::string root();

// Each gives the exit code.
int run(const RuntimeOptions& options);
int doctor(const RuntimeOptions& options);

}  // namespace weft::tool
