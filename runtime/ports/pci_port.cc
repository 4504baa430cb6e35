#include "runtime/ports/pci_port.h"

#include <fmt/format.h>
#include <rte_ethdev.h>
#include <time.h>

#include "runtime/ports/eal.h"

namespace weft::ports {

diag::Result<std::unique_ptr<PciPort>> PciPort::open(const std::string& address) {
  std::uint16_t port = 0;
  if (rte_eth_dev_get_port_by_name(address.c_str(), &port) == 0)
    return std::unique_ptr<PciPort>(new PciPort(port));
  diag::Diagnostic d{.code = "E0653",
                     .message = fmt::format("DPDK made no port of {}", address),
                     .help = "weft doctor PLAN --wire pci:" + address + " names what is missing"};
  if (const std::string said = recent_log(); !said.empty())
    d.notes.push_back({.text = "DPDK said:\n" + said, .span = {}});
  return diag::fail(std::move(d));
}

PciPort::~PciPort() {
  if (rte_eth_dev_is_valid_port(port_) == 0) return;
  rte_eth_dev_stop(port_);
  rte_eth_dev_close(port_);
}

Link wait_for_link(std::uint16_t port, unsigned limit_ms) {
  constexpr unsigned step_ms = 20;
  Link link;
  for (;; link.waited_ms += step_ms) {
    rte_eth_link now{};
    if (rte_eth_link_get_nowait(port, &now) == 0 && now.link_status == RTE_ETH_LINK_UP) {
      link.up = true;
      link.megabits = now.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : now.link_speed;
      return link;
    }
    if (link.waited_ms >= limit_ms) return link;
    const timespec pause = {.tv_sec = 0, .tv_nsec = step_ms * 1'000'000L};
    nanosleep(&pause, nullptr);
  }
}

std::string speed_text(unsigned megabits) {
  if (megabits == 0) return "";
  return megabits % 1000 == 0 ? fmt::format("{} Gb/s", megabits / 1000)
                              : fmt::format("{} Mb/s", megabits);
}

}  // namespace weft::ports
