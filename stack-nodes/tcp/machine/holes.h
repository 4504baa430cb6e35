// Text that came before its turn: runs of it, in order, none touching another. At most `most` runs;
// finding a place is a binary search. Which runs were heard of lately is kept for the SACK option
// (RFC 2018 section 4: the latest first).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "stack-nodes/tcp/machine/connection.h"
#include "stack-nodes/tcp/machine/options.h"

namespace weft::tcp {

struct Holes {
  static constexpr std::uint32_t most = 128;
  struct Run {
    Seq begin = 0;
    Seq end = 0;
    Chunks text;
  };
  std::uint32_t count = 0;
  std::uint32_t chunks = 0;     // in all runs
  std::array<Seq, 4> recent{};  // a byte of each run that was heard of, the latest first
  std::uint32_t recent_count = 0;
  std::array<Run, most> runs;

  // The first run that ends at or behind `s`.
  std::uint32_t place(Seq s) const {
    const auto* const at = std::lower_bound(runs.begin(), runs.begin() + count, s,
                                            [](const Run& r, Seq v) { return before(r.end, v); });
    return static_cast<std::uint32_t>(at - runs.begin());
  }
  void insert(std::uint32_t at, const Run& run) {
    std::copy_backward(runs.begin() + at, runs.begin() + count, runs.begin() + count + 1);
    runs[at] = run;
    ++count;
  }
  void remove(std::uint32_t at) {
    std::copy(runs.begin() + at + 1, runs.begin() + count, runs.begin() + at);
    --count;
  }

  void heard_of(Seq s) {
    std::array<Seq, 4> again{s};
    std::uint32_t n = 1;
    for (std::uint32_t i = 0; i < recent_count && n < again.size(); ++i) {
      if (run_of(recent[i]) != none && run_of(recent[i]) != run_of(s)) again[n++] = recent[i];
    }
    recent = again;
    recent_count = n;
  }
  // Blocks to report, at most `room`.
  std::uint32_t blocks(std::array<SackBlock, 4>& to, std::uint32_t room) const {
    std::uint32_t n = 0;
    for (std::uint32_t i = 0; i < recent_count && n < std::min<std::uint32_t>(room, 4); ++i) {
      const std::uint32_t at = run_of(recent[i]);
      if (at == none) continue;
      const SackBlock block{runs[at].begin, runs[at].end};
      if (std::find(to.begin(), to.begin() + n, block) == to.begin() + n) to[n++] = block;
    }
    return n;
  }

 private:
  std::uint32_t run_of(Seq s) const {
    const std::uint32_t at = place(s + 1);
    return at < count && at_most(runs[at].begin, s) ? at : none;
  }
};

}  // namespace weft::tcp
