#include "runtime/doctor/pci_device.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace weft::doctor {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

std::string link_name(const fs::path& link) {
  std::error_code error;
  const fs::path to = fs::read_symlink(link, error);
  return error ? "" : to.filename().string();
}

std::uint32_t number(const fs::path& file) {
  std::string text;
  std::ifstream(file) >> text;
  return static_cast<std::uint32_t>(std::strtoul(text.c_str(), nullptr, 16));
}

bool user_space_driver(const std::string& name) {
  return name == "vfio-pci" || name == "uio_pci_generic" || name == "igb_uio";
}

// A virtio device's interface is one folder further down, under the device that its bus makes.
std::vector<std::string> interfaces_under(const fs::path& device) {
  std::vector<std::string> found = names_in(device / "net");
  for (const std::string& name : names_in(device)) {
    if (name.rfind("virtio", 0) != 0) continue;
    for (std::string& interface : names_in(device / name / "net"))
      found.push_back(std::move(interface));
  }
  return found;
}

// Destination and mask are columns 2 and 8 of proc_pid_net(5)'s route table.
std::string route_of(const std::string& interface, const std::string& proc) {
  std::ifstream table(proc + "/net/route");
  std::string line, use;
  std::getline(table, line);
  while (std::getline(table, line)) {
    std::istringstream columns(line);
    std::string name, destination, skip, mask;
    columns >> name >> destination >> skip >> skip >> skip >> skip >> skip >> mask;
    if (name != interface) continue;
    if (destination == "00000000" && mask == "00000000") return "has the default route";
    use = "has a route";
  }
  return use;
}

// Link-local addresses come by themselves and say nothing of use.
std::string address_of(const std::string& interface) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return "";
  std::string found;
  for (const ifaddrs* one = list; one != nullptr && found.empty(); one = one->ifa_next) {
    if (one->ifa_addr == nullptr || interface != one->ifa_name) continue;
    char text[INET6_ADDRSTRLEN] = "";
    if (one->ifa_addr->sa_family == AF_INET) {
      const auto* v4 = reinterpret_cast<const sockaddr_in*>(one->ifa_addr);
      inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
    } else if (one->ifa_addr->sa_family == AF_INET6) {
      const auto* v6 = reinterpret_cast<const sockaddr_in6*>(one->ifa_addr);
      if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr)) continue;
      inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
    }
    if (*text != '\0') found = fmt::format("has the address {}", text);
  }
  freeifaddrs(list);
  return found;
}

}  // namespace

bool PciDevice::for_user_space() const { return user_space_driver(driver); }

std::optional<PciDevice> pci_device(const std::string& address, const std::string& sys) {
  const fs::path folder = fs::path(sys) / "bus/pci/devices" / address;
  std::error_code error;
  if (!fs::exists(folder, error)) return std::nullopt;
  PciDevice found;
  const auto part = [&folder](const char* file) {
    return static_cast<std::uint16_t>(number(folder / file));
  };
  found.id = {part("vendor"), part("device"), part("subsystem_vendor"), part("subsystem_device")};
  found.kind = number(folder / "class");
  found.driver = link_name(folder / "driver");
  found.interfaces = interfaces_under(folder);
  found.iommu_group = link_name(folder / "iommu_group");
  for (const std::string& other : names_in(folder / "iommu_group/devices")) {
    const fs::path there = folder / "iommu_group/devices" / other;
    const bool bridge = number(there / "class") >> 16 == 6;
    const std::string driver = link_name(there / "driver");
    if (other != address && !bridge && !driver.empty() && driver != "vfio-pci")
      found.group_others.push_back(other);
  }
  return found;
}

std::string use_of(const std::string& interface, const std::string& sys, const std::string& proc) {
  if (const std::string route = route_of(interface, proc); route == "has the default route")
    return route;
  if (const std::string address = address_of(interface); !address.empty()) return address;
  if (const std::string master = link_name(fs::path(sys) / "class/net" / interface / "master");
      !master.empty())
    return "is part of " + master;
  return route_of(interface, proc);
}

}  // namespace weft::doctor
