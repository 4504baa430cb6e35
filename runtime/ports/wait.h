// Descriptors of a port of DPDK that a core can wait on.
#pragma once

#include <rte_ethdev.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace weft::ports {

// Before rte_eth_dev_configure: has the driver make descriptors, where it is known to do so well.
// (Others take the wish for interrupts as one for a way of receiving that is slower.)
void ask_for_descriptors(std::uint16_t port, rte_eth_conf& conf);

// After the start: readable when a frame comes for the queue. nullopt: the driver has none.
std::optional<std::vector<int>> descriptors_of(std::uint16_t port, std::uint16_t queue);

}  // namespace weft::ports
