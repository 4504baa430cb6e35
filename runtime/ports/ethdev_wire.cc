#include "runtime/ports/ethdev_wire.h"

#include <fmt/format.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <rte_ethdev.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "runtime/ports/eal.h"
#include "runtime/ports/wait.h"

namespace weft::ports {
namespace {

void add(std::atomic<std::uint64_t>& counter, std::uint64_t n) {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

}  // namespace

EthdevWire::EthdevWire(const WireName& name, rte_mempool* pool, const EthdevWireOptions& options)
    : name_(name),
      losses_(name),
      lineariser_(options.limits, options.copies != nullptr ? options.copies : pool),
      frames_(options.frames) {}

EthdevWire::~EthdevWire() {
  if (membership_ >= 0) close(membership_);
}

void EthdevWire::promiscuous() {
  membership_ = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);  // protocol 0: receives nothing
  packet_mreq all{};
  all.mr_ifindex = static_cast<int>(if_nametoindex(name_.interface.c_str()));
  all.mr_type = PACKET_MR_PROMISC;
  if (membership_ >= 0)
    setsockopt(membership_, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all));
}

diag::Result<std::unique_ptr<EthdevWire>> EthdevWire::make(const WireName& name, rte_mempool* pool,
                                                           const EthdevWireOptions& options) {
  std::unique_ptr<EthdevWire> wire(new EthdevWire(name, pool, options));
  if (name.kind == WireName::Kind::ring) {
    auto rings = RingPort::make(name.interface, 1);
    if (!rings) return diag::fail(rings.error());
    wire->rings_ = std::move(*rings);
    wire->port_ = wire->rings_->port();
  } else {
    auto device = vdev_for(name, options.kernel_mac, options.own_mac, 1, options.mtu);
    if (!device) return diag::fail(device.error());
    wire->device_ = std::move(*device);
    wire->port_ = wire->device_->port();
  }
  if (auto done = wire->open(options.mtu, pool, options.scatter); !done)
    return diag::fail(done.error());
  wire->watch_ = DeviceWatch(name, wire->port_);
  wire->link_ = LinkWatch(name);
  wire->losses_.attach();  // (before there is another packet socket)
  if (name.kind == WireName::Kind::af_packet || name.kind == WireName::Kind::af_xdp)
    wire->promiscuous();
  return wire;
}

// Drivers of wires that end in another process know whether that is there.
bool EthdevWire::link_up() const {
  if (link_.watches()) return link_.up();
  rte_eth_link link{};
  return rte_eth_link_get_nowait(port_, &link) != 0 || link.link_status == RTE_ETH_LINK_UP;
}

diag::Result<void> EthdevWire::open(std::uint16_t mtu, rte_mempool* pool, bool scatter) {
  const auto step = [&](const char* what, int result) -> diag::Result<void> {
    if (result == 0) return {};
    diag::Diagnostic d{.code = "E0655",
                       .message = fmt::format("wire {}: cannot {}: {}", name_.text, what,
                                              rte_strerror(result < 0 ? -result : result))};
    if (const std::string said = recent_log(); !said.empty())
      d.notes.push_back({.text = "DPDK said:\n" + said, .span = {}});
    return diag::fail(std::move(d));
  };
  rte_eth_dev_info info{};
  auto done = step("learn what it can do", rte_eth_dev_info_get(port_, &info));
  if (!done) return done;
  rte_eth_conf conf{};
  if (scatter) conf.rxmode.offloads = info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
  conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  // Drivers that say that they take longer frames want to be told; others have the length of the
  // interface or of the buffers, whatever they say, and refuse to hear of it.
  if (mtu > RTE_ETHER_MTU && info.max_rx_pktlen >= mtu + 22u)
    conf.rxmode.mtu = std::min<std::uint32_t>(mtu, info.max_mtu);
  ask_for_descriptors(port_, conf);
  std::uint16_t rx = 1024, tx = 1024;
  done = step("configure it", rte_eth_dev_configure(port_, 1, 1, &conf));
  if (done) done = step("size its rings", rte_eth_dev_adjust_nb_rx_tx_desc(port_, &rx, &tx));
  if (done) done = step("receive", rte_eth_rx_queue_setup(port_, 0, rx, 0, nullptr, pool));
  if (done) done = step("send", rte_eth_tx_queue_setup(port_, 0, tx, 0, nullptr));
  if (done && name_.kind == WireName::Kind::tap && mtu != RTE_ETHER_MTU)
    done = step("set its MTU", rte_eth_dev_set_mtu(port_, mtu));
  if (done) done = step("start it", rte_eth_dev_start(port_));
  return done;
}

std::uint16_t EthdevWire::receive(rte_mbuf** frames, std::uint16_t n) {
  const std::uint16_t got = rte_eth_rx_burst(port_, 0, frames, n);
  for (std::uint16_t i = 0; i < got; ++i)
    frames[i]->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
  if (got != 0) add(received_, got);
  return got;
}

std::uint16_t EthdevWire::transmit(rte_mbuf** frames, std::uint16_t n) {
  std::uint16_t done = 0, lost = 0;
  while (done + lost < n) {
    rte_mbuf** rest = frames + done + lost;
    const std::uint16_t fitting = lineariser_.fit(rest, n - done - lost);
    std::uint16_t sent = 0;
    for (unsigned tries = 0; sent < fitting && tries < 16; ++tries)
      sent += rte_eth_tx_burst(port_, 0, rest + sent, fitting - sent);
    done += sent;
    // What the device does not take, or what cannot be made to fit it, is lost.
    std::uint16_t refused = fitting - sent;
    if (refused == 0 && done + lost < n) refused = 1;
    for (std::uint16_t i = 0; i < refused; ++i) rte_pktmbuf_free(rest[sent + i]);
    lost += refused;
  }
  add(sent_, done);
  if (lost != 0) add(send_failed_, lost);
  return done;
}

std::optional<std::vector<int>> EthdevWire::wait_for() const {
  if (const auto socket = losses_.readable(0, 1)) return std::vector<int>{*socket};
  return descriptors_of(port_, 0);
}

WireCounters EthdevWire::counters() const {
  WireCounters counters;
  counters.received = received_.load(std::memory_order_relaxed);
  counters.sent = sent_;
  counters.send_failed = send_failed_;
  counters.linearised = lineariser_.copied();
  counters.dropped_by_wire = losses_.count();
  rte_eth_stats stats{};
  if (rte_eth_stats_get(port_, &stats) == 0) {
    if (!losses_.replaces_missed()) counters.dropped_by_wire += stats.imissed + stats.rx_nombuf;
    if (name_.kind == WireName::Kind::tap) counters.dropped_by_wire += stats.ierrors;
  }
  return counters;
}

}  // namespace weft::ports
