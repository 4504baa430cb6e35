#include "compiler/frontend/flow_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "compiler/diag/sha256.h"
#include "compiler/frontend/address.h"
#include "compiler/frontend/readers.h"

namespace weft::frontend {
namespace {

constexpr std::size_t most_flows = 1'000'000;

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
  const auto addresses = read_addresses(from);
  const bool good_source = addresses && own_.check_source(from, *addresses);
  std::optional<Range> range;
  if (port && ports) {
    ports->error("E0259", "a flow has `port` or `ports`, not both");
  } else if (port || ports) {
    range = read_ports(port ? *port : *ports);
    if (port && range && range->first != range->last) {
      port->error("E0107", "a range where one port is expected", "", "write `ports:`");
    }
  } else if (entry.is_mapping()) {
    entry.error("E0108", "the flow has no `port`", "", "add `port: 40000` or `ports: 40000-40039`");
  }
  if (entry.error_count() != before || !endpoint || !good_source || !range) return;
  ir::Flow flow{.endpoint = *endpoint, .rate = rate, .span = entry.span()};
  const ir::Endpoint& to_endpoint = out_.endpoints[*endpoint];
  if (to_endpoint.tcp)
    return to.error("E0254", "flows are UDP's; TCP finds its connections by itself", "",
                    "leave it out");
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
  if (entry.error_count() == before) expand(entry, flow, *addresses, *range);
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
  const std::string why = own_.fault_of_source({row.src, row.src});
  if (!why.empty())
    return {.code = "E0250",
            .message = fmt::format("no packet comes from `{}`: {}", format_ipv4(row.src), why)};
  const ir::Endpoint& to = out_.endpoints[*endpoint];
  if (to.tcp)
    return {.code = "E0254",
            .message = "flows are UDP's; TCP finds its connections by itself",
            .help = "leave it out"};
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
  return add(flow);
}

void FlowReader::expand(const Value& entry, ir::Flow flow, const Range& addresses,
                        const Range& ports) {
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
diag::Diagnostic FlowReader::fault_of_queue(const ir::Flow& flow) const {
  const auto& queues = out_.endpoints[flow.endpoint].queues;
  if (!flow.queue || !queues || (*flow.queue >= queues->first && *flow.queue <= queues->last))
    return {};
  return {.code = "E0273",
          .message = fmt::format("queue {} is none of those of endpoint `{}`", *flow.queue,
                                 out_.endpoints[flow.endpoint].name)};
}

diag::Diagnostic FlowReader::add(const ir::Flow& flow) {
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
