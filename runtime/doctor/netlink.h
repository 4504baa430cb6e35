// Which network namespace the other end of a virtual interface is in, asked of the kernel.
#pragma once

#include <string>

namespace weft::doctor {

// Namespaces have numbers that only their neighbours know: as seen from the calling thread's.
inline constexpr int same_namespace = -1;

// The namespace of the interface that this one is linked to (IFLA_LINK_NETNSID of rtnetlink(7)).
// `same_namespace` also when the kernel does not say.
int namespace_of_link(const std::string& interface);

// The number of the namespace that is open as `fd` (RTM_GETNSID); `same_namespace` when it has
// none.
int namespace_number(int fd);

}  // namespace weft::doctor
