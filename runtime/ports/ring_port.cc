#include "runtime/ports/ring_port.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>

namespace weft::ports {

diag::Result<std::unique_ptr<RingPort>> RingPort::make(const std::string& name, unsigned queues,
                                                       bool crossed) {
  const auto refuse = [&](const std::string& what) {
    return diag::fail(
        diag::Diagnostic{.code = "E0653",
                         .message = fmt::format("cannot make {} of the wire ring:{}: {}", what,
                                                name, rte_strerror(rte_errno))});
  };
  std::unique_ptr<RingPort> port(new RingPort);
  for (unsigned q = 0; q < queues; ++q) {
    for (const bool receive : {true, false}) {
      const std::string ring_name =
          fmt::format("{}.{}{}", name, receive != crossed ? "rx" : "tx", q);
      rte_ring* ring = rte_ring_lookup(ring_name.c_str());
      if (ring == nullptr) {
        ring =
            rte_ring_create(ring_name.c_str(), slots, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
        if (ring == nullptr) return refuse("a ring");
        port->ours_.push_back(ring);
      }
      (receive ? port->rx_ : port->tx_).push_back(ring);
    }
  }
  const std::string port_name = name + (crossed ? ".b" : ".a");
  const int id =
      rte_eth_from_rings(port_name.c_str(), port->rx_.data(), queues, port->tx_.data(), queues, 0);
  if (id < 0) return refuse("a port");
  port->port_ = static_cast<std::uint16_t>(id);
  port->made_ = true;
  return port;
}

RingPort::~RingPort() {
  if (made_) {
    rte_eth_dev_stop(port_);
    rte_eth_dev_close(port_);
  }
  for (rte_ring* ring : ours_) {
    void* packet = nullptr;
    while (rte_ring_dequeue(ring, &packet) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
    rte_ring_free(ring);
  }
}

}  // namespace weft::ports
