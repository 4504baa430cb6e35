// Takes what applications ask for to the planner that serves the stack, in the words of `weft
// flow`, and its answers back. The planner decides and proves, and changes the stack by the way
// that every change takes (Live): nothing is decided here. One request at a time, by a thread of
// its own.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "runtime/apps/mailbox.h"

namespace weft::live {

class Requests {
 public:
  // `wake` tells a net core that there is an answer. Both are by core.
  Requests(unsigned cores, std::function<void(unsigned core)> wake);
  ~Requests();
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;

  // Applications of the core ask by it. Until serve() it only collects.
  apps::Mailbox& mailbox(unsigned core) { return *mailboxes_[core]; }
  // `planner`: where the one that serves the stack of this name listens, once there is one.
  void serve(std::string stack, std::string planner);
  // Whoever waits for an answer gets none.
  void stop();

 private:
  void run();
  bool pass_on(unsigned core);
  apps::Answer answer_to(const apps::Request& request) const;
  std::string ask(const std::string& words, apps::Answer& answer) const;
  bool ready(int file, short what, unsigned& waited_ms) const;

  std::vector<std::unique_ptr<apps::Mailbox>> mailboxes_;
  std::function<void(unsigned)> wake_;
  std::string stack_, planner_;
  int bell_ = -1;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace weft::live
