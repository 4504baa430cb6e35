// What the kernel says of one PCI device (sysfs, Documentation/ABI/testing/sysfs-bus-pci of Linux).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weft::doctor {

// The two pairs of numbers by which drivers know a device.
struct PciId {
  std::uint16_t vendor = 0, device = 0;
  std::uint16_t subvendor = 0, subdevice = 0;
};

struct PciDevice {
  PciId id;
  std::uint32_t kind = 0;               // class code, 24 bits; network controllers are 0x02xxxx
  std::string driver;                   // the kernel's: "e1000e", "vfio-pci"; "" when it has none
  std::vector<std::string> interfaces;  // of this namespace
  std::string iommu_group;              // "" when there is no IOMMU in front of it
  // Others of its group that are neither bridges nor bound to vfio-pci: VFIO gives a group away as
  // a whole or not at all.
  std::vector<std::string> group_others;

  bool is_network() const { return kind >> 16 == 2; }
  // Bound to a driver through which user space drives it.
  bool for_user_space() const;
};

// nullopt: there is no such device. `address`: "0000:00:04.0"; `sys`: where sysfs is.
std::optional<PciDevice> pci_device(const std::string& address, const std::string& sys = "/sys");

// What this kernel uses an interface for: "has the default route", "has the address 10.0.0.2", "is
// part of br0"; "" for nothing.
std::string use_of(const std::string& interface, const std::string& sys = "/sys",
                   const std::string& proc = "/proc");

}  // namespace weft::doctor
