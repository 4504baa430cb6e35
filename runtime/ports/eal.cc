#include "runtime/ports/eal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace weft::ports {
namespace {

std::FILE* log_file = nullptr;
long log_forgotten = 0;
bool started = false;

std::vector<std::string> arguments(const EalOptions& options) {
  const std::vector<unsigned> all = usable_cpus();
  const std::vector<unsigned>& workers = options.cpus.empty() ? all : options.cpus;
  std::string lcores = fmt::format("0@({})", fmt::join(workers, ","));
  for (unsigned i = 0; i < options.workers; ++i)
    lcores += fmt::format(",{}@{}", i + 1, workers[i % workers.size()]);
  std::vector<std::string> out = {"weft",
                                  "--no-telemetry",
                                  "--file-prefix",
                                  options.prefix,
                                  "--lcores",
                                  lcores,
                                  "-m",
                                  std::to_string(options.megabytes)};
  // Never a card that nobody named: with an allow-list EAL probes what is on it and nothing else.
  if (options.pci_device.empty()) {
    out.push_back("--no-pci");
  } else {
    out.insert(out.end(), {"-a", options.pci_device});
  }
  // Nothing is left on disk either way; EAL takes --in-memory together with huge pages only.
  if (options.huge_pages) {
    out.push_back("--in-memory");
  } else {
    out.insert(out.end(), {"--no-huge", "--no-shconf"});
  }
  if (options.one_file) out.push_back("--single-file-segments");
  return out;
}

// EAL leaves a folder for every process that was killed. Ours carry the pid at the end of the name.
void remove_folders_of_the_dead() {
  namespace fs = std::filesystem;
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const fs::path base = geteuid() == 0       ? "/var/run/dpdk"
                        : runtime != nullptr ? fs::path(runtime) / "dpdk"
                                             : "/tmp/dpdk";
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(base, ignored)) {
    const std::string name = entry.path().filename();
    const auto dash = name.rfind('-');
    if (name.rfind("weft-", 0) != 0 || dash == 4) continue;
    const std::string pid = name.substr(dash + 1);
    if (pid.empty() || pid.find_first_not_of("0123456789") != std::string::npos) continue;
    if (kill(static_cast<pid_t>(std::strtol(pid.c_str(), nullptr, 10)), 0) != 0 && errno == ESRCH)
      fs::remove_all(entry.path(), ignored);
  }
}

}  // namespace

diag::Result<void> start_eal(const EalOptions& options) {
  if (started) return {};
  if (log_file == nullptr) {
    const int fd = memfd_create("weft-dpdk-log", MFD_CLOEXEC);
    log_file = fd < 0 ? nullptr : fdopen(fd, "w+");
    if (log_file != nullptr) rte_openlog_stream(log_file);
  }
  remove_folders_of_the_dead();
  auto words = arguments(options);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
    diag::Diagnostic d{.code = "E0654",
                       .message = fmt::format("DPDK does not start: {}", rte_strerror(rte_errno)),
                       .help = "weft doctor names what is missing"};
    if (const std::string said = recent_log(); !said.empty())
      d.notes.push_back({.text = "DPDK said:\n" + said, .span = {}});
    return diag::fail(std::move(d));
  }
  started = true;
  return {};
}

void stop_eal() {
  if (started) {
    const std::string folder = rte_eal_get_runtime_dir();
    rte_eal_cleanup();
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);  // EAL leaves it behind, empty
  }
  started = false;
}

std::string recent_log() {
  if (log_file == nullptr) return {};
  std::fflush(log_file);
  std::fseek(log_file, 0, SEEK_END);
  const long end = std::ftell(log_file);
  const long from = std::max(log_forgotten, end - 4096);
  std::string text(static_cast<std::size_t>(end - from), '\0');
  std::fseek(log_file, from, SEEK_SET);
  text.resize(std::fread(text.data(), 1, text.size(), log_file));
  std::fseek(log_file, 0, SEEK_END);
  return text;
}

void forget_log() {
  if (log_file == nullptr) return;
  std::fflush(log_file);
  std::fseek(log_file, 0, SEEK_END);
  log_forgotten = std::ftell(log_file);
}

std::vector<unsigned> usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<unsigned> cpus;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    for (unsigned i = 0; i < CPU_SETSIZE; ++i) {
      if (CPU_ISSET(i, &set)) cpus.push_back(i);
    }
  }
  if (cpus.empty()) cpus.push_back(0);
  return cpus;
}

unsigned free_huge_megabytes() {
  namespace fs = std::filesystem;
  unsigned long kilobytes = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/sys/kernel/mm/hugepages", ignored)) {
    const std::string name = entry.path().filename();  // hugepages-2048kB
    unsigned long size = 0, free = 0;
    if (std::sscanf(name.c_str(), "hugepages-%lukB", &size) != 1) continue;
    std::ifstream(entry.path() / "free_hugepages") >> free;
    kilobytes += size * free;
  }
  return static_cast<unsigned>(kilobytes / 1024);
}

}  // namespace weft::ports
