#include "stack-nodes/registry.h"

#include <array>
#include <type_traits>

#include "stack-nodes/arp/conflict.h"
#include "stack-nodes/arp/learn.h"
#include "stack-nodes/arp/reply.h"
#include "stack-nodes/arp/resolve.h"
#include "stack-nodes/arp/sender.h"
#include "stack-nodes/arp/target.h"
#include "stack-nodes/eth/build.h"
#include "stack-nodes/eth/open.h"
#include "stack-nodes/handover/connection.h"
#include "stack-nodes/handover/datagram.h"
#include "stack-nodes/handover/flow.h"
#include "stack-nodes/handover/kept.h"
#include "stack-nodes/handover/neighbour.h"
#include "stack-nodes/handover/path.h"
#include "stack-nodes/handover/quoted.h"
#include "stack-nodes/handover/segment.h"
#include "stack-nodes/handover/whole.h"
#include "stack-nodes/icmp/checksum_ok.h"
#include "stack-nodes/icmp/echo_reply.h"
#include "stack-nodes/icmp/error.h"
#include "stack-nodes/icmp/fragmentation_needed.h"
#include "stack-nodes/icmp/net_unreachable.h"
#include "stack-nodes/icmp/parameter_problem.h"
#include "stack-nodes/icmp/port_unreachable.h"
#include "stack-nodes/icmp/protocol_unreachable.h"
#include "stack-nodes/icmp/read_quote.h"
#include "stack-nodes/icmp/reassembly_exceeded.h"
#include "stack-nodes/icmp/source_route_failed.h"
#include "stack-nodes/icmp/time_exceeded.h"
#include "stack-nodes/igmp/checksum_ok.h"
#include "stack-nodes/igmp/take.h"
#include "stack-nodes/ipv4/build.h"
#include "stack-nodes/ipv4/checksum_fill.h"
#include "stack-nodes/ipv4/checksum_ok.h"
#include "stack-nodes/ipv4/checksum_request.h"
#include "stack-nodes/ipv4/decrement_ttl.h"
#include "stack-nodes/ipv4/fragment.h"
#include "stack-nodes/ipv4/learn_path.h"
#include "stack-nodes/ipv4/local.h"
#include "stack-nodes/ipv4/loop_back.h"
#include "stack-nodes/ipv4/open.h"
#include "stack-nodes/ipv4/options_ok.h"
#include "stack-nodes/ipv4/path_mtu.h"
#include "stack-nodes/ipv4/peer_ok.h"
#include "stack-nodes/ipv4/reassemble.h"
#include "stack-nodes/ipv4/route.h"
#include "stack-nodes/ipv4/source_route_ok.h"
#include "stack-nodes/tcp/checksum_fill.h"
#include "stack-nodes/tcp/checksum_ok.h"
#include "stack-nodes/tcp/checksum_request.h"
#include "stack-nodes/tcp/quoted.h"
#include "stack-nodes/tcp/receive.h"
#include "stack-nodes/tcp/segment.h"
#include "stack-nodes/tcp/segment_request.h"
#include "stack-nodes/udp/build.h"
#include "stack-nodes/udp/checksum_fill.h"
#include "stack-nodes/udp/checksum_ok.h"
#include "stack-nodes/udp/checksum_request.h"
#include "stack-nodes/udp/checksum_whole.h"
#include "stack-nodes/udp/find_flow.h"
#include "stack-nodes/udp/find_members.h"
#include "stack-nodes/udp/find_port.h"
#include "stack-nodes/udp/find_quoted.h"
#include "stack-nodes/udp/flow_from_mark.h"
#include "stack-nodes/udp/too_large.h"
#include "stack-nodes/vlan/pop.h"
#include "stack-nodes/vlan/push.h"
#include "stack-nodes/vlan/push_request.h"

