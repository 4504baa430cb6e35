// Random changes of frames: what a broken sender, cable or attacker makes of them.
#pragma once

#include <random>

#include "tests/sim/frames.h"

namespace weft::sim {

// One to four changes; then, half of the time, checksums that fit again, or nobody would ever look
// behind them.
Bytes mutate(Bytes frame, std::mt19937_64& random);

// Makes the header checksum right, where there is a whole header.
void fix_ip_checksum(Bytes& frame);
// The same for UDP and ICMP.
void fix_transport_checksum(Bytes& frame);

}  // namespace weft::sim
