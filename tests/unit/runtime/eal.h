// DPDK's environment for unit tests: started once for the whole program, without huge pages, files
// or devices.
#pragma once

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include <cstdlib>
#include <iostream>
#include <vector>

namespace weft::test {

inline void start_eal() {
  static const bool started = [] {
    std::vector<const char*> words = {
        "unit_runtime", "--no-pci",       "--in-memory",       "--no-huge", "-m",
        "128",          "--no-telemetry", "--log-level=error", "-l",        "0"};
    std::vector<char*> args;
    for (const char* word : words) args.push_back(const_cast<char*>(word));
    const int n = rte_eal_init(static_cast<int>(args.size()), args.data());
    if (n < 0 && rte_errno != EALREADY) {
      std::cerr << "DPDK does not start: " << rte_strerror(rte_errno) << "\n";
      std::exit(1);
    }
    return true;
  }();
  (void)started;
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
