#include "tests/bench/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace weft::bench {
namespace {

using namespace std::chrono_literals;

std::string contents(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

pid_t start(std::vector<std::string>& words, const std::string& log) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  setpgid(0, 0);
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const int in = open("/dev/null", O_RDONLY);
  if (out < 0 || in < 0) _exit(127);
  dup2(in, 0);
  dup2(out, 1);
  dup2(out, 2);
  execvp(argv[0], argv.data());
  _exit(127);
}

bool ended(pid_t pid) { return waitpid(pid, nullptr, WNOHANG) == pid; }

}  // namespace

void command(const std::vector<std::string>& words) {
  const std::string line = fmt::format("{}", fmt::join(words, " "));
  std::string said;
  std::FILE* pipe = popen((line + " 2>&1").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error(line);
  char buffer[512];
  while (std::fgets(buffer, sizeof(buffer), pipe) != nullptr) said += buffer;
  if (pclose(pipe) != 0) throw std::runtime_error(line + ": " + said);
}

Namespace::Namespace(const std::string& its_name) : name(its_name) {
  command({"ip", "netns", "add", name});
  command(inside({"sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                  "net.ipv6.conf.default.disable_ipv6=1"}));
}

Namespace::~Namespace() {
  try {
    command({"ip", "netns", "del", name});
  } catch (const std::exception&) {  // it is gone already
  }
}

std::vector<std::string> Namespace::inside(std::vector<std::string> words) const {
  words.insert(words.begin(), {"ip", "netns", "exec", name});
  return words;
}

Process::Process(std::vector<std::string> words, const std::string& log, const std::string& ready)
    : pid_(start(words, log)) {
  for (int i = 0; i < 3000; ++i) {
    if (contents(log).find(ready) != std::string::npos) return;
    if (pid_ < 0 || ended(pid_)) break;
    std::this_thread::sleep_for(20ms);
  }
  if (pid_ > 0 && kill(pid_, SIGKILL) == 0) waitpid(pid_, nullptr, 0);
  throw std::runtime_error(
      fmt::format("{} does not run:\n{}", fmt::join(words, " "), contents(log)));
}

Process::~Process() {
  resume();
  kill(pid_, SIGINT);
  for (int i = 0; i < 500; ++i) {
    if (ended(pid_)) return;
    std::this_thread::sleep_for(20ms);
  }
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Process::pause() { kill(pid_, SIGSTOP); }
void Process::resume() { kill(pid_, SIGCONT); }

double Process::cpu_seconds() const {
  clockid_t clock = 0;
  timespec time{};
  if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace weft::bench
