// What routers and hosts on the way say, as far as it can be believed: errors are about a segment
// that is in flight, or they are about nothing (RFC 5927 section 4).
#include <algorithm>

#include "stack-nodes/tcp/machine/stack.h"

namespace weft::tcp {
namespace {

// Less is not believed: RFC 1191 section 3 names 576, of which most links leave 552; every link of
// IPv6 carries 1280.
std::uint16_t least_mtu(const Tuple& t) { return t.peer.is_v4() ? 552 : 1280; }

}  // namespace

void Tcp::set_path_mtu(Connection& c, std::uint16_t mtu) {
  c.path_mtu = mtu;
  limit_mss(c);
  // What is too large will not arrive. That is no sign of congestion.
  for (std::uint32_t i = c.sent_first; i != none; i = sent_[i].next) {
    if (sent_[i].bytes() > c.mss && !sent_[i].is(Sent::sacked)) mark_lost(c, i);
  }
  c.force_one = 1;
  want_output(c);
}

void Tcp::path_mtu(const Tuple& tuple, Seq seq, std::uint16_t mtu) {
  const std::uint32_t at = find(tuple);
  if (at == none) return;
  Connection& c = connections_[at];
  if (!within(seq, c.snd_una, c.snd_nxt)) return;
  mtu = std::max(mtu, least_mtu(tuple));
  if (mtu < (c.path_mtu != 0 ? c.path_mtu : config_.mtu)) set_path_mtu(c, mtu);
}

// Twice nothing came of a large segment, and no router said why: smaller ones may get through (RFC
// 4821 section 7.7).
void Tcp::suspect_black_hole(Connection& c) {
  if (!c.synchronised() || c.backoff < 1 || c.sent_first == none) return;
  const std::uint16_t mtu = c.path_mtu != 0 ? c.path_mtu : config_.mtu;
  const std::uint16_t less =
      mtu > 1280 ? std::uint16_t{1280}
                 : std::max(static_cast<std::uint16_t>(mtu / 2), least_mtu(c.tuple));
  if (less >= mtu || sent_[c.sent_first].bytes() + c.tuple.peer.header() + 20 <= less) return;
  ++counters_.black_holes;
  set_path_mtu(c, less);
}

// A hard error ends an attempt to connect; everything else is a hint, told when the connection
// gives up (RFC 9293 section 3.9.2.2; RFC 5927 section 5.2).
void Tcp::unreachable(const Tuple& tuple, Seq seq, std::uint8_t why, bool hard) {
  const std::uint32_t at = find(tuple);
  if (at == none) return;
  Connection& c = connections_[at];
  if (!within(seq, c.snd_una, c.snd_nxt)) return;
  c.soft_error = why;
  if (hard && c.state == State::syn_sent) end(c, why);
}

}  // namespace weft::tcp
