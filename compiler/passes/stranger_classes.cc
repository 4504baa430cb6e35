#include "compiler/passes/stranger_classes.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "compiler/passes/filter_plan.h"
#include "compiler/passes/steer.h"
#include "compiler/plan/memory.h"

namespace weft::passes {

namespace {

class Strangers {
 public:
  Strangers(const Inputs& inputs, const PacketCost& cost, const RuleKinds& kinds,
            const std::vector<double>& weight)
      : inputs_(inputs), workload_(inputs.workload), cost_(cost), kinds_(kinds), weight_(weight) {}

  std::vector<FlowClass> run() {
    for (const bool tcp : {false, true}) whole_[tcp] = owner_of_type(tcp);
    even_ = even_size();
    for (unsigned e = 0; e < workload_.endpoints.size(); ++e) add(e);
    return std::move(out_);
  }

 private:
  static constexpr unsigned none = ~0u;

  // One rule for each block of ports, and each own address where the endpoint is bound to some; or
  // several.
  void add(unsigned e) {
    const ir::Endpoint& endpoint = workload_.endpoints[e];
    if (endpoint.vacant()) return;
    const bool apart = is_apart(endpoint);
    // (Of UDP, flows are what the policy places, by rules of their own.)
    const bool in_turn = kinds_.in_turn && workload_.policy == ir::Policy::fixed && endpoint.tcp &&
                         !apart && takes_rules(endpoint, 1);
    const bool beside = whole_[endpoint.tcp] != none;  // (or all of its type were another's)
    if (endpoint.rate == 0 && !apart && !in_turn && !beside) return;
    FlowClass c{.endpoint = e, .strangers = true, .gold = endpoint.gold, .pin = endpoint.queues};
    c.in_turn = in_turn;
    c.whole = whole_[endpoint.tcp] == e;
    c.grouped = c.whole || grouped(e);
    c.parts = c.grouped ? 1 : parts(endpoint);
    // (Who asks for nothing, and is in nobody's way, gets no rules.)
    if ((apart || in_turn || beside) && !c.whole) c.blocks = blocks(endpoint, c.parts);
    const auto blocks = static_cast<unsigned>(c.blocks.size());
    c.rules = c.whole ? 1 : (blocks == 0 ? endpoint.ports : blocks) * endpoint.addresses * c.parts;
    c.weight = weight_of(endpoint, endpoint.rate, cost_) / c.rules;
    c.span = endpoint.span;
    c.spare = !in_turn && !beside && spare(e);
    out_.push_back(std::move(c));
  }

  // That the workload asks for.
  unsigned queues_of(const ir::Endpoint& e) const {
    const bool gold = e.gold && workload_.policy == ir::Policy::gold;
    return e.queues ? e.queues->last - e.queues->first + 1 : gold ? workload_.gold_queues : 1;
  }

  // Of the endpoint's rules for each socket. Odd numbers of queues get more of them, so that none
  // has much more than the others.
  unsigned parts(const ir::Endpoint& e) const {
    constexpr unsigned most = 64;
    const unsigned queues = queues_of(e);
    if (!kinds_.in_parts || !e.tcp || queues < 2) return 1;
    const unsigned wanted = std::has_single_bit(queues) ? queues : std::bit_ceil(4 * queues);
    const unsigned out = std::min(wanted, most);
    return takes_rules(e, out) ? out : 1;
  }

  template <class F>
  bool takes_rules(const ir::Endpoint& e, unsigned parts, std::uint16_t port_mask, F&& like) const {
    const auto order = receive_order(inputs_.nic);
    return std::any_of(order.begin(), order.end(), [&](const ir::Node* node) {
      return node->config.table && like(*node->config.table) &&
             ir::shape_for(*node->config.table, shape_of_strangers(e, parts, port_mask),
                           inputs_.fields);
    });
  }
  bool takes_rules(const ir::Endpoint& e, unsigned parts) const {
    return takes_rules(e, parts, 0xffff, [](const ir::FilterTable&) { return true; });
  }

  // The workload says who comes to it, one by one or as sets. (Known flows of TCP are sets.)
  bool known_flows(unsigned endpoint) const {
    const auto its = [&](const auto& it) { return it.endpoint == endpoint; };
    return std::any_of(workload_.flows.begin(), workload_.flows.end(), its) ||
           std::any_of(workload_.sets.begin(), workload_.sets.end(), its);
  }

  // Where nobody says which queue of a group it is, no connections are brought to one (each is on
  // one queue), nor is an endpoint whose flows are known (each has one that owns it).
  bool names_queues_of(unsigned endpoint, const ir::FilterTable& table) const {
    const ir::Endpoint& e = workload_.endpoints[endpoint];
    std::vector<unsigned> queues(queues_of(e));
    std::iota(queues.begin(), queues.end(), 0u);
    if (!kinds_.in_groups || queues.size() < 2) return false;
    const bool owned = e.tcp || known_flows(endpoint);
    const ir::Node* rss = rss_node(inputs_.nic);
    const bool known = rss != nullptr && rss->config.rss->predictable;
    return table.groups && ir::why_no_group(*table.groups, queues).empty() &&
           (table.groups->entries == 0 ? !owned : known);
  }
  bool grouped(unsigned endpoint) const {
    return takes_rules(workload_.endpoints[endpoint], 1, 0xffff, [&](const ir::FilterTable& table) {
      return names_queues_of(endpoint, table);
    });
  }

