// Which of DPDK's driver libraries drives a PCI device, found without loading one: each carries a
// line of JSON with the devices that it knows (rte_dev.h, RTE_PMD_REGISTER_PCI_TABLE).
#pragma once

#include <string>

#include "runtime/doctor/pci_device.h"

namespace weft::doctor {

struct DriverLibrary {
  std::string driver;  // "net_e1000_em"; "" when no library knows the device
  std::string file;    // of the library
};

// `folder`: where EAL loads its drivers from.
DriverLibrary driver_library(const PciId& id, const std::string& folder);

// EAL's own folder.
std::string driver_folder();

}  // namespace weft::doctor
