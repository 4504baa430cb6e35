#include "runtime/emulator/pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "runtime/emulator/frame.h"

namespace weft::emulator {
namespace {

// How one item type maps to a declared header.
struct ItemForm {
  rte_flow_item_type type;
  const char* header;
  unsigned layer;         // items must go from the outside in
  unsigned wire_bytes;    // of the struct, how many are header
  unsigned struct_bytes;  // the rest holds flags of rte_flow's own
  const void* default_mask;
};

// What a null mask means, as rte_flow.h has it in the rte_flow_item_*_mask objects (which C++ does
// not see): both addresses, the tag's identifier, both addresses, both ports.
constexpr std::uint8_t eth_mask[sizeof(rte_flow_item_eth)] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                              0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
constexpr std::uint8_t vlan_mask[sizeof(rte_flow_item_vlan)] = {0x0f, 0xff};
constexpr std::uint8_t ipv4_mask[sizeof(rte_flow_item_ipv4)] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
constexpr std::uint8_t udp_mask[sizeof(rte_flow_item_udp)] = {0xff, 0xff, 0xff, 0xff};
constexpr std::uint8_t tcp_mask[sizeof(rte_flow_item_tcp)] = {0xff, 0xff, 0xff, 0xff};

const ItemForm* form_of(rte_flow_item_type type) {
  static const ItemForm forms[] = {
      {RTE_FLOW_ITEM_TYPE_ETH, "eth", 2, 14, sizeof(eth_mask), eth_mask},
      // On the wire the tag's own type (0x8100) stands in front of it, in the Ethernet header; the
      // item begins, as the declared header does, with the tag control information.
      {RTE_FLOW_ITEM_TYPE_VLAN, "vlan", 3, 4, sizeof(vlan_mask), vlan_mask},
      {RTE_FLOW_ITEM_TYPE_IPV4, "ipv4", 4, 20, sizeof(ipv4_mask), ipv4_mask},
      {RTE_FLOW_ITEM_TYPE_UDP, "udp", 5, 8, sizeof(udp_mask), udp_mask},
      {RTE_FLOW_ITEM_TYPE_TCP, "tcp", 5, 20, sizeof(tcp_mask), tcp_mask},
  };
  for (const ItemForm& form : forms)
    if (form.type == type) return &form;
  return nullptr;
}

Refusal refuse(int error, rte_flow_error_type type, const void* cause, std::string message) {
  return {error, type, cause, std::move(message)};
}

std::optional<Refusal> read_attr(const rte_flow_attr& attr) {
  if (attr.egress)
    return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ATTR_EGRESS, &attr, "egress rules: not supported");
  if (attr.transfer)
    return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ATTR_TRANSFER, &attr,
                  "transfer rules: not supported");
  if (attr.group != 0)
    return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ATTR_GROUP, &attr, "groups: not supported");
  if (!attr.ingress)
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ATTR_INGRESS, &attr, "rule has no direction");
  return std::nullopt;
}

std::optional<Refusal> read_item(const rte_flow_item& item, const ItemForm& form,
                                 const ir::FieldTable& fields, Rule& rule) {
  if (item.last != nullptr)
    return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM_LAST, &item, "ranges: not supported");
  if (item.spec == nullptr) {
    if (item.mask != nullptr)
      return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ITEM_MASK, &item, "mask without spec");
    return std::nullopt;
  }
  const auto* mask_bytes =
      static_cast<const std::uint8_t*>(item.mask != nullptr ? item.mask : form.default_mask);
  const auto* spec_bytes = static_cast<const std::uint8_t*>(item.spec);
  std::vector<std::uint8_t> left(mask_bytes, mask_bytes + form.wire_bytes);
  const Frame spec({spec_bytes, form.wire_bytes});
  const Frame mask({mask_bytes, form.wire_bytes});

  const ir::Header* header = fields.header(form.header);
  for (const std::string& name : header != nullptr ? header->fields : std::vector<std::string>{}) {
    const ir::Field* field = fields.find(name);
    if (field == nullptr) field = fields.find(std::string(form.header) + "." + name);
    if (field == nullptr) continue;
    const std::uint64_t bits = mask.read_bits(field->offset, field->width);
    for (unsigned bit = field->offset; bit < field->offset + field->width; ++bit)
      left[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> (bit % 8)));
    if (bits != 0)
      rule.fields[field->name] = {spec.read_bits(field->offset, field->width) & bits, bits};
  }
  const bool unknown = std::any_of(left.begin(), left.end(), [](auto b) { return b != 0; }) ||
                       std::any_of(mask_bytes + form.wire_bytes, mask_bytes + form.struct_bytes,
                                   [](auto b) { return b != 0; });
  if (unknown)
    return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM_MASK, &item,
                  fmt::format("mask covers bits of {} that no declared field has", form.header));
  return std::nullopt;
}

