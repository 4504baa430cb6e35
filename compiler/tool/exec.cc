#include "compiler/tool/exec.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "compiler/tool/say.h"

namespace weft::tool {
namespace {

std::vector<char*> argument_list(const std::string& program,
                                 const std::vector<std::string>& arguments) {
  std::vector<char*> out = {const_cast<char*>(program.c_str())};
  for (const std::string& a : arguments) out.push_back(const_cast<char*>(a.c_str()));
  out.push_back(nullptr);
  return out;
}

struct Pipe {
  int end[2] = {-1, -1};
  bool open() { return ::pipe(end) == 0; }
  void close(int which) {
    if (end[which] >= 0) ::close(end[which]);
    end[which] = -1;
  }
  ~Pipe() {
    close(0);
    close(1);
  }
};

// Writes and reads at the same time, or both sides could wait for each other.
std::string exchange(Pipe& to, Pipe& from, const std::string& input) {
  std::string out;
  std::size_t written = 0;
  char buffer[65536];
  for (;;) {
    pollfd fds[2] = {{from.end[0], POLLIN, 0}, {to.end[1], POLLOUT, 0}};
    if (::poll(fds, to.end[1] >= 0 ? 2 : 1, -1) < 0 && errno != EINTR) return out;
    if (to.end[1] >= 0 && fds[1].revents != 0) {
      ssize_t n = ::write(to.end[1], input.data() + written,
                          std::min<std::size_t>(input.size() - written, 4096));
      if (n > 0) written += static_cast<std::size_t>(n);
      if (n < 0 || written == input.size()) to.close(1);
    }
    if (fds[0].revents != 0) {
      ssize_t n = ::read(from.end[0], buffer, sizeof buffer);
      if (n <= 0) return out;
      out.append(buffer, static_cast<std::size_t>(n));
    }
  }
}

}  // namespace

diag::Error become(const std::string& program, const std::vector<std::string>& arguments) {
  std::fflush(stdout);
  std::fflush(stderr);
  auto list = argument_list(program, arguments);
  ::execv(program.c_str(), list.data());
  return diag::Error(
      plain("E0463", fmt::format("can't start `{}`: {}", program, std::strerror(errno))));
}

diag::Result<std::string> filter(const std::string& program,
                                 const std::vector<std::string>& arguments,
                                 const std::string& input, const std::string& package) {
  Pipe to, from;
  if (!to.open() || !from.open())
    return diag::fail(plain("E0462", fmt::format("no pipe: {}", std::strerror(errno))));
  ::signal(SIGPIPE, SIG_IGN);  // a program that dies early shows by its exit code
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child < 0)
    return diag::fail(plain("E0462", fmt::format("can't fork: {}", std::strerror(errno))));
  if (child == 0) {
    ::dup2(to.end[0], STDIN_FILENO);
    ::dup2(from.end[1], STDOUT_FILENO);
    for (int i = 0; i < 2; ++i) {
      to.close(i);
      from.close(i);
    }
    auto list = argument_list(program, arguments);
    ::execvp(program.c_str(), list.data());
    ::_exit(127);
  }
  to.close(0);
  from.close(1);
  std::string out = exchange(to, from, input);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return out;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
    return diag::fail(plain("E0462", fmt::format("`{}` is not installed", program),
                            fmt::format("apt-get install {}", package)));
  return diag::fail(plain("E0462", fmt::format("`{}` failed", program)));
}

}  // namespace weft::tool
