// A network card on the PCI bus that DPDK drives itself: the one device on EAL's allow-list.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "compiler/diag/diagnostic.h"

namespace weft::ports {

class PciPort {
 public:
  // DPDK is up, started with `address` as its device ("0000:00:04.0"). Errors: E0653, no port came
  // of it, with what DPDK said.
  static diag::Result<std::unique_ptr<PciPort>> open(const std::string& address);
  ~PciPort();
  PciPort(const PciPort&) = delete;
  PciPort& operator=(const PciPort&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  explicit PciPort(std::uint16_t port) : port_(port) {}
  std::uint16_t port_;
};

// A link takes its time: 0.2 to 0.9 s on e1000e, seconds where two cards negotiate.
struct Link {
  bool up = false;
  unsigned megabits = 0;  // per second; 0: not known
  unsigned waited_ms = 0;
};
Link wait_for_link(std::uint16_t port, unsigned limit_ms);

// "1 Gb/s", "" when it is not known.
std::string speed_text(unsigned megabits);

}  // namespace weft::ports
