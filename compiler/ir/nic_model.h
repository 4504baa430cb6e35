// A NIC model: card graphs for both directions, capacities, limits, and where each fact is from.
#pragma once

#include <string>
#include <vector>

#include "compiler/ir/graph.h"

namespace weft::ir {

struct Limit {
  unsigned max = 0;
  std::string source;
};

struct NicModel {
  std::string name;  // "intel_82599"; must equal the file's stem
  std::string title;
  std::string driver;  // DPDK's: "net_ixgbe"; "any"
  std::vector<std::string> sources;
  Limit rx_queues;
  Limit tx_queues;
  unsigned tx_segments = 1;   // descriptors per packet on transmit
  unsigned max_frame = 1518;  // bytes, with FCS
  Graph receive;              // wire -> ... -> queue
  Graph transmit;             // queue -> ... -> wire
  std::string digest;         // SHA-256 of the file
  std::string path;
};

}  // namespace weft::ir
