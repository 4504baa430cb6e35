#include "runtime/ports/ethdev_control.h"

#include <rte_ethdev.h>

#include <algorithm>

namespace weft::ports {
namespace {

// Enough for a burst of 100 us at 10 Gb/s; the port says what it can have.
constexpr std::uint16_t wanted_descriptors = 1024;

}  // namespace

EthdevControl::EthdevControl(std::uint16_t port, rte_mempool* pool) : port_(port), pool_(pool) {
  char name[RTE_ETH_NAME_MAX_LEN] = "?";
  rte_eth_dev_get_name_by_port(port, name);
  name_ = std::string("port ") + name;
}

EthdevControl::~EthdevControl() { stop(); }

int EthdevControl::info(rte_eth_dev_info& info) { return rte_eth_dev_info_get(port_, &info); }

int EthdevControl::configure(std::uint16_t receive_queues, std::uint16_t transmit_queues,
                             const rte_eth_conf& conf) {
  rte_eth_dev_info limits{};
  int result = rte_eth_dev_info_get(port_, &limits);
  rte_eth_conf wanted = conf;
  // Virtual devices have the MTU of the interface behind them, and some refuse to be told one.
  std::uint16_t mtu = 0;
  if (rte_eth_dev_get_mtu(port_, &mtu) == 0 && mtu == conf.rxmode.mtu) wanted.rxmode.mtu = 0;
  wanted.rxmode.mtu = std::clamp<std::uint32_t>(wanted.rxmode.mtu != 0 ? wanted.rxmode.mtu : mtu,
                                                limits.min_mtu, limits.max_mtu);
  if (result == 0) result = rte_eth_dev_configure(port_, receive_queues, transmit_queues, &wanted);
  std::uint16_t rx = wanted_descriptors, tx = wanted_descriptors;
  if (result == 0) result = rte_eth_dev_adjust_nb_rx_tx_desc(port_, &rx, &tx);
  const auto socket = static_cast<unsigned>(std::max(0, rte_eth_dev_socket_id(port_)));
  for (std::uint16_t q = 0; result == 0 && q < receive_queues; ++q) {
    rte_eth_rxconf queue = limits.default_rxconf;
    queue.offloads = wanted.rxmode.offloads;
    result = rte_eth_rx_queue_setup(port_, q, rx, socket, &queue, pool_);
  }
  for (std::uint16_t q = 0; result == 0 && q < transmit_queues; ++q) {
    rte_eth_txconf queue = limits.default_txconf;
    queue.offloads = wanted.txmode.offloads;
    result = rte_eth_tx_queue_setup(port_, q, tx, socket, &queue);
  }
  rx_queues_ = receive_queues;
  tx_queues_ = transmit_queues;
  return result;
}

int EthdevControl::set_mac(const rte_ether_addr& address) {
  rte_ether_addr now{};
  if (rte_eth_macaddr_get(port_, &now) == 0 && rte_is_same_ether_addr(&now, &address)) return 0;
  rte_ether_addr copy = address;
  const int result = rte_eth_dev_default_mac_addr_set(port_, &copy);
  // A device without an address filter takes every frame, whatever its address.
  return result == -ENOTSUP ? 0 : result;
}

int EthdevControl::set_promiscuous(bool on) {
  const int result = on ? rte_eth_promiscuous_enable(port_) : rte_eth_promiscuous_disable(port_);
  return result == -ENOTSUP && !on ? 0 : result;
}

int EthdevControl::rss_hash_update(const rte_eth_rss_conf& conf) {
  rte_eth_rss_conf copy = conf;
  return rte_eth_dev_rss_hash_update(port_, &copy);
}

int EthdevControl::reta_update(std::span<const rte_eth_rss_reta_entry64> entries,
                               std::uint16_t size) {
  std::vector<rte_eth_rss_reta_entry64> copy(entries.begin(), entries.end());
  return rte_eth_dev_rss_reta_update(port_, copy.data(), size);
}

int EthdevControl::flow_validate(const rte_flow_attr& attr, const rte_flow_item* items,
                                 const rte_flow_action* actions, rte_flow_error& error) {
  return rte_flow_validate(port_, &attr, items, actions, &error);
}

rte_flow* EthdevControl::flow_create(const rte_flow_attr& attr, const rte_flow_item* items,
                                     const rte_flow_action* actions, rte_flow_error& error) {
  return rte_flow_create(port_, &attr, items, actions, &error);
}

int EthdevControl::flow_destroy(rte_flow* flow, rte_flow_error& error) {
  return rte_flow_destroy(port_, flow, &error);
}

int EthdevControl::start() {
  const int result = rte_eth_dev_start(port_);
  started_ = result == 0;
  return result;
}

int EthdevControl::stop() {
  if (!started_) return 0;
  started_ = false;
  return rte_eth_dev_stop(port_);
}

CardStats EthdevControl::stats() {
  CardStats stats;
  rte_eth_stats port{};
  if (rte_eth_stats_get(port_, &port) != 0) return stats;
  stats.received = port.ipackets + port.imissed + port.ierrors + port.rx_nombuf;
  stats.transmitted = port.opackets;
  stats.transmit_failed = port.oerrors;
  for (unsigned q = 0; q < std::min<unsigned>(rx_queues_, RTE_ETHDEV_QUEUE_STAT_CNTRS); ++q)
    stats.queue_received.push_back(port.q_ipackets[q]);
  for (unsigned q = 0; q < std::min<unsigned>(tx_queues_, RTE_ETHDEV_QUEUE_STAT_CNTRS); ++q)
    stats.queue_transmitted.push_back(port.q_opackets[q]);
  stats.drops.push_back({"queue_full", "", port.imissed});
  stats.drops.push_back({"receive_error", "", port.ierrors});
  stats.drops.push_back({"no_buffer", "", port.rx_nombuf});
  return stats;
}

std::uint16_t EthdevCard::rx_burst(std::uint16_t queue, rte_mbuf** packets, std::uint16_t n) {
  return rte_eth_rx_burst(control_.port(), queue, packets, n);
}

std::uint16_t EthdevCard::tx_burst(std::uint16_t queue, rte_mbuf** packets, std::uint16_t n) {
  return rte_eth_tx_burst(control_.port(), queue, packets, n);
}

}  // namespace weft::ports
