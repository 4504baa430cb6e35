#include "runtime/ports/device_watch.h"

#include <fmt/format.h>
#include <net/if.h>
#include <rte_ethdev.h>

#include <chrono>
#include <thread>

namespace weft::ports {
namespace {

// A handshake takes a millisecond or two, and is done by DPDK's interrupt thread.
constexpr int handshake_ms = 1000;

bool link_up(std::uint16_t port) {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(port, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

}  // namespace

// Whoever listens waits for the next one to come, and a vhost that went to its peer goes there
// again by itself. The drivers of the others connect once, when they are started.
DeviceWatch::DeviceWatch(const WireName& wire, std::uint16_t port)
    : wire_(wire),
      port_(port),
      leaves_for_good_(wire.on_socket() && !wire.server && wire.kind != WireName::Kind::vhost) {
  if (wire.on_interface()) interface_ = if_nametoindex(wire.interface.c_str());
  // Who came and went between two looks would never have been there.
  for (int ms = 0; leaves_for_good_ && !was_there_ && ms < handshake_ms; ++ms) {
    was_there_ = link_up(port);
    if (!was_there_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

std::string DeviceWatch::failure() const {
  if (interface_ != 0 && if_nametoindex(wire_.interface.c_str()) != interface_)
    return fmt::format("interface {} is gone", wire_.interface);
  if (!leaves_for_good_) return {};
  const bool there = link_up(port_);
  if (!there && was_there_) return fmt::format("the other side of {} is gone", wire_.text);
  was_there_ = was_there_ || there;
  return {};
}

}  // namespace weft::ports
