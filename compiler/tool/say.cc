#include "compiler/tool/say.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace weft::tool {
namespace {

bool colour_on(int file) {
  const char* no = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  if (no != nullptr && *no != '\0') return false;
  return ::isatty(file) && !(term != nullptr && std::string_view(term) == "dumb");
}

// Most errors are in the input. These are not.
int exit_code(std::string_view code) {
  // (What a running stack cannot become is a matter of what was asked.)
  if (code == "E0670" || code == "E0673" || code == "E0676") return input_error;
  if (code == "E0462" || code == "E0463" || code == "E0465" || code == "E0466" || code == "E0510" ||
      code.starts_with("E06"))
    return not_ready;
  if (code.starts_with("E08")) return infeasible;
  if (code == "E0513" || code.starts_with("E07")) return our_bug;
  return input_error;
}

}  // namespace

bool colour_on_stdout() { return colour_on(STDOUT_FILENO); }
bool colour_on_stderr() { return colour_on(STDERR_FILENO); }

void print(std::string_view data) { std::fwrite(data.data(), 1, data.size(), stdout); }

void say(const std::string& sentence) {
  std::fflush(stdout);
  std::fputs((sentence + "\n").c_str(), stderr);
}

int report(const diag::Error& error) {
  std::fflush(stdout);
  std::fputs(diag::render(error, colour_on_stderr()).c_str(), stderr);
  if (error.list.empty()) return our_bug;
  return exit_code(error.list.front().code);
}

diag::Diagnostic plain(std::string code, std::string message, std::string help) {
  diag::Diagnostic d;
  d.code = std::move(code);
  d.message = std::move(message);
  d.help = std::move(help);
  return d;
}

}  // namespace weft::tool
