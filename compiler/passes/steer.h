// Where a card with a given configuration delivers a plain datagram of a known flow, or a segment
// of a connection: the first rule that matches, else RSS. Concrete values only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
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
  bool tcp = false;  // a connection, else a flow of UDP
  auto operator<=>(const FlowKey&) const = default;
};

inline FlowKey key_of(const plan::FlowEntry& f) { return {f.src, f.src_port, f.dst, f.dst_port}; }
// The flow that a plan's entry was made for, as far as the plan tells: without its rate.
ir::Flow flow_of(const plan::FlowEntry& f, const std::vector<ir::Endpoint>& endpoints);

struct Delivery {
  std::string table;     // of the rule that matched; empty: RSS
  std::string rss_type;  // type whose fields were hashed; empty: none applied, or none was needed
  unsigned queue = 0;
  std::uint32_t mark = 0;
  unsigned level = 0;  // of that rule among those of its table (rule_order.h)
};

struct FlowKeyHash {
  std::size_t operator()(const FlowKey& k) const;
};

// The same for many flows: rules by flow, hashes by table. `nic`, `fields` and `config` outlive it.
class Steering {
 public:
  Steering(const ir::NicModel& nic, const ir::FieldTable& fields,
           const plan::Configuration& config);
  // nullopt where the card's choice can't be predicted (RssUnit::predictable is false).
  std::optional<Delivery> deliver(const FlowKey& flow) const;
  // The rule that counts for it; null: none matches.
  const plan::Filter* rule_of(const FlowKey& flow) const;
  // Where this rule brings it, if it does. nullopt: nobody says which queue of its group it is.
  std::optional<unsigned> queue_of(const plan::Filter& rule, const FlowKey& flow) const;
  // The entry of the indirection table, were there no rules; nullopt: no RSS, or unpredictable.
  std::optional<unsigned> entry(const FlowKey& flow) const;

 private:
  struct Table {
    const ir::Node* node = nullptr;
    bool applies_always = false;  // to datagrams of UDP, whatever their addresses and ports
    std::unordered_map<FlowKey, unsigned, FlowKeyHash> exact;  // -> index of the foremost such rule
    std::vector<unsigned> other;  // indexes of all other rules, the foremost first
  };
  // A field that is hashed, found once and not for every flow.
  struct Input {
    enum class What { src, dst, src_port, dst_port, other };
    What what = What::other;
    bool tcp = false;    // a port of TCP
    unsigned width = 0;  // bits
    std::string name;    // of another field

    ir::Bits of(const FlowKey& flow) const;
  };
  struct Type {
    const ir::RssType* type = nullptr;
    bool applies_always = false;
    std::vector<Input> inputs;
    // By input byte and its value: what it adds to the hash.
    std::vector<std::array<std::uint32_t, 256>> sums;
  };
  static Input input_of(const std::string& field, const ir::FieldTable& fields);
  std::optional<unsigned> rule(const Table& table, const FlowKey& flow) const;
  std::pair<const Table*, const plan::Filter*> hit(const FlowKey& flow) const;
  // Of two rules of a table, by index: its order counts, then that of the plan.
  bool in_front(const Table& table, unsigned rule, unsigned other) const;
  // The hash, and the type that applied; none: 0.
  std::pair<std::uint32_t, const Type*> hash(const FlowKey& flow) const;
  bool applies(const ir::ExprPtr& when, bool always, const FlowKey& flow) const;

  const ir::FieldTable& fields_;
  const plan::Configuration& config_;
  std::vector<Table> tables_;  // in front of RSS
  const ir::Node* rss_ = nullptr;
  std::vector<Type> types_;
};

// Does a plain packet of the flow match the rule of the table? Does a table's condition hold for
// it?
bool matches(const ir::FilterTable& table, const ir::FieldTable& fields, const plan::Filter& filter,
             const FlowKey& flow);
bool holds_for(const ir::ExprPtr& when, const ir::FieldTable& fields, const FlowKey& flow);

// For one flow.
std::optional<Delivery> deliver(const ir::NicModel& nic, const ir::FieldTable& fields,
                                const plan::Configuration& config, const FlowKey& flow);

// What `function` makes of the bytes of a type's fields (network order, whole bytes) before they
// are hashed.
void prepare(ir::HashFunction function, const ir::RssType& type, const ir::FieldTable& fields,
             std::span<std::uint8_t> input);
// "ipv4.dst" for "ipv4.src", and so on; "" for a field without a mirror.
std::string mirror_of(const std::string& field);

// The Toeplitz hash over `input` (network order) with `key`; bits beyond the key are 0.
std::uint32_t toeplitz(std::span<const std::uint8_t> input, std::span<const std::uint8_t> key);

// Nodes of a card's receive graph in the order packets meet them.
std::vector<const ir::Node*> receive_order(const ir::NicModel& nic);
// The one RSS unit of a card, or null.
const ir::Node* rss_node(const ir::NicModel& nic);
// Is this type of header hashed: switched on, or one that nobody can switch off.
bool is_on(const ir::RssType& type, const plan::Rss& rss);
// What a card's predicates see of a packet of `flow`: fields, and "has udp".
ir::Bits seen_of(const FlowKey& flow, const ir::FieldTable& fields, const std::string& name);
// The value of `field` in an untagged, unfragmented, well-formed datagram or segment of `flow`.
ir::Bits field_of(const FlowKey& flow, const std::string& field);

}  // namespace weft::passes
