#include "runtime/doctor/driver_library.h"

#include <rte_build_config.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

namespace weft::doctor {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view marker = "PMD_INFO_STRING= ";

// A network driver that names the device in its table of [vendor, device, subvendor, subdevice],
// where 65535 stands for any (rte_bus_pci.h, RTE_PCI_ANY_ID).
bool drives(const nlohmann::json& info, const PciId& id) {
  if (!info.is_object() || info.value("name", "").rfind("net_", 0) != 0) return false;
  const std::array<unsigned, 4> wanted = {id.vendor, id.device, id.subvendor, id.subdevice};
  constexpr unsigned any = 65535;
  for (const auto& row : info.value("pci_ids", nlohmann::json::array())) {
    bool fits = row.is_array() && row.size() == wanted.size();
    for (std::size_t i = 0; fits && i < wanted.size(); ++i)
      fits = row[i] == wanted[i] || row[i] == any;
    if (fits) return true;
  }
  return false;
}

std::string driver_in(const std::string& bytes, const PciId& id) {
  for (std::size_t at = bytes.find(marker); at != std::string::npos;
       at = bytes.find(marker, at + 1)) {
    const char* text = bytes.c_str() + at + marker.size();  // ends with a zero byte
    const auto info = nlohmann::json::parse(std::string_view(text), nullptr, false);
    if (drives(info, id)) return info["name"];
  }
  return "";
}

}  // namespace

DriverLibrary driver_library(const PciId& id, const std::string& folder) {
  std::set<fs::path> seen;  // each library has several names
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    const fs::path file = fs::canonical(entry.path(), error);
    if (name.rfind("librte_", 0) != 0 || error || !seen.insert(file).second) continue;
    std::ifstream in(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    if (std::string driver = driver_in(bytes, id); !driver.empty())
      return {std::move(driver), file.string()};
  }
  return {};
}

std::string driver_folder() { return RTE_EAL_PMD_PATH; }

}  // namespace weft::doctor
