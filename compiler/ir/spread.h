// What a workload asks of the way in which a card spreads packets over queues.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "compiler/diag/diagnostic.h"

namespace weft::ir {

// Packets at several ports reach the queue of the same number where these fields agree: the first
// of one port with the first of each other, and so on.
struct Together {
  std::vector<std::pair<std::string, std::vector<std::string>>> ports;  // name, fields
  diag::Span span;
};

struct Spread {
  bool symmetric = false;  // both directions of a conversation: one queue
  diag::Span symmetric_span;
  std::vector<std::string> by;  // packets that agree in these fields: one queue; empty: any
  diag::Span by_span;
  std::string port;  // which of the ports of `together` this is
  std::vector<Together> together;
  bool one_key = false;           // the same key at all of these ports
  std::vector<std::uint8_t> key;  // this one; empty: the compiler picks it
  diag::Span key_span;
  std::uint64_t seed = 0;  // of what is left to choose
  diag::Span span;

  // Something is asked of all packets, so that no rule may bring a flow elsewhere.
  bool binds() const { return symmetric || !by.empty() || !together.empty(); }
  // Names of the ports, the own one first.
  std::vector<std::string> ports() const {
    std::vector<std::string> all;
    if (!port.empty()) all.push_back(port);
    for (const Together& t : together) {
      for (const auto& [name, fields] : t.ports) {
        bool known = false;
        for (const std::string& other : all) known = known || other == name;
        if (!known) all.push_back(name);
      }
    }
    return all;
  }
};

}  // namespace weft::ir
