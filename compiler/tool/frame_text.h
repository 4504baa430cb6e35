// A frame from a few words, for `weft explain PLAN --packet`:
//
//   udp from 10.7.0.1:40000 to 10.7.0.2:7 len 100 vlan 5 ttl 3 bad-checksum udp
//   icmp from 10.7.0.1 to 10.7.0.2          an echo request
//   arp from 10.7.0.1 to 10.7.0.2           who has 10.7.0.2?
//   udp ... fragment 1480 more              offset in bytes; `more`: not the last one
//   udp ... eth-dst ff:ff:ff:ff:ff:ff       eth-src likewise
//   udp ... no-checksum                     UDP checksum 0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/workload.h"

namespace weft::tool {

// What is not said is taken from the host: its MAC and address as destination, its VLAN, and
// `port` as destination port. `len` counts the bytes behind the UDP or ICMP header (default 18).
diag::Result<std::vector<std::uint8_t>> frame_from_text(const std::string& text,
                                                        const ir::HostConfig& host,
                                                        std::uint16_t port);

std::uint16_t internet_checksum(const std::uint8_t* data, std::size_t length,
                                std::uint32_t sum = 0);

}  // namespace weft::tool
