// What the emulated card makes of a frame that is to be cut into segments of TCP (DPDK's
// RTE_MBUF_F_TX_TCP_SEG): frames with tso_segsz bytes of text each, the last one with the rest.
#pragma once

#include <rte_mbuf.h>

#include <vector>

namespace weft::emulator {

// The header of `whole` is in front of each: lengths are those of the segment; the numbers of
// sequence and identification go on; FIN and PSH are the last one's, CWR is the first one's. The
// field of the TCP checksum holds the pseudo header's sum with the segment's length, that of the
// IPv4 header is right. Each asks for what else `whole` has asked for. Empty: no buffer
// for one of them (of `pool`), or no such frame. `whole` stays the caller's.
std::vector<rte_mbuf*> cut_segments(const rte_mbuf& whole, rte_mempool* pool);

}  // namespace weft::emulator
