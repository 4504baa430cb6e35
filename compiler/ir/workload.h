// What the stack is for: the host's addresses, the endpoints, and the flows that are known.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/flow_set.h"
#include "compiler/ir/objective.h"
#include "compiler/ir/spread.h"

namespace weft::ir {

struct Route {
  std::uint32_t prefix = 0;  // host byte order
  unsigned length = 0;       // bits
  std::uint32_t via = 0;     // 0: on the link
  bool operator==(const Route&) const = default;
};

// An address of the host, with the prefix that it shares with its neighbours.
struct OwnAddress {
  std::uint32_t address = 0;
  unsigned prefix_length = 24;
  bool operator==(const OwnAddress&) const = default;
};

// A host on the link whose Ethernet address is known beforehand: nobody is asked, or believed.
struct Neighbour {
  std::uint32_t address = 0;
  std::uint64_t mac = 0;
  bool operator==(const Neighbour&) const = default;
};

struct HostConfig {
  std::uint64_t mac = 0;  // 48 bits as a number
  std::uint32_t address = 0;
  unsigned prefix_length = 24;
  std::uint16_t vlan_id = 0;  // 0: untagged
  std::uint16_t mtu = 1500;
  bool forwarding = false;
  bool multicast = false;  // takes part: joins groups, receives 224.0.0.1
  bool probe = false;      // asks whether its addresses are in use before it uses them
  std::vector<OwnAddress> secondary;
  std::vector<Route> routes;  // without connected prefixes; the gateway is 0.0.0.0/0
  std::vector<Neighbour> neighbours;

  std::uint32_t netmask() const {
    return prefix_length == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix_length);
  }
  // Of the primary subnet. One of two hosts has none (RFC 3021), nor has a host alone: all ones
  // would be its neighbour's address, or its own.
  std::uint32_t broadcast() const {
    return prefix_length >= 31 ? 0xffffffff : address | ~netmask();
  }
  // All of them, the primary one first.
  std::vector<OwnAddress> addresses() const {
    std::vector<OwnAddress> all = {{address, prefix_length}};
    all.insert(all.end(), secondary.begin(), secondary.end());
    return all;
  }
  bool operator==(const HostConfig&) const = default;
};

// What an endpoint wants of a group: all sources but some, or only some (RFC 3376 section 2).
struct GroupJoin {
  std::uint32_t group = 0;
  bool exclude = true;
  std::vector<std::uint32_t> sources;
  bool operator==(const GroupJoin&) const = default;
};

// Queues first to last.
struct QueueRange {
  unsigned first = 0, last = 0;
  bool operator==(const QueueRange&) const = default;
};

// Where an application runs.
enum class Placement {
  run_to_completion,  // on the net core, by direct call
  dedicated,          // on a core of its own, behind rings
  pipelined,          // the stack of its flows is cut over several net cores
};

// The YAML word.
inline std::string_view to_string(Placement p) {
  return p == Placement::run_to_completion ? "run_to_completion"
         : p == Placement::dedicated       ? "dedicated"
                                           : "pipelined";
}

// What TCP does about congestion.
enum class Congestion { cubic, newreno };

inline std::string_view to_string(Congestion c) {
  return c == Congestion::cubic ? "cubic" : "newreno";
}

// One application's sockets: a port or a range of ports, of all own addresses or of some. Endpoints
// are known by their place in a list (rules mark packets with it), and keep it: the place of one
// that has gone is vacant until another one takes it, and no socket is its.
struct Endpoint {
  std::string name;        // "echo"
  std::uint16_t port = 0;  // the first
  std::string app;         // shared object or a name of runtime/apps: "udp_echo"
  double rate = 0;         // packets per second from sources that are no known flow
  diag::Span span;
  unsigned ports = 1;         // how many, one behind the other; 0: the place is vacant
  std::uint32_t address = 0;  // the own address that it is bound to, the first; 0: all
  unsigned addresses = 1;     // how many, one behind the other

  std::vector<GroupJoin> groups;
  bool tcp = false;  // its ports are TCP's, else UDP's
  // Of TCP.
  bool ecn = false;  // asked for by connections that it opens; granted where the peer asks
  Congestion congestion = Congestion::cubic;

