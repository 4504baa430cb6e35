// Plans from text, strictly: what to_yaml does not write is refused with its place. Whether a plan
// is proved, or was edited afterwards, is not asked here (content_hash, passes::verify_plan).
#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <set>

#include "compiler/frontend/graph_reader.h"
#include "compiler/frontend/readers.h"
#include "compiler/frontend/yaml_reader.h"
#include "compiler/plan/parts.h"
#include "compiler/plan/plan.h"
#include "compiler/plan/text.h"

namespace weft::plan {
namespace {

using fmt::format;
using frontend::Mapping;
using frontend::Value;

constexpr const char* bad_value = "E0451";

template <class T>
bool whole_number(std::string_view text, T& out, int base = 10) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

bool address(std::string_view text, std::uint32_t& out) {
  out = 0;
  for (int part = 0; part < 4; ++part) {
    std::size_t dot = part < 3 ? text.find('.') : text.size();
    std::uint8_t byte = 0;
    if (dot == std::string_view::npos || !whole_number(text.substr(0, dot), byte)) return false;
    out = out << 8 | byte;
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  return true;
}

bool mac(std::string_view text, std::uint64_t& out) {
  if (text.size() != 17) return false;
  out = 0;
  for (int i = 0; i < 6; ++i) {
    std::uint8_t byte = 0;
    if ((i < 5 && text[i * 3 + 2] != ':') || !whole_number(text.substr(i * 3, 2), byte, 16))
      return false;
    out = out << 8 | byte;
  }
  return true;
}

// "left<separator>right", both parsed; false when one of them does not read.
bool split(const std::string& text, char separator, std::string& left, std::string& right) {
  std::size_t at = text.find(separator);
  if (at == std::string::npos) return false;
  left = text.substr(0, at);
  right = text.substr(at + 1);
  return true;
}

void wrong(const Value& at, const std::string& what, const std::string& example) {
  if (at.present())
    at.error(bad_value, format("`{}` is not {}", at.text(), what), "expected like " + example,
             "plans are written by `weft compile`; change its inputs and compile again");
}

void prefix(const Value& at, std::uint32_t& base, unsigned& length) {
  std::string left, right;
  if (!split(at.text(), '/', left, right) || !address(left, base) || !whole_number(right, length) ||
      length > 32)
    wrong(at, "an address with a prefix length", "10.7.0.2/24");
}

void socket(const Value& at, std::uint32_t& host, std::uint16_t& port) {
  std::string left, right;
  if (!split(at.text(), ':', left, right) || !address(left, host) || !whole_number(right, port))
    wrong(at, "an address with a port", "10.7.0.2:7");
}

bool any_number(std::string_view text, std::uint64_t& out) {
  if (text.size() > 2 && text.substr(0, 2) == "0x") return whole_number(text.substr(2), out, 16);
  std::uint32_t as_address = 0;
  if (text.find('.') != std::string_view::npos) {
    bool good = address(text, as_address);
    out = as_address;
    return good;
  }
  return whole_number(text, out);
}

std::vector<unsigned> numbers(const Value& at, std::uint64_t max) {
  std::vector<unsigned> out;
  for (const Value& v : at.list()) out.push_back(static_cast<unsigned>(v.number(0, max)));
  return out;
}

// [0 x32, 1 x32, 5]
std::vector<std::uint16_t> run_length_table(const Value& at) {
  std::vector<std::uint16_t> out;
  for (const Value& v : at.list()) {
    std::string left = v.text(), right = "1";
    std::uint16_t value = 0;
    unsigned times = 0;
    if (auto x = left.find(" x"); x != std::string::npos) {
      right = left.substr(x + 2);
      left.resize(x);
    }
    if (!whole_number(left, value) || value > max_queue || !whole_number(right, times) ||
        times == 0 || out.size() + times > 65536) {
      wrong(v, "a queue, or a queue and how often", "3 x32");
    } else {
      out.insert(out.end(), times, value);
    }
  }
  return out;
}

std::vector<std::uint8_t> key_bytes(const Value& at) {
  std::string text = at.text();
  std::vector<std::uint8_t> out;
  bool good = text.size() % 2 == 0 && text.size() <= 512;
  for (std::size_t i = 0; good && i < text.size(); i += 2) {
    out.push_back(0);
    good = whole_number(std::string_view(text).substr(i, 2), out.back(), 16);
  }
  if (!good) wrong(at, "a key in hexadecimal digits", "6d5a56da255b0ec2...");
  return out;
}

ir::HostConfig read_host(const Value& at) {
  ir::HostConfig out;
  Mapping m(at, "host");
  Value own = m.required("mac");
  if (own.present() && !mac(own.text(), out.mac))
    wrong(own, "an Ethernet address", "02:00:00:00:00:01");
  if (Value v = m.required("address"); v.present()) prefix(v, out.address, out.prefix_length);
  if (auto secondary = m.optional("secondary"))
    for (const Value& v : secondary->list()) {
      ir::OwnAddress own;
      prefix(v, own.address, own.prefix_length);
      out.secondary.push_back(own);
    }
  out.vlan_id = static_cast<std::uint16_t>(m.required("vlan").number(0, 4094));
  out.mtu = static_cast<std::uint16_t>(m.required("mtu").number(68, 65535));
  out.forwarding = m.required("forwarding").flag();
  if (auto multicast = m.optional("multicast")) out.multicast = multicast->flag();
  if (auto routes = m.optional("routes"))
    for (const Value& v : routes->list()) {
      Mapping route(v, "route");
      ir::Route r;
      if (Value to = route.required("to"); to.present()) prefix(to, r.prefix, r.length);
      if (auto via = route.optional("via"); via && !address(via->text(), r.via))
        wrong(*via, "an address", "10.7.0.254");
      route.done();
      out.routes.push_back(r);
    }
  if (auto probe = m.optional("probe")) out.probe = probe->flag();
  if (auto neighbours = m.optional("neighbours"))
    for (const Value& v : neighbours->list()) {
      Mapping neighbour(v, "neighbour");
      ir::Neighbour n;
      if (Value at = neighbour.required("address"); at.present() && !address(at.text(), n.address))
        wrong(at, "an address", "10.7.0.254");
      if (Value at = neighbour.required("mac"); at.present() && !mac(at.text(), n.mac))
        wrong(at, "an Ethernet address", "02:00:00:00:00:01");
      neighbour.done();
      out.neighbours.push_back(n);
    }
  m.done();
  return out;
}

void read_match(const Value& at, const ir::FieldTable& fields, Filter& out) {
  for (const auto& [key, v] : at.members()) {
    std::string name = key.dotted();
    const ir::Field* field = fields.find(name);
    if (field == nullptr) {
      std::string near = diag::nearest(name, fields.names());
      key.error("E0452", format("no such field `{}`", name), "",
                near.empty() ? "" : format("did you mean `{}`?", near));
      continue;
    }
    std::uint64_t all =
        field->width >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << field->width) - 1;
    std::uint64_t value = 0, mask = all;
    std::string left = v.text(), right;
    bool masked = split(v.text(), '/', left, right);
    if (!any_number(left, value) || (masked && !any_number(right, mask)) || value > all ||
        mask > all)
      wrong(v, format("a value of {} bits, with or without a mask", field->width),
            match_text(name, 7 & all, all));
    out.match[name] = {value, mask};
  }
}

}  // namespace

Filter read_filter(const Value& at, const ir::FieldTable& fields) {
  Mapping m(at, "filter");
  Filter out;
  out.id = m.required("id").name();
  out.table = m.required("table").name();
  if (auto several = m.optional("queues")) {
    for (const Value& v : several->list())
      out.group.push_back(static_cast<unsigned>(v.number(0, max_queue)));
    if (out.group.size() < 2) several->error("E0451", "a group of queues has two at least");
    if (!out.group.empty()) out.queue = out.group.front();
    if (auto v = m.optional("entries"))
      out.entries = static_cast<unsigned>(v->number(1, max_entries));
  } else {
    out.queue = static_cast<unsigned>(m.required("queue").number(0, max_queue));
  }
  if (auto v = m.optional("priority")) out.priority = static_cast<unsigned>(v->number(0, 65535));
  if (auto v = m.optional("mark"))
    out.mark = static_cast<std::uint32_t>(v->number(0, std::numeric_limits<std::uint32_t>::max()));
  if (Value v = m.required("match"); v.present()) read_match(v, fields, out);
  m.done();
  return out;
}

namespace {

Configuration read_configuration(const Value& at, const ir::FieldTable& fields) {
  Mapping m(at, "configuration");
  Configuration out;
  out.rx_queues = static_cast<unsigned>(m.required("rx_queues").number(1, max_queue + 1));
  out.tx_queues = static_cast<unsigned>(m.required("tx_queues").number(1, max_queue + 1));
  if (auto knobs = m.optional("knobs"))
    for (const auto& [key, v] : knobs->members()) out.knobs[key.dotted()] = v.flag();
  Mapping rss(m.required("rss"), "rss");
  out.rss.enabled = rss.required("enabled").flag();
  if (auto v = rss.optional("function")) {
    v->word({"symmetric_toeplitz"}, "a hash function beside Toeplitz");
    out.rss.function = ir::HashFunction::symmetric_toeplitz;
  }
  if (auto types = rss.optional("types"))
    for (const Value& v : types->list()) out.rss.types.push_back(v.name());
  if (auto v = rss.optional("key")) out.rss.key = key_bytes(*v);
  if (auto v = rss.optional("table")) out.rss.table = run_length_table(*v);
  if (auto segment = rss.optional("segment")) {
    out.rss.segment.emplace();
    for (const Value& v : segment->list())
      out.rss.segment->push_back(
          segment_fields[v.word(segment_fields, "a field that a card hashes of a segment")]);
  }
  if (auto does = rss.optional("does"))
    for (const Value& v : does->list()) out.rss.does.push_back(v.text());
  if (auto peers = rss.optional("peers"))
    for (const auto& [port, v] : peers->members()) out.rss.peers[port.name()] = key_bytes(v);
  rss.done();
  if (auto filters = m.optional("filters"))
    for (const Value& v : filters->list()) out.filters.push_back(read_filter(v, fields));
  m.done();
  return out;
}

// As group_text writes it.
ir::GroupJoin read_group(const Value& at) {
  ir::GroupJoin out;
  std::vector<std::string> words(1);
  for (const char c : at.text()) {
    if (c == ' ') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  bool good = address(words[0], out.group);
  if (words.size() > 1) {
    out.exclude = words[1] != "only";
    good = good && (words[1] == "only" || words[1] == "except");
  }
  for (std::size_t i = 2; i < words.size(); ++i) {
    out.sources.push_back(0);
    good = address(words[i], out.sources.back()) && good;
  }
  if (!good) wrong(at, "a group and its sources", "239.1.2.3 except 10.7.0.9");
  return out;
}

}  // namespace

namespace {

// What the endpoint asked of the chooser.
void read_wishes(Mapping& m, ir::Endpoint& out) {
  static const std::vector<std::string> priorities = {"normal", "gold"};
  if (auto v = m.optional("class")) out.gold = v->word(priorities, "class") == 1;
  if (auto v = m.optional("exclusive")) out.exclusive = v->flag();
  if (auto v = m.optional("trust")) out.trust = v->name();
  if (auto v = m.optional("cost")) out.cost = v->real(0, 1e18);
  if (auto v = m.optional("size")) out.size = static_cast<unsigned>(v->number(0, 65507));
  if (auto v = m.optional("queues")) {
    const auto range = numbers(*v, 4095);
    if (range.size() == 2 && range[0] <= range[1]) {
      out.queues = ir::QueueRange{range[0], range[1]};
    } else {
      wrong(*v, "the first queue and the last", "[2, 3]");
    }
  }
  if (auto v = m.optional("core")) out.core = static_cast<unsigned>(v->number(0, 4095));
}

}  // namespace

ir::Endpoint read_endpoint(const Value& at) {
  Mapping m(at, "endpoint");
  ir::Endpoint out;
  out.name = m.required("name").text();
  if (auto v = m.optional("protocol")) out.tcp = v->word({"udp", "tcp"}, "a protocol") == 1;
  out.port = static_cast<std::uint16_t>(m.required("port").number(1, 65535));
  if (auto v = m.optional("ports"))
    out.ports = static_cast<unsigned>(v->number(1, 65536u - out.port));
  if (auto v = m.optional("address"); v && !address(v->text(), out.address))
    wrong(*v, "an address", "10.7.0.2");
  if (auto v = m.optional("addresses"))
    out.addresses = static_cast<unsigned>(v->number(1, 1'000'000));
  if (auto v = m.optional("ecn")) out.ecn = v->flag();
  if (auto v = m.optional("congestion"))
    out.congestion = static_cast<ir::Congestion>(v->word({"cubic", "newreno"}, "a way of control"));
  if (auto groups = m.optional("groups"))
    for (const Value& v : groups->list()) out.groups.push_back(read_group(v));
  out.app = m.required("app").text();
  out.rate = m.required("rate").real(0, 1e12);
  read_wishes(m, out);
  out.span = at.span();
  m.done();
  return out;
}

namespace {

// Of the list of endpoints: one of them, or where one was.
ir::Endpoint read_place(const Value& at) {
  const auto members = at.members();
  if (members.size() != 1 || members.front().first.text() != "vacant") return read_endpoint(at);
  if (!members.front().second.flag()) wrong(members.front().second, "`on`", "on");
  return ir::Endpoint::nobody();
}

}  // namespace

FlowEntry read_flow(const Value& at, std::size_t endpoints, unsigned queues) {
  Mapping m(at, "flow");
  FlowEntry out;
  if (Value v = m.required("from"); v.present()) socket(v, out.src, out.src_port);
  if (Value v = m.required("to"); v.present()) socket(v, out.dst, out.dst_port);
  out.endpoint =
      static_cast<unsigned>(m.required("endpoint").number(0, endpoints == 0 ? 0 : endpoints - 1));
  out.queue = static_cast<unsigned>(m.required("queue").number(0, queues - 1));
  if (auto v = m.optional("pinned")) out.pinned = v->flag();
  if (auto v = m.optional("class")) out.gold = v->word({"normal", "gold"}, "class") == 1;
  m.done();
  return out;
}

namespace {

std::optional<ir::Fate> read_fate(const Value& at) {
  static const std::vector<std::string> words = {"software", "gone", "read", "card", "handover"};
  return ir::fate(words[at.word(words, "fate")]);
}

}  // namespace

Residue read_residue(const Value& at, const ir::FieldTable& fields, unsigned queues) {
  static const std::vector<std::string> classes = {"any", "flows"};
  Mapping m(at, "residue");
  Residue out;
  out.id = m.required("id").text();
  out.queues = numbers(m.required("queues"), queues - 1);
  Value queue_class = m.required("class");
  if (queue_class.present()) out.queue_class = classes[queue_class.word(classes, "queue class")];
  if (auto decisions = m.optional("decisions"))
    for (const Value& v : decisions->list()) {
      Mapping d(v, "decision");
      Decision decision;
      decision.node = d.required("node").name();
      if (auto item = d.optional("item")) decision.item = item->name();
      if (Value fate = d.required("fate"); fate.present()) decision.fate = *read_fate(fate);
      decision.why = d.required("why").text();
      d.done();
      out.decisions.push_back(std::move(decision));
    }
  Value graph = m.required("graph");
  if (graph.present()) {
    frontend::GraphOptions options;
    options.residue = true;
    if (auto read = frontend::graph_from_node(graph, fields, options)) {
      out.graph = std::move(*read);
    } else {
      graph.report(read.error());
    }
  }
  m.done();
  return out;
}

namespace {

NetCore read_core(const Value& at, unsigned queues) {
  Mapping m(at, "core");
  NetCore out;
  out.id = static_cast<unsigned>(m.required("id").number(0, 4095));
  out.queues = numbers(m.required("queues"), queues - 1);
  if (auto v = m.optional("cpu")) out.cpu = static_cast<unsigned>(v->number(0, 4095));
  if (auto v = m.optional("slower")) out.slower = v->real(1, 100);
  if (auto v = m.optional("remote")) out.remote = v->real(0, 1e6);
  if (auto v = m.optional("priority")) out.priority = numbers(*v, queues - 1);
  out.load = m.required("load").real(0, 1e18);
  m.done();
  return out;
}

Region read_region(const Value& at, unsigned queues) {
  Mapping m(at, "region");
  Region out;
  out.name = m.required("region").text();
  out.kind = static_cast<Region::Kind>(
      m.required("for").word({"receive", "copies", "transmit"}, "a use of memory"));
  if (out.kind == Region::Kind::receive) out.queues = numbers(m.required("queues"), queues - 1);
  out.buffers = static_cast<unsigned>(m.required("buffers").number(1, 1'000'000'000));
  out.bytes = static_cast<unsigned>(m.required("bytes").number(64, 65'536));
  if (auto v = m.optional("node")) out.node = static_cast<unsigned>(v->number(0, 1023));
  m.done();
  return out;
}

Latency read_latency(const Value& at) {
  Mapping m(at, "latency");
  Latency out;
  out.endpoints = numbers(m.required("endpoints"), 65534);
  out.priority = m.required("of").word({"all", "gold"}, "whose packets") == 1;
  out.wait_us = m.required("wait_us").real(0, 1e18);
  out.p99_us = m.required("p99_us").real(0, 1e18);
  if (auto v = m.optional("allowed_us")) out.allowed_us = v->real(0, 1e18);
  m.done();
  return out;
}

Gap read_gap(const Value& at) {
  Mapping m(at, "gap");
  Gap out;
  out.busiest = m.required("busiest").real(0, 1e18);
  out.bound = m.required("bound").real(0, 1e18);
  m.done();
  return out;
}

Compared read_compared(const Value& at) {
  Mapping m(at, "compared");
  Compared out;
  out.cores = static_cast<unsigned>(m.required("cores").number(0, 4096));
  out.priority = static_cast<unsigned>(m.required("priority").number(0, 4096));
  out.filters = static_cast<unsigned>(m.required("filters").number(0, 0xffffffff));
  out.load = m.required("load").real(0, 1e18);
  out.latency_us = m.required("latency_us").real(0, 1e18);
  if (auto lost = m.optional("lost")) out.lost = lost->name();
  m.done();
  return out;
}

Chosen read_choice(const Value& at, unsigned queues) {
  static const std::vector<std::string> policies = {"balance", "gold", "static"};
  Mapping m(at, "choice");
  Chosen out;
  Value policy = m.required("policy");
  if (policy.present()) out.policy = policies[policy.word(policies, "policy")];
  if (auto zones = m.optional("zones"))
    for (const Value& v : zones->list()) {
      Mapping z(v, "zone");
      QueueZone zone;
      zone.name = z.required("name").text();
      zone.queues = numbers(z.required("queues"), queues - 1);
      if (auto priority = z.optional("priority")) zone.priority = priority->flag();
      z.done();
      out.zones.push_back(std::move(zone));
    }
  out.queues = read_gap(m.required("queues"));
  out.cores = read_gap(m.required("cores"));
  if (auto certified = m.optional("certified"))
    for (const Value& v : certified->list()) out.certified.push_back(v.name());
  if (auto placement = m.optional("placement"))
    for (const Value& v : placement->list()) {
      Mapping p(v, "placement");
      Placed placed;
      placed.endpoint = static_cast<unsigned>(p.required("endpoint").number(0, 65534));
      placed.how = static_cast<ir::Placement>(
          p.required("how").word({"run_to_completion", "dedicated", "pipelined"}, "a placement"));
      placed.why = p.required("why").text();
      if (auto process = p.optional("process")) {
        placed.process = process->text();
        placed.copies = p.required("receive").word({"zero_copy", "copy"}, "a way to receive") == 1;
        placed.rate = p.required("rate").real(0, 1e18);
        placed.size = static_cast<unsigned>(p.required("size").number(0, 65507));
      }
      p.done();
      out.placement.push_back(std::move(placed));
    }
  if (auto objectives = m.optional("objectives"))
    for (const Value& v : objectives->list()) out.objectives.push_back(v.name());
  if (auto compared = m.optional("compared"))
    for (const Value& v : compared->list()) out.compared.push_back(read_compared(v));
  if (auto stopped = m.optional("stopped")) out.stopped = stopped->flag();
  m.done();
  return out;
}

}  // namespace

Proof read_proof(const Value& at) {
  Mapping m(at, "proof");
  static const std::vector<std::string> statuses = {"proved", "none"};
  Proof out;
  Value status = m.required("status");
  if (status.present()) out.status = statuses[status.word(statuses, "status")];
  if (auto v = m.optional("content")) out.content = v->text();
  out.leaves = static_cast<unsigned>(m.required("leaves").number(0, 4'000'000'000));
  out.queries = static_cast<unsigned>(m.required("queries").number(0, 4'000'000'000));
  if (auto v = m.optional("solver")) out.solver = v->text();
  if (auto v = m.optional("not_proved"))
    for (const Value& name : v->list()) out.not_proved.push_back(name.dotted());
  m.done();
  return out;
}

namespace {

// Every queue belongs to one residue and to one core, or the runtime would poll it twice or never.
void check_queues(const Plan& plan, const Value& residues, const Value& cores) {
  std::multiset<unsigned> in_residues, in_cores;
  for (const Residue& r : plan.residues) in_residues.insert(r.queues.begin(), r.queues.end());
  for (const NetCore& c : plan.cores) in_cores.insert(c.queues.begin(), c.queues.end());
  for (unsigned q = 0; q < plan.configuration.rx_queues; ++q) {
    if (in_residues.count(q) != 1)
      residues.error(bad_value, format("queue {} is in {} residues", q, in_residues.count(q)),
                     "every queue belongs to exactly one");
    if (in_cores.count(q) != 1)
      cores.error(bad_value, format("queue {} is on {} cores", q, in_cores.count(q)),
                  "every queue belongs to exactly one");
  }
}

FlowEntry read_flow_of(const Value& at, const Plan& plan, unsigned queues) {
  const FlowEntry out = read_flow(at, plan.endpoints.size(), queues);
  if (out.endpoint < plan.endpoints.size() && plan.endpoints[out.endpoint].vacant())
    at.error(bad_value, format("endpoint {} is vacant", out.endpoint));
  return out;
}

diag::Result<Plan> read_document(frontend::Document document, const ir::FieldTable& fields) {
  Mapping root(document.root(), "plan");
  Plan out;
  Value version = root.required("plan");
  out.version = static_cast<unsigned>(version.number(1, 1));
  out.graph = root.required("graph").name();
  out.nic = root.required("nic").name();
  out.driver = root.required("driver").name();
  if (auto inputs = root.optional("inputs"))
    for (const auto& [key, v] : inputs->members()) out.inputs[key.name()] = v.text();
  out.host = read_host(root.required("host"));
  out.configuration = read_configuration(root.required("configuration"), fields);
  const unsigned queues = out.configuration.rx_queues;
  if (auto endpoints = root.optional("endpoints"))
    for (const Value& v : endpoints->list()) out.endpoints.push_back(read_place(v));
  if (auto flows = root.optional("flows"))
    for (const Value& v : flows->list()) out.flows.push_back(read_flow_of(v, out, queues));
  if (Value choice = root.required("choice"); choice.present())
    out.chosen = read_choice(choice, queues);
  Value cores = root.required("cores");
  for (const Value& v : cores.list()) out.cores.push_back(read_core(v, queues));
  if (auto latency = root.optional("latency"))
    for (const Value& v : latency->list()) out.latency.push_back(read_latency(v));
  if (auto memory = root.optional("memory"))
    for (const Value& v : memory->list()) out.memory.push_back(read_region(v, queues));
  out.cycles_per_packet = root.required("cycles_per_packet").real(0, 1e18);
  out.cycles_saved = root.required("cycles_saved").real(-1e18, 1e18);
  Value residues = root.required("residues");
  for (const Value& v : residues.list()) out.residues.push_back(read_residue(v, fields, queues));
  if (Value proof = root.required("proof"); proof.present()) out.proof = read_proof(proof);
  root.done();
  if (document.ok()) check_queues(out, residues, cores);
  return document.finish(std::move(out));
}

}  // namespace

diag::Result<Plan> plan_from_text(const std::string& text, const std::string& name,
                                  const ir::FieldTable& fields) {
  auto document = frontend::parse_yaml(text, name);
  if (!document) return diag::fail(document.error());
  return read_document(std::move(*document), fields);
}

diag::Result<Plan> read_plan(const std::string& path, const ir::FieldTable& fields) {
  auto document = frontend::read_yaml(path);
  if (!document) return diag::fail(document.error());
  return read_document(std::move(*document), fields);
}

}  // namespace weft::plan