namespace weft::nodes {
namespace {

// run() in the one form that the interpreter calls: the out-port's index in decl.ports.
template <class Node>
unsigned call(Packet& p, Core& core) {
  using Answer = decltype(Node::run(p, core));
  if constexpr (std::is_void_v<Answer>) {
    Node::run(p, core);
    return 0;
  } else if constexpr (std::is_same_v<Answer, bool>) {
    return Node::run(p, core) ? 0 : 1;  // "yes, no"
  } else {
    return static_cast<unsigned>(Node::run(p, core));
  }
}

// Where a table may miss the cache, all packets ask for their entries before the first looks.
template <class Node>
unsigned call_each(Packet* const* packets, unsigned n, Core& core, std::uint8_t* ports) {
  if constexpr (Node::decl.cut) {
    for (unsigned k = 0; k < n; ++k) Node::prefetch(*packets[k], core);
  }
  unsigned any = 0;
  for (unsigned k = 0; k < n; ++k) {
    const unsigned port = call<Node>(*packets[k], core);
    ports[k] = static_cast<std::uint8_t>(port);
    any |= port;
  }
  return any;
}

#define WEFT_NODE(folder, file, type)                                   \
  Entry {                                                               \
    &folder::type::decl, "weft::nodes::" #folder "::" #type,            \
        "stack-nodes/" #folder "/" #file ".h", &call_each<folder::type> \
  }

constexpr auto entries = std::to_array<Entry>({
    WEFT_NODE(eth, open, Open),
    WEFT_NODE(eth, build, Build),
    WEFT_NODE(vlan, pop, Pop),
    WEFT_NODE(vlan, push, Push),
    WEFT_NODE(vlan, push_request, PushRequest),
    WEFT_NODE(arp, learn, Learn),
    WEFT_NODE(arp, reply, Reply),
    WEFT_NODE(arp, resolve, Resolve),
    WEFT_NODE(arp, sender, Sender),
    WEFT_NODE(arp, target, Target),
    WEFT_NODE(arp, conflict, Conflict),
    WEFT_NODE(ipv4, open, Open),
    WEFT_NODE(ipv4, checksum_ok, ChecksumOk),
    WEFT_NODE(ipv4, checksum_fill, ChecksumFill),
    WEFT_NODE(ipv4, checksum_request, ChecksumRequest),
    WEFT_NODE(ipv4, peer_ok, PeerOk),
    WEFT_NODE(ipv4, local, Local),
    WEFT_NODE(ipv4, build, Build),
    WEFT_NODE(ipv4, route, Route),
    WEFT_NODE(ipv4, reassemble, Reassemble),
    WEFT_NODE(ipv4, decrement_ttl, DecrementTtl),
    WEFT_NODE(ipv4, loop_back, LoopBack),
    WEFT_NODE(igmp, checksum_ok, ChecksumOk),
    WEFT_NODE(igmp, take, Take),
    WEFT_NODE(ipv4, options_ok, OptionsOk),
    WEFT_NODE(ipv4, source_route_ok, SourceRouteOk),
    WEFT_NODE(ipv4, path_mtu, PathMtu),
    WEFT_NODE(ipv4, learn_path, LearnPath),
    WEFT_NODE(ipv4, fragment, Fragment),
    WEFT_NODE(icmp, checksum_ok, ChecksumOk),
    WEFT_NODE(icmp, echo_reply, EchoReply),
    WEFT_NODE(icmp, error, Error),
    WEFT_NODE(icmp, read_quote, ReadQuote),
    WEFT_NODE(icmp, fragmentation_needed, FragmentationNeeded),
    WEFT_NODE(icmp, net_unreachable, NetUnreachable),
    WEFT_NODE(icmp, parameter_problem, ParameterProblem),
    WEFT_NODE(icmp, port_unreachable, PortUnreachable),
    WEFT_NODE(icmp, protocol_unreachable, ProtocolUnreachable),
    WEFT_NODE(icmp, reassembly_exceeded, ReassemblyExceeded),
    WEFT_NODE(icmp, source_route_failed, SourceRouteFailed),
    WEFT_NODE(icmp, time_exceeded, TimeExceeded),
    WEFT_NODE(tcp, checksum_ok, ChecksumOk),
    WEFT_NODE(tcp, checksum_fill, ChecksumFill),
    WEFT_NODE(tcp, checksum_request, ChecksumRequest),
    WEFT_NODE(tcp, segment, Segment),
    WEFT_NODE(tcp, segment_request, SegmentRequest),
    WEFT_NODE(tcp, receive, Receive),
    WEFT_NODE(tcp, quoted, Quoted),
    WEFT_NODE(udp, checksum_ok, ChecksumOk),
    WEFT_NODE(udp, checksum_fill, ChecksumFill),
    WEFT_NODE(udp, checksum_request, ChecksumRequest),
    WEFT_NODE(udp, checksum_whole, ChecksumWhole),
    WEFT_NODE(udp, find_flow, FindFlow),
    WEFT_NODE(udp, find_port, FindPort),
    WEFT_NODE(udp, find_members, FindMembers),
    WEFT_NODE(udp, find_quoted, FindQuoted),
    WEFT_NODE(udp, flow_from_mark, FlowFromMark),
    WEFT_NODE(udp, build, Build),
    WEFT_NODE(udp, too_large, TooLarge),
    WEFT_NODE(handover, flow, Flow),
    WEFT_NODE(handover, quoted, Quoted),
    WEFT_NODE(handover, datagram, Datagram),
    WEFT_NODE(handover, segment, Segment),
    WEFT_NODE(handover, whole, Whole),
    WEFT_NODE(handover, kept, Kept),
    WEFT_NODE(handover, neighbour, Neighbour),
    WEFT_NODE(handover, path, Path),
    WEFT_NODE(handover, connection, Connection),
});

#undef WEFT_NODE

}  // namespace

std::span<const Entry> all() { return entries; }

const Entry* find(std::string_view name) {
  for (const Entry& entry : entries) {
    if (entry.decl->name == name) return &entry;
  }
  return nullptr;
}

namespace {

std::string_view trimmed(std::string_view word) {
  constexpr std::string_view blank = " \t\n";
  const std::size_t first = word.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return word.substr(first, word.find_last_not_of(blank) - first + 1);
}

// The text up to `separator`, which is taken off the list.
std::string_view next_of(std::string_view& list, char separator) {
  const std::size_t end = list.find(separator);
  const std::string_view word = list.substr(0, end);
  list = end == std::string_view::npos ? std::string_view{} : list.substr(end + 1);
  return trimmed(word);
}

}  // namespace

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> words;
  while (!list.empty()) {
    const auto word = next_of(list, ',');
    if (!word.empty()) words.emplace_back(word);
  }
  return words;
}

std::vector<std::pair<std::string, std::string>> assignments(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> found;
  while (!text.empty()) {
    const auto one = next_of(text, ';');
    const std::size_t equals = one.find('=');
    if (equals == std::string_view::npos) continue;
    found.emplace_back(trimmed(one.substr(0, equals)), trimmed(one.substr(equals + 1)));
  }
  return found;
}

}  // namespace weft::nodes
