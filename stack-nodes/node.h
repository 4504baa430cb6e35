// How a stack node describes itself. A node is one small struct:
//
//   struct ChecksumOk {
//     static constexpr NodeDecl decl{.name = "ipv4.checksum_ok", .kind = Kind::test, ...};
//     static bool run(const Packet& p, const Core& core);
//   };
//
// The declaration is what the compiler reads (ports, reads, writes, cost); `run` is what the
// interpreter calls and the generator fuses. Lists are comma-separated names.
#pragma once

#include <string_view>

namespace weft::nodes {

enum class Kind { test, effect };

// What kind of state a node touches; it decides who may run it where.
enum class State {
  none,        // the packet alone
  config,      // read-only tables, a copy on every net core
  owned,       // mutable, one owner: packets with the same `key` must reach the same core
  replicated,  // mutable, every core has its own; what one learns it hands to all others
};

struct NodeDecl {
  std::string_view name;  // "ipv4.checksum_ok": folder, then file
  Kind kind = Kind::effect;

  // Out-ports in the order of the node's `enum class Out`. A test has "yes, no" and its run()
  // returns bool; an effect with a single port returns void.
  std::string_view ports = "out";

  // Fields read and written ("ipv4.*" is every field of the header, "l4.payload" is what follows
  // the transport header). What is written and not assigned is an unknown function of what is read.
  std::string_view reads;
  std::string_view writes;
  // Exact meaning of writes, as "field = expression; field = expression" over values before the
  // node.
  std::string_view assigns;

  // Must hold on every path to the node; the verifier proves it with Z3.
  std::string_view requires_ = "true";

  // What is so for nearly all packets. The straight way of generated code is made for it (a body
  // that is small then, offsets that are known), and leaves the others to the general function.
  std::string_view expects;

  State state = State::none;
  std::string_view key;  // fields that select the instance of state, or the table's key
  // Name of the table looked up. Ports are "hit, miss", or else the answers that an entry can have:
  // "own, broadcast, multicast, other".
  std::string_view table;
  std::string_view result;  // field that a hit sets, or that gets the number of the answer
  std::string_view flag;    // field set to 1 by a hit and to 0 by a miss

  // Slots it may fill with packets of its own (slots.h), and whether the spawned packet is this
  // very buffer, turned around (then the packet's own terminal gets no buffer).
  std::string_view spawns;
  bool reuses_buffer = false;

  // There is also `bool quick(Packet&, Core&)`: what run() does where that is short and the packet
  // leaves by the first port. False: it did nothing. Straight ways of generated code call it, so
  // that the long rest of the body is not in their midst.
  bool quick = false;

  // Where state has one owner for each key, or every core its own: the node that passes a packet,
  // or what it says, to the core concerned. The plan puts it in front (behind the miss, for a
  // table) wherever a card may deliver elsewhere; no protocol graph names it.
  std::string_view handover;
  // Of such a node: who owns the key. "udp_flows": a table of flows; "datagrams", "segments": a
  // hash of the key; "all": every core is told. Ports are then "here, away, full"; `away` means
  // that the packet goes on at the slot it spawns, on its owner, and `full` that the ring there had
  // no room.
  std::string_view owner;

  bool cut = false;  // a table that may miss the cache: has prefetch(const Packet&, const Core&)

  std::string_view meaning;  // one line
  std::string_view source;   // RFC and section
};

}  // namespace weft::nodes
