// What the stack is for: the host's addresses, the endpoints, and the flows that are known.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"

namespace weft::ir {

struct Route {
  std::uint32_t prefix = 0;  // host byte order
  unsigned length = 0;       // bits
  std::uint32_t via = 0;     // 0: on the link
  bool operator==(const Route&) const = default;
};

struct HostConfig {
  std::uint64_t mac = 0;  // 48 bits as a number
  std::uint32_t address = 0;
  unsigned prefix_length = 24;
  std::uint16_t vlan_id = 0;  // 0: untagged
  std::uint16_t mtu = 1500;
  bool forwarding = false;
  std::vector<Route> routes;  // without the connected prefix; the gateway is 0.0.0.0/0

  std::uint32_t netmask() const {
    return prefix_length == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix_length);
  }
  std::uint32_t broadcast() const { return address | ~netmask(); }
  bool operator==(const HostConfig&) const = default;
};

struct Endpoint {
  std::string name;        // "echo"
  std::uint16_t port = 0;  // UDP
  std::string app;         // shared object or a name of runtime/apps: "udp_echo"
  double rate = 0;         // packets per second from sources that are no known flow
  diag::Span span;
};

// One connected flow: packets from src:src_port to the endpoint.
struct Flow {
  std::uint32_t src = 0;
  std::uint16_t src_port = 0;
  std::uint16_t dst_port = 0;
  unsigned endpoint = 0;  // index into endpoints
  double rate = 1;        // packets per second
  diag::Span span;
};

struct Workload {
  std::string name;
  HostConfig host;
  unsigned queues = 1;  // wanted; the compiler takes fewer where the card has fewer
  unsigned cores = 1;   // net cores
  std::vector<Endpoint> endpoints;
  std::vector<Flow> flows;
  std::string digest;
  std::string path;
};

}  // namespace weft::ir