  // What the chooser goes by.
  bool gold = false;       // priority class: `gold`, else normal
  bool exclusive = false;  // its queues receive nothing for other endpoints
  std::string trust;       // group; endpoints of different groups share no queue; "": all the rest
  double cost = 0;         // cycles that the application takes for one request
  unsigned size = 0;       // bytes of payload of a usual request
  double p99_us = 0;       // bound for the time in the stack, microseconds; 0: none
  std::optional<QueueRange> queues;    // its flows arrive on these alone
  std::optional<unsigned> core;        // net core that runs it
  std::optional<Placement> placement;  // none: the chooser decides
  // The chooser's own word: its packets share queues with those of another trust group, and are
  // copied into memory of its own.
  bool copied = false;

  static Endpoint nobody() {
    Endpoint out;
    out.ports = 0;
    return out;
  }
  bool vacant() const { return ports == 0; }
  unsigned last_port() const { return port + ports - 1; }  // not of a vacant place
  bool bound() const { return address != 0; }
  bool listens(std::uint32_t at, std::uint16_t on) const {
    return unsigned{on} - port < ports && (!bound() || at - address < addresses);
  }
};

// The same to whoever sends, and to its application; wishes and rates may differ.
inline bool same_sockets(const Endpoint& a, const Endpoint& b) {
  return a.name == b.name && a.port == b.port && a.ports == b.ports && a.address == b.address &&
         a.addresses == b.addresses && a.app == b.app && a.groups == b.groups && a.tcp == b.tcp &&
         a.ecn == b.ecn && a.congestion == b.congestion;
}

// Puts it there; places in front of it that the list did not have yet are vacant.
inline void put_endpoint(std::vector<Endpoint>& endpoints, unsigned place, const Endpoint& e) {
  while (endpoints.size() <= place) endpoints.push_back(Endpoint::nobody());
  endpoints[place] = e;
}

// Leaves its place vacant. Lists end with an endpoint: vacant places behind the last one go.
inline void take_endpoint(std::vector<Endpoint>& endpoints, unsigned place) {
  if (place < endpoints.size()) endpoints[place] = Endpoint::nobody();
  while (!endpoints.empty() && endpoints.back().vacant()) endpoints.pop_back();
}

// The endpoint of a socket, as the stack finds it: one that is bound to the address goes first.
inline std::optional<unsigned> endpoint_at(const std::vector<Endpoint>& endpoints,
                                           std::uint32_t address, std::uint16_t port,
                                           bool tcp = false) {
  std::optional<unsigned> found;
  for (unsigned i = 0; i < endpoints.size(); ++i) {
    if (endpoints[i].tcp != tcp || !endpoints[i].listens(address, port)) continue;
    if (endpoints[i].bound()) return i;
    found = i;
  }
  return found;
}

// One connected flow: packets from src:src_port to the endpoint, at one own address and port.
struct Flow {
  std::uint32_t src = 0;
  std::uint16_t src_port = 0;
  std::uint16_t dst_port = 0;
  unsigned endpoint = 0;  // index into endpoints
  double rate = 1;        // packets per second
  diag::Span span;
  std::uint32_t dst = 0;          // the own address; 0: the primary one
  bool gold = false;              // as its endpoint, unless the flow says otherwise
  std::optional<unsigned> queue;  // where it must arrive
};

// How flows are spread over queues. These are the three policies of Dragonet.
enum class Policy {
  balance,  // the busiest queue and core have as little to do as can be
  gold,     // the same, but what is of class gold has queues of its own
  fixed,    // `static`: one queue for each endpoint, in the order in which they are declared
};

// The YAML word.
inline std::string_view to_string(Policy policy) {
  return policy == Policy::balance ? "balance" : policy == Policy::gold ? "gold" : "static";
}

struct Workload {
  std::string name;
  HostConfig host;
  unsigned queues = 1;                 // wanted; the compiler takes fewer where the card has fewer
  unsigned cores = 1;                  // net cores
  diag::Span queues_span, cores_span;  // of what was said of them
  Policy policy = Policy::balance;
  unsigned gold_queues = 0;  // policy gold: how many; 0: as the load wants
  // What a plan shall be good at, all of them, the most important first.
  std::vector<Objective> objectives{all_objectives.begin(), all_objectives.end()};
  std::vector<Endpoint> endpoints;
  std::vector<Flow> flows;
  std::vector<FlowSet> sets;  // no two meet
  std::optional<diag::Span>
      ipv6;  // the first line that is about IPv6: it needs a graph that is, too
  Spread spread;
  std::uint32_t local_address(const Flow& f) const { return f.dst != 0 ? f.dst : host.address; }
  std::uint32_t local_address(const FlowSet& s) const { return s.dst != 0 ? s.dst : host.address; }
  std::string digest;
  std::string path;
};

}  // namespace weft::ir
