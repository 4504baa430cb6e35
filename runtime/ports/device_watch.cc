#include "runtime/ports/device_watch.h"

#include <fmt/format.h>
#include <net/if.h>
#include <rte_ethdev.h>

namespace weft::ports {

// Whoever listens waits for the next one to come, and a vhost that went to its peer goes there
// again by itself. The drivers of the others connect once, when they are started.
DeviceWatch::DeviceWatch(const WireName& wire, std::uint16_t port)
    : wire_(wire),
      port_(port),
      leaves_for_good_(wire.on_socket() && !wire.server && wire.kind != WireName::Kind::vhost) {
  if (wire.on_interface()) interface_ = if_nametoindex(wire.interface.c_str());
}

std::string DeviceWatch::failure() const {
  if (interface_ != 0 && if_nametoindex(wire_.interface.c_str()) != interface_)
    return fmt::format("interface {} is gone", wire_.interface);
  if (!leaves_for_good_) return {};
  rte_eth_link link{};
  const bool there =
      rte_eth_link_get_nowait(port_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
  if (!there && was_there_) return fmt::format("the other side of {} is gone", wire_.text);
  was_there_ = was_there_ || there;
  return {};
}

}  // namespace weft::ports
