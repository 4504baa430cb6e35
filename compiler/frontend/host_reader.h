// The addresses of a host, checked for meaning and not only for form.
#pragma once

#include <cstdint>
#include <string>

#include "compiler/frontend/yaml_reader.h"
#include "compiler/ir/workload.h"

namespace weft::frontend {

// Reads {mac, address, secondary, gateway, vlan, mtu, forwarding, multicast, routes}. E0250 to
// E0253, E0256, E0258, E0270.
ir::HostConfig read_host(const Value& at);

// Why no host can have this address ("a group address"), or "".
std::string not_a_host(std::uint32_t address);

}  // namespace weft::frontend
