// Checks for a PCI card that weft shall drive itself (`--wire pci:0000:00:04.0`).
#pragma once

#include <string>
#include <vector>

#include "runtime/doctor/doctor.h"

namespace weft::doctor {

// Where the system's own files are; tests name other folders.
struct PciPlaces {
  std::string sys = "/sys", proc = "/proc", dev = "/dev";
  std::string drivers;  // DPDK's libraries, "" : EAL's own folder
};

// Appends checks in the order in which they have to be mended. A card that the kernel uses is
// refused, and no command is given that would take it away.
void pci(const Question& question, std::vector<Check>& checks, const PciPlaces& places = {});

// Can only be driven with huge pages: the card sees physical addresses, there is no IOMMU.
bool needs_huge_pages(const std::string& address, const PciPlaces& places = {});

}  // namespace weft::doctor
