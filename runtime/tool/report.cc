#include "runtime/tool/report.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "runtime/tool/options.h"

namespace weft::tool {

namespace {
bool quiet = false;
}  // namespace

void be_quiet() { quiet = true; }

void say(const std::string& sentence) {
  if (!quiet) std::fprintf(stderr, "weft: %s\n", sentence.c_str());
}

// E06xx speak of this machine and its ports, except for those that are about the plan, the capture
// or the application; all others are about the input.
int report(const diag::Error& error) {
  const bool colour = isatty(STDERR_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
  std::fputs(diag::render(error, colour).c_str(), stderr);
  if (error.list.empty()) return our_bug;
  const std::string& code = error.list.front().code;
  if (code == "E0513" || code == "E0651") return our_bug;
  if (code.rfind("E05", 0) == 0) return not_ready;
  if (code.rfind("E06", 0) != 0) return input_error;
  if (code < "E0612" || (code >= "E0620" && code < "E0650")) return input_error;
  return not_ready;
}

}  // namespace weft::tool
