// What the kernel says of network interfaces (ioctl, see netdevice(7) and linux/ethtool.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weft::doctor {

// Of an interface in this network namespace.
struct Interface {
  unsigned index = 0;
  bool up = false;
  unsigned mtu = 0;
  std::uint64_t mac = 0;
  std::string driver;     // "veth", "tun", "" when it has none to name
  unsigned queues = 1;    // that frames arrive by (ethtool -l: combined, or RX)
  bool combined = false;  // ... which the driver calls combined
};
std::optional<Interface> interface_of(const std::string& name);

// All IPv4 addresses of this namespace with the interface they are on. Host byte order.
std::vector<std::pair<std::string, std::uint32_t>> addresses();

// Does this interface leave checksums of what it sends to others? (ethtool -k: tx-checksumming)
std::optional<bool> sends_unfinished_checksums(const std::string& name);

// The other end of a veth pair.
struct Peer {
  enum class Where { none, here, elsewhere, hidden };  // none: not a veth; hidden: cannot be seen
  Where where = Where::none;
  std::string name;         // here and elsewhere
  std::string enter;        // elsewhere: words that run a command there
  bool unfinished = false;  // it sends unfinished checksums
};
// Looks into all network namespaces that this process may enter (by name, or by a process in it).
Peer peer_of(const std::string& name);

}  // namespace weft::doctor
