// The control plane and data plane of a port that DPDK has: a real card, or any of its virtual
// devices used without an emulated card on top.
#pragma once

#include <rte_mempool.h>

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/ports/card.h"
#include "runtime/ports/card_control.h"

namespace weft::ports {

class EthdevControl final : public CardControl {
 public:
  // `pool` fills the receive queues; it must outlive the port's last receive.
  EthdevControl(std::uint16_t port, rte_mempool* pool);
  ~EthdevControl() override;

  std::string name() const override { return name_; }
  int info(rte_eth_dev_info& info) override;
  int configure(std::uint16_t receive_queues, std::uint16_t transmit_queues,
                const rte_eth_conf& conf) override;
  int set_mac(const rte_ether_addr& address) override;
  int set_promiscuous(bool on) override;
  int rss_hash_update(const rte_eth_rss_conf& conf) override;
  int reta_update(std::span<const rte_eth_rss_reta_entry64> entries, std::uint16_t size) override;
  int flow_validate(const rte_flow_attr& attr, const rte_flow_item* items,
                    const rte_flow_action* actions, rte_flow_error& error) override;
  rte_flow* flow_create(const rte_flow_attr& attr, const rte_flow_item* items,
                        const rte_flow_action* actions, rte_flow_error& error) override;
  int flow_destroy(rte_flow* flow, rte_flow_error& error) override;
  int start() override;
  int stop() override;
  CardStats stats() override;

  std::uint16_t port() const { return port_; }

 private:
  std::uint16_t port_;
  rte_mempool* pool_;
  std::string name_;
  bool started_ = false;
  std::uint16_t rx_queues_ = 0, tx_queues_ = 0;
};

class EthdevCard final : public Card {
 public:
  EthdevCard(std::uint16_t port, rte_mempool* pool) : control_(port, pool) {}
  CardControl& control() override { return control_; }
  std::uint16_t rx_burst(std::uint16_t queue, rte_mbuf** packets, std::uint16_t n) override;
  std::uint16_t tx_burst(std::uint16_t queue, rte_mbuf** packets, std::uint16_t n) override;

 private:
  EthdevControl control_;
};

}  // namespace weft::ports
