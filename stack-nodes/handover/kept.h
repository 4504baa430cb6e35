// Where rules or the table of a card that runs change, connections that are open stay on the shard
// that has them, and what the card brings elsewhere from then on is passed there. New ones are
// where the card brings them. As long as nothing has changed this is one look at a flag.
#pragma once

#include "stack-nodes/handover/away.h"
#include "stack-nodes/handover/segment.h"
#include "stack-nodes/node.h"
#include "stack-nodes/tcp/machine/stack.h"
#include "weft/fields.h"

namespace weft::nodes::handover {

struct Kept {
  using Out = handover::Out;
  static constexpr NodeDecl decl{
      .name = "handover.kept",
      .ports = "here, away, full",
      .reads = "ipv4.src, ipv4.dst, tcp.*",
      .requires_ = "l4.room >= 20",
      .key = "ipv4.src, tcp.src_port, ipv4.dst, tcp.dst_port",
      .spawns = "handed_kept",
      .owner = "segments",
      .meaning = "passes a segment to the shard that kept its connection when rules changed",
      .source = "DESIGN: one owner for each instance of state",
  };
  static Out run(Packet& p, Core& core) {
    if (core.owners == nullptr || core.owners->settled()) [[likely]]
      return Out::here;
    const bool opens = (p.data[p.l4 + 13] & (syn | ack)) == syn;
    return pass(p, core, Slot::handed_kept, owner(Segment::key(p), opens, core));
  }

 private:
  static constexpr unsigned syn = 0x02, ack = 0x10;

  // While it changes, who opens a connection goes to where the card will bring it. A segment of one
  // that nobody knows may be ahead of the news of it: it is not refused, its peer sends it again.
  [[gnu::noinline, gnu::cold]] static int owner(const FlowKey& key, bool opens, const Core& core) {
    using weft::tcp::Address;
    const Owners& owners = *core.owners;
    if (core.tcp == nullptr ||
        core.tcp->knows({Address::v4(key.dst), Address::v4(key.src), key.dst_port, key.src_port}))
      return -1;
    if (const int shard = owners.kept.find(key); shard >= 0) return shard;
    if (!owners.changing || core.addresses.find(key.src) == Cast::own) return -1;
    const int home = owners.of_connection(key);
    if (home >= 0 && static_cast<unsigned>(home) != core.id) return home;
    return opens ? -1 : int{Owners::held};
  }
};

}  // namespace weft::nodes::handover
