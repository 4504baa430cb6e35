#include "runtime/ports/translate.h"

namespace weft::ports {

std::unique_ptr<HashRule> hash_rule(const std::string& type, std::uint64_t bit) {
  auto rule = std::make_unique<HashRule>();
  rule->type = type;
  rule->attr.ingress = 1;
  const auto item = [&](rte_flow_item_type of) {
    rule->items.push_back({.type = of, .spec = nullptr, .last = nullptr, .mask = nullptr});
  };
  item(RTE_FLOW_ITEM_TYPE_ETH);
  item(RTE_FLOW_ITEM_TYPE_IPV4);
  if (bit == RTE_ETH_RSS_NONFRAG_IPV4_UDP) item(RTE_FLOW_ITEM_TYPE_UDP);
  if (bit == RTE_ETH_RSS_NONFRAG_IPV4_TCP) item(RTE_FLOW_ITEM_TYPE_TCP);
  item(RTE_FLOW_ITEM_TYPE_END);
  rule->rss.func = RTE_ETH_HASH_FUNCTION_SYMMETRIC_TOEPLITZ;
  rule->rss.types = bit;
  rule->actions = {{RTE_FLOW_ACTION_TYPE_RSS, &rule->rss}, {RTE_FLOW_ACTION_TYPE_END, nullptr}};
  return rule;
}

}  // namespace weft::ports
