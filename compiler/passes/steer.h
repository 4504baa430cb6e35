// Where a card with a given configuration delivers a plain datagram of a known flow: the first rule
// that matches, else RSS. Concrete values only.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compiler/ir/fields.h"
#include "compiler/ir/nic_model.h"
#include "compiler/plan/plan.h"

namespace weft::passes {

struct FlowKey {
  std::uint32_t src = 0;
  std::uint16_t src_port = 0;
  std::uint32_t dst = 0;
  std::uint16_t dst_port = 0;
  auto operator<=>(const FlowKey&) const = default;
};

struct Delivery {
  std::string table;     // of the rule that matched; empty: RSS
  std::string rss_type;  // type whose fields were hashed; empty: none applied
  unsigned queue = 0;
  std::uint32_t mark = 0;
};

// nullopt where the card's choice can't be predicted (RssUnit::predictable is false).
std::optional<Delivery> deliver(const ir::NicModel& nic, const ir::FieldTable& fields,
                                const plan::Configuration& config, const FlowKey& flow);

// The Toeplitz hash over `input` (network order) with `key`; bits beyond the key are 0.
std::uint32_t toeplitz(std::span<const std::uint8_t> input, std::span<const std::uint8_t> key);

// Nodes of a card's receive graph in the order packets meet them.
std::vector<const ir::Node*> receive_order(const ir::NicModel& nic);
// The one RSS unit of a card, or null.
const ir::Node* rss_node(const ir::NicModel& nic);
// The value of `field` in an untagged, unfragmented, well-formed UDP datagram of `flow`.
ir::Bits field_of(const FlowKey& flow, const std::string& field);

}  // namespace weft::passes
