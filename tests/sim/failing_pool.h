// Makes allocations from a pool fail, by count, without a change to those who allocate: the pool's
// driver is exchanged for one that counts, and its caches are switched off so that it sees every
// call.
#pragma once

#include <rte_mempool.h>

#include <cstdint>

namespace weft::sim {

struct Failures {
  std::uint64_t only = ~std::uint64_t{0};  // this call fails (counted from 0)
  std::uint64_t every = 0;                 // and each call with a number divisible by it
  std::uint64_t calls = 0;
  std::uint64_t failed = 0;

  bool next() {
    const std::uint64_t number = calls++;
    const bool fails = number == only || (every != 0 && number % every == every - 1);
    failed += fails ? 1 : 0;
    return fails;
  }
};

// From now on; `pool` is unused so far. `failures` must outlive it.
void fail_allocations(rte_mempool* pool, Failures& failures);

}  // namespace weft::sim
