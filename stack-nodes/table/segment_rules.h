// Rules of the card that bring segments to a queue, whatever its hash says of them: those for the
// ports of TCP endpoints, or for what comes from somewhere to one of them.
#pragma once

#include <cstdint>
#include <vector>

#include "stack-nodes/table/flow_table.h"

namespace weft {

class SegmentRules {
 public:
  // Of two that match, the one that was added first counts. `value` is 0 where `mask` is.
  void add(const FlowKey& value, const FlowKey& mask, std::uint16_t shard) {
    if (groups_.empty() || !(groups_.back().mask == mask)) groups_.push_back({mask, FlowTable()});
    groups_.back().shards.insert(value, shard);
  }

  bool empty() const { return groups_.empty(); }

  // The shard whose queue a rule brings the segment to; -1: no rule does.
  int find(const FlowKey& key) const {
    for (const Group& group : groups_) {
      if (const int shard = group.shards.find(seen(key, group.mask)); shard >= 0) return shard;
    }
    return -1;
  }

 private:
  struct Group {  // rules with one mask, one behind the other
    FlowKey mask;
    FlowTable shards;
  };

  static FlowKey seen(const FlowKey& k, const FlowKey& mask) {
    return {k.src & mask.src, k.dst & mask.dst,
            static_cast<std::uint16_t>(k.src_port & mask.src_port),
            static_cast<std::uint16_t>(k.dst_port & mask.dst_port)};
  }

  std::vector<Group> groups_;
};

}  // namespace weft
