#include "tests/bench/instructions.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

extern char** environ;

namespace weft::bench {

std::string this_program() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

std::optional<double> count_instructions(const std::vector<std::string>& functions,
                                         const std::vector<std::string>& command) {
  auto pattern = (std::filesystem::temp_directory_path() / "weft-bench-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) return std::nullopt;
  const std::string out = pattern + "/callgrind.out", log = pattern + "/log";
  std::vector<std::string> words{"valgrind", "--tool=callgrind", "--callgrind-out-file=" + out};
  for (const std::string& function : functions) words.push_back("--toggle-collect=" + function);
  words.insert(words.end(), command.begin(), command.end());
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  std::optional<double> total;
  int status = 1;
  if (error == 0 && ::waitpid(child, &status, 0) == child && status == 0) {
    std::ifstream in(out);
    std::string line;
    while (std::getline(in, line)) {
      if (line.starts_with("totals: ")) total = std::atof(line.c_str() + 8);
      if (line.starts_with("summary: ") && !total) total = std::atof(line.c_str() + 9);
    }
  } else if (std::getenv("WEFT_BENCH_VERBOSE") != nullptr) {
    std::stringstream text;
    text << std::ifstream(log).rdbuf();
    std::fputs(text.str().c_str(), stderr);
  }
  std::filesystem::remove_all(pattern);
  return total;
}

}  // namespace weft::bench
