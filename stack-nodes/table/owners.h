// Which shard owns what: a table for the flows of the plan, a hash for datagrams in pieces and for
// connections. Each net core has one of its own, and changes it when it is told to.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "stack-nodes/table/arrival.h"
#include "stack-nodes/table/flow_table.h"
#include "stack-nodes/table/segment_rules.h"

namespace weft {

struct Owners {
  FlowTable flows;                       // -> shard
  std::vector<std::uint16_t> datagrams;  // shards that put datagrams together; empty: each its own
  std::vector<std::uint16_t> segments;   // ... that take over segments of their connections
  Arrival arrival;                       // of segments, where it is the card that decides
  SegmentRules rules;  // ... and what it decides before that; several shards where arrival.known()
  FlowTable kept;      // connections that are where they were before that changed -> shard
  bool changing = false;  // it is changing: cards and cores do not all agree yet

  // In `kept`: nobody takes segments of the connection now, which its peer will send again.
  static constexpr std::uint16_t held = 0xffff;

  // The shard that has the flow's entry; -1: nobody, the datagram is served where it is.
  int of_flow(const FlowKey& key) const { return flows.size() == 0 ? -1 : flows.find(key); }

  // The shard that gets all pieces of the datagram; -1: the one where they arrive. By the addresses
  // alone, as cards do it: what one peer sends in pieces fills the table of one shard.
  int of_datagram(std::uint32_t src, std::uint32_t dst) const {
    return one_of(datagrams, (std::uint64_t{src} << 32 | dst) * mix);
  }

  // The shard that gets all segments of the connection; -1: the one where they arrive.
  int of_segment(const FlowKey& k) const {
    const std::uint64_t ports = std::uint32_t{k.src_port} << 16 | k.dst_port;
    std::uint64_t h = (std::uint64_t{k.src} << 32 | k.dst) * mix;
    h = ((h ^ h >> 32) + ports) * mix;
    return one_of(segments, h);
  }

  // Every connection is where the card brings its segments.
  bool settled() const { return kept.size() == 0 && !changing; }

  // The same before any has come: where one with this key was kept, where a rule brings them, where
  // they are handed over to, or else where the card's hash brings them. -1: nobody can say.
  int of_connection(const FlowKey& key) const {
    if (kept.size() != 0) [[unlikely]] {
      if (const int shard = kept.find(key); shard >= 0) return shard;
    }
    if (const auto* by_rule = rules.find(key); by_rule != nullptr)
      return by_rule->size() == 1 ? by_rule->front()
                                  : (*by_rule)[arrival.hash(key) % by_rule->size()];
    if (!segments.empty()) return of_segment(key);
    return arrival.known() ? static_cast<int>(arrival.of(key)) : -1;
  }
  // Does that depend on the host's own port?
  bool port_matters() const { return !segments.empty() || arrival.by_own_port; }
  // False: none whose own port it may pick. (Rules are for the ports of endpoints.)
  bool may_have_connections(unsigned shard) const {
    const std::vector<std::uint16_t>& all = segments.empty() ? arrival.table : segments;
    return std::find(all.begin(), all.end(), shard) != all.end();
  }

 private:
  static constexpr std::uint64_t mix = 0x9e3779b97f4a7c15;

  static int one_of(const std::vector<std::uint16_t>& shards, std::uint64_t h) {
    if (shards.empty()) return -1;
    h = (h ^ h >> 29) * 0x94d049bb133111eb;
    return shards[((h >> 32) * shards.size()) >> 32];
  }
};

}  // namespace weft
