// Workloads: the host's addresses, the endpoints, the flows that are known.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "compiler/diag/sha256.h"
#include "compiler/frontend/address.h"
#include "compiler/frontend/flow_csv.h"
#include "compiler/frontend/host_reader.h"
#include "compiler/frontend/readers.h"
#include "compiler/frontend/spread_reader.h"
#include "compiler/frontend/yaml_reader.h"

namespace weft::frontend {
namespace {

using ir::Workload;

constexpr std::size_t most_flows = 1'000'000;
constexpr std::size_t most_endpoints = 65'535;  // their numbers have 16 bits
constexpr double highest_rate = 1e12;
constexpr double highest_cost = 1e12;  // cycles for one request
constexpr unsigned most_queues = 1024;
constexpr unsigned most_cores = 256;
constexpr std::uint32_t all_hosts = 0xe0000001;
constexpr std::size_t most_sources = 32;  // of a group; so many fit every report

struct Range {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
};

// "a" or "a-b", each read by `parse`. E0256 when reversed.
template <class Parse>
std::optional<Range> read_range(const Value& at, Parse parse, const char* what,
                                const char* example) {
  const std::size_t before = at.error_count();
  const std::string text = at.text();
  if (!at.present() || at.error_count() != before) return std::nullopt;
  const std::size_t dash = text.find('-');
  const auto first = parse(std::string_view(text).substr(0, dash));
  const auto last =
      dash == std::string::npos ? first : parse(std::string_view(text).substr(dash + 1));
  if (!first || !last) {
    at.error("E0107", fmt::format("`{}` is not {}", text, what), "", example);
    return std::nullopt;
  }
  const Range range{static_cast<std::uint32_t>(*first), static_cast<std::uint32_t>(*last)};
  if (range.first > range.last) {
    at.error("E0256", fmt::format("the range `{}` is reversed", text), "", "write low-high");
    return std::nullopt;
  }
  return range;
}

// Both ends of a flow.
struct Socket {
  std::uint32_t src, dst;
  std::uint16_t src_port, dst_port;
  bool operator==(const Socket&) const = default;
};

struct SocketHash {
  std::size_t operator()(const Socket& s) const {
    std::uint64_t x = (std::uint64_t{s.src} << 32 | std::uint64_t{s.src_port} << 16 | s.dst_port) ^
                      std::uint64_t{s.dst} * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    return static_cast<std::size_t>(x ^ (x >> 31));
  }
};

class Reader {
 public:
  Reader(Workload& out) : out_(out) {}

  void read(const Value& root) {
    Mapping top(root, "the workload");
    out_.name = top.required("workload").name();
    const Value host = top.required("host");
    if (const auto v = top.optional("queues"))
      out_.queues = static_cast<unsigned>(v->number(1, most_queues));
    if (const auto v = top.optional("cores"))
      out_.cores = static_cast<unsigned>(v->number(1, most_cores));
    if (const auto v = top.optional("policy"))
      out_.policy = static_cast<ir::Policy>(v->word({"balance", "gold", "static"}, "a policy"));
    if (const auto v = top.optional("gold_queues")) {
      out_.gold_queues = static_cast<unsigned>(v->number(1, most_queues - 1));
      if (out_.policy != ir::Policy::gold)
        v->error("E0273", "`gold_queues` without `policy: gold`", "",
                 "no other policy gives queues to a class");
    }
    if (const auto v = top.optional("spread")) out_.spread = read_spread(*v);
    const Value endpoints = top.required("endpoints");
    const auto flows = top.optional("flows");
    top.done();
    out_.host = read_host(host);
    host_ = host;
    for (const auto& [key, value] : endpoints.members()) endpoint(key, value);
    if (endpoints.is_mapping() && out_.endpoints.empty()) {
      endpoints.error("E0255", "a workload without endpoints", "",
                      "add one: `echo: {udp: 7, app: udp_echo}`");
    }
    if (!flows) return;
    for (const Value& entry : flows->list()) flow(entry);
  }

