// The control plane of a card, in DPDK's public structs, so that one translator from plan to card
// (translate.h) serves a real port and the emulated card alike. All calls are made by one thread,
// in the order: info, configure, set_mac, set_promiscuous, set_allmulticast, rss_hash_update,
// reta_update, start, flow_validate and flow_create; and at the end flow_destroy, stop.
//
// Unless said otherwise a call returns 0 or a negative errno, as rte_ethdev.h and rte_flow.h say
// (-ENOTSUP: the card has no such thing, -EINVAL: it has, but not with these values).
#pragma once

#include <rte_ethdev.h>
#include <rte_flow.h>

#include <cerrno>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace weft::ports {

// Frames that the card itself did not hand to a queue.
struct CardDrop {
  std::string reason;      // node of the card's receive graph ("not_for_us"), or "queue_full"
  std::string stands_for;  // the protocol graph's drop it stands for, "" when none
  std::uint64_t count = 0;
};

struct CardStats {
  std::uint64_t received = 0;                 // frames that came to the card, with those it dropped
  std::uint64_t transmitted = 0;              // frames given to the wire
  std::vector<std::uint64_t> queue_received;  // per receive queue: handed to the engine or waiting
  std::vector<std::uint64_t> queue_transmitted;  // per transmit queue
  std::vector<CardDrop> drops;                   // receive
  std::uint64_t transmit_failed = 0;             // taken from the engine, then lost (wire full)
  std::uint64_t cut = 0;         // frames made by cutting larger ones, beside those given
  std::uint64_t linearised = 0;  // of those transmitted, copied to be what the driver can send
};

class CardControl {
 public:
  virtual ~CardControl() = default;

  // For messages: "emulated intel_82599", "port net_tap0".
  virtual std::string name() const = 0;

  virtual int info(rte_eth_dev_info& info) = 0;
  // rte_eth_dev_configure and the set-up of all queues.
  virtual int configure(std::uint16_t receive_queues, std::uint16_t transmit_queues,
                        const rte_eth_conf& conf) = 0;
  // rte_eth_dev_default_mac_addr_set: what the card's address filter compares with.
  virtual int set_mac(const rte_ether_addr& address) = 0;
  virtual int set_promiscuous(bool on) = 0;
  // Lets in frames to all groups. A card without a filter of addresses does so anyway.
  virtual int set_allmulticast(bool on) { return on ? -ENOTSUP : 0; }
  virtual int rss_hash_update(const rte_eth_rss_conf& conf) = 0;
  // `size` entries; entries[i / 64].reta[i % 64], with the mask of entries to be set.
  virtual int reta_update(std::span<const rte_eth_rss_reta_entry64> entries,
                          std::uint16_t size) = 0;

  // items end with RTE_FLOW_ITEM_TYPE_END, actions with RTE_FLOW_ACTION_TYPE_END.
  virtual int flow_validate(const rte_flow_attr& attr, const rte_flow_item* items,
                            const rte_flow_action* actions, rte_flow_error& error) = 0;
  // Null on error, and rte_errno is set. The handle is the card's own.
  virtual rte_flow* flow_create(const rte_flow_attr& attr, const rte_flow_item* items,
                                const rte_flow_action* actions, rte_flow_error& error) = 0;
  virtual int flow_destroy(rte_flow* flow, rte_flow_error& error) = 0;
  // rte_flow_query of a rule's count action: frames that it has caught.
  virtual int flow_hits(rte_flow* /*flow*/, std::uint64_t& /*hits*/) { return -ENOTSUP; }

  virtual int start() = 0;
  virtual int stop() = 0;

  virtual CardStats stats() = 0;
};

}  // namespace weft::ports
