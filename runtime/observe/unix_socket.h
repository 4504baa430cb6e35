// Unix sockets by path, as stacks and planners talk over them.
#pragma once

#include <sys/un.h>

#include <string>

namespace weft::observe {

// False: the path is too long for one.
bool socket_address(const std::string& path, sockaddr_un& address);
// A socket that is connected to whoever listens there, with SOCK_NONBLOCK in `flags` at once or not
// at all; -1, and errno says why.
int connect_to(const std::string& path, int flags = 0);

}  // namespace weft::observe
