// Many flows that are said at once: what comes to one port from a prefix, or from any port of a
// host. The stack keeps nothing about each of them; it has a rate, a class and wishes together.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "compiler/diag/diagnostic.h"

namespace weft::ir {

struct FlowSet {
  std::uint32_t src = 0, src_mask = 0;  // host byte order; what the mask leaves out is 0
  std::uint16_t src_port = 0, src_port_mask = 0;
  std::uint32_t dst = 0;  // the own address; 0: the primary one
  std::uint16_t dst_port = 0;
  unsigned endpoint = 0;  // index into endpoints
  double rate = 1;        // packets per second, of all of them
  diag::Span span;
  bool gold = false;
  std::optional<unsigned> queue;  // where all of it must arrive

  bool has(std::uint32_t from, std::uint16_t port) const {
    return (from & src_mask) == src && (port & src_port_mask) == src_port;
  }
  // Is there a flow that both have? (The port at this end is no part of it.)
  bool meets(const FlowSet& o) const {
    return ((src ^ o.src) & src_mask & o.src_mask) == 0 &&
           ((src_port ^ o.src_port) & src_port_mask & o.src_port_mask) == 0;
  }
};

// "10.7.1.0/24", "10.7.1.0/24 ports 40000-40031", "10.7.0.9 any port"
std::string sources_of(const FlowSet& set);

// The set that a flow belongs to; no two of them meet.
class FlowSets {
 public:
  void add(const FlowSet& set, unsigned number);
  // `dst` as in the set.
  std::optional<unsigned> find(std::uint32_t src, std::uint16_t src_port, std::uint32_t dst,
                               std::uint16_t dst_port) const;

 private:
  using Values = std::tuple<std::uint32_t, std::uint16_t, std::uint32_t, std::uint16_t>;
  std::map<std::pair<std::uint32_t, std::uint16_t>, std::map<Values, unsigned>> by_masks_;
};

}  // namespace weft::ir
