#include "tests/bench/graph/grown.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

namespace weft::bench {
namespace {

constexpr unsigned nodes_of_each = 11;
constexpr unsigned first_protocol = 140;  // 140 to 252 are unassigned (IANA)

std::string port(unsigned protocol) {
  return fmt::format("      more_{0}: {{when: \"ipv4.protocol == {0}\", to: more_{0}_ok}}\n",
                     protocol);
}

std::string nodes(unsigned protocol) {
  return fmt::format(R"(  more_{0}_ok:
    kind: and
    of:
      - {{id: header, when: "l4.room >= 8", else: drop_more_{0}_truncated}}
      - {{id: length, when: "udp.length >= 8 && udp.length <= l4.room", else: drop_more_{0}_length}}
      - {{id: checksum, test: udp.checksum_ok, else: drop_more_{0}_checksum}}
    next: more_{0}_flow
  more_{0}_flow: {{kind: effect, impl: udp.find_flow, ports: {{hit: more_{0}_deliver, miss: more_{0}_port}}}}
  more_{0}_port: {{kind: effect, impl: udp.find_port, ports: {{hit: more_{0}_deliver, miss: more_{0}_unicast}}}}
  more_{0}_deliver: {{kind: endpoint, impl: application}}
  more_{0}_unicast:
    kind: match
    ports:
      unicast: {{when: "ipv4.dst == host.address", to: more_{0}_unreachable}}
      other: {{otherwise: true, to: drop_more_{0}_broadcast}}
  more_{0}_unreachable:
    kind: effect
    impl: icmp.protocol_unreachable
    ports: {{sent: drop_more_{0}_nobody, limited: drop_more_{0}_quiet}}
    spawn: {{icmp_error: icmp_error}}
)",
                     protocol);
}

std::string drops(unsigned protocol) {
  std::string text;
  for (const auto* reason : {"truncated", "length", "checksum", "broadcast", "nobody", "quiet"}) {
    text += fmt::format("  drop_more_{}_{}: unlike UDP only in its number\n", protocol, reason);
  }
  return text;
}

// Puts `what` behind the line that contains `mark`.
void insert(std::string& text, const std::string& mark, const std::string& what) {
  const auto at = text.find(mark);
  if (at == std::string::npos) {
    fmt::print(stderr, "bench graph: the protocol graph has no line `{}`\n", mark);
    std::exit(70);
  }
  text.insert(text.find('\n', at + 1) + 1, what);
}

}  // namespace

std::string grown_graph(const std::string& text, unsigned more) {
  std::string ports, parts, reasons;
  for (unsigned i = 0; i * nodes_of_each < more; ++i) {
    ports += port(first_protocol + i);
    parts += nodes(first_protocol + i);
    reasons += drops(first_protocol + i);
  }
  std::string grown = text;
  insert(grown, "icmp: {when: \"ipv4.protocol == 1\"", ports);
  insert(grown, "\nnodes:", parts);
  insert(grown, "\ndrops:", reasons);
  return grown;
}

}  // namespace weft::bench
