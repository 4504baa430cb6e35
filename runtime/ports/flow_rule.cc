// One filter of a plan as an rte_flow rule.
#include <fmt/format.h>
#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <algorithm>

#include <cstring>

#include "compiler/plan/target.h"
#include "runtime/ports/translate.h"

namespace weft::ports {
namespace {

void put_mac(rte_ether_addr& to, std::uint64_t value) {
  for (int i = 0; i < 6; ++i) to.addr_bytes[i] = static_cast<std::uint8_t>(value >> (40 - 8 * i));
}

// Which of the layers a rule looks at, so that the item list names them all from the outside in.
struct Layers {
  bool vlan = false, ipv4 = false, udp = false, tcp = false;
};

bool set(FlowRule& r, Layers& layers, const std::string& field, std::uint64_t value,
         std::uint64_t mask) {
  const auto be16 = [](std::uint64_t v) { return rte_cpu_to_be_16(static_cast<std::uint16_t>(v)); };
  const auto be32 = [](std::uint64_t v) { return rte_cpu_to_be_32(static_cast<std::uint32_t>(v)); };
  if (field == "eth.dst") {
    put_mac(r.eth_spec.hdr.dst_addr, value);
    put_mac(r.eth_mask.hdr.dst_addr, mask);
  } else if (field == "eth.src") {
    put_mac(r.eth_spec.hdr.src_addr, value);
    put_mac(r.eth_mask.hdr.src_addr, mask);
  } else if (field == "eth.type") {
    r.eth_spec.hdr.ether_type = be16(value);
    r.eth_mask.hdr.ether_type = be16(mask);
  } else if (field == "vlan.vid") {
    layers.vlan = true;
    r.vlan_spec.hdr.vlan_tci = be16(value);
    r.vlan_mask.hdr.vlan_tci = be16(mask);
  } else if (field == "ipv4.src") {
    layers.ipv4 = true;
    r.ipv4_spec.hdr.src_addr = be32(value);
    r.ipv4_mask.hdr.src_addr = be32(mask);
  } else if (field == "ipv4.dst") {
    layers.ipv4 = true;
    r.ipv4_spec.hdr.dst_addr = be32(value);
    r.ipv4_mask.hdr.dst_addr = be32(mask);
  } else if (field == "ipv4.protocol") {
    layers.ipv4 = true;
    r.ipv4_spec.hdr.next_proto_id = static_cast<std::uint8_t>(value);
    r.ipv4_mask.hdr.next_proto_id = static_cast<std::uint8_t>(mask);
  } else if (field == "ipv4.fragment_offset") {  // shares its 16 bits with the flags
    layers.ipv4 = true;
    r.ipv4_spec.hdr.fragment_offset = be16(value & RTE_IPV4_HDR_OFFSET_MASK);
    r.ipv4_mask.hdr.fragment_offset = be16(mask & RTE_IPV4_HDR_OFFSET_MASK);
  } else if (field == "udp.src_port") {
    layers.ipv4 = layers.udp = true;
    r.udp_spec.hdr.src_port = be16(value);
    r.udp_mask.hdr.src_port = be16(mask);
  } else if (field == "udp.dst_port") {
    layers.ipv4 = layers.udp = true;
    r.udp_spec.hdr.dst_port = be16(value);
    r.udp_mask.hdr.dst_port = be16(mask);
  } else if (field == "tcp.src_port") {
    layers.ipv4 = layers.tcp = true;
    r.tcp_spec.hdr.src_port = be16(value);
    r.tcp_mask.hdr.src_port = be16(mask);
  } else if (field == "tcp.dst_port") {
    layers.ipv4 = layers.tcp = true;
    r.tcp_spec.hdr.dst_port = be16(value);
    r.tcp_mask.hdr.dst_port = be16(mask);
  } else if (field == "tcp.syn") {
    layers.ipv4 = layers.tcp = true;
    if (value != 0) r.tcp_spec.hdr.tcp_flags |= RTE_TCP_SYN_FLAG;
    if (mask != 0) r.tcp_mask.hdr.tcp_flags |= RTE_TCP_SYN_FLAG;
  } else {
    return false;
  }
  return true;
}

template <class Spec>
rte_flow_item item(rte_flow_item_type type, const Spec& spec, const Spec& mask) {
  // An item whose mask is empty says only that the header is there; drivers want null for that.
  static const Spec nothing{};
  const bool empty = std::memcmp(&mask, &nothing, sizeof(Spec)) == 0;
  return {.type = type,
          .spec = empty ? nullptr : &spec,
          .last = nullptr,
          .mask = empty ? nullptr : &mask};
}

}  // namespace

diag::Result<std::unique_ptr<FlowRule>> flow_rule(const plan::Filter& filter,
                                                  const Hashing& hashing, bool count) {
  auto rule = std::make_unique<FlowRule>();
  Layers layers;
  for (const auto& [field, match] : filter.match) {
    if (set(*rule, layers, field, match.first & match.second, match.second)) continue;
    return diag::fail(diag::Diagnostic{
        .code = "E0611",
        .message = fmt::format("filter `{}` matches on `{}`, for which there is no rte_flow item",
                               filter.id, field)});
  }
  if (layers.udp && layers.tcp) {
    return diag::fail(diag::Diagnostic{
        .code = "E0611",
        .message = fmt::format("filter `{}` matches on UDP and TCP at once", filter.id)});
  }
  rule->id = filter.id;
  rule->attr.ingress = 1;
  rule->attr.priority = filter.priority;
  rule->items.push_back(item(RTE_FLOW_ITEM_TYPE_ETH, rule->eth_spec, rule->eth_mask));
  if (layers.vlan)
    rule->items.push_back(item(RTE_FLOW_ITEM_TYPE_VLAN, rule->vlan_spec, rule->vlan_mask));
  if (layers.ipv4)
    rule->items.push_back(item(RTE_FLOW_ITEM_TYPE_IPV4, rule->ipv4_spec, rule->ipv4_mask));
  if (layers.udp)
    rule->items.push_back(item(RTE_FLOW_ITEM_TYPE_UDP, rule->udp_spec, rule->udp_mask));
  if (layers.tcp)
    rule->items.push_back(item(RTE_FLOW_ITEM_TYPE_TCP, rule->tcp_spec, rule->tcp_mask));
  rule->items.push_back({.type = RTE_FLOW_ITEM_TYPE_END});

  for (const unsigned queue : plan::queues_of(filter))
    rule->queues.push_back(static_cast<std::uint16_t>(queue));
  if (filter.group.empty()) {
    rule->queue.index = rule->queues.front();
    rule->actions.push_back({.type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &rule->queue});
  } else {
    // (Drivers that hash by a key of the rule's own would else take their default.)
    rule->key = hashing.key;
    rule->spread = {.func = RTE_ETH_HASH_FUNCTION_DEFAULT,
                    .level = 0,
                    .types = hashing.types,
                    .key_len = static_cast<std::uint32_t>(rule->key.size()),
                    .queue_num = static_cast<std::uint32_t>(rule->queues.size()),
                    .key = rule->key.empty() ? nullptr : rule->key.data(),
                    .queue = rule->queues.data()};
    rule->actions.push_back({.type = RTE_FLOW_ACTION_TYPE_RSS, .conf = &rule->spread});
  }
  if (filter.mark != 0) {
    rule->mark.id = filter.mark;
    rule->actions.push_back({.type = RTE_FLOW_ACTION_TYPE_MARK, .conf = &rule->mark});
  }
  static const rte_flow_action_count own{};
  if (count) rule->actions.push_back({.type = RTE_FLOW_ACTION_TYPE_COUNT, .conf = &own});
  rule->actions.push_back({.type = RTE_FLOW_ACTION_TYPE_END});
  return rule;
}

bool FlowRule::counts() const {
  return std::any_of(actions.begin(), actions.end(),
                     [](const rte_flow_action& a) { return a.type == RTE_FLOW_ACTION_TYPE_COUNT; });
}

}  // namespace weft::ports
