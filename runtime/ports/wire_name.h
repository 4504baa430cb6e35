// What follows --wire: tap:NAME, af_packet:IFACE, pcap:IN,OUT, sim:IN,OUT.
#pragma once

#include <string>
#include <string_view>

#include "compiler/diag/diagnostic.h"

namespace weft::ports {

struct WireName {
  enum class Kind { tap, af_packet, pcap, sim };
  Kind kind = Kind::sim;
  std::string text;       // as it was given
  std::string interface;  // tap, af_packet
  std::string in, out;    // pcap, sim; out may be empty: what is sent goes nowhere

  bool live() const { return kind == Kind::tap || kind == Kind::af_packet; }
};

// Errors: E0600, with the forms there are. Interface names have 1 to 15 characters of those that
// Linux allows and DPDK's device arguments can carry.
diag::Result<WireName> wire_name(std::string_view text);

}  // namespace weft::ports
