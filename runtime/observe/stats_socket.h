// A unix socket that answers questions about the running stack, and takes changes of it: one line
// in, and as many bytes behind it as the line says at its end ("change 7 +1234"); one document out.
// It lies in a folder of mode 0700: who can open it is this user or root.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "compiler/diag/diagnostic.h"

namespace weft::observe {

// /run/weft for root, else $XDG_RUNTIME_DIR/weft, else /tmp/weft-UID.
std::string socket_folder();
std::string socket_path(const std::string& plan_name);
// Where the planner that serves it listens (compiler/tool/plan.cc).
std::string planner_socket_path(const std::string& plan_name);

// Who holds a name: the pid of the process behind a socket that answers, 0 when there is none.
int holder_of(const std::string& plan_name);

struct Question {
  std::string line;  // without its newline, and without the size of what follows: "change 7"
  std::string body;
};

class StatsSocket {
 public:
  // `answer` returns the document, or "" for an unknown question; it is called on the socket's own
  // thread.
  // Errors: E0660 (the folder is not private, or another instance holds the name), E0661 (system).
  static diag::Result<std::unique_ptr<StatsSocket>> open(
      const std::string& plan_name, std::function<std::string(const Question&)> answer);
  ~StatsSocket();
  StatsSocket(const StatsSocket&) = delete;
  StatsSocket& operator=(const StatsSocket&) = delete;

  const std::string& path() const { return path_; }

 private:
  StatsSocket() = default;
  void serve();
  void serve_one(int client);

  std::string path_;
  std::function<std::string(const Question&)> answer_;
  int listener_ = -1;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace weft::observe
