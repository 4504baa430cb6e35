// Keys that do what is asked and spread well: elimination, then the bits that are left free at
// random, the best of several.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "compiler/rss/quality.h"
#include "compiler/rss/request.h"

namespace weft::rss {

// A flow that the key alone is to bring to a queue, at the first port.
struct Wish {
  Bytes input;         // what the card hashes of its packets
  unsigned queue = 0;  // below Task::queues
};

struct Task {
  std::vector<Port> ports;  // the first is the one whose flows are known
  std::vector<Request> requests;
  unsigned queues = 1;       // that wishes name
  std::vector<Wish> wishes;  // the most important first; done as far as there is room
  std::vector<Bytes> known;  // inputs of flows that are known, one length
  std::uint64_t seed = 0;    // same task, same keys
  unsigned tries = 64;
};

struct Keys {
  std::vector<Bytes> of;     // for each port
  Quality quality;           // of the first port's
  std::vector<bool> placed;  // wishes that hold
};

// Requests that can't be had together, none of which can be left out.
struct Contradiction {
  std::vector<unsigned> requests;  // by index, ascending
  // Empty: no key at all does it. Else the keys that do it spread nothing by this field.
  std::string starved;
};

tl::expected<Keys, Contradiction> find_keys(const Task& task);

// Bits of all keys together.
unsigned unknowns_of(const std::vector<Port>& ports);

// The low bits of the hash that tell `queues` queues apart: entry e of the table is then meant for
// queue e % 2^bits % queues.
unsigned class_bits(unsigned queues);

}  // namespace weft::rss
