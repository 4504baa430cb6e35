// Rules of the card that bring segments to a queue, whatever its table says of their hash: those
// for the ports of TCP endpoints, or for what comes from somewhere to one of them. Some bring them
// to a group of queues, in which the hash picks one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "stack-nodes/table/flow_table.h"

namespace weft {

class SegmentRules {
 public:
  // By the segment's hash modulo the size, the shard that has the queue.
  using Shards = std::vector<std::uint16_t>;

  // Of two that match, the one that was added first counts. `value` is 0 where `mask` is.
  void add(const FlowKey& value, const FlowKey& mask, const Shards& shards) {
    if (masks_.empty() || !(masks_.back().mask == mask)) masks_.push_back({mask, FlowTable()});
    const auto known = std::find(shards_.begin(), shards_.end(), shards);
    masks_.back().shards.insert(value, static_cast<std::uint16_t>(known - shards_.begin()));
    if (known == shards_.end()) shards_.push_back(shards);
  }

  bool empty() const { return masks_.empty(); }

  // Where a rule brings the segment; null: no rule does. Never empty.
  const Shards* find(const FlowKey& key) const {
    for (const Masked& rules : masks_) {
      if (const int at = rules.shards.find(seen(key, rules.mask)); at >= 0) return &shards_[at];
    }
    return nullptr;
  }

 private:
  struct Masked {  // rules with one mask, one behind the other
    FlowKey mask;
    FlowTable shards;  // -> index into shards_
  };

  static FlowKey seen(const FlowKey& k, const FlowKey& mask) {
    return {k.src & mask.src, k.dst & mask.dst,
            static_cast<std::uint16_t>(k.src_port & mask.src_port),
            static_cast<std::uint16_t>(k.dst_port & mask.dst_port)};
  }

  std::vector<Masked> masks_;
  std::vector<Shards> shards_;  // each once
};

}  // namespace weft