std::optional<Refusal> read_items(const rte_flow_item* items, const ir::FieldTable& fields,
                                  Rule& rule) {
  if (items == nullptr) return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ITEM_NUM, nullptr, "no pattern");
  unsigned layer = 0;
  for (; items->type != RTE_FLOW_ITEM_TYPE_END; ++items) {
    if (items->type == RTE_FLOW_ITEM_TYPE_VOID) continue;
    const ItemForm* form = form_of(items->type);
    if (form == nullptr)
      return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM, items, "item: not supported");
    if (form->layer <= layer)
      return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ITEM, items, "item out of order, or twice");
    if (form->layer == 5 && layer != 4)
      return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ITEM, items, "transport item without IPv4 item");
    layer = form->layer;
    const std::size_t before = rule.fields.size();
    if (auto bad = read_item(*items, *form, fields, rule)) return bad;
    // Drivers take an empty VLAN item and ignore it: what is inside a tag matches without it too.
    const bool ignored = form->type == RTE_FLOW_ITEM_TYPE_VLAN && rule.fields.size() == before;
    if (form->type != RTE_FLOW_ITEM_TYPE_ETH && !ignored) rule.headers.emplace_back(form->header);
  }
  return std::nullopt;
}

// (Without queues it is another kind of rule: hash_rules.h.)
std::optional<Refusal> read_group(const rte_flow_action& action, Rule& rule) {
  const auto* conf = static_cast<const rte_flow_action_rss*>(action.conf);
  const auto no = [&](int error, const char* why) {
    return refuse(error, RTE_FLOW_ERROR_TYPE_ACTION_CONF, conf, why);
  };
  if (conf == nullptr) return no(EINVAL, "RSS without configuration");
  if (conf->queue_num == 0 || conf->queue == nullptr) return no(EINVAL, "RSS without queues");
  if (conf->level != 0) return no(ENOTSUP, "RSS of inner headers is not supported");
  if (conf->func != RTE_ETH_HASH_FUNCTION_DEFAULT && conf->func != RTE_ETH_HASH_FUNCTION_TOEPLITZ)
    return no(ENOTSUP, "hash function not supported");
  rule.group.assign(conf->queue, conf->queue + conf->queue_num);
  if (conf->key != nullptr) rule.group_key.assign(conf->key, conf->key + conf->key_len);
  rule.group_types = conf->types;
  return std::nullopt;
}

std::optional<Refusal> read_actions(const rte_flow_action* actions, Rule& rule) {
  if (actions == nullptr)
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION_NUM, nullptr, "no actions");
  for (; actions->type != RTE_FLOW_ACTION_TYPE_END; ++actions) {
    const auto twice = [&] {
      return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION, actions, "action given twice");
    };
    switch (actions->type) {
      case RTE_FLOW_ACTION_TYPE_VOID: break;
      case RTE_FLOW_ACTION_TYPE_QUEUE:
        if (rule.queue) return twice();
        if (actions->conf == nullptr)
          return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION_CONF, actions, "queue without index");
        rule.queue = static_cast<const rte_flow_action_queue*>(actions->conf)->index;
        break;
      case RTE_FLOW_ACTION_TYPE_MARK:
        if (rule.mark) return twice();
        if (actions->conf == nullptr)
          return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION_CONF, actions, "mark without id");
        rule.mark = static_cast<const rte_flow_action_mark*>(actions->conf)->id;
        break;
      case RTE_FLOW_ACTION_TYPE_COUNT:
        if (rule.hits) return twice();
        rule.hits = std::make_shared<std::atomic<std::uint64_t>>(0);
        break;
      case RTE_FLOW_ACTION_TYPE_RSS:
        if (!rule.group.empty()) return twice();
        if (auto bad = read_group(*actions, rule)) return bad;
        break;
      case RTE_FLOW_ACTION_TYPE_DROP:
        if (rule.drop) return twice();
        rule.drop = true;
        break;
      default: return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ACTION, actions, "action: not supported");
    }
  }
  if (int{rule.drop} + int{rule.queue.has_value()} + int{!rule.group.empty()} != 1)
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION, actions,
                  "rule needs exactly one of queue, RSS and drop");
  return std::nullopt;
}

}  // namespace

std::optional<Refusal> read_rule(const rte_flow_attr& attr, const rte_flow_item* items,
                                 const rte_flow_action* actions, const ir::FieldTable& fields,
                                 Rule& rule) {
  if (auto bad = read_attr(attr)) return bad;
  rule.priority = attr.priority;
  if (auto bad = read_items(items, fields, rule)) return bad;
  if (auto bad = read_actions(actions, rule)) return bad;

  // An item for UDP says the protocol too.
  for (const auto& [header, protocol] : {std::pair{"udp", 17U}, std::pair{"tcp", 6U}}) {
    if (std::find(rule.headers.begin(), rule.headers.end(), header) == rule.headers.end()) continue;
    const auto given = rule.fields.find("ipv4.protocol");
    if (given != rule.fields.end() && given->second.value != (protocol & given->second.mask))
      return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ITEM, items,
                    fmt::format("protocol contradicts the {} item", header));
  }
  return std::nullopt;
}

}  // namespace weft::emulator
