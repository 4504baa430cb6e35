// DPDK's virtual devices, made when they are wanted and removed at the end.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "compiler/diag/diagnostic.h"
#include "runtime/ports/wire_name.h"

namespace weft::ports {

// One virtual device; removed with the object.
class Vdev {
 public:
  // Errors: E0653, with what DPDK said (its log is hidden otherwise).
  static diag::Result<std::unique_ptr<Vdev>> make(const std::string& name,
                                                  const std::string& arguments);
  ~Vdev();
  Vdev(const Vdev&) = delete;
  Vdev& operator=(const Vdev&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  explicit Vdev(std::string name) : name_(std::move(name)) {}
  std::string name_;
  std::uint16_t port_ = 0;
};

// The device behind a wire. Addresses are 48 bits as a number: for TAP the kernel's side gets
// `kernel_mac`; devices that end at another process have `own_mac`.
diag::Result<std::unique_ptr<Vdev>> vdev_for(const WireName& wire, std::uint64_t kernel_mac,
                                             std::uint64_t own_mac, unsigned queues,
                                             std::uint16_t mtu);

}  // namespace weft::ports
