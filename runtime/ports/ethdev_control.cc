#include "runtime/ports/ethdev_control.h"

#include <rte_ethdev.h>

#include <algorithm>
#include <string_view>

#include "runtime/ports/wait.h"

namespace weft::ports {
namespace {

// Enough for a burst of 100 us at 10 Gb/s; the port says what it can have.
constexpr std::uint16_t wanted_descriptors = 1024;

// Drivers whose `oerrors` are packets that they did not take, at every try
// (rte_eth_{af_xdp,vhost,tap,ring}.c); with others they are packets that were taken and then lost.
bool counts_tries(const std::string& driver) {
  return driver == "net_af_xdp" || driver == "net_vhost" || driver == "net_tap" ||
         driver == "net_ring";
}

bool is(const rte_eth_dev_info& info, const char* driver) {
  return info.driver_name != nullptr && std::string_view(info.driver_name) == driver;
}

void add(std::atomic<std::uint64_t>& counter, std::uint64_t n) {
  if (n != 0) counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

}  // namespace

EthdevControl::EthdevControl(std::uint16_t port, rte_mempool* pool, TransmitLimits limits,
                             std::unique_ptr<WireLosses> losses, rte_mempool* copies,
                             std::vector<rte_mempool*> by_queue)
    : port_(port),
      pool_(pool),
      copies_(copies != nullptr ? copies : pool),
      by_queue_(std::move(by_queue)),
      losses_(std::move(losses)),
      limits_(limits) {
  char name[RTE_ETH_NAME_MAX_LEN] = "?";
  rte_eth_dev_get_name_by_port(port, name);
  name_ = std::string("port ") + name;
}

EthdevControl::~EthdevControl() { stop(); }

int EthdevControl::info(rte_eth_dev_info& info) {
  const int result = rte_eth_dev_info_get(port_, &info);
  // It takes whatever fits into the slots of its ring, and says 1518 (eth_dev_info).
  if (result == 0 && is(info, "net_af_packet")) {
    info.max_rx_pktlen = UINT16_MAX;
    info.tx_offload_capa |= PacketOffload::offloads();
  }
  return result;
}

int EthdevControl::configure(std::uint16_t receive_queues, std::uint16_t transmit_queues,
                             const rte_eth_conf& conf) {
  rte_eth_dev_info limits{};
  int result = rte_eth_dev_info_get(port_, &limits);
  rte_eth_conf wanted = conf;
  cuts_ = (conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO) != 0;
  by_kernel_ =
      is(limits, "net_af_packet") && (conf.txmode.offloads & PacketOffload::offloads()) != 0;
  if (by_kernel_) wanted.txmode.offloads &= ~PacketOffload::offloads();
  // Virtual devices have the MTU of the interface behind them, and some refuse to be told one.
  std::uint16_t mtu = 0;
  if (rte_eth_dev_get_mtu(port_, &mtu) == 0 && mtu == conf.rxmode.mtu) wanted.rxmode.mtu = 0;
  wanted.rxmode.mtu = std::clamp<std::uint32_t>(wanted.rxmode.mtu != 0 ? wanted.rxmode.mtu : mtu,
                                                limits.min_mtu, limits.max_mtu);
  if (is(limits, "net_af_packet")) wanted.rxmode.mtu = 0;  // it has the interface's, see info()
  if (limits_.segments > 1)
    wanted.txmode.offloads |= limits.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  const unsigned room = rte_pktmbuf_data_room_size(pool_) - RTE_PKTMBUF_HEADROOM;
  if (room < conf.rxmode.mtu + RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN)
    wanted.rxmode.offloads |= limits.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
  if (result == 0) ask_for_descriptors(port_, wanted);
  if (result == 0) result = rte_eth_dev_configure(port_, receive_queues, transmit_queues, &wanted);
  std::uint16_t rx = wanted_descriptors, tx = wanted_descriptors;
  if (result == 0) result = rte_eth_dev_adjust_nb_rx_tx_desc(port_, &rx, &tx);
  const auto socket = static_cast<unsigned>(std::max(0, rte_eth_dev_socket_id(port_)));
  for (std::uint16_t q = 0; result == 0 && q < receive_queues; ++q) {
    rte_eth_rxconf queue = limits.default_rxconf;
    queue.offloads = wanted.rxmode.offloads;
    result = rte_eth_rx_queue_setup(port_, q, rx, socket, &queue,
                                    q < by_queue_.size() ? by_queue_[q] : pool_);
  }
  for (std::uint16_t q = 0; result == 0 && q < transmit_queues; ++q) {
    rte_eth_txconf queue = limits.default_txconf;
    queue.offloads = wanted.txmode.offloads;
    result = rte_eth_tx_queue_setup(port_, q, tx, socket, &queue);
  }
  rx_queues_ = receive_queues;
  tx_queues_ = transmit_queues;
  driver_ = limits.driver_name != nullptr ? limits.driver_name : "";
  regions_.reset();
  if (driver_ == "net_i40e") regions_.emplace(port_, QueueRegions::of_driver());
  queues_.clear();
  for (unsigned q = 0; q < std::max(receive_queues, transmit_queues); ++q)
    queues_.emplace_back(new QueueCounters{Lineariser(limits_, copies_), {}});
  return result;
}

int EthdevControl::set_mac(const rte_ether_addr& address) {
  rte_ether_addr now{};
  if (rte_eth_macaddr_get(port_, &now) == 0 && rte_is_same_ether_addr(&now, &address)) return 0;
  rte_eth_dev_info limits{};
  if (rte_eth_dev_info_get(port_, &limits) == 0 && limits.if_index != 0 &&
      (is(limits, "net_af_packet") || is(limits, "net_af_xdp")))
    return address_.take(limits.if_index, address);
  rte_ether_addr copy = address;
  const int result = rte_eth_dev_default_mac_addr_set(port_, &copy);
  // A device without an address filter takes every frame, whatever its address.
  return result == -ENOTSUP ? 0 : result;
}

int EthdevControl::set_promiscuous(bool on) {
  const int result = on ? rte_eth_promiscuous_enable(port_) : rte_eth_promiscuous_disable(port_);
  return result == -ENOTSUP && !on ? 0 : result;
}

// What the driver says; one that can't say has a link.
bool EthdevControl::link_up() const {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(port_, &link) != 0 || link.link_status == RTE_ETH_LINK_UP;
}

int EthdevControl::set_allmulticast(bool on) {
  const int result = on ? rte_eth_allmulticast_enable(port_) : rte_eth_allmulticast_disable(port_);
  return result == -ENOTSUP && !on ? 0 : result;
}

int EthdevControl::rss_hash_update(const rte_eth_rss_conf& conf) {
  rte_eth_rss_conf copy = conf;
  return rte_eth_dev_rss_hash_update(port_, &copy);
}

int EthdevControl::reta_update(std::span<const rte_eth_rss_reta_entry64> entries,
                               std::uint16_t size) {
  std::vector<rte_eth_rss_reta_entry64> copy(entries.begin(), entries.end());
  std::vector<std::uint16_t> table;
  for (unsigned i = 0; regions_ && i < size; ++i)
    table.push_back(copy[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE]);
  if (regions_) regions_->set_table(std::move(table));
  return rte_eth_dev_rss_reta_update(port_, copy.data(), size);
}

int EthdevControl::flow_validate(const rte_flow_attr& attr, const rte_flow_item* items,
                                 const rte_flow_action* actions, rte_flow_error& error) {
  if (regions_ && QueueRegions::is_one(items, actions))
    return regions_->validate(items, actions, rx_queues_, error);
  return rte_flow_validate(port_, &attr, items, actions, &error);
}

rte_flow* EthdevControl::flow_create(const rte_flow_attr& attr, const rte_flow_item* items,
                                     const rte_flow_action* actions, rte_flow_error& error) {
  if (regions_ && QueueRegions::is_one(items, actions))
    return regions_->create(items, actions, rx_queues_, error);
  return rte_flow_create(port_, &attr, items, actions, &error);
}

int EthdevControl::flow_destroy(rte_flow* flow, rte_flow_error& error) {
  if (regions_ && regions_->has(flow)) return regions_->destroy(flow, error);
  return rte_flow_destroy(port_, flow, &error);
}

int EthdevControl::flow_hits(rte_flow* flow, std::uint64_t& hits) {
  const rte_flow_action what = {.type = RTE_FLOW_ACTION_TYPE_COUNT, .conf = nullptr};
  rte_flow_query_count answer{};
  rte_flow_error error{};
  const int result = rte_flow_query(port_, flow, &what, &answer, &error);
  if (result == 0) hits = answer.hits_set != 0 ? answer.hits : 0;
  return result;
}

int EthdevControl::start() {
  int result = rte_eth_dev_start(port_);
  started_ = result == 0;
  if (started_ && losses_) losses_->attach();  // (before there is another packet socket)
  rte_eth_dev_info limits{};
  if (started_ && by_kernel_) result = rte_eth_dev_info_get(port_, &limits);
  for (unsigned q = 0; result == 0 && by_kernel_ && q < tx_queues_; ++q)
    result = queues_[q]->kernel.open(limits.if_index);
  return result;
}

int EthdevControl::stop() {
  if (!started_) return 0;
  last_ = stats();  // some cards forget what they have counted when they stop (e1000)
  started_ = false;
  if (regions_) regions_->forget();
  return rte_eth_dev_stop(port_);
}

CardStats EthdevControl::stats() {
  if (!started_) return last_;
  CardStats stats;
  rte_eth_stats port{};
  if (rte_eth_stats_get(port_, &port) != 0) return stats;
  std::uint64_t missed = port.imissed;
  if (losses_) missed = losses_->count() + (losses_->replaces_missed() ? 0 : missed);
  stats.received = missed + port.ierrors + port.rx_nombuf;
  for (unsigned q = 0; q < rx_queues_; ++q) {
    stats.queue_received.push_back(queues_[q]->received.load(std::memory_order_relaxed));
    stats.received += stats.queue_received.back();
  }
  for (unsigned q = 0; q < tx_queues_; ++q) {
    stats.queue_transmitted.push_back(queues_[q]->taken.load(std::memory_order_relaxed));
    stats.transmitted += stats.queue_transmitted.back();
  }
  // Of what it has taken. Other drivers count here what they did not take, and that every time.
  if (!counts_tries(driver_)) {
    stats.transmit_failed = std::min(port.oerrors, stats.transmitted);
    stats.transmitted -= stats.transmit_failed;
  }
  for (const auto& queue : queues_) {
    stats.linearised += queue->lineariser.copied();
    stats.transmit_failed += queue->kernel.failed();
    stats.transmitted -= queue->kernel.failed();
  }
  stats.drops.push_back({"queue_full", "", missed});
  stats.drops.push_back({"receive_error", "", port.ierrors});
  stats.drops.push_back({"no_buffer", "", port.rx_nombuf});
  return stats;
}

std::uint16_t EthdevCard::rx_burst(std::uint16_t queue, rte_mbuf** packets, std::uint16_t n) {
  const std::uint16_t got = rte_eth_rx_burst(control_.port(), queue, packets, n);
  add(control_.queue(queue).received, got);
  return got;
}

std::optional<std::vector<int>> EthdevControl::wait_for(std::uint16_t queue) const {
  const auto socket = losses_ ? losses_->readable(queue, rx_queues_) : std::nullopt;
  if (socket) return std::vector<int>{*socket};
  return descriptors_of(port_, queue);
}

std::uint16_t EthdevCard::tx_burst(std::uint16_t queue, rte_mbuf** packets, std::uint16_t n) {
  QueueCounters& counters = control_.queue(queue);
  std::uint16_t fit = counters.lineariser.fit(packets, n);
  // What is to be cut is changed to how the driver wants it (RTE_MBUF_F_TX_TCP_SEG).
  if (control_.cuts() && !control_.by_kernel())
    fit = rte_eth_tx_prepare(control_.port(), queue, packets, fit);
  const std::uint16_t sent = control_.by_kernel()
                                 ? send_by_kernel(queue, packets, fit)
                                 : rte_eth_tx_burst(control_.port(), queue, packets, fit);
  add(counters.taken, sent);
  return sent;
}

// In their order: runs of frames that ask the kernel for something, and runs that do not.
std::uint16_t EthdevCard::send_by_kernel(std::uint16_t queue, rte_mbuf** packets, std::uint16_t n) {
  std::uint16_t done = 0;
  while (done < n) {
    const bool asked = PacketOffload::asked(*packets[done]);
    std::uint16_t run = 1;
    while (done + run < n && PacketOffload::asked(*packets[done + run]) == asked) ++run;
    const std::uint16_t sent = asked
                                   ? control_.queue(queue).kernel.send(packets + done, run)
                                   : rte_eth_tx_burst(control_.port(), queue, packets + done, run);
    done += sent;
    if (sent < run) break;
  }
  return done;
}

}  // namespace weft::ports
