// Before anything else: are the host's addresses free (probe.h)?
#include "runtime/engine/shard.h"

#include <cstring>

#include "runtime/engine/frames.h"
#include "stack-nodes/table/arp_message.h"
#include "stack-nodes/wire/bytes.h"

namespace weft::engine {

std::optional<Rival> Shard::hear(ports::Card& card) {
  const RunsShard runs(index);
  std::optional<Rival> rival;
  const unsigned n = fetch(card);
  fetched_ = 0;
  for (unsigned i = 0; i < n; ++i) {
    const auto* bytes = rte_pktmbuf_mtod(frames_[i], const std::uint8_t*);
    const auto found = rival_in({bytes, rte_pktmbuf_data_len(frames_[i])}, core.addresses,
                                core.host.mac, core.host.vlan_id);
    if (found) rival = found;
    rte_pktmbuf_free(frames_[i]);
  }
  counters.before_use += n;
  return rival;
}

void Shard::ask_for(std::pair<std::size_t, std::size_t> addresses, ports::Card& card) {
  const RunsShard runs(index);
  for (std::size_t i = addresses.first; i < addresses.second; ++i) {
    constexpr unsigned tag = 4;
    Packet p;
    if (!allocate(p, ArpMessage::frame_bytes + tag)) continue;
    ArpMessage{.sender_mac = core.host.mac, .target = core.addresses.own()[i].address}.write(p);
    auto* m = static_cast<rte_mbuf*>(p.buffer);
    std::uint32_t bytes = p.len;
    if (core.host.vlan_id != 0) {
      std::memmove(p.data + 12 + tag, p.data + 12, bytes - 12);
      wire::store16(p.data + 12, 0x8100);
      wire::store16(p.data + 14, core.host.vlan_id);
      bytes += tag;
    }
    rte_pktmbuf_append(m, static_cast<std::uint16_t>(bytes));
    core.transmitted.frames[core.transmitted.count++] = frames_of(&m)[0];
    ++counters.probes;
  }
  if (core.transmitted.count != 0) transmit(card);
}

}  // namespace weft::engine
