#include "runtime/probe/attempts.h"

#include <fmt/format.h>
#include <rte_errno.h>

#include <algorithm>
#include <cerrno>

#include "compiler/ir/filter_shape.h"
#include "runtime/ports/translate.h"

namespace weft::probe {

namespace {

constexpr std::uint32_t source = 0xc0000201;       // 192.0.2.1, RFC 5737: nobody's
constexpr std::uint32_t destination = 0xc6336401;  // 198.51.100.1

using Match = std::map<std::string, std::pair<std::uint64_t, std::uint64_t>>;

// Rules about UDP or TCP; a name says so where it is TCP: "flow", "TCP flow".
class About {
 public:
  explicit About(bool tcp) : tcp_(tcp) {}

  std::string name(const std::string& kind) const { return tcp_ ? "TCP " + kind : kind; }
  Match only(std::initializer_list<const char*> names) const {
    Match out;
    for (const std::string name : names) {
      if (name == "ipv4.src") out[name] = {source, 0xffffffff};
      if (name == "ipv4.dst") out[name] = {destination, 0xffffffff};
      if (name == "src_port") out[ir::port_field(tcp_, name)] = {40000, 0xffff};
      if (name == "dst_port") out[ir::port_field(tcp_, name)] = {7, 0xffff};
    }
    return out;
  }
  Match with_protocol(Match match) const {
    match["ipv4.protocol"] = {tcp_ ? 6 : 17, 0xff};
    return match;
  }

 private:
  bool tcp_;
};

// A rule that is on the card for as long as this object lives.
class Standing {
 public:
  Standing(const Attempt& what, ports::CardControl& card) : card_(card) {
    auto rule = ports::flow_rule(what.filter, {});
    if (!rule) return;
    rte_flow_action drop[] = {{.type = RTE_FLOW_ACTION_TYPE_DROP},
                              {.type = RTE_FLOW_ACTION_TYPE_END}};
    rte_flow_error error{};
    ports::FlowRule& r = **rule;
    const rte_flow_action* actions = what.drop ? drop : r.actions.data();
    validates_ = card.flow_validate(r.attr, r.items.data(), actions, error) == 0;
    if (!validates_) says_ = words(error);
    error = {};
    flow_ = card.flow_create(r.attr, r.items.data(), actions, error);
    if (flow_ == nullptr && says_.empty()) says_ = words(error);
  }
  ~Standing() { destroy(); }
  Standing(const Standing&) = delete;
  Standing& operator=(const Standing&) = delete;

  bool validates() const { return validates_; }
  bool stands() const { return flow_ != nullptr; }
  const std::string& says() const { return says_; }
  bool destroy() {
    if (flow_ == nullptr) return true;
    rte_flow_error error{};
    return card_.flow_destroy(std::exchange(flow_, nullptr), error) == 0;
  }

