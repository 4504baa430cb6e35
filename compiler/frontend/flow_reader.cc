#include "compiler/frontend/flow_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "compiler/diag/sha256.h"
#include "compiler/frontend/address.h"
#include "compiler/frontend/flow_sources.h"
#include "compiler/frontend/readers.h"
#include "compiler/ir/port_block.h"

namespace weft::frontend {
namespace {

constexpr std::size_t most_flows = 1'000'000;
constexpr std::size_t most_sets = 10'000;

}  // namespace

FlowReader::FlowReader(ir::Workload& out, OwnAddresses& own) : out_(out), own_(own) {
  for (unsigned i = 0; i < out.endpoints.size(); ++i) index_.try_emplace(out.endpoints[i].name, i);
}

std::size_t FlowReader::SocketHash::operator()(const Socket& s) const {
  std::uint64_t x = (std::uint64_t{s.src} << 32 | std::uint64_t{s.src_port} << 16 | s.dst_port) ^
                    std::uint64_t{s.dst} * 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  return static_cast<std::size_t>(x ^ (x >> 31));
}

std::optional<unsigned> FlowReader::find_endpoint(const Value& at) {
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

// One line of `flows:`, or `csv:` with the name of a file that has more of them.
void FlowReader::flow(const Value& entry) {
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
  const auto sources = read_sources(entry, from, port, ports);
  if (entry.error_count() != before || !endpoint || !sources) return;
  ir::Flow flow{.endpoint = *endpoint, .rate = rate, .span = entry.span()};
  const ir::Endpoint& to_endpoint = out_.endpoints[*endpoint];
  flow.gold = gold.value_or(to_endpoint.gold);
  flow.queue = queue;
  flow.dst = to_endpoint.bound() ? to_endpoint.address : out_.host.address;
  flow.dst_port = to_endpoint.port;
  if (local) {
    const auto address = read_addresses(*local);
    if (!address) return;
    flow.dst = address->first;
    if (address->first != address->last || !own_.all_own(*address)) flow.dst = 0;
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
  if (entry.error_count() == before) expand(entry, flow, *sources);
}

// From where, and from which ports. A line about IPv6 is noted, and has no sources here.
std::optional<FlowReader::Sources> FlowReader::read_sources(const Value& entry, const Value& from,
                                                            const std::optional<Value>& port,
                                                            const std::optional<Value>& ports) {
  const std::size_t before = entry.error_count();
  Sources out;
  const bool written = from.present() && from.is_scalar();
  const std::string text = written ? from.node()->text : "";
  const bool ipv6 = text.find(':') != std::string::npos;
  if (ipv6) {
    const std::string why =
        is_ipv6_source(text) ? fault_of_ipv6_source(text) : std::string("no IPv6 address");
    if (!is_ipv6_source(text)) {
      from.error("E0107", fmt::format("`{}` is not an IPv6 address", text), "",
                 "2001:db8::1, a range, or a prefix: 2001:db8::/32");
    } else if (!why.empty()) {
      from.error("E0250", fmt::format("no packet comes from `{}`: it is {}", text, why));
    }
  } else if (text.find('/') != std::string::npos) {
    std::string why;
    const auto prefix = parse_prefix(text, why);
    if (!prefix) {
      from.error("E0107", fmt::format("`{}` is no prefix of addresses", text), "", why);
    } else if (why = fault_of_source(*prefix); !why.empty()) {
      from.error("E0250", fmt::format("no flows come from `{}`: it is {}", text, why));
    } else {
      out.length = prefix->length;
      out.addresses = {prefix->address, prefix->address};
    }
  } else if (const auto range = read_addresses(from); range && own_.check_source(from, *range)) {
    out.addresses = *range;
  }
  if (port && ports) {
    ports->error("E0259", "a flow has `port` or `ports`, not both");
  } else if (port && port->is_scalar() && port->node()->text == "any") {
    out.any_port = true;
  } else if (port || ports) {
    const auto range = read_ports(port ? *port : *ports);
    if (port && range && range->first != range->last)
      port->error("E0107", "a range where one port is expected", "", "write `ports:`");
    if (range) out.ports = *range;
  } else if (ipv6 || text.find('/') != std::string::npos) {
    out.any_port = true;
  } else if (entry.is_mapping()) {
    entry.error("E0108", "the flow has no `port`", "",
                "add `port: 40000`, `ports: 40000-40039` or `port: any`");
  }
  if (entry.error_count() != before) return std::nullopt;
  if (!ipv6) return out;
  if (!out_.ipv6) out_.ipv6 = entry.span();
  return std::nullopt;
}

// Values that a line of the file leaves out are those of the entry.
void FlowReader::csv(Mapping& m) {
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

diag::Diagnostic FlowReader::listed(const FlowRow& row, const FlowRow& defaults,
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
  if (row.ipv6) {
    if (!out_.ipv6) out_.ipv6 = diag::Span{path, row.line, 1, 1};
    return {};
  }
  const std::string why = row.length < 32 ? frontend::fault_of_source({row.src, row.length})
                                          : own_.fault_of_source({row.src, row.src});
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
  if (!own_.all_own({flow.dst, flow.dst}) || !to.listens(flow.dst, flow.dst_port))
    return {.code = "E0271",
            .message = fmt::format("endpoint `{}` does not listen there", to.name)};
  if (auto wrong = fault_of_queue(flow); !wrong.code.empty()) return wrong;
  if (flow.dst == out_.host.address) flow.dst = 0;
  const Range port{row.src_port, row.src_port};
  if (row.any_port || row.length < 32)
    return add_sets(flow, {{row.src, row.src}, row.length, port, row.any_port});
  return add(flow);
}

void FlowReader::expand(const Value& entry, ir::Flow flow, const Sources& from) {
  const auto report = [&](diag::Diagnostic wrong) {
    wrong.span = entry.span();
    entry.report(std::move(wrong));
  };
  if (auto wrong = fault_of_queue(flow); !wrong.code.empty()) return report(std::move(wrong));
  if (from.any_port || from.length < 32) {
    if (auto wrong = add_sets(flow, from); !wrong.code.empty()) report(std::move(wrong));
    return;
  }
  const std::uint64_t count = (std::uint64_t{from.addresses.last} - from.addresses.first + 1) *
                              (std::uint64_t{from.ports.last} - from.ports.first + 1);
  if (count + out_.flows.size() > most_flows) {
    entry.error("E0259", fmt::format("more than {} flows", most_flows));
    return;
  }
  for (std::uint64_t address = from.addresses.first; address <= from.addresses.last; ++address) {
    for (std::uint32_t port = from.ports.first; port <= from.ports.last; ++port) {
      flow.src = static_cast<std::uint32_t>(address);
      flow.src_port = static_cast<std::uint16_t>(port);
      if (auto wrong = add(flow); !wrong.code.empty()) return entry.report(std::move(wrong));
    }
  }
}

// One set for each address, or for the prefix; several where the range of ports is no block. What
// a prefix brings is shared among those by their size.
diag::Diagnostic FlowReader::add_sets(const ir::Flow& flow, const Sources& from) {
  const std::vector<ir::PortBlock> blocks = from.any_port
                                                ? std::vector<ir::PortBlock>{{0, 0}}
                                                : ir::blocks_of(from.ports.first, from.ports.last);
  const double all = from.any_port ? 65536 : from.ports.last - from.ports.first + 1;
  const std::uint64_t count = std::uint64_t{from.addresses.last} - from.addresses.first + 1;
  if (count * blocks.size() + out_.sets.size() > most_sets)
    return {.code = "E0259",
            .message = fmt::format("more than {} prefixes and hosts with any port", most_sets),
            .span = flow.span};
  for (std::uint64_t address = from.addresses.first; address <= from.addresses.last; ++address) {
    for (const ir::PortBlock& block : blocks) {
      ir::FlowSet set{.src = static_cast<std::uint32_t>(address),
                      .src_mask = prefix_mask(from.length),
                      .src_port = block.first,
                      .src_port_mask = block.mask,
                      .dst = flow.dst,
                      .dst_port = flow.dst_port,
                      .endpoint = flow.endpoint,
                      .rate = flow.rate * block.size() / all,
                      .span = flow.span,
                      .gold = flow.gold,
                      .queue = flow.queue};
      for (const ir::FlowSet& other : out_.sets) {
        const bool same = other.dst == set.dst && other.dst_port == set.dst_port &&
                          out_.endpoints[other.endpoint].tcp == out_.endpoints[set.endpoint].tcp;
        if (!same || !other.meets(set)) continue;
        return overlap(set, other);
      }
      out_.sets.push_back(std::move(set));
    }
  }
  return {};
}

// Two sets have flows in common: they are the same, or one has more than those of the other.
diag::Diagnostic FlowReader::overlap(const ir::FlowSet& set, const ir::FlowSet& other) const {
  const std::string& name = out_.endpoints[set.endpoint].name;
  const std::string mine = ir::sources_of(set), first = ir::sources_of(other);
  if (mine == first)
    return {.code = "E0257",
            .message = fmt::format("flows from {} to `{}` are there twice", mine, name),
            .span = set.span,
            .notes = {{.text = "first here", .span = other.span}}};
  return {.code = "E0257",
          .message = fmt::format("flows from {} and from {} to `{}` overlap", first, mine, name),
          .span = set.span,
          .label = mine,
          .notes = {{.text = fmt::format("{} is here", first), .span = other.span}},
          .help =
              "no flow is in two prefixes: write the wider one as the prefixes around the "
              "other, or name single flows in it, by address and port"};
}

// Where a flow must arrive lies within where its endpoint's must.
diag::Diagnostic FlowReader::fault_of_queue(const ir::Flow& flow) const {
  const auto& queues = out_.endpoints[flow.endpoint].queues;
  if (!flow.queue || !queues || (*flow.queue >= queues->first && *flow.queue <= queues->last))
    return {};
  return {.code = "E0273",
          .message = fmt::format("queue {} is none of those of endpoint `{}`", *flow.queue,
                                 out_.endpoints[flow.endpoint].name)};
}

// (The stack keeps nothing of a known connection before it is there: it is a set of one.)
diag::Diagnostic FlowReader::add(const ir::Flow& flow) {
  if (out_.endpoints[flow.endpoint].tcp)
    return add_sets(flow, {{flow.src, flow.src}, 32, {flow.src_port, flow.src_port}, false});
  if (out_.flows.size() == most_flows)
    return {.code = "E0259", .message = fmt::format("more than {} flows", most_flows)};
  const auto [first, fresh] =
      seen_.emplace(Socket{flow.src, flow.dst, flow.src_port, flow.dst_port}, out_.flows.size());
  if (!fresh)
    return {
        .code = "E0257",
        .message = fmt::format("the flow from {}:{} to `{}` is there twice", format_ipv4(flow.src),
                               flow.src_port, out_.endpoints[flow.endpoint].name),
        .span = flow.span,
        .notes = {{.text = "first here", .span = out_.flows[first->second].span}}};
  out_.flows.push_back(flow);
  return {};
}

}  // namespace weft::frontend
