// Windows of congestion: NewReno (RFC 5681, RFC 3465, RFC 6582) and CUBIC (RFC 9438), chosen for
// each connection. In bytes.
#pragma once

#include <cstdint>

#include "stack-nodes/tcp/machine/connection.h"

namespace weft::tcp::congestion {

// RFC 6928: ten segments.
void start(Connection& c, unsigned initial_segments);
std::uint32_t initial_window(const Connection& c, unsigned initial_segments);

// `bytes` were newly acknowledged outside of recovery, while the window was the limit.
void acknowledged(Connection& c, std::uint32_t bytes, std::uint64_t now_ns);

// Something was lost, or marked by the network: the window from now on. The least of it, and of
// ssthresh, is two segments; after a mark, of the window, one (RFC 9438 section 4.6).
std::uint32_t reduced(Connection& c, std::uint32_t flight);
inline std::uint32_t least(const Connection& c) { return 2u * c.mss; }

// Growth begins anew: after an idle time, or a reduction taken back.
void begin_epoch(Connection& c);

}  // namespace weft::tcp::congestion
