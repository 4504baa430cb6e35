// What a generated shared object and the engine agree on. The object has one C symbol,
// `weft_generated_entry`, and the functions of all residues of one plan behind it.
#pragma once

#include <cstdint>

#include "compiler/codegen/cpu.h"

namespace weft {
struct Core;
struct Datagram;
struct Frame;
struct Packet;
}  // namespace weft

namespace weft::codegen {

// Raised whenever a structure here, the counter order (ir/edges.h) or the meaning of run() changes.
inline constexpr std::uint32_t abi_version = 2;
inline constexpr const char* entry_symbol = "weft_generated_entry";

// Each runs `n` packets (at most PacketList::capacity) to their terminals. Takes all of them: each
// is released, delivered, transmitted or held by a table. Counts into core.edges, which has
// `edge_count` counters.

// Frames of one segment from the card, from the entry of the wire on.
using ReceiveFunction = void (*)(weft::Core& core, weft::Frame* const* frames, unsigned n);
// Datagrams that applications send, from the entry of udp_send on.
using SendFunction = void (*)(weft::Core& core, const weft::Datagram* datagrams, unsigned n);
// Packets from any entry (ir/edges.h: 0 is the wire, 1 + slot otherwise).
using RunFunction = void (*)(weft::Core& core, weft::Packet* packets, unsigned n, unsigned entry);

}  // namespace weft::codegen

extern "C" {

struct weft_residue {
  const char* id;  // plan::Residue::id
  weft::codegen::ReceiveFunction receive;
  weft::codegen::SendFunction send;
  weft::codegen::RunFunction run;
  unsigned edge_count;  // ir::EdgeTable::size()
};

struct weft_generated {
  std::uint32_t abi;
  std::uint32_t core_size;    // sizeof(weft::Core) when it was compiled
  std::uint32_t packet_size;  // sizeof(weft::Packet)
  const char* key;            // SHA-256 of everything that went into the object (build.h)
  unsigned residue_count;
  const weft_residue* residues;
};

// What the symbol `weft_generated_entry` is.
using weft_generated_entry_function = const weft_generated* (*)();
}
