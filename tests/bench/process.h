// Programs and network namespaces of a benchmark; all end with the objects.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace weft::bench {

// Runs a command to its end. Throws std::runtime_error with what it said when it fails.
void command(const std::vector<std::string>& words);

class Namespace {
 public:
  explicit Namespace(const std::string& name);
  ~Namespace();
  Namespace(const Namespace&) = delete;
  Namespace& operator=(const Namespace&) = delete;
  const std::string name;
  std::vector<std::string> inside(std::vector<std::string> words) const;
};

class Process {
 public:
  // Starts it and waits until its output contains `ready`. Throws when it ends before.
  Process(std::vector<std::string> words, const std::string& log, const std::string& ready);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void pause();
  void resume();
  double cpu_seconds() const;  // user and system, of all its threads

 private:
  pid_t pid_ = -1;
};

}  // namespace weft::bench
