#include "runtime/doctor/pci.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <fstream>

#include "runtime/doctor/driver_library.h"
#include "runtime/doctor/pci_device.h"

namespace weft::doctor {
namespace {

// The kernel's own way to give one device to one driver, without touching others of its kind
// (Documentation/ABI/testing/sysfs-bus-pci, driver_override).
std::string bind_command(const std::string& address, const PciDevice& device) {
  const std::string driver = device.iommu_group.empty() ? "uio_pci_generic" : "vfio-pci";
  const std::string folder = "/sys/bus/pci/devices/" + address;
  return fmt::format(
      "modprobe {0} && echo {0} > {1}/driver_override && {2}echo {3} > "
      "/sys/bus/pci/drivers_probe",
      driver, folder,
      device.driver.empty() ? "" : fmt::format("echo {} > {}/driver/unbind && ", address, folder),
      address);
}

// False when the card must be left alone.
bool unused(const std::string& address, const PciDevice& device, const PciPlaces& places,
            std::vector<Check>& checks) {
  for (const std::string& interface : device.interfaces) {
    const std::string use = use_of(interface, places.sys, places.proc);
    if (use.empty()) continue;
    checks.push_back(
        {"in_use", false,
         fmt::format("{} is {}, which this kernel uses: it {}", address, interface, use),
         "choose another card; whatever goes over this one would end"});
    return false;
  }
  // Bound to a driver of the kernel, yet without an interface: that one may be another namespace's.
  if (!device.driver.empty() && !device.for_user_space() && device.interfaces.empty()) {
    checks.push_back(
        {"in_use", false,
         fmt::format("{} is driven by {} and has no interface in this network namespace, so "
                     "nobody can see from here whether it is used",
                     address, device.driver),
         "ip -all netns exec ip -details link   (find its interface, and move it here)"});
    return false;
  }
  checks.push_back({"in_use", true, address + " is used by nobody here", ""});
  return true;
}

bool noiommu(const PciPlaces& places) {
  char on = 'N';
  std::ifstream(places.sys + "/module/vfio/parameters/enable_unsafe_noiommu_mode") >> on;
  return on == 'Y';
}

void vfio(const std::string& address, const PciDevice& device, const PciPlaces& places,
          std::vector<Check>& checks) {
  if (!device.group_others.empty()) {
    checks.push_back(
        {"iommu", false,
         fmt::format("IOMMU group {} holds {} as well, and VFIO gives a group away as a whole",
                     device.iommu_group, fmt::join(device.group_others, ", ")),
         "bind these to vfio-pci too, or move the card to another slot"});
    return;
  }
  const bool none = device.iommu_group.empty();
  checks.push_back({"iommu", !none || noiommu(places),
                    none ? address + " has no IOMMU in front of it"
                         : fmt::format("IOMMU group {}", device.iommu_group),
                    none ? "start the kernel with intel_iommu=on, or bind the card to "
                           "uio_pci_generic (huge pages are then needed)"
                         : ""});
  if (none) return;
  const std::string file = places.dev + "/vfio/" + device.iommu_group;
  const bool open = access(file.c_str(), R_OK | W_OK) == 0;
  checks.push_back({"rights", open, file + (open ? " can be opened" : " cannot be opened"),
                    open ? "" : "run it with sudo"});
}

void driver(const std::string& address, const PciDevice& device, const Question& q,
            const PciPlaces& places, std::vector<Check>& checks) {
  const std::string folder = places.drivers.empty() ? driver_folder() : places.drivers;
  const DriverLibrary library = driver_library(device.id, folder);
  const std::string ids = fmt::format("{:04x}:{:04x}", device.id.vendor, device.id.device);
  if (library.driver.empty()) {
    checks.push_back({"driver", false,
                      fmt::format("no driver of DPDK in {} knows {} ({})", folder, address, ids),
                      "apt-get install dpdk librte-meta-net   (all network drivers)"});
    return;
  }
  const bool right = q.card_driver.empty() || q.card_driver == library.driver;
  checks.push_back({"driver", right,
                    right ? fmt::format("{} ({}) is driven by {}", address, ids, library.driver)
                          : fmt::format("the plan is for a card of {}; {} ({}) is driven by {}",
                                        q.card_driver, address, ids, library.driver),
                    right ? "" : "compile the plan for a model of this driver (weft nic list)"});
}

}  // namespace

bool needs_huge_pages(const std::string& address, const PciPlaces& places) {
  const auto device = pci_device(address, places.sys);
  return device && (device->driver != "vfio-pci" || device->iommu_group.empty());
}

void pci(const Question& q, std::vector<Check>& checks, const PciPlaces& places) {
  const std::string& address = q.wire->interface;
  const auto device = pci_device(address, places.sys);
  if (!device || !device->is_network()) {
    checks.push_back(
        {"device", false,
         device ? fmt::format("{} is no network card (class {:06x})", address, device->kind)
                : fmt::format("there is no PCI device {}", address),
         "lspci -D | grep -i -e ethernet -e network"});
    return;
  }
  checks.push_back({"device", true,
                    fmt::format("{} is a network card, {:04x}:{:04x}", address, device->id.vendor,
                                device->id.device),
                    ""});
  driver(address, *device, q, places, checks);
  if (!unused(address, *device, places, checks)) return;
  if (!device->for_user_space()) {
    checks.push_back({"binding", false,
                      device->driver.empty()
                          ? address + " is bound to no driver"
                          : fmt::format("{} is bound to {}", address, device->driver),
                      bind_command(address, *device)});
    return;
  }
  checks.push_back({"binding", true, fmt::format("bound to {}", device->driver), ""});
  if (device->driver == "vfio-pci") {
    vfio(address, *device, places, checks);
  } else {
    const bool root = geteuid() == 0;  // physical addresses are shown to root alone
    checks.push_back({"rights", root, root ? "root" : device->driver + " needs root",
                      root ? "" : "run it with sudo"});
  }
  if (needs_huge_pages(address, places) && !q.huge_pages)
    checks.push_back({"huge_pages", false,
                      fmt::format("{} reads and writes physical memory, which only huge pages "
                                  "keep in place",
                                  address),
                      "leave --no-huge out, or bind the card to vfio-pci behind an IOMMU"});
}

}  // namespace weft::doctor
