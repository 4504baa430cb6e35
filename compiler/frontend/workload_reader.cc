// Workloads: the host's addresses, the endpoints, the flows that are known.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "compiler/diag/sha256.h"
#include "compiler/frontend/address.h"
#include "compiler/frontend/host_reader.h"
#include "compiler/frontend/readers.h"
#include "compiler/frontend/yaml_reader.h"

namespace weft::frontend {
namespace {

using ir::Workload;

constexpr std::size_t most_flows = 1'000'000;
constexpr double highest_rate = 1e12;

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

class Reader {
 public:
  Reader(Workload& out) : out_(out) {}

  void read(const Value& root) {
    Mapping top(root, "the workload");
    out_.name = top.required("workload").name();
    const Value host = top.required("host");
    if (const auto v = top.optional("queues"))
      out_.queues = static_cast<unsigned>(v->number(1, 1024));
    if (const auto v = top.optional("cores")) out_.cores = static_cast<unsigned>(v->number(1, 256));
    const Value endpoints = top.required("endpoints");
    const auto flows = top.optional("flows");
    top.done();
    out_.host = read_host(host);
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
    const Value port = m.required("udp");
    e.port = static_cast<std::uint16_t>(port.number(1, 65535));
    e.app = m.required("app").text();
    if (const auto rate = m.optional("rate")) e.rate = rate->real(0, highest_rate);
    m.done();
    for (const ir::Endpoint& other : out_.endpoints) {
      if (other.port != e.port || !port.present()) continue;
      port.report({.code = "E0254",
                   .message = fmt::format("UDP port {} is that of endpoint `{}` already", e.port,
                                          other.name),
                   .span = port.span(),
                   .notes = {{.text = "first here", .span = other.span}},
                   .help = "give each endpoint a port of its own"});
    }
    out_.endpoints.push_back(std::move(e));
  }

  std::optional<unsigned> find_endpoint(const Value& at) {
    const std::string name = at.name();
    if (name.empty()) return std::nullopt;
    std::vector<std::string> names;
    for (unsigned i = 0; i < out_.endpoints.size(); ++i) {
      if (out_.endpoints[i].name == name) return i;
      names.push_back(out_.endpoints[i].name);
    }
    // An endpoint whose name could not be read may be the one.
    if (std::find(names.begin(), names.end(), "") != names.end()) return std::nullopt;
    const std::string near = diag::nearest(name, names);
    at.error("E0255", fmt::format("there is no endpoint `{}`", name),
             near.empty() ? "" : fmt::format("did you mean `{}`?", near),
             fmt::format("endpoints: {}", fmt::join(names, ", ")));
    return std::nullopt;
  }

  // Whether a packet can come from all addresses of the range.
  bool check_source(const Value& at, const Range& range) {
    const ir::HostConfig& host = out_.host;
    const auto inside = [&](std::uint32_t a) { return a >= range.first && a <= range.last; };
    std::string why;
    for (const std::uint32_t end : {range.first, range.last}) {
      if (why.empty()) why = not_a_host(end);
    }
    if (range.last >= 0xe0000000 && why.empty()) why = "a group address";
    if (host.address != 0 && inside(host.address)) why = "the own address";
    if (host.address != 0 && host.prefix_length < 31) {
      if (inside(host.broadcast())) why = "the broadcast address of the host's subnet";
      if (inside(host.address & host.netmask())) why = "the network address of the host's subnet";
    }
    if (why.empty()) return true;
    at.error("E0250", fmt::format("no packet comes from `{}`: {}", at.node()->text, why));
    return false;
  }

  void flow(const Value& entry) {
    Mapping m(entry, "the flow");
    const std::size_t before = entry.error_count();
    const Value to = m.required("endpoint");
    const Value from = m.required("from");
    const auto port = m.optional("port");
    const auto ports = m.optional("ports");
    double rate = 1;
    if (const auto v = m.optional("rate")) rate = v->real(0, highest_rate);
    m.done();
    const auto endpoint = find_endpoint(to);
    const auto addresses =
        read_range(from, parse_ipv4, "an IPv4 address", "10.7.0.1, or a range: 10.7.0.1-10.7.0.9");
    const bool good_source = addresses && check_source(from, *addresses);
    std::optional<Range> range;
    if (port && ports) {
      ports->error("E0259", "a flow has `port` or `ports`, not both");
    } else if (port || ports) {
      range = read_range(
          port ? *port : *ports,
          [](std::string_view text) -> std::optional<std::uint64_t> {
            const auto p = parse_decimal(text, 65535);
            return p && *p != 0 ? p : std::nullopt;
          },
          "a port", "a port from 1 to 65535, or a range: 40000-40039");
      if (port && range && range->first != range->last) {
        port->error("E0107", "a range where one port is expected", "", "write `ports:`");
      }
    } else if (entry.is_mapping()) {
      entry.error("E0108", "the flow has no `port`", "",
                  "add `port: 40000` or `ports: 40000-40039`");
    }
    if (entry.error_count() != before || !endpoint || !good_source || !range) return;
    expand(entry, *endpoint, *addresses, *range, rate);
  }

  void expand(const Value& entry, unsigned endpoint, const Range& addresses, const Range& ports,
              double rate) {
    const std::uint64_t count = (std::uint64_t{addresses.last} - addresses.first + 1) *
                                (std::uint64_t{ports.last} - ports.first + 1);
    if (count + out_.flows.size() > most_flows) {
      entry.error("E0259", fmt::format("more than {} flows", most_flows));
      return;
    }
    for (std::uint64_t address = addresses.first; address <= addresses.last; ++address) {
      for (std::uint32_t port = ports.first; port <= ports.last; ++port) {
        ir::Flow flow{.src = static_cast<std::uint32_t>(address),
                      .src_port = static_cast<std::uint16_t>(port),
                      .dst_port = out_.endpoints[endpoint].port,
                      .endpoint = endpoint,
                      .rate = rate,
                      .span = entry.span()};
        const auto [first, fresh] =
            seen_.emplace(std::tuple(flow.src, flow.src_port, flow.dst_port), out_.flows.size());
        if (!fresh) {
          entry.report({.code = "E0257",
                        .message = fmt::format("the flow from {}:{} to `{}` is there twice",
                                               format_ipv4(flow.src), flow.src_port,
                                               out_.endpoints[endpoint].name),
                        .span = entry.span(),
                        .notes = {{.text = "first here", .span = out_.flows[first->second].span}}});
          return;
        }
        out_.flows.push_back(std::move(flow));
      }
    }
  }

  Workload& out_;
  std::map<std::tuple<std::uint32_t, std::uint16_t, std::uint16_t>, std::size_t> seen_;
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
