#include "compiler/frontend/endpoint_reader.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::frontend {
namespace {

constexpr std::size_t most_endpoints = 65'535;  // their numbers have 16 bits
constexpr double highest_cost = 1e12;           // cycles for one request
constexpr std::uint32_t all_hosts = 0xe0000001;
constexpr std::size_t most_sources = 32;          // of a group; so many fit every report
constexpr std::uint64_t most_listeners = 65'536;  // of an endpoint of TCP: addresses times ports

}  // namespace

void EndpointReader::endpoint(const Value& key, const Value& value) {
  ir::Endpoint e{.name = key.name(), .span = key.span()};
  Mapping m(value, fmt::format("endpoint `{}`", e.name));
  const auto tcp = m.optional("tcp");
  const Value port = tcp ? *tcp : m.required("udp");
  e.tcp = tcp.has_value();
  const auto ports = read_ports(port);
  e.app = m.required("app").text();
  const auto address = m.optional("address");
  const auto groups = m.optional("groups");
  if (const auto rate = m.optional("rate")) e.rate = rate->real(0, highest_rate);
  demands(m, e);
  of_tcp(m, e);
  m.done();
  if (e.tcp && groups)
    groups->error("E0254", "groups are received by endpoints of UDP", "",
                  "leave them out, or give the endpoint a port of `udp:`");
  if (address) bind(*address, e);
  if (groups && !e.tcp) {
    for (const Value& group : groups->list()) join(group, e);
    multicast(*groups);
  }
  if (ports) {
    e.port = static_cast<std::uint16_t>(ports->first);
    e.ports = ports->last - ports->first + 1;
    claim(port, e);
  }
  if (e.tcp && std::uint64_t{e.ports} * e.addresses > most_listeners)
    port.error("E0254", fmt::format("more than {} sockets of TCP", most_listeners), "",
               "fewer ports, or fewer addresses");
  if (out_.endpoints.size() == most_endpoints)
    key.error("E0254", fmt::format("more than {} endpoints", most_endpoints), "",
              "one endpoint may have a range of ports and addresses");
  out_.endpoints.push_back(std::move(e));
}

// What the chooser is told about an endpoint.
void EndpointReader::demands(Mapping& m, ir::Endpoint& e) {
  if (const auto v = m.optional("class")) e.gold = read_gold(*v);
  if (const auto v = m.optional("exclusive")) e.exclusive = v->flag();
  if (const auto v = m.optional("trust")) e.trust = v->name();
  if (const auto v = m.optional("cost")) e.cost = v->real(0, highest_cost);
  if (const auto v = m.optional("size")) e.size = static_cast<unsigned>(v->number(0, 65507));
  if (const auto v = m.optional("p99")) e.p99_us = read_microseconds(*v);
  if (const auto v = m.optional("queue")) e.queues = read_queues(*v);
  if (const auto v = m.optional("placement"))
    e.placement = static_cast<ir::Placement>(
        v->word({"run_to_completion", "dedicated", "pipelined"}, "a placement"));
  if (const auto v = m.optional("core"))
    e.core = static_cast<unsigned>(v->number(0, most_cores - 1));
}

void EndpointReader::of_tcp(Mapping& m, ir::Endpoint& e) {
  const auto ecn = m.optional("ecn");
  const auto congestion = m.optional("congestion");
  if (ecn) e.ecn = ecn->flag();
  if (congestion)
    e.congestion =
        static_cast<ir::Congestion>(congestion->word({"cubic", "newreno"}, "a way of control"));
  if ((ecn || congestion) && !e.tcp)
    (ecn ? ecn : congestion)
        ->error("E0254", "endpoints of UDP have no ECN and no control of congestion", "",
                "leave it out, or give the endpoint a port of `tcp:`");
}

// Own addresses, one or a range.
void EndpointReader::bind(const Value& at, ir::Endpoint& e) {
  const auto range = read_addresses(at);
  if (!range) return;
  if (!own_.all_own(*range)) {
    at.error("E0271", fmt::format("`{}` is not the host's", at.node()->text), "",
             "add it under `host: secondary:`");
    return;
  }
  e.address = range->first;
  e.addresses = range->last - range->first + 1;
}

// "239.1.2.3", or {group: 232.1.1.1, only: [10.7.0.9]}, {group: ..., except: [...]}.
void EndpointReader::join(const Value& at, ir::Endpoint& e) {
  ir::GroupJoin out;
  Value group = at;
  if (at.is_mapping()) {
    Mapping m(at, "the group");
    group = m.required("group");
    const auto only = m.optional("only");
    const auto except = m.optional("except");
    m.done();
    if (only && except) except->error("E0272", "a group has `only` or `except`, not both");
    out.exclude = !only;
    if (only || except) out.sources = sources(only ? *only : *except);
  }
  const auto range = read_addresses(group);
  if (!range) return;
  out.group = range->first;
  const bool twice = std::any_of(e.groups.begin(), e.groups.end(),
                                 [&](const auto& g) { return g.group == out.group; });
  if (range->first != range->last || out.group >> 28 != 14 || out.group == all_hosts || twice) {
    group.error("E0272",
                fmt::format("`{}` can't be joined{}", group.node()->text, twice ? " twice" : ""),
                "",
                out.group == all_hosts ? "224.0.0.1 is received without joining it"
                                       : "groups are 224.0.0.2 to 239.255.255.255, one each");
    return;
  }
  e.groups.push_back(std::move(out));
}

std::vector<std::uint32_t> EndpointReader::sources(const Value& list) {
  std::vector<std::uint32_t> out;
  for (const Value& at : list.list()) {
    const auto range = read_addresses(at);
    if (range && range->first == range->last && own_.check_source(at, *range))
      out.push_back(range->first);
  }
  std::sort(out.begin(), out.end());
  if (out.size() > most_sources || std::adjacent_find(out.begin(), out.end()) != out.end())
    list.error("E0272", fmt::format("sources are named once, at most {}", most_sources));
  return out;
}

// Groups switch it on; nobody may say at the same time that it is off.
void EndpointReader::multicast(const Value& at) {
  for (const auto& [key, value] : host_.members()) {
    if (key.name() == "multicast" && !out_.host.multicast)
      at.error("E0272", "`host: multicast: off` and an endpoint with groups", "",
               "leave `multicast` out: groups switch it on");
  }
  out_.host.multicast = true;
}

// No two endpoints may have the same socket. Ranges by the port and address they begin with;
// those for all addresses are apart.
void EndpointReader::claim(const Value& at, const ir::Endpoint& e) {
  const std::uint32_t last_address = e.bound() ? e.address + e.addresses - 1 : 0;
  for (std::uint64_t address = e.address; address <= last_address; ++address) {
    auto& taken = sockets_[e.tcp ? 1 : 0][static_cast<std::uint32_t>(address)];
    const auto behind = taken.upper_bound(e.last_port());
    const auto before = behind == taken.begin() ? taken.end() : std::prev(behind);
    if (before != taken.end() && before->second.first >= e.port) {
      const ir::Endpoint& other = out_.endpoints[before->second.second];
      at.report({.code = "E0254",
                 .message = fmt::format("{} port {} is that of endpoint `{}` already",
                                        e.tcp ? "TCP" : "UDP",
                                        std::max<unsigned>(e.port, before->first), other.name),
                 .span = at.span(),
                 .notes = {{.text = "first here", .span = other.span}},
                 .help = "give each endpoint a port of its own"});
      return;
    }
    taken[e.port] = {e.last_port(), out_.endpoints.size()};
  }
}

}  // namespace weft::frontend
