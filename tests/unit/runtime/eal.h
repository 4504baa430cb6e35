// DPDK's environment for unit tests: started once for the whole program, without huge pages, files
// or devices.
#pragma once

#include <rte_errno.h>
#include <rte_mbuf.h>

#include <cstdlib>
#include <iostream>

#include "runtime/ports/eal.h"

namespace weft::test {

inline void start_eal() {
  if (auto started = ports::start_eal({.prefix = "weft-unit", .megabytes = 128}); !started) {
    std::cerr << diag::render(started.error(), false);
    std::exit(1);
  }
}

// A pool for all tests of the program; what a test takes it gives back.
inline rte_mempool* packet_pool() {
  start_eal();
  static rte_mempool* pool =
      rte_pktmbuf_pool_create("unit_runtime", 8191, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (pool == nullptr) {
    std::cerr << "no packet pool: " << rte_strerror(rte_errno) << "\n";
    std::exit(1);
  }
  return pool;
}

}  // namespace weft::test
