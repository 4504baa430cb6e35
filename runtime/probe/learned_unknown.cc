// A model for a driver that the catalogue does not have.
#include <algorithm>
#include <map>
#include <set>

#include "compiler/ir/filter_shape.h"
#include "runtime/probe/learned.h"

namespace weft::probe {

namespace {

using Names = std::vector<std::string>;

class Chain {  // nodes one behind the other
 public:
  explicit Chain(ir::Graph& graph, ir::NodeKind first) : graph_(graph) {
    ir::Node node;
    node.id = first == ir::NodeKind::wire ? "wire" : "queues";
    node.kind = first;
    last_ = graph_.add(with_out(std::move(node)));
  }
  void unit(ir::Node node) {
    node.kind = ir::NodeKind::config;
    if (node.config.table) {
      node.ports = {{.name = "hit"}, {.name = "miss"}};
      const ir::Vertex v = link(std::move(node), 0);
      hits_.push_back(v);
      port_ = 1;
    } else {
      link(with_out(std::move(node)), 0);
    }
  }
  void end(ir::NodeKind kind, unsigned count) {
    ir::Node node;
    node.id = kind == ir::NodeKind::wire ? "wire" : "queues";
    node.kind = kind;
    node.count = count;
    const ir::Vertex v = link(std::move(node), 0);
    for (const ir::Vertex hit : hits_) graph_.connect(hit, 0, v);
  }

 private:
  static ir::Node with_out(ir::Node node) {
    node.ports = {{.name = "out"}};
    return node;
  }
  ir::Vertex link(ir::Node node, unsigned next_port) {
    const ir::Vertex v = graph_.add(std::move(node));
    graph_.connect(last_, port_, v);
    last_ = v;
    port_ = next_port;
    return v;
  }
  ir::Graph& graph_;
  ir::Vertex last_ = 0;
  unsigned port_ = 0;
  std::vector<ir::Vertex> hits_;
};

// Rules of one manner of asking: as they are, with a priority, with a mark.
struct Manner {
  const char* table;
  const char* suffix;
  bool priority = false, mark = false;

