// Values of names for ir::evaluate: of a frame as a card's parser sees it, and of a packet on its
// way through the stack.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "compiler/ir/evaluate.h"
#include "compiler/ir/fields.h"
#include "compiler/ir/workload.h"
#include "stack-nodes/core.h"
#include "stack-nodes/packet.h"

namespace weft::tool {

// A card parses by itself: the network header is behind one tag, if there is one. Bytes beyond the
// frame's end read as 0. The arguments must outlive the lookup.
ir::Lookup wire_lookup(const ir::FieldTable& fields, const std::vector<std::uint8_t>& frame,
                       const ir::HostConfig& host, const std::map<std::string, bool>& knobs);

// The stack reads headers where Packet says they are. `wire` answers has(header).
// Throws std::logic_error for a name that no packet has.
ir::Lookup packet_lookup(const ir::FieldTable& fields, const Packet& packet, const Core& core,
                         ir::Lookup wire);

// Offset of the network header on the wire: 14, or 18 behind a tag.
std::size_t wire_l3(const std::vector<std::uint8_t>& frame);

}  // namespace weft::tool
