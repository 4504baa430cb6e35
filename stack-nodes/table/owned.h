// State has one owner. In builds with the option WEFT_OWNER_CHECK every table of a core dies, with
// words, when it is touched while another shard runs, or by a thread that runs none; elsewhere
// nothing of this is left.
#pragma once

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "weft/options.h"

namespace weft {

// Seen by generated objects too: one variable for the whole process, wherever it is named.
// The shard that this thread runs, plus 1; 0: none.
[[gnu::visibility("default")]] inline thread_local unsigned running_shard = 0;
// Net cores have threads of their own. Before and after, the one thread there is may look anywhere.
[[gnu::visibility("default")]] inline std::atomic<bool> net_cores_run{false};

[[noreturn]] inline void die_touching(const char* what, unsigned owner) {
  std::fprintf(stderr, "weft: %s of shard %u was touched by ", what, owner - 1);
  if (running_shard == 0) {
    std::fprintf(stderr, "a thread that runs no shard");
  } else {
    std::fprintf(stderr, "shard %u", running_shard - 1);
  }
  std::fprintf(stderr, ": state has one owner\n");
  std::abort();
}

template <bool checked>
class OwnedIf {
 public:
  void give_to(unsigned) {}
  void touch(const char*) const {}
};

template <>
class OwnedIf<true> {
 public:
  void give_to(unsigned shard) { owner_ = shard + 1; }
  void touch(const char* what) const {
    if (owner_ == 0 || owner_ == running_shard) return;
    if (running_shard == 0 && !net_cores_run.load(std::memory_order_relaxed)) return;
    die_touching(what, owner_);
  }

 private:
  unsigned owner_ = 0;  // 0: nobody yet
};

using Owned = OwnedIf<owner_check>;

// While it lives, this thread runs the shard.
class RunsShard {
 public:
  explicit RunsShard(unsigned shard) {
    if constexpr (owner_check) {
      before_ = running_shard;
      running_shard = shard + 1;
    }
  }
  ~RunsShard() {
    if constexpr (owner_check) running_shard = before_;
  }
  RunsShard(const RunsShard&) = delete;
  RunsShard& operator=(const RunsShard&) = delete;

 private:
  unsigned before_ = 0;
};

}  // namespace weft
