// Which shard owns what: a table for the flows of the plan, a hash for datagrams in pieces. Each
// net core has one of its own, and changes it when it is told to.
#pragma once

#include <cstdint>
#include <vector>

#include "stack-nodes/table/flow_table.h"

namespace weft {

struct Owners {
  FlowTable flows;                       // -> shard
  std::vector<std::uint16_t> datagrams;  // shards that put datagrams together; empty: each its own

  // The shard that has the flow's entry; -1: nobody, the datagram is served where it is.
  int of_flow(const FlowKey& key) const { return flows.size() == 0 ? -1 : flows.find(key); }

  // The shard that gets all pieces of the datagram; -1: the one where they arrive. By the addresses
  // alone, as cards do it: what one peer sends in pieces fills the table of one shard.
  int of_datagram(std::uint32_t src, std::uint32_t dst) const {
    if (datagrams.empty()) return -1;
    std::uint64_t h = (std::uint64_t{src} << 32 | dst) * 0x9e3779b97f4a7c15;
    h = (h ^ h >> 29) * 0x94d049bb133111eb;
    return datagrams[((h >> 32) * datagrams.size()) >> 32];
  }
};

}  // namespace weft
