// A protocol graph with more in it: further transport protocols beside UDP, each with checks, a
// flow table, a port table, an endpoint, ICMP errors and drop reasons of its own.
#pragma once

#include <string>

namespace weft::bench {

// The graph's text (graphs/host_udp_ipv4.yaml) with at least `more` further nodes.
std::string grown_graph(const std::string& text, unsigned more);

}  // namespace weft::bench