  bool is_apart(const ir::Endpoint& e) const {
    return e.queues || zone_name(workload_, e, e.gold) != everybody;
  }

  // What is sent to each endpoint, cycles per second.
  std::vector<double> loads() const {
    std::vector<double> out;
    for (const ir::Endpoint& e : workload_.endpoints) out.push_back(weight_of(e, e.rate, cost_));
    for (unsigned f = 0; f < workload_.flows.size(); ++f)
      out[workload_.flows[f].endpoint] += weight_[f];
    for (const ir::FlowSet& s : workload_.sets)
      out[s.endpoint] += weight_of(workload_.endpoints[s.endpoint], s.rate, cost_);
    return out;
  }

  // Is it right that all of its protocol comes to this endpoint's queues, but for what narrower
  // rules bring elsewhere?
  bool may_have_type(unsigned endpoint, const std::vector<double>& load) const {
    const ir::Endpoint& it = workload_.endpoints[endpoint];
    const bool strangers = it.rate > 0 || !known_flows(endpoint);
    if (it.vacant() || !strangers || !is_apart(it) || grouped(endpoint)) return false;
    for (unsigned o = 0; o < workload_.endpoints.size(); ++o) {
      const ir::Endpoint& other = workload_.endpoints[o];
      if (other.tcp != it.tcp || other.vacant()) continue;
      // (Others' packets come there, too: answers to what they have opened.)
      if (group_of(it) != plan::everybodys && group_of(other) != group_of(it)) return false;
      // Who has had all of everybody's queues would have one.
      if (!is_apart(other) && load[o] >= load[endpoint]) return false;
    }
    return true;
  }

  // Whose several queues get all packets of the protocol, by a table whose rules say nothing more:
  // of those that no other rule can bring there the one that most is sent to.
  unsigned owner_of_type(bool tcp) const {
    unsigned out = none;
    for (const ir::Node* node : receive_order(inputs_.nic)) {
      if (!kinds_.of_types || !node->config.table || !ir::by_type_alone(*node->config.table))
        continue;
      const std::vector<double> load = loads();
      for (unsigned e = 0; e < workload_.endpoints.size(); ++e) {
        if (workload_.endpoints[e].tcp == tcp && (out == none || load[e] > load[out]) &&
            names_queues_of(e, *node->config.table) && may_have_type(e, load))
          out = e;
      }
    }
    return out;
  }

  // Nobody but known flows is expected: a rule for strangers is one way to bring those.
  bool spare(unsigned endpoint) const {
    const ir::Endpoint& e = workload_.endpoints[endpoint];
    return e.rate == 0 && known_flows(endpoint) && group_of(e) == plan::everybodys;
  }

  // The largest that ports of all endpoints with rules can be cut into; where none must have some,
  // of those that may.
  unsigned even_size() const {
    constexpr unsigned all = 65536;
    unsigned must = all, may = all;
    for (unsigned e = 0; e < workload_.endpoints.size(); ++e) {
      const ir::Endpoint& it = workload_.endpoints[e];
      if (it.vacant() || !is_apart(it)) continue;
      for (const ir::PortBlock& block : ir::blocks_of(it.port, it.last_port())) {
        may = std::min(may, block.size());
        if (!spare(e)) must = std::min(must, block.size());
      }
    }
    return must == all ? may : must;
  }

  // What the card has no rules for is not cut so.
  std::vector<ir::PortBlock> blocks(const ir::Endpoint& e, unsigned parts) const {
    std::vector<ir::PortBlock> out;
    const bool many_masks = kinds_.cut == PortCut::blocks;
    if (many_masks) out = ir::blocks_of(e.port, e.last_port());
    if (kinds_.cut == PortCut::even) out = ir::blocks_of(e.port, e.last_port(), even_);
    const bool good = !out.empty() && std::all_of(out.begin(), out.end(), [&](const auto& block) {
      return takes_rules(e, parts, block.mask, [&](const ir::FilterTable& table) {
        return !many_masks || table.same_mask_per.empty();
      });
    });
    return good ? out : ir::blocks_of(e.port, e.last_port(), 1);
  }

  const Inputs& inputs_;
  const ir::Workload& workload_;
  const PacketCost& cost_;
  const RuleKinds& kinds_;
  const std::vector<double>& weight_;
  unsigned whole_[2] = {none, none};  // of UDP, of TCP: the endpoint that has all of it
  unsigned even_ = 1;                 // ports in a block, where all have one size
  std::vector<FlowClass> out_;
};

}  // namespace

std::vector<FlowClass> stranger_classes(const Inputs& inputs, const PacketCost& cost,
                                        const RuleKinds& kinds, const std::vector<double>& weight) {
  return Strangers(inputs, cost, kinds, weight).run();
}

}  // namespace weft::passes
