// rte_flow rules as the emulated card understands them: items and actions in, field values out.
//
// Source: rte_flow.h of DPDK 22.11. An item's spec and mask are images of a header in network
// order, so the declared fields say where their bits are; bits that belong to no declared field
// can't be matched on and are refused.
#pragma once

#include <rte_flow.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/fields.h"

namespace weft::emulator {

struct Match {
  std::uint64_t value = 0;  // value & mask == value
  std::uint64_t mask = 0;
};

struct Rule {
  std::vector<std::string> headers;     // named by the pattern, outside in, without eth
  std::map<std::string, Match> fields;  // "udp.src_port"; only those with a mask that is not 0
  unsigned priority = 0;
  std::optional<std::uint16_t> queue;
  std::vector<std::uint16_t> group;  // several queues, over which a hash by this key spreads
  std::vector<std::uint8_t> group_key;
  std::uint64_t group_types = 0;  // RTE_ETH_RSS_*
  std::optional<std::uint32_t> mark;
  bool drop = false;
  std::shared_ptr<std::atomic<std::uint64_t>> hits;  // frames caught; null without a count action
};

// Why something is refused: what goes into rte_flow_error, and the errno (positive).
struct Refusal {
  int error = 0;
  rte_flow_error_type type = RTE_FLOW_ERROR_TYPE_NONE;
  const void* cause = nullptr;
  std::string message;
};

// What every card refuses, whatever its tables: egress, transfer, groups, items and actions that
// the language of card graphs has no word for, ranges, a rule without a fate.
std::optional<Refusal> read_rule(const rte_flow_attr& attr, const rte_flow_item* items,
                                 const rte_flow_action* actions, const ir::FieldTable& fields,
                                 Rule& rule);

}  // namespace weft::emulator
