#include "runtime/ports/vdev.h"

#include <fmt/format.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <algorithm>

#include "runtime/ports/eal.h"
#include "runtime/ports/packet_fanout.h"
#include "runtime/ports/quiet_bpf.h"

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

namespace {

std::string mac_text(std::uint64_t mac) {
  std::string text;
  for (int i = 5; i >= 0; --i)
    text += fmt::format("{:02x}{}", mac >> (8 * i) & 0xff, i != 0 ? ":" : "");
  return text;
}

// A slot of the packet socket's ring holds one frame and the kernel's header before it; the driver
// wants slots side by side without gaps, so a block is a whole number of them.
std::string af_packet_arguments(const WireName& wire, unsigned queues, std::uint16_t mtu) {
  const unsigned wanted = mtu + 22u + 96u;  // with tag; TPACKET2_HDRLEN and what it is padded to
  const unsigned slot = std::max(2048u, (wanted + 255) / 256 * 256);
  return fmt::format("iface={},qpairs={},framesz={},blocksz={},framecnt={}", wire.interface, queues,
                     slot, slot * 16, 2048);
}

}  // namespace

diag::Result<std::unique_ptr<Vdev>> vdev_for(const WireName& wire, std::uint64_t kernel_mac,
                                             std::uint64_t own_mac, unsigned queues,
                                             std::uint16_t mtu) {
  using Kind = WireName::Kind;
  switch (wire.kind) {
    case Kind::tap:
      return Vdev::make("net_tap0",
                        fmt::format("iface={},mac={}", wire.interface, mac_text(kernel_mac)));
    case Kind::af_packet: {
      const PacketsAsTheyCome sockets(queues);
      return Vdev::make("net_af_packet0", af_packet_arguments(wire, queues, mtu));
    }
    case Kind::af_xdp:
      quiet_bpf();
      return Vdev::make("net_af_xdp0", fmt::format("iface={},start_queue=0,queue_count={}",
                                                   wire.interface, queues));
    case Kind::memif:
      return Vdev::make("net_memif0",
                        fmt::format("role={},id=0,socket={},socket-abstract=no,rsize=10,bsize=2048,"
                                    "mac={}{}",
                                    wire.server ? "server" : "client", wire.socket,
                                    mac_text(own_mac), wire.zero_copy ? ",zero-copy=yes" : ""));
    case Kind::virtio_user:
      return Vdev::make(
          "net_virtio_user0",
          fmt::format("path={},queues={},queue_size=1024,mrg_rxbuf=1,server={},mac={}", wire.socket,
                      queues, wire.server ? 1 : 0, mac_text(own_mac)));
    case Kind::vhost:
      return Vdev::make("net_vhost0", fmt::format("iface={},queues={},client={}", wire.socket,
                                                  queues, wire.server ? 0 : 1));
    case Kind::pcap: {
      const std::string out = wire.out.empty() ? "" : ",tx_pcap=" + wire.out;
      return Vdev::make("net_pcap0", fmt::format("rx_pcap={}{}", wire.in, out));
    }
    case Kind::ring:
    case Kind::pci:
    case Kind::sim: break;
  }
  return diag::fail(
      diag::Diagnostic{.code = "E0653", .message = wire.text + " has no virtual device behind it"});
}

}  // namespace weft::ports
