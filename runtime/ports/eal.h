// DPDK's environment: started once, quietly, never with a PCI device that nobody named.
#pragma once

#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"

namespace weft::ports {

struct EalOptions {
  std::string prefix = "weft";  // of its files; unique for each running instance
  bool huge_pages = false;
  unsigned megabytes = 128;
  bool one_file = false;  // all memory in one file, which another process can map (memif zero-copy)
  std::vector<unsigned> cpus;  // for the workers, in order; the main thread gets all of them
  unsigned workers = 0;        // more workers than CPUs share CPUs
  std::string pci_device;      // the only one that is probed; "" : none at all
};

// Errors: E0654, with what EAL said. A second call with the environment up does nothing.
diag::Result<void> start_eal(const EalOptions& options);
void stop_eal();

// DPDK's log is kept in memory: what came since the last forget_log(), at most 4 KiB of it.
std::string recent_log();
void forget_log();

// CPUs that this process may use.
std::vector<unsigned> usable_cpus();
// Free huge pages, in MiB.
unsigned free_huge_megabytes();

}  // namespace weft::ports
