// What the kernel says over rtnetlink(7): which network namespace the other end of a virtual
// interface is in, and which XDP program an interface runs.
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

// The number of the XDP program that the interface runs (IFLA_XDP_PROG_ID); 0: none.
unsigned xdp_program_of(const std::string& interface);

}  // namespace weft::doctor