 private:
  void endpoint(const Value& key, const Value& value) {
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
    m.done();
    if (e.tcp && (groups || e.gold || e.exclusive || !e.trust.empty() || e.queues || e.core))
      key.error("E0254", "TCP endpoints have no groups, classes, trust, queues or cores yet", "",
                "leave them out");
    if (address) bind(*address, e);
    if (groups) {
      for (const Value& group : groups->list()) join(group, e);
      multicast(*groups);
    }
    if (ports) {
      e.port = static_cast<std::uint16_t>(ports->first);
      e.ports = ports->last - ports->first + 1;
      claim(port, e);
    }
    if (out_.endpoints.size() == most_endpoints)
      key.error("E0254", fmt::format("more than {} endpoints", most_endpoints), "",
                "one endpoint may have a range of ports and addresses");
    index_.try_emplace(e.name, static_cast<unsigned>(out_.endpoints.size()));
    out_.endpoints.push_back(std::move(e));
  }

  // What the chooser is told about an endpoint.
  static void demands(Mapping& m, ir::Endpoint& e) {
    if (const auto v = m.optional("class")) e.gold = read_gold(*v);
    if (const auto v = m.optional("exclusive")) e.exclusive = v->flag();
    if (const auto v = m.optional("trust")) e.trust = v->name();
    if (const auto v = m.optional("cost")) e.cost = v->real(0, highest_cost);
    if (const auto v = m.optional("size")) e.size = static_cast<unsigned>(v->number(0, 65507));
    if (const auto v = m.optional("p99")) e.p99_us = read_microseconds(*v);
    if (const auto v = m.optional("queue")) e.queues = read_queues(*v);
    if (const auto v = m.optional("core"))
      e.core = static_cast<unsigned>(v->number(0, most_cores - 1));
  }

  static bool read_gold(const Value& at) { return at.word({"gold", "normal"}, "a class") == 0; }

  static std::optional<ir::QueueRange> read_queues(const Value& at) {
    const auto range = read_range(
        at, [](std::string_view text) { return parse_decimal(text, most_queues - 1); }, "a queue",
        "a queue, or a range: 4-7");
    if (!range) return std::nullopt;
    return ir::QueueRange{range->first, range->last};
  }