 private:
  static std::string words(const rte_flow_error& error) {
    return error.message != nullptr ? error.message : rte_strerror(rte_errno);
  }
  ports::CardControl& card_;
  rte_flow* flow_ = nullptr;
  bool validates_ = false;
  std::string says_;
};

}  // namespace

std::vector<Attempt> attempts() {
  std::vector<Attempt> out;
  const auto add = [&](std::string name, Match match) -> Attempt& {
    Attempt a;
    a.name = std::move(name);
    a.filter.id = a.name;
    a.filter.match = std::move(match);
    return out.emplace_back(std::move(a));
  };
  for (const bool tcp : {false, true}) {
    const About about(tcp);
    const auto of = [&](const char* name, const Match& match) -> Attempt& {
      return add(about.name(name), match);
    };
    const Match flow = about.only({"ipv4.src", "ipv4.dst", "src_port", "dst_port"});
    of("flow", flow);
    of("flow + protocol", about.with_protocol(flow));
    of("flow + protocol, priority 1", about.with_protocol(flow)).filter.priority = 1;
    of("flow, mark", flow).filter.mark = 1;
    of("flow, dropped", flow).drop = true;
    Match masked = flow;
    masked["ipv4.src"].second = 0xffffff00;
    masked["ipv4.src"].first &= 0xffffff00;
    of("flow, source masked", masked);
    of("flow, source masked, mark", masked).filter.mark = 1;
    const Match endpoint = about.only({"ipv4.dst", "dst_port"});
    of("address and port", endpoint);
    of("address and port + protocol", about.with_protocol(endpoint));
    of("address and port + protocol, priority 1", about.with_protocol(endpoint)).filter.priority =
        1;
    of("address and port, mark", endpoint).filter.mark = 1;
    const Match port = about.only({"dst_port"});
    of("port", port);
    of("port + protocol", about.with_protocol(port));
    of("port + protocol, priority 1", about.with_protocol(port)).filter.priority = 1;
  }
  add("source address", About(false).only({"ipv4.src"}));
  add("address pair", About(false).only({"ipv4.src", "ipv4.dst"}));
  add("Ethernet type", {{"eth.type", {0x88b5, 0xffff}}});  // IEEE 802, local experiments
  add("TCP SYN", {{"tcp.syn", {1, 1}}});
  return out;
}

std::optional<Attempt> attempt(Attempt what, ports::CardControl& card) {
  Standing rule(what, card);
  what.validates = rule.validates();
  what.creates = rule.stands();
  what.says = rule.says();
  if (!rule.destroy()) return std::nullopt;
  return what;
}

unsigned fill(const Attempt& kind, ports::CardControl& card, unsigned most) {
  std::vector<std::unique_ptr<Standing>> rules;
  for (unsigned i = 0; i < most; ++i) {
    Attempt next = kind;
    for (const char* field : {"ipv4.src", "ipv4.dst", "udp.dst_port", "tcp.dst_port", "eth.type"}) {
      const auto at = next.filter.match.find(field);
      if (at == next.filter.match.end()) continue;
      at->second.first += i;
      break;
    }
    rules.push_back(std::make_unique<Standing>(next, card));
    if (rules.back()->stands()) continue;
    return i;
  }
  return most;
}

bool together(const Attempt& first, const Attempt& second, ports::CardControl& card) {
  const Standing one(first, card);
  Attempt other = second;
  for (auto& [field, match] : other.filter.match) {  // of no packet that the first one catches
    if (field == "ipv4.dst") match.first += 1;
    if (field.ends_with(".dst_port")) match.first += 1;
  }
  const Standing two(other, card);
  return one.stands() && two.stands();
}

std::string table_for(const ir::NicModel& nic, const Attempt& what, const ir::FieldTable& fields) {
  const ir::Shape shape = plan::shape_of(what.filter);
  for (const ir::Vertex v : nic.receive.topological()) {
    const ir::Node& node = nic.receive.node(v);
    if (!node.config.table) continue;
    const ir::FilterTable& t = *node.config.table;
    const auto can = [&](const char* action) {
      return std::find(t.actions.begin(), t.actions.end(), action) != t.actions.end();
    };
    const unsigned low = t.priority ? t.priority->first : 0;
    const unsigned high = t.priority ? t.priority->second : 0;
    if (what.filter.priority < low || what.filter.priority > high) continue;
    if (t.mark_required && what.filter.mark == 0) continue;
    if (what.filter.mark != 0 && !can("mark")) continue;
    if (!can(what.drop ? "drop" : "queue")) continue;
    if (ir::accepts(t, shape, fields)) return node.id;
    // The transport item says the protocol as well, where the driver looks at it.
    ir::Shape said = shape;
    const std::string type = ir::packet_type(shape);
    if (!t.items_ignored && (type == "udp" || type == "tcp")) said["ipv4.protocol"] = 0xff;
    if (ir::accepts(t, said, fields)) return node.id;
  }
  return "";
}

}  // namespace weft::probe
