#include "runtime/ports/vdev.h"

#include <fmt/format.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "runtime/ports/eal.h"

namespace weft::ports {

diag::Result<std::unique_ptr<Vdev>> Vdev::make(const std::string& name,
                                               const std::string& arguments) {
  const auto refuse = [&](const std::string& why) {
    diag::Diagnostic d{
        .code = "E0653",
        .message = fmt::format("cannot make the device {} ({}): {}", name, arguments, why)};
    if (const std::string said = recent_log(); !said.empty())
      d.notes.push_back({.text = "DPDK said:\n" + said, .span = {}});
    return diag::fail(std::move(d));
  };
  std::unique_ptr<Vdev> device(new Vdev(name));
  forget_log();
  if (const int result = rte_eal_hotplug_add("vdev", name.c_str(), arguments.c_str());
      result != 0) {
    device->name_.clear();
    return refuse(rte_strerror(result < 0 ? -result : result));
  }
  if (rte_eth_dev_get_port_by_name(name.c_str(), &device->port_) != 0)
    return refuse("it has no port");
  return device;
}

Vdev::~Vdev() {
  if (name_.empty()) return;
  if (rte_eth_dev_is_valid_port(port_) != 0) {
    rte_eth_dev_stop(port_);
    rte_eth_dev_close(port_);
  }
  rte_eal_hotplug_remove("vdev", name_.c_str());
}

diag::Result<std::unique_ptr<Vdev>> vdev_for(const WireName& wire, std::uint64_t kernel_mac,
                                             unsigned queues, std::uint16_t mtu) {
  switch (wire.kind) {
    case WireName::Kind::tap: {
      std::string mac;
      for (int i = 5; i >= 0; --i)
        mac += fmt::format("{:02x}{}", kernel_mac >> (8 * i) & 0xff, i != 0 ? ":" : "");
      return Vdev::make("net_tap0", fmt::format("iface={},mac={}", wire.interface, mac));
    }
    case WireName::Kind::af_packet: {
      // A slot of the ring holds one frame and the kernel's header before it.
      const unsigned frame = mtu + 22u + 128u <= 2048   ? 2048
                             : mtu + 22u + 128u <= 4096 ? 4096
                                                        : 16384;
      return Vdev::make("net_af_packet0",
                        fmt::format("iface={},qpairs={},framesz={},blocksz={},framecnt={}",
                                    wire.interface, queues, frame, frame * 16, 2048));
    }
    case WireName::Kind::pcap: {
      const std::string out = wire.out.empty() ? "" : ",tx_pcap=" + wire.out;
      return Vdev::make("net_pcap0", fmt::format("rx_pcap={}{}", wire.in, out));
    }
    case WireName::Kind::sim: break;
  }
  return diag::fail(
      diag::Diagnostic{.code = "E0653", .message = "a simulated wire has no device behind it"});
}

}  // namespace weft::ports