  // "50us", "2ms", "0.5ms".
  static double read_microseconds(const Value& at) {
    const std::size_t before = at.error_count();
    const std::string text = at.text();
    if (at.error_count() != before) return 0;
    double value = 0;
    const auto [rest, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
    const std::string_view unit(rest, text.data() + text.size());
    if (bad != std::errc() || !(value > 0) || value > 1e9 || (unit != "us" && unit != "ms")) {
      at.error("E0107", fmt::format("`{}` is no time", text), "", "like 50us or 2ms");
      return 0;
    }
    return unit == "ms" ? value * 1000 : value;
  }

  static std::optional<Range> read_ports(const Value& at) {
    return read_range(
        at,
        [](std::string_view text) -> std::optional<std::uint64_t> {
          const auto p = parse_decimal(text, 65535);
          return p && *p != 0 ? p : std::nullopt;
        },
        "a port", "a port from 1 to 65535, or a range: 40000-40039");
  }

  // Own addresses, one or a range.
  void bind(const Value& at, ir::Endpoint& e) {
    const auto range =
        read_range(at, parse_ipv4, "an IPv4 address", "10.7.0.2, or a range: 10.7.0.2-10.7.0.9");
    if (!range) return;
    if (!all_own(*range)) {
      at.error("E0271", fmt::format("`{}` is not the host's", at.node()->text), "",
               "add it under `host: secondary:`");
      return;
    }
    e.address = range->first;
    e.addresses = range->last - range->first + 1;
  }

  // "239.1.2.3", or {group: 232.1.1.1, only: [10.7.0.9]}, {group: ..., except: [...]}.
  void join(const Value& at, ir::Endpoint& e) {
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
      if (only || except) out.sources = read_sources(only ? *only : *except);
    }
    const auto range = read_range(group, parse_ipv4, "an IPv4 address", "239.1.2.3");
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

  std::vector<std::uint32_t> read_sources(const Value& list) {
    std::vector<std::uint32_t> out;
    for (const Value& at : list.list()) {
      const auto range = read_range(at, parse_ipv4, "an IPv4 address", "10.7.0.9");
      if (range && range->first == range->last && check_source(at, *range))
        out.push_back(range->first);
    }
    std::sort(out.begin(), out.end());
    if (out.size() > most_sources || std::adjacent_find(out.begin(), out.end()) != out.end())
      list.error("E0272", fmt::format("sources are named once, at most {}", most_sources));
    return out;
  }

  // Groups switch it on; nobody may say at the same time that it is off.
  void multicast(const Value& at) {
    for (const auto& [key, value] : host_.members()) {
      if (key.name() == "multicast" && !out_.host.multicast)
        at.error("E0272", "`host: multicast: off` and an endpoint with groups", "",
                 "leave `multicast` out: groups switch it on");
    }
    out_.host.multicast = true;
  }

  bool all_own(const Range& range) {
    if (out_.host.address == 0) return true;  // reported already
    if (own_.empty()) {
      for (const ir::OwnAddress& own : out_.host.addresses()) own_.insert(own.address);
    }
    std::uint64_t address = range.first;
    while (address <= range.last && own_.contains(static_cast<std::uint32_t>(address))) ++address;
    return address > range.last;
  }

  // No two endpoints may have the same socket. Ranges by the port and address they begin with;
  // those for all addresses are apart.
  void claim(const Value& at, const ir::Endpoint& e) {
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

  std::optional<unsigned> find_endpoint(const Value& at) {
    const std::string name = at.name();
    if (name.empty()) return std::nullopt;
    if (const auto known = index_.find(name); known != index_.end()) return known->second;
    std::vector<std::string> names;
    for (const ir::Endpoint& e : out_.endpoints) names.push_back(e.name);
    // An endpoint whose name could not be read may be the one.
    if (std::find(names.begin(), names.end(), "") != names.end()) return std::nullopt;
    const std::string near = diag::nearest(name, names);
    at.error("E0255", fmt::format("there is no endpoint `{}`", name),
             near.empty() ? "" : fmt::format("did you mean `{}`?", near),
             fmt::format("endpoints: {}", fmt::join(names, ", ")));
    return std::nullopt;
  }

  // Why no packet can come from some address of the range; empty: it can from all.
  std::string fault_of_source(const Range& range) {
    if (own_prefixes_.empty()) own_prefixes_ = out_.host.addresses();
    const auto inside = [&](std::uint32_t a) { return a >= range.first && a <= range.last; };
    std::string why;
    for (const std::uint32_t end : {range.first, range.last}) {
      if (why.empty()) why = not_a_host(end);
    }
    if (range.last >= 0xe0000000 && why.empty()) why = "a group address";
    for (const ir::OwnAddress& own : own_prefixes_) {
      if (out_.host.address == 0 || !why.empty()) break;
      const std::uint32_t mask = prefix_mask(own.prefix_length);
      if (inside(own.address)) why = "the own address";
      if (own.prefix_length >= 31) continue;
      if (inside(own.address | ~mask)) why = "the broadcast address of the host's subnet";
      if (inside(own.address & mask)) why = "the network address of the host's subnet";
    }
    return why;
  }

  bool check_source(const Value& at, const Range& range) {
    const std::string why = fault_of_source(range);
    if (why.empty()) return true;
    at.error("E0250", fmt::format("no packet comes from `{}`: {}", at.node()->text, why));
    return false;
  }

  // One line of `flows:`, or `csv:` with the name of a file that has more of them.
  void flow(const Value& entry) {
    Mapping m(entry, "the flow");
    if (m.has("csv")) return csv(m);
    const std::size_t before = entry.error_count();
    const Value to = m.required("endpoint");
    const Value from = m.required("from");
    const auto port = m.optional("port");
    const auto ports = m.optional("ports");
    const auto local = m.optional("to");
    const auto local_port = m.optional("to_port");
    double rate = 1;
    if (const auto v = m.optional("rate")) rate = v->real(0, highest_rate);
    std::optional<bool> gold;
    if (const auto v = m.optional("class")) gold = read_gold(*v);
    std::optional<unsigned> queue;
    if (const auto v = m.optional("queue"))
      queue = static_cast<unsigned>(v->number(0, most_queues - 1));
    m.done();
    const auto endpoint = find_endpoint(to);
    const auto addresses =
        read_range(from, parse_ipv4, "an IPv4 address", "10.7.0.1, or a range: 10.7.0.1-10.7.0.9");
    const bool good_source = addresses && check_source(from, *addresses);
    std::optional<Range> range;
    if (port && ports) {
      ports->error("E0259", "a flow has `port` or `ports`, not both");
    } else if (port || ports) {
      range = read_ports(port ? *port : *ports);
      if (port && range && range->first != range->last) {
        port->error("E0107", "a range where one port is expected", "", "write `ports:`");
      }
    } else if (entry.is_mapping()) {
      entry.error("E0108", "the flow has no `port`", "",
                  "add `port: 40000` or `ports: 40000-40039`");
    }
    if (entry.error_count() != before || !endpoint || !good_source || !range) return;
    ir::Flow flow{.endpoint = *endpoint, .rate = rate, .span = entry.span()};
    const ir::Endpoint& to_endpoint = out_.endpoints[*endpoint];
    if (to_endpoint.tcp)
      to.error("E0254", "flows are UDP's; TCP finds its connections by itself", "", "leave it out");
    flow.gold = gold.value_or(to_endpoint.gold);
    flow.queue = queue;
    flow.dst = to_endpoint.bound() ? to_endpoint.address : out_.host.address;
    flow.dst_port = to_endpoint.port;
    if (local) {
      const auto address = read_range(*local, parse_ipv4, "an IPv4 address", "10.7.0.2");
      if (!address) return;
      flow.dst = address->first;
      if (address->first != address->last || !all_own(*address)) flow.dst = 0;
    }
    if (local_port) flow.dst_port = static_cast<std::uint16_t>(local_port->number(1, 65535));
    if (to_endpoint.port == 0 || out_.host.address == 0) return;  // reported already
    if (flow.dst == 0 || !to_endpoint.listens(flow.dst, flow.dst_port)) {
      (local        ? *local
       : local_port ? *local_port
                    : entry)
          .error("E0271", fmt::format("endpoint `{}` does not listen there", to_endpoint.name));
      return;
    }
    if (flow.dst == out_.host.address) flow.dst = 0;  // said as little as possible
    if (entry.error_count() == before) expand(entry, flow, *addresses, *range);
  }

  // Values that a line of the file leaves out are those of the entry.
  void csv(Mapping& m) {
    const Value at = m.required("csv");
    const auto to = m.optional("endpoint");
    const auto rate = m.optional("rate");
    const auto priority = m.optional("class");
    m.done();
    const std::size_t before = at.error_count();
    FlowRow defaults;
    std::optional<unsigned> endpoint;
    if (to) endpoint = find_endpoint(*to);
    if (rate) defaults.rate = rate->real(0, highest_rate);
    if (priority) defaults.gold = read_gold(*priority);
    const std::string name = at.text();
    if (at.error_count() != before || out_.host.address == 0) return;
    const std::string path =
        (std::filesystem::path(out_.path).parent_path() / std::filesystem::path(name)).string();
    auto text = read_file(path);
    if (!text) return at.report(text.error());
    const auto rows = parse_flow_csv(*text, path);
    if (!rows) return at.report(rows.error());
    out_.digest = diag::sha256_hex(out_.digest + diag::sha256_hex(*text));
    for (const FlowRow& row : *rows) {
      diag::Diagnostic wrong = listed(row, defaults, endpoint, path);
      if (wrong.code.empty()) continue;
      wrong.span = {path, row.line, 1, 1};
      return at.report(std::move(wrong));
    }
  }

  // A diagnostic without a code where all is well.
  diag::Diagnostic listed(const FlowRow& row, const FlowRow& defaults,
                          std::optional<unsigned> endpoint, const std::string& path) {
    if (!row.endpoint.empty()) {
      if (row.endpoint != last_name_) {
        last_name_ = std::string(row.endpoint);
        const auto known = index_.find(last_name_);
        last_index_ = known == index_.end() ? std::nullopt : std::optional(known->second);
      }
      endpoint = last_index_;
      if (!endpoint)
        return {.code = "E0255", .message = fmt::format("there is no endpoint `{}`", row.endpoint)};
    }
    if (!endpoint)
      return {.code = "E0255",
              .message = "the flow names no endpoint",
              .help = "add a column `endpoint`, or `endpoint:` beside `csv:`"};
    const std::string why = fault_of_source({row.src, row.src});
    if (!why.empty())
      return {.code = "E0250",
              .message = fmt::format("no packet comes from `{}`: {}", format_ipv4(row.src), why)};
    const ir::Endpoint& to = out_.endpoints[*endpoint];
    ir::Flow flow{.src = row.src,
                  .src_port = row.src_port,
                  .dst_port = row.dst_port.value_or(to.port),
                  .endpoint = *endpoint,
                  .rate = row.rate.value_or(defaults.rate.value_or(1))};
    flow.span = {path, row.line, 1, 1};
    flow.dst = row.dst.value_or(to.bound() ? to.address : out_.host.address);
    flow.gold = row.gold.value_or(defaults.gold.value_or(to.gold));
    flow.queue = row.queue;
    if (!all_own({flow.dst, flow.dst}) || !to.listens(flow.dst, flow.dst_port))
      return {.code = "E0271",
              .message = fmt::format("endpoint `{}` does not listen there", to.name)};
    if (auto wrong = fault_of_queue(flow); !wrong.code.empty()) return wrong;
    if (flow.dst == out_.host.address) flow.dst = 0;
    return add(flow);
  }

  void expand(const Value& entry, ir::Flow flow, const Range& addresses, const Range& ports) {
    if (auto wrong = fault_of_queue(flow); !wrong.code.empty()) {
      wrong.span = entry.span();
      return entry.report(std::move(wrong));
    }
    const std::uint64_t count = (std::uint64_t{addresses.last} - addresses.first + 1) *
                                (std::uint64_t{ports.last} - ports.first + 1);
    if (count + out_.flows.size() > most_flows) {
      entry.error("E0259", fmt::format("more than {} flows", most_flows));
      return;
    }
    for (std::uint64_t address = addresses.first; address <= addresses.last; ++address) {
      for (std::uint32_t port = ports.first; port <= ports.last; ++port) {
        flow.src = static_cast<std::uint32_t>(address);
        flow.src_port = static_cast<std::uint16_t>(port);
        if (auto wrong = add(flow); !wrong.code.empty()) return entry.report(std::move(wrong));
      }
    }
  }

  // Where a flow must arrive lies within where its endpoint's must.
  diag::Diagnostic fault_of_queue(const ir::Flow& flow) {
    const auto& queues = out_.endpoints[flow.endpoint].queues;
    if (!flow.queue || !queues || (*flow.queue >= queues->first && *flow.queue <= queues->last))
      return {};
    return {.code = "E0273",
            .message = fmt::format("queue {} is none of those of endpoint `{}`", *flow.queue,
                                   out_.endpoints[flow.endpoint].name)};
  }

  diag::Diagnostic add(const ir::Flow& flow) {
    if (out_.flows.size() == most_flows)
      return {.code = "E0259", .message = fmt::format("more than {} flows", most_flows)};
    const auto [first, fresh] =
        seen_.emplace(Socket{flow.src, flow.dst, flow.src_port, flow.dst_port}, out_.flows.size());
    if (!fresh)
      return {.code = "E0257",
              .message =
                  fmt::format("the flow from {}:{} to `{}` is there twice", format_ipv4(flow.src),
                              flow.src_port, out_.endpoints[flow.endpoint].name),
              .span = flow.span,
              .notes = {{.text = "first here", .span = out_.flows[first->second].span}}};
    out_.flows.push_back(flow);
    return {};
  }

  Workload& out_;
  Value host_;
  std::unordered_map<std::string, unsigned> index_;  // endpoints by name
  std::unordered_set<std::uint32_t> own_;            // addresses of the host
  // By address (0: all): first port -> last port and endpoint.
  // By protocol, address and port.
  std::unordered_map<std::uint32_t, std::map<unsigned, std::pair<unsigned, std::size_t>>>
      sockets_[2];
  std::unordered_map<Socket, std::size_t, SocketHash> seen_;
  std::vector<ir::OwnAddress> own_prefixes_;
  std::string last_name_;  // of an endpoint, in a list of flows
  std::optional<unsigned> last_index_;
};

}  // namespace

diag::Result<Workload> read_workload(const std::string& path) {
  auto document = read_yaml(path);
  if (!document) return diag::fail(document.error());
  Workload out;
  out.path = path;
  out.digest = diag::sha256_hex(document->text());
  Reader(out).read(document->root());
  return document->finish(std::move(out));
}

}  // namespace weft::frontend
