// libbpf and libxdp, which DPDK's af_xdp driver brings along, write to stderr whatever they find
// worth saying. From here on it goes where DPDK's own log goes (eal.h).
#pragma once

namespace weft::ports {

void quiet_bpf();

}  // namespace weft::ports
