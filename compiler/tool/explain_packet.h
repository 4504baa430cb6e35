// "What happens to this packet": through the card to a queue, through that queue's residue to a
// terminal.
#pragma once

#include "compiler/tool/stack_walk.h"

namespace weft::tool {

struct PacketStory {
  std::string packet;  // "udp 10.7.0.1:40000 -> 10.7.0.2:7"
  std::size_t bytes = 0;
  std::string nic;
  CardWalk card;
  std::optional<unsigned> core;
  std::string residue;
  std::string queue_class;
  StackWalk stack;
};

// A descriptor answer that is taken for granted: cards may say "unknown" at any time.
struct Override {
  bool ip = false;  // desc.ip_cksum, else desc.l4_cksum
  Answer answer = Answer::unknown;
};

PacketStory follow_packet(const plan::Plan& plan, const ir::NicModel& nic,
                          const ir::FieldTable& fields, const std::vector<std::uint8_t>& frame,
                          const std::vector<Override>& overrides = {});
std::string to_text(const PacketStory& story);
std::string to_json(const PacketStory& story);

}  // namespace weft::tool
