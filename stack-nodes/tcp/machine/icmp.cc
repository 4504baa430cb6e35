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
  // What is too large will not arrive. That is no sign of congestion. Neighbours become one text,
  // so that it leaves in full segments once more.
  std::uint32_t last = none;
  for (std::uint32_t i = c.sent_first, next = none; i != none; i = next) {
    next = sent_[i].next;
    const bool too_large = sent_[i].bytes() > c.mss && !sent_[i].is(Sent::sacked);
    if (too_large) mark_lost(c, i);
    if (too_large && last != none && c.records == 0) {
      join_sent(c, last, i);
    } else {
      last = too_large ? i : none;
    }
  }
  c.force_one = 1;
  want_output(c);
}

// RFC 4821 section 7: is it still so? One segment as large as the link carries says it; where that
// is lost, it is sent again in parts, and nothing else comes of it (section 7.5).
std::uint32_t Tcp::large_text(const Connection& c) const {
  if (c.search_ns == 0 || now_ns < c.search_ns || c.recovery != Recovery::open) return 0;
  const std::uint32_t most = config_.mtu - c.tuple.peer.header() - 20;
  const std::uint32_t own = c.user_mss != 0 ? std::min<std::uint32_t>(most, c.user_mss) : most;
  return std::min<std::uint32_t>(own, c.peer_mss) - (c.timestamps != 0 ? 12 : 0);
}

void Tcp::search_later(Connection& c) {
  c.search_ns = now_ns + c.search_wait_ms * 1'000'000ull;
  c.search_wait_ms = std::min(2 * c.search_wait_ms, config_.search_path);
}

// A large one has arrived.
void Tcp::path_is_whole(Connection& c) {
  c.path_mtu = 0;
  c.search_ns = 0;
  limit_mss(c);
}

void Tcp::path_error(const PathError& e) {
  if (e.mtu != 0) return path_mtu(e.tuple, e.seq, e.mtu);
  unreachable(e.tuple, e.seq, e.why, e.hard);
}

void Tcp::path_mtu(const Tuple& tuple, Seq seq, std::uint16_t mtu) {
  const std::uint32_t at = find(tuple);
  if (at == none) return;
  Connection& c = connections_[at];
  if (!within(seq, c.snd_una, c.snd_nxt)) return;
  mtu = std::max(mtu, least_mtu(tuple));
  if (mtu >= (c.path_mtu != 0 ? c.path_mtu : config_.mtu)) return;
  c.search_wait_ms = config_.search_path;
  search_later(c);
  set_path_mtu(c, mtu);
}

// Three times nothing came of a large segment, and no router said why: smaller ones may get through
// (RFC 4821 section 7.7). It may have been plain loss: soon a large one is tried again.
void Tcp::suspect_black_hole(Connection& c) {
  if (!c.synchronised() || c.backoff < 2 || c.sent_first == none) return;
  const std::uint16_t mtu = c.path_mtu != 0 ? c.path_mtu : config_.mtu;
  const std::uint16_t less =
      mtu > 1280 ? std::uint16_t{1280}
                 : std::max(static_cast<std::uint16_t>(mtu / 2), least_mtu(c.tuple));
  if (less >= mtu || sent_[c.sent_first].bytes() + c.tuple.peer.header() + 20 <= less) return;
  ++counters_.black_holes;
  c.search_wait_ms = config_.search_hole;
  search_later(c);
  set_path_mtu(c, less);
}

// Before there is a connection, a hard error ends the attempt at once, and a soft one when three
// SYNs have met with it: who waits for longer than that waits for nothing (RFC 5461 section 4.1).
// Afterwards either is a hint, told to the application, and the reason if the connection gives up
// (RFC 9293 section 3.9.2.2; RFC 5927 section 5.2).
void Tcp::unreachable(const Tuple& tuple, Seq seq, std::uint8_t why, bool hard) {
  const std::uint32_t at = find(tuple);
  if (at == none) return;
  Connection& c = connections_[at];
  if (!within(seq, c.snd_una, c.snd_nxt)) return;
  c.soft_error = why;
  if (!c.synchronised() && (hard || c.syn_again >= 2)) return end(c, why);
  if (c.told != 0) notify(c, event::stuck);
}

}  // namespace weft::tcp
