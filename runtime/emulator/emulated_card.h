// A software card that executes a NIC model with a configuration, over any wire.
//
// Control plane and poll() may run on different threads; a lock keeps them apart. The engine's
// cores touch the rings between them and poll() only.
#pragma once

#include <rte_ring.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/fields.h"
#include "compiler/ir/nic_model.h"
#include "runtime/emulator/filters.h"
#include "runtime/emulator/hash_rules.h"
#include "runtime/emulator/policy.h"
#include "runtime/emulator/receive.h"
#include "runtime/emulator/transmit.h"
#include "runtime/ports/card.h"
#include "runtime/ports/wire.h"

namespace weft::emulator {

struct EmulatedCardOptions {
  DescriptorPolicy policy;
  // Packets that a queue holds in each direction; a power of two, one slot stays empty.
  unsigned ring_size = 1024;
  unsigned burst = 32;  // frames taken from the wire by one poll()
  // True: poll() takes nothing from the wire while some receive queue has no room for a burst. For
  // wires that wait (captures, the simulated wire); a real card drops, and counts "queue_full".
  bool wait_for_room = false;
  // Decides which queue a flow goes to on cards that nobody can predict ("spreads: unknown").
  std::uint64_t spread_seed = 0;
  // Memory that the card fills, by queue, where queues have their own: the wire's frames are copied
  // into it, as a card would write them there. Empty: frames stay where the wire put them.
  std::vector<rte_mempool*> memory = {};
};

class EmulatedCard final : public ports::Card, private ports::CardControl {
 public:
  // Errors: E0640 to E0642, when the model says something that the emulated card can't do. The wire
  // must outlive the card.
  static diag::Result<std::unique_ptr<EmulatedCard>> make(const ir::NicModel& model,
                                                          const ir::FieldTable& fields,
                                                          ports::Wire& wire,
                                                          EmulatedCardOptions options = {});
  ~EmulatedCard() override;
  EmulatedCard(const EmulatedCard&) = delete;
  EmulatedCard& operator=(const EmulatedCard&) = delete;

  ports::CardControl& control() override { return *this; }
  std::uint16_t rx_burst(std::uint16_t queue, rte_mbuf** packets, std::uint16_t n) override;
  std::uint16_t tx_burst(std::uint16_t queue, rte_mbuf** packets, std::uint16_t n) override;
  unsigned room(std::uint16_t queue) override;
  unsigned poll() override;
  unsigned receive() override;
  unsigned send() override;
  bool link_up() override { return wire_.link_up(); }
  // Queues are filled by poll(), which is where the wire is.
  std::optional<std::vector<int>> wait_for(std::uint16_t) override { return std::vector<int>{}; }
  std::optional<std::vector<int>> wait_for_poll() override { return wire_.wait_for(); }
  bool waits(std::uint16_t queue) override {
    return queue < rx_rings_.size() && rte_ring_empty(rx_rings_[queue].get()) == 0;
  }
  bool sends_by_poll() const override { return true; }

  // Rules in a filter table ("fdir"); 0 for an unknown name.
  std::size_t rules_in(const std::string& table);

 private:
  // rte_ring in memory of our own: no name, no memzone, so that any number of cards may exist.
  struct Ring {
    explicit Ring(unsigned size);
    std::unique_ptr<void, void (*)(void*)> memory;
    rte_ring* get() const { return static_cast<rte_ring*>(memory.get()); }
  };

  EmulatedCard(const ir::NicModel& model, const ir::FieldTable& fields, ports::Wire& wire,
               EmulatedCardOptions options);

  // CardControl, in control.cc.
  std::string name() const override;
  int info(rte_eth_dev_info& info) override;
  int configure(std::uint16_t receive_queues, std::uint16_t transmit_queues,
                const rte_eth_conf& conf) override;
  int set_mac(const rte_ether_addr& address) override;
  int set_promiscuous(bool on) override;
  int set_allmulticast(bool on) override;
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
  ports::CardStats stats() override;

  int set_toggle(const char* toggle, bool on);

  struct Knob {
    std::string name;
    std::string toggle;
    bool receive = false;
    std::uint64_t offload = 0;  // DPDK's bit, 0 for a toggle
  };
  diag::Result<void> read_knobs();
  int report(const Refusal& refusal, rte_flow_error& error);
  std::uint64_t capabilities(bool receive) const;

  // Data plane, in emulated_card.cc. All with the lock held.
  unsigned receive_burst();
  unsigned send_bursts();
  unsigned transmit_burst(std::uint16_t queue);
  void transmit(std::uint16_t queue, std::span<rte_mbuf*> frames);
  void deliver(rte_mbuf* frame);
  rte_mbuf* into_memory_of(std::uint16_t queue, rte_mbuf* frame) const;
  std::span<const std::uint8_t> bytes_of(const rte_mbuf& packet);
  static std::uint64_t give_back(Ring& ring);  // how many packets it held

  ir::NicModel model_;
  ir::FieldTable fields_;
  ports::Wire& wire_;
  EmulatedCardOptions options_;
  Names names_;
  std::vector<Knob> knobs_;
  std::unique_ptr<Receiver> receiver_;
  HashRules hash_rules_;
  Transmitter transmitter_;

  std::mutex lock_;
  CardState state_;
  bool configured_ = false;
  bool started_ = false;
  std::string message_;  // what the last rte_flow_error points to
  std::vector<Ring> rx_rings_;
  std::vector<Ring> tx_rings_;
  std::uint64_t arrived_ = 0;
  std::uint64_t transmitted_ = 0;
  std::uint64_t transmit_failed_ = 0;
  std::uint64_t cut_ = 0;  // frames that it has made beside those given to it
  std::uint64_t queue_full_ = 0;
  std::uint64_t too_long_ = 0;          // in more segments than the card scatters one frame over
  std::vector<std::uint8_t> in_one_;    // bytes of a scattered frame, for the units to look at
  std::uint64_t stopped_ = 0;           // waited in a queue when the card was stopped
  std::vector<std::uint64_t> dropped_;  // in the order of Receiver::drops()
  std::vector<std::uint64_t> queue_received_;
  std::vector<std::uint64_t> queue_transmitted_;
};

}  // namespace weft::emulator
