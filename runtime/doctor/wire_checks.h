// What wires need beside an interface that is up: AF_XDP of the kernel, sockets of other processes.
#pragma once

#include <vector>

#include "runtime/doctor/doctor.h"

namespace weft::doctor {

// xdp_sockets, memlock, queues, xdp_program. The interface exists.
void check_af_xdp(const Question& question, std::vector<Check>& checks);

// socket_folder, socket: a path that is free where we listen, and somebody there where we come to.
void check_socket(const ports::WireName& wire, std::vector<Check>& checks);

bool has_capability(unsigned number);

}  // namespace weft::doctor