  // "" or "TCP ": what rules are about.
  const Attempt* rule(const Findings& found, const char* about, const std::string& kind) const {
    return found.rule(about + kind + suffix);
  }
};

constexpr const char* transports[] = {"", "TCP "};

// Which kinds of rules about one transport make up a table, by name without the manner. An item for
// UDP or TCP says the protocol; where it is enough, nothing more is asked for.
Names kinds_of(const Findings& found, const Manner& manner, const char* about,
               const std::set<std::string>& taken_elsewhere) {
  Names out;
  for (const char* place : {"flow", "address and port", "port"}) {
    for (const char* how : {"", " + protocol"}) {
      const std::string kind = std::string(place) + how;
      if (manner.rule(found, about, kind) == nullptr) continue;
      if (!taken_elsewhere.contains(about + kind) &&
          !taken_elsewhere.contains(about + std::string(place)))
        out.push_back(kind);
      break;
    }
  }
  return out;
}

// Flows are taken so, too, of whatever transport they are taken at all.
bool also(const Findings& found, const char* suffix) {
  bool any = false, all = true;
  for (const char* about : transports) {
    const std::string flow = std::string(about) + "flow";
    if (found.rule(flow) == nullptr) continue;
    any = true;
    all = all && found.rule(flow + suffix) != nullptr;
  }
  return any && all;
}

std::optional<ir::Node> table_of(const Findings& found, const Manner& manner, bool marks_too,
                                 const std::set<std::string>& taken_elsewhere,
                                 std::set<std::string>& taken) {
  ir::FilterTable table;
  unsigned capacity = found.tried_to_fit;
  for (const char* about : transports) {
    std::map<std::string, std::size_t> named;
    const Names kinds = kinds_of(found, manner, about, taken_elsewhere);
    for (const std::string& kind : kinds) {
      taken.insert(about + kind);
      const Attempt& rule = *manner.rule(found, about, kind);
      Names fields;
      for (const auto& [field, match] : rule.filter.match) {
        fields.push_back(field);
        ++named[field];
      }
      table.shapes.push_back(fields);
      for (const auto& [fit, n] : found.fits)
        if (fit == rule.name) capacity = std::min(capacity, n);
    }
    if (kinds.empty()) continue;
    const char* header = *about == 0 ? "udp" : "tcp";
    table.types[header] = ir::has(header);
    for (const auto& [field, n] : named) {
      const auto how = n == kinds.size() ? ir::Match::full : ir::Match::full_or_none;
      const auto at = table.fields.emplace(field, how).first;
      if (how != ir::Match::full) at->second = how;
    }
    // Whether a partial mask is obeyed nobody sees without packets: it counts as ignored.
    const bool masked = found.rule(std::string(about) + "flow, source masked" +
                                   (manner.mark ? ", mark" : "")) != nullptr;
    if (masked && table.fields.contains("ipv4.src"))
      table.fields["ipv4.src"] = ir::Match::full_or_ignored;
  }
  if (table.shapes.empty()) return std::nullopt;
  // Rules of both kinds fill one table, as far as anybody knows.
  table.capacity = std::max(1u, capacity);
  table.capacity_by_device = capacity == found.tried_to_fit;
  table.actions = {"queue"};
  if (manner.mark || marks_too) table.actions.push_back("mark");
  if (!manner.mark && !manner.priority && also(found, ", dropped")) table.actions.push_back("drop");
  table.mark_required = manner.mark;
  if (manner.priority) table.priority = {1, 1};
  if (found.one_mask) table.same_mask_per = found.one_mask_per_type ? "type" : "port";
  ir::Node node;
  node.id = manner.table;
  node.config.table = std::move(table);
  node.source = "weft nic probe: rules that were created and destroyed";
  return node;
}

std::vector<ir::Node> tables_of(const Findings& found) {
  std::vector<ir::Node> out;
  std::set<std::string> plain, prioritised, marked;
  const bool marks_too = also(found, ", mark");
  if (auto t = table_of(found, {"rules", ""}, marks_too, {}, plain)) out.push_back(std::move(*t));
  if (auto t = table_of(found, {"prioritised", ", priority 1", true}, false, plain, prioritised))
    out.push_back(std::move(*t));
  if (auto t = table_of(found, {"marked", ", mark", false, true}, false, plain, marked))
    out.push_back(std::move(*t));
  return out;
}

ir::Node effect(const char* id, const char* knob, const char* offload, const char* performs,
                const char* request, const char* field) {
  ir::Node node;
  node.id = id;
  node.config.knob = knob;
  node.config.offloads = {offload};
  node.config.performs = ir::Performs{performs, request, field};
  node.source = "weft nic probe: offered in dev_info";
  return node;
}

}  // namespace

ir::NicModel model_of(const Findings& found, const std::string& name, const ir::FieldTable&) {
  ir::NicModel nic;
  describe(nic, found, name);
  nic.driver = found.driver;
  nic.rx_queues = {std::max(1u, found.rx_queues), reported};
  nic.tx_queues = {std::max(1u, found.tx_queues), reported};
  nic.tx_segments = std::max(1u, found.tx_segments);
  nic.max_frame = std::clamp(found.max_frame, 64u, 1u << 20);
  Chain receive(nic.receive, ir::NodeKind::wire);
  for (ir::Node& table : tables_of(found)) receive.unit(std::move(table));
  if (found.rx_queues > 1) {
    ir::Node rss;
    rss.id = "rss";
    rss.config.rss = ir::RssUnit{.key_bytes = 0,
                                 .table_size = 0,
                                 .types = {},
                                 .key_settable = false,
                                 .table_settable = false,
                                 .predictable = false};
    rss.source = "weft nic probe: which packets a hash is over, and how, no packet has shown";
    receive.unit(std::move(rss));
  }
  receive.end(ir::NodeKind::queue, nic.rx_queues.max);
  Chain transmit(nic.transmit, ir::NodeKind::queue);
  nic.transmit.node(*nic.transmit.find("queues")).count = nic.tx_queues.max;
  if (found.offers("TX_UDP_CKSUM"))
    transmit.unit(effect("l4_cksum", "tx.udp_cksum", "TX_UDP_CKSUM", "udp.checksum_fill",
                         "udp.checksum_request", "desc.tx_l4_cksum"));
  if (found.offers("TX_TCP_CKSUM"))
    transmit.unit(effect("tcp_cksum", "tx.tcp_cksum", "TX_TCP_CKSUM", "tcp.checksum_fill",
                         "tcp.checksum_request", "desc.tx_tcp_cksum"));
  if (found.offers("TX_IPV4_CKSUM"))
    transmit.unit(effect("ip_cksum", "tx.ipv4_cksum", "TX_IPV4_CKSUM", "ipv4.checksum_fill",
                         "ipv4.checksum_request", "desc.tx_ip_cksum"));
  transmit.end(ir::NodeKind::wire, 1);
  return nic;
}

}  // namespace weft::probe
