// Does a plan really do something else than the protocol graph? Not by proof: by running it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/compare.h"
#include "tests/sim/harness.h"

namespace weft::sim {

// What can be seen of a run, by frame: ends, deliveries, what was sent.
struct Seen {
  Ends ends;
  std::vector<std::string> deliveries;  // "endpoint 1, connected"
  Flows flows;
  std::string wrong;    // in what was sent: a checksum, a length
  std::string refused;  // the card or the engine does not take the plan at all
  std::map<std::string, std::set<unsigned>> queues;  // node -> queues on which it was reached
};

// Checksum answers of the first frame, as in a counterexample; the others are the driver's.
using Answers = std::map<std::string, unsigned>;

// Where a card that nobody can predict delivers these frames.
using Places = std::vector<std::pair<Bytes, unsigned>>;

// Frames come 20 ms apart: the first `apart` of them, and then all others at once. `answers` are
// for frames equal to `about`.
inline constexpr std::size_t all_apart = ~std::size_t{0};
Seen see(const plan::Plan& plan, const passes::Inputs& inputs, const std::vector<Bytes>& frames,
         const Answers& answers = {}, const Bytes& about = {}, std::size_t apart = all_apart,
         const Places& places = {});

// A packet, and what came before it: the state in which it takes one or the other way.
struct Situation {
  std::string name;
  std::vector<Bytes> frames;
  std::size_t apart = all_apart;
};
std::vector<Situation> situations(const Bytes& frame, const passes::Inputs& inputs);

// "" when equal.
std::string difference(const Seen& expected, const Seen& actual);

// Frames that make the stack send all that it can send: echo replies, datagrams of applications to
// neighbours known and unknown, errors, ARP, datagrams put together from fragments, forwarded ones.
std::vector<Bytes> stimuli(const passes::Inputs& inputs);

}  // namespace weft::sim
