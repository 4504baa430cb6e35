// From a plan's configuration to a card: one translator for real ports and the emulated card.
#pragma once

#include <rte_ethdev.h>
#include <rte_flow.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/nic_model.h"
#include "compiler/plan/plan.h"
#include "runtime/ports/card_control.h"

namespace weft::ports {

// How packets are hashed: of all of a card, and over the queues of a rule's group.
struct Hashing {
  std::vector<std::uint8_t> key;
  std::uint64_t types = 0;  // RTE_ETH_RSS_*
};

// One rte_flow rule; owns what items and actions point to. Not copyable, for that reason.
struct FlowRule {
  FlowRule() = default;
  FlowRule(const FlowRule&) = delete;
  FlowRule& operator=(const FlowRule&) = delete;

  std::string id;  // Filter::id
  rte_flow_attr attr{};
  rte_flow_item_eth eth_spec{}, eth_mask{};
  rte_flow_item_vlan vlan_spec{}, vlan_mask{};
  rte_flow_item_ipv4 ipv4_spec{}, ipv4_mask{};
  rte_flow_item_udp udp_spec{}, udp_mask{};
  rte_flow_item_tcp tcp_spec{}, tcp_mask{};
  rte_flow_action_queue queue{};
  rte_flow_action_rss spread{};       // of a group, instead
  std::vector<std::uint16_t> queues;  // ... whose queues these are
  std::vector<std::uint8_t> key;
  rte_flow_action_mark mark{};
  std::vector<rte_flow_item> items;      // ends with END
  std::vector<rte_flow_action> actions;  // ends with END
  bool counts() const;                   // it has a count action
};

// Errors: E0611, a match field that has no rte_flow item here.
// `hashing`: of the card. `count`: the card shall count what the rule catches.
diag::Result<std::unique_ptr<FlowRule>> flow_rule(const plan::Filter& filter,
                                                  const Hashing& hashing, bool count = false);

// How packets of one type are hashed: an rte_flow rule with an RSS action (i40e_hash.c, ice_hash.c:
// a pattern without values, one type, neither queues nor a key of its own).
struct HashRule {
  HashRule() = default;
  HashRule(const HashRule&) = delete;
  HashRule& operator=(const HashRule&) = delete;

  std::string type;
  rte_flow_attr attr{};
  rte_flow_action_rss rss{};
  std::vector<rte_flow_item> items;      // ends with END
  std::vector<rte_flow_action> actions;  // ends with END
};
std::unique_ptr<HashRule> hash_rule(const std::string& type, std::uint64_t bit);

// Everything that is set on a card, in DPDK's words, and before any of it is set.
struct CardSettings {
  std::uint16_t rx_queues = 1;
  std::uint16_t tx_queues = 1;
  rte_eth_conf conf{};
  Hashing hashing;
  std::vector<std::uint16_t> reta;
  bool promiscuous = false;
  bool allmulticast = false;
  rte_ether_addr mac{};
  std::vector<std::unique_ptr<FlowRule>> rules;
  std::vector<std::unique_ptr<HashRule>> hashes;  // where the plan's function is not Toeplitz
};

// `model` gives knobs their meaning; a plan with a knob that it does not have is refused.
// Errors: E0610 (knob or RSS type without meaning), E0611.
diag::Result<CardSettings> translate(const plan::Plan& plan, const ir::NicModel* model);

// What is on the card now, to be taken off again: by what the rules match (plan::rule_key).
struct AppliedRule {
  rte_flow* flow = nullptr;
  std::string table;
  unsigned queue = 0;    // no queue of the card, where the rule names several
  bool counted = false;  // the card counts what it catches
};
struct AppliedRules {
  std::map<std::string, AppliedRule> flows;
  std::vector<rte_flow*> hashes;
  std::map<std::string, unsigned> counters;  // by table: rules more that could count
  Hashing hashing;
};

// Does the card do what its rules say? A driver may create a rule that never hits. What is known
// of one table's rules: of each that the card counts, by its counter; of all others of a queue that
// rules alone feed together, by what came to that queue. The rest is unconfirmed.
struct RulesSeen {
  std::string table;
  std::uint64_t rules = 0;
  std::uint64_t counted = 0;           // have counters
  std::uint64_t counted_at_work = 0;   // of them: caught something
  std::uint64_t frames_counted = 0;    // that they caught
  std::uint64_t queues = 0;            // fed by rules alone, some of this table without counters
  std::uint64_t queues_at_work = 0;    // of them: got something, by one of their rules
  std::uint64_t frames_of_queues = 0;  // that they got
  std::uint64_t unconfirmed = 0;       // rules that nothing is known of
  std::set<std::string> also;          // other tables that feed some of these queues
};
// `only_rules[q]`: frames that came to queue q where rules alone feed it, else none.
std::vector<RulesSeen> rules_seen(const AppliedRules& rules, CardControl& card,
                                  const std::vector<std::optional<std::uint64_t>>& only_rules);

// Checks everything against info() and refuses before anything is changed (E0612: which knob, which
// offload, what the port has); then configures, starts, validates all rules and creates them. When
// a step fails, the rules made so far are destroyed and the card is stopped (E0613).
diag::Result<AppliedRules> apply(const plan::Plan& plan, const ir::NicModel* model,
                                 CardControl& card);
// Destroys the rules and stops the card.
void withdraw(AppliedRules& rules, CardControl& card);

// On a card that runs. E0613: it refuses, and nothing has changed.
diag::Result<void> create_rule(const plan::Filter& filter, CardControl& card, AppliedRules& rules);
diag::Result<void> destroy_rule(const plan::Filter& filter, CardControl& card, AppliedRules& rules);
// Some entries of the indirection table, of `size`: index, queue.
diag::Result<void> set_table(const std::vector<std::pair<unsigned, std::uint16_t>>& entries,
                             unsigned size, CardControl& card);

// "RX_IPV4_CKSUM" -> RTE_ETH_RX_OFFLOAD_IPV4_CKSUM; nullopt for a name that DPDK does not have.
struct OffloadBit {
  bool receive = false;
  std::uint64_t bit = 0;
};
std::optional<OffloadBit> offload_bit(const std::string& name);
// The other way: all names in a mask.
std::vector<std::string> offload_names(std::uint64_t bits, bool receive);
// "ipv4_udp" -> RTE_ETH_RSS_NONFRAG_IPV4_UDP
std::optional<std::uint64_t> rss_type_bit(const std::string& name);

}  // namespace weft::ports
