// The control plane and data plane of a port that DPDK has: a real card, or any of its virtual
// devices used without an emulated card on top.
#pragma once

#include <rte_mempool.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/ports/card.h"
#include "runtime/ports/card_control.h"
#include "runtime/ports/interface_address.h"
#include "runtime/ports/linear.h"
#include "runtime/ports/packet_offload.h"
#include "runtime/ports/queue_regions.h"
#include "runtime/ports/wire_losses.h"

namespace weft::ports {

// One queue of each direction, and what went through it. Counted here: drivers count for 16 queues
// at most, some for none, and some forget when they are stopped or lose their peer.
struct alignas(64) QueueCounters {
  Lineariser lineariser;
  PacketOffload kernel;  // for frames that ask the kernel for something, on a packet socket
  std::atomic<std::uint64_t> received{0}, taken{0};  // each written by one core, read by any
};

class EthdevControl final : public CardControl {
 public:
  // `pool` fills the receive queues; it must outlive the port's last receive. `losses`, when there
  // are any, are attached when the port starts. Packets that must be copied to be what the driver
  // can send (`limits`) are copied into buffers of `copies`, null: of `pool`. `by_queue`: receive
  // queues that have memory of their own (engine/region_pools.h).
  EthdevControl(std::uint16_t port, rte_mempool* pool, TransmitLimits limits,
                std::unique_ptr<WireLosses> losses, rte_mempool* copies,
                std::vector<rte_mempool*> by_queue = {});
  ~EthdevControl() override;

  std::string name() const override { return name_; }
  int info(rte_eth_dev_info& info) override;
  int configure(std::uint16_t receive_queues, std::uint16_t transmit_queues,
                const rte_eth_conf& conf) override;
  int set_mac(const rte_ether_addr& address) override;
  int set_promiscuous(bool on) override;
  int set_allmulticast(bool on) override;
  bool link_up() const;
  int rss_hash_update(const rte_eth_rss_conf& conf) override;
  int reta_update(std::span<const rte_eth_rss_reta_entry64> entries, std::uint16_t size) override;
  int flow_validate(const rte_flow_attr& attr, const rte_flow_item* items,
                    const rte_flow_action* actions, rte_flow_error& error) override;
  rte_flow* flow_create(const rte_flow_attr& attr, const rte_flow_item* items,
                        const rte_flow_action* actions, rte_flow_error& error) override;
  int flow_destroy(rte_flow* flow, rte_flow_error& error) override;
  int flow_hits(rte_flow* flow, std::uint64_t& hits) override;
  int start() override;
  int stop() override;
  CardStats stats() override;

  std::uint16_t port() const { return port_; }
  // As Card::wait_for.
  std::optional<std::vector<int>> wait_for(std::uint16_t queue) const;
  QueueCounters& queue(unsigned n) { return *queues_[n]; }
  bool cuts() const { return cuts_; }            // asked to cut segments of TCP
  bool by_kernel() const { return by_kernel_; }  // what frames ask for is done by the kernel

 private:
  std::uint16_t port_;
  rte_mempool* pool_;
  rte_mempool* copies_;
  std::vector<rte_mempool*> by_queue_;
  std::string name_;
  std::string driver_;
  bool started_ = false;
  bool cuts_ = false;
  bool by_kernel_ = false;
  InterfaceAddress address_;  // where the interface beneath belongs to the kernel
  std::unique_ptr<WireLosses> losses_;
  TransmitLimits limits_;
  std::vector<std::unique_ptr<QueueCounters>> queues_;
  std::optional<QueueRegions> regions_;  // where the driver has them
  CardStats last_;                       // taken before the port was stopped
  std::uint16_t rx_queues_ = 0, tx_queues_ = 0;
};

class EthdevCard final : public Card {
 public:
  // `limits`: what the driver can send as one packet, as its model says.
  EthdevCard(std::uint16_t port, rte_mempool* pool, TransmitLimits limits = {},
             std::unique_ptr<WireLosses> losses = nullptr, rte_mempool* copies = nullptr,
             std::vector<rte_mempool*> by_queue = {})
      : control_(port, pool, limits, std::move(losses), copies, std::move(by_queue)) {}
  CardControl& control() override { return control_; }
  std::uint16_t rx_burst(std::uint16_t queue, rte_mbuf** packets, std::uint16_t n) override;
  // Packets that the driver cannot send as they are are copied first, in place.
  std::uint16_t tx_burst(std::uint16_t queue, rte_mbuf** packets, std::uint16_t n) override;
  bool link_up() override { return control_.link_up(); }
  std::optional<std::vector<int>> wait_for(std::uint16_t queue) override {
    return control_.wait_for(queue);
  }

 private:
  std::uint16_t send_by_kernel(std::uint16_t queue, rte_mbuf** packets, std::uint16_t n);

  EthdevControl control_;
};

}  // namespace weft::ports
