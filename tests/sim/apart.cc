#include "tests/sim/apart.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>

#include "tests/sim/harness.h"

namespace weft::sim {
namespace {

// A plan may send its packets round in circles, and keep what they leave behind: as much processor
// time and memory as a sound one never needs, and the child dies of that.
void limit() {
  const rlimit seconds = {.rlim_cur = 15, .rlim_max = 16};
  const rlimit bytes = {.rlim_cur = rlim_t{3} << 30, .rlim_max = rlim_t{3} << 30};
  setrlimit(RLIMIT_CPU, &seconds);
  setrlimit(RLIMIT_DATA, &bytes);
}

// What `f` says, or that it could not get the memory it wanted. Nothing is thrown beyond: the
// test's frame would catch it, and the child would go on as a second run of the tests.
std::string said_by(const std::function<std::string()>& f) {
  try {
    return f().substr(0, 4000);
  } catch (const std::exception& e) {
    return fmt::format("the stack ends with {}", e.what());
  }
}

}  // namespace

std::string apart(const std::function<std::string()>& f) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  std::cout.flush();
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    limit();
    own_dpdk_memory();
    const std::string text = said_by(f);
    if (write(ends[1], text.data(), text.size()) < 0) _exit(1);
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return fmt::format("the stack dies of signal {}", WTERMSIG(status));
  return text;
}

}  // namespace weft::sim
