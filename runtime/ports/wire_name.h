// What follows --wire: tap:NAME, af_packet:IFACE, af_xdp:IFACE, memif:SOCKET, virtio_user:SOCKET,
// vhost:SOCKET, ring:NAME, pcap:IN,OUT, sim:IN,OUT, pci:0000:00:04.0 (a card that weft drives
// itself).
#pragma once

#include <string>
#include <string_view>

#include "compiler/diag/diagnostic.h"

namespace weft::ports {

struct WireName {
  enum class Kind { tap, af_packet, af_xdp, memif, virtio_user, vhost, ring, pci, pcap, sim };
  Kind kind = Kind::sim;
  std::string text;        // as it was given
  std::string interface;   // tap, af_packet, af_xdp; ring: its name; pci: "0000:00:04.0"
  std::string socket;      // memif, virtio_user, vhost: path
  bool server = false;     // ... who makes that socket and waits at it
  bool zero_copy = false;  // memif: the other side reads and writes our buffers
  std::string in, out;     // pcap, sim; out may be empty: what is sent goes nowhere

  bool live() const { return kind != Kind::pcap && kind != Kind::sim; }
  // Ends at an interface of this kernel.
  bool on_interface() const {
    return kind == Kind::tap || kind == Kind::af_packet || kind == Kind::af_xdp;
  }
  // Ends at another process, over a socket.
  bool on_socket() const {
    return kind == Kind::memif || kind == Kind::virtio_user || kind == Kind::vhost;
  }
};

// Errors: E0600, with the forms there are. Interface names have 1 to 15 characters of those that
// Linux allows and DPDK's device arguments can carry; paths of sockets have at most 107.
diag::Result<WireName> wire_name(std::string_view text);

}  // namespace weft::ports
