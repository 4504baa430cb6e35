#include "runtime/emulator/hash_rules.h"

#include <rte_ethdev.h>

#include <algorithm>
#include <bit>
#include <cerrno>

namespace weft::emulator {
namespace {

const rte_flow_action* rss_action(const rte_flow_action* actions) {
  for (; actions != nullptr && actions->type != RTE_FLOW_ACTION_TYPE_END; ++actions)
    if (actions->type == RTE_FLOW_ACTION_TYPE_RSS) return actions;
  return nullptr;
}

Refusal refuse(int error, rte_flow_error_type type, const void* cause, const char* message) {
  return {error, type, cause, message};
}

// The transport that packets of a type have; END: any.
rte_flow_item_type transport_of(std::uint64_t type) {
  if (type == RTE_ETH_RSS_NONFRAG_IPV4_UDP) return RTE_FLOW_ITEM_TYPE_UDP;
  if (type == RTE_ETH_RSS_NONFRAG_IPV4_TCP) return RTE_FLOW_ITEM_TYPE_TCP;
  return RTE_FLOW_ITEM_TYPE_END;
}

// Ethernet, IPv4 and the transport, none with values.
std::optional<Refusal> read_items(const rte_flow_item* items, std::uint64_t type) {
  std::vector<rte_flow_item_type> want = {RTE_FLOW_ITEM_TYPE_ETH, RTE_FLOW_ITEM_TYPE_IPV4};
  if (transport_of(type) != RTE_FLOW_ITEM_TYPE_END) want.push_back(transport_of(type));
  std::vector<rte_flow_item_type> given;
  for (; items != nullptr && items->type != RTE_FLOW_ITEM_TYPE_END; ++items) {
    if (items->spec != nullptr || items->mask != nullptr || items->last != nullptr)
      return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ITEM_SPEC, items,
                    "a rule for a hash has no values");
    given.push_back(items->type);
  }
  if (given == want) return std::nullopt;
  return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ITEM, items, "the pattern is not the type's");
}

std::optional<Refusal> read(const rte_flow_attr& attr, const rte_flow_item* items,
                            const rte_flow_action* actions, const Rss* rss, std::uint64_t& type) {
  if (!attr.ingress || attr.egress || attr.transfer || attr.group != 0 || attr.priority != 0)
    return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ATTR, &attr, "a rule for a hash: ingress alone");
  const rte_flow_action* action = rss_action(actions);
  if (action != actions || actions[1].type != RTE_FLOW_ACTION_TYPE_END)
    return refuse(ENOTSUP, RTE_FLOW_ERROR_TYPE_ACTION, actions, "RSS is a rule's only action");
  const auto* conf = static_cast<const rte_flow_action_rss*>(action->conf);
  if (conf == nullptr)
    return refuse(EINVAL, RTE_FLOW_ERROR_TYPE_ACTION_CONF, action, "RSS without configuration");
  const auto no = [&](int error, const char* why) {
    return refuse(error, RTE_FLOW_ERROR_TYPE_ACTION_CONF, conf, why);
  };
  if (conf->queue_num != 0) return no(ENOTSUP, "RSS queues are not supported with a pattern");
  if (conf->key_len != 0) return no(ENOTSUP, "a key of a rule's own is not supported");
  if (conf->level != 0) return no(ENOTSUP, "RSS of inner headers is not supported");
  if (rss == nullptr || !rss->predictable()) return no(ENOTSUP, "the card has no such hash");
  const auto& has = rss->unit().functions;
  if (conf->func != RTE_ETH_HASH_FUNCTION_SYMMETRIC_TOEPLITZ ||
      std::find(has.begin(), has.end(), ir::HashFunction::symmetric_toeplitz) == has.end())
    return no(ENOTSUP, "hash function not supported");
  type = conf->types;
  if (!std::has_single_bit(type) || (type & ~rss->types_offered()) != 0)
    return no(EINVAL, "one type that the card has");
  return read_items(items, type);
}

}  // namespace

bool HashRules::wanted(const rte_flow_action* actions) {
  const rte_flow_action* action = rss_action(actions);
  if (action == nullptr) return false;
  const auto* conf = static_cast<const rte_flow_action_rss*>(action->conf);
  return conf == nullptr || conf->queue_num == 0;
}

std::optional<Refusal> HashRules::validate(const rte_flow_attr& attr, const rte_flow_item* items,
                                           const rte_flow_action* actions, const Rss* rss) {
  std::uint64_t type = 0;
  return read(attr, items, actions, rss, type);
}

std::optional<Refusal> HashRules::create(const rte_flow_attr& attr, const rte_flow_item* items,
                                         const rte_flow_action* actions, Rss* rss,
                                         std::uintptr_t& handle) {
  std::uint64_t type = 0;
  if (auto no = read(attr, items, actions, rss, type)) return no;
  if (const int error = rss->set_symmetric(type, true); error != 0)
    return refuse(-error, RTE_FLOW_ERROR_TYPE_ACTION, actions, "the type has such a rule");
  handle = next_handle_++;
  types_.emplace(handle, type);
  return std::nullopt;
}

bool HashRules::destroy(std::uintptr_t handle, Rss* rss) {
  const auto at = types_.find(handle);
  if (at == types_.end()) return false;
  rss->set_symmetric(at->second, false);
  types_.erase(at);
  return true;
}

}  // namespace weft::emulator
