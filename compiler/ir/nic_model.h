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

// What becomes of frames that come while all receive buffers are taken.
struct Overflow {
  bool stated = false;        // false: the model does not say
  bool kept_by_peer = false;  // the peer keeps them: nothing is lost on this side of the wire
  std::string counter;        // what shows those that are lost; "none" when nothing does
};

// Which buffers the driver hands over without copying their bytes.
enum class ZeroCopy { none, receive, transmit, both };

struct NicModel {
  std::string name;  // "intel_82599"; must equal the file's stem
  std::string title;
  std::string driver;  // DPDK's: "net_ixgbe"; "any"
  std::vector<std::string> sources;
  Limit rx_queues;
  Limit tx_queues;
  unsigned tx_segments = 1;      // descriptors per packet on transmit
  unsigned rx_segments = 1;      // buffers that the driver scatters one frame over
  bool external_buffers = true;  // transmit takes memory that is in no mbuf of its pool
  ZeroCopy zero_copy = ZeroCopy::both;
  unsigned max_frame = 1518;  // bytes, with FCS
  Overflow overflow;
  Graph receive;       // wire -> ... -> queue
  Graph transmit;      // queue -> ... -> wire
  std::string digest;  // SHA-256 of the file
  std::string path;
};

}  // namespace weft::ir
