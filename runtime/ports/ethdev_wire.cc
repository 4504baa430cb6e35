#include "runtime/ports/ethdev_wire.h"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <rte_ethdev.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "runtime/ports/eal.h"

namespace weft::ports {
namespace {

void add(std::atomic<std::uint64_t>& counter, std::uint64_t n) {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

// Packet sockets of this process.
std::set<int> packet_sockets() {
  std::set<int> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored)) {
    const int fd = std::atoi(entry.path().filename().c_str());
    int domain = 0;
    socklen_t size = sizeof(domain);
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_PACKET)
      found.insert(fd);
  }
  return found;
}

}  // namespace

EthdevWire::EthdevWire(WireName name, std::unique_ptr<Vdev> device, std::uint64_t frames)
    : name_(std::move(name)), device_(std::move(device)), frames_(frames) {}

EthdevWire::~EthdevWire() {
  if (membership_ >= 0) close(membership_);
}

void EthdevWire::promiscuous() {
  membership_ = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);  // protocol 0: receives nothing
  packet_mreq all{};
  all.mr_ifindex = static_cast<int>(interface_);
  all.mr_type = PACKET_MR_PROMISC;
  if (membership_ >= 0)
    setsockopt(membership_, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all));
}

diag::Result<std::unique_ptr<EthdevWire>> EthdevWire::make(const WireName& name,
                                                           std::uint64_t kernel_mac,
                                                           std::uint16_t mtu, rte_mempool* pool,
                                                           std::uint64_t frames) {
  const std::set<int> before = packet_sockets();
  auto device = vdev_for(name, kernel_mac, 1, mtu);
  if (!device) return diag::fail(device.error());
  std::unique_ptr<EthdevWire> wire(new EthdevWire(name, std::move(*device), frames));
  for (int fd : packet_sockets()) {
    if (!before.contains(fd)) wire->ring_sockets_.push_back(fd);
  }
  const std::uint16_t port = wire->device_->port();

  const auto step = [&](const char* what, int result) -> diag::Result<void> {
    if (result == 0) return {};
    diag::Diagnostic d{.code = "E0655",
                       .message = fmt::format("wire {}: cannot {}: {}", name.text, what,
                                              rte_strerror(result < 0 ? -result : result))};
    if (const std::string said = recent_log(); !said.empty())
      d.notes.push_back({.text = "DPDK said:\n" + said, .span = {}});
    return diag::fail(std::move(d));
  };
  rte_eth_conf conf{};
  std::uint16_t rx = 1024, tx = 1024;
  auto done = step("configure it", rte_eth_dev_configure(port, 1, 1, &conf));
  if (done) done = step("size its rings", rte_eth_dev_adjust_nb_rx_tx_desc(port, &rx, &tx));
  if (done) done = step("receive", rte_eth_rx_queue_setup(port, 0, rx, 0, nullptr, pool));
  if (done) done = step("send", rte_eth_tx_queue_setup(port, 0, tx, 0, nullptr));
  if (done && name.kind == WireName::Kind::tap && mtu != 1500)
    done = step("set its MTU", rte_eth_dev_set_mtu(port, mtu));
  if (done) done = step("start it", rte_eth_dev_start(port));
  if (!done) return diag::fail(done.error());
  if (name.live()) wire->interface_ = if_nametoindex(name.interface.c_str());
  if (name.kind == WireName::Kind::af_packet) wire->promiscuous();
  wire->lost_at_start_ = wire->lost_before();
  return wire;
}

std::uint16_t EthdevWire::receive(rte_mbuf** frames, std::uint16_t n) {
  const std::uint16_t got = rte_eth_rx_burst(device_->port(), 0, frames, n);
  for (std::uint16_t i = 0; i < got; ++i) frames[i]->ol_flags = 0;
  if (got != 0) add(received_, got);
  return got;
}

std::uint16_t EthdevWire::transmit(rte_mbuf** frames, std::uint16_t n) {
  std::uint16_t done = 0;
  for (unsigned tries = 0; done < n && tries < 16; ++tries)
    done += rte_eth_tx_burst(device_->port(), 0, frames + done, n - done);
  add(sent_, done);
  add(send_failed_, n - done);
  const std::uint16_t out = done;
  for (; done < n; ++done) rte_pktmbuf_free(frames[done]);
  return out;
}

// What the kernel dropped on its way to us: for a TAP the frames that did not fit into its queue.
// (Not from /sys, which may show another network namespace.)
std::uint32_t EthdevWire::lost_before() const {
  std::uint32_t lost = 0;
  ifaddrs* list = nullptr;
  if (name_.kind != WireName::Kind::tap || getifaddrs(&list) != 0) return 0;
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr != nullptr && one->ifa_addr->sa_family == AF_PACKET &&
        one->ifa_data != nullptr && name_.interface == one->ifa_name)
      lost = static_cast<const rtnl_link_stats*>(one->ifa_data)->tx_dropped;
  }
  freeifaddrs(list);
  return lost;
}

std::uint64_t EthdevWire::lost_in_ring() const {
  const std::lock_guard guard(ring_lock_);
  for (int fd : ring_sockets_) {
    tpacket_stats stats{};
    socklen_t size = sizeof(stats);
    if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0)
      ring_lost_ += stats.tp_drops;
  }
  return ring_lost_;
}

WireCounters EthdevWire::counters() const {
  WireCounters counters;
  counters.received = received_.load(std::memory_order_relaxed);
  counters.sent = sent_;
  counters.send_failed = send_failed_;
  rte_eth_stats stats{};
  if (rte_eth_stats_get(device_->port(), &stats) == 0) {
    counters.dropped_by_wire = stats.imissed + stats.rx_nombuf + lost_in_ring();
    if (name_.kind == WireName::Kind::tap) counters.dropped_by_wire += stats.ierrors;
  }
  // Modulo 2^32, as the kernel counts here; a device that is gone has told its last number.
  if (const std::uint32_t lost = lost_before(); lost != 0)
    interface_lost_.store(lost - lost_at_start_, std::memory_order_relaxed);
  counters.dropped_by_wire += interface_lost_.load(std::memory_order_relaxed);
  return counters;
}

std::string EthdevWire::failure() const {
  if (interface_ == 0) return {};
  const unsigned now = if_nametoindex(name_.interface.c_str());
  if (now == interface_) return {};
  return fmt::format("interface {} is gone", name_.interface);
}

}  // namespace weft::ports
