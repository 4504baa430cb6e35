// Processor time, and what ends the program: for all cases of this benchmark.
#pragma once

#include <fmt/format.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "compiler/diag/diagnostic.h"

namespace weft::bench {

inline double cpu_ms() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) * 1e-6;
}

// Milliseconds.
template <class F>
double timed(F what) {
  const double before = cpu_ms();
  what();
  return cpu_ms() - before;
}

template <class T>
T must(diag::Result<T> r) {
  if (r) return std::move(*r);
  fmt::print(stderr, "{}", diag::render(r.error(), false));
  std::exit(1);
}

}  // namespace weft::bench
