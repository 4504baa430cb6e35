#include "compiler/passes/classes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <numeric>
#include <tuple>

#include "compiler/passes/filter_plan.h"
#include "compiler/passes/knobs.h"
#include "compiler/passes/place.h"
#include "compiler/passes/placement.h"
#include "compiler/passes/steer.h"
#include "compiler/plan/memory.h"

namespace weft::passes {

namespace {

// How closely rates must agree for flows to be one class: exactly, by octaves, or not at all. The
// first that gives few classes is used.
enum class Grain { exact, octave, none };

double rounded(double rate, Grain grain) {
  if (grain == Grain::exact) return rate;
  return grain == Grain::octave && rate > 0 ? std::exp2(std::floor(std::log2(rate))) : 0;
}

std::optional<ir::QueueRange> pin_of(const ir::Endpoint& endpoint, std::optional<unsigned> queue) {
  if (queue) return ir::QueueRange{*queue, *queue};
  return endpoint.queues;
}

// The rules of `wide` are there: who belongs there comes by them, the others need rules of their
// own.
void cover_by(Classes& classes, unsigned wide) {
  for (unsigned c = 0; c < classes.all.size(); ++c) {
    if (!inside(classes, c, wide)) continue;
    FlowClass& it = classes.all[c];
    // (Of two rules that match, the one about fewer packets is asked first.)
    if (it.inside && *it.inside != wide && classes.all[*it.inside].must()) continue;
    it.covered = belong_together(it, classes.all[wide]);
    it.exception = !it.covered;
  }
}

// Who comes by rules for many flows, and who must not. (Classes of sets stand before those of
// flows.)
void settle(Classes& classes) {
  for (FlowClass& c : classes.all) c.covered = c.exception = false;
  for (const bool whole : {true, false}) {
    for (unsigned c = 0; c < classes.all.size(); ++c) {
      const FlowClass& it = classes.all[c];
      if (it.strangers && it.whole == whole && it.must()) cover_by(classes, c);
    }
  }
  for (unsigned c = 0; c < classes.all.size(); ++c) {
    if (!classes.all[c].sets.empty() && classes.all[c].must()) cover_by(classes, c);
  }
}

class Builder {
 public:
  Builder(const Inputs& inputs, const PacketCost& cost, const RuleKinds& kinds)
      : inputs_(inputs), workload_(inputs.workload), cost_(cost), kinds_(kinds) {
    out_.zones.push_back({.name = everybody, .group = plan::everybodys});
    out_.weight.reserve(workload_.flows.size());
    for (const ir::Flow& f : workload_.flows)
      out_.weight.push_back(weight_of(workload_.endpoints[f.endpoint], f.rate, cost));
  }

  Classes run() {
    sets();
    for (const Grain grain : {Grain::exact, Grain::octave, Grain::none}) {
      if (flows(grain)) break;
    }
    for (const bool tcp : {false, true}) whole_[tcp] = owner_of_type(tcp);
    even_ = even_size();
    for (unsigned e = 0; e < workload_.endpoints.size(); ++e) strangers(e);
    for (unsigned c = 0; c < out_.all.size(); ++c) finish(c);
    settle(out_);
    return std::move(out_);
  }

 private:
  // endpoint, gold, queues, rate, class of the set that it is in (or none)
  using Key = std::tuple<unsigned, bool, unsigned, unsigned, double, unsigned>;
  static constexpr unsigned none = ~0u;

  // Sets of one endpoint with one priority and wish, whose rules look at the same bits.
  void sets() {
    std::map<std::tuple<unsigned, bool, unsigned, unsigned, std::uint32_t, std::uint16_t>, unsigned>
        index;
    for (unsigned i = 0; i < workload_.sets.size(); ++i) {
      const ir::FlowSet& set = workload_.sets[i];
      const auto pin = pin_of(workload_.endpoints[set.endpoint], set.queue);
      const auto [it, fresh] =
          index.try_emplace({set.endpoint, set.gold, pin ? pin->first : 0, pin ? pin->last + 1 : 0,
                             set.src_mask, set.src_port_mask},
                            static_cast<unsigned>(out_.all.size()));
      if (fresh)
        out_.all.push_back(
            {.endpoint = set.endpoint, .gold = set.gold, .pin = pin, .span = set.span});
      out_.all[it->second].sets.push_back(i);
      if (!workload_.endpoints[set.endpoint].tcp) index_.add(set, it->second);
    }
    first_of_flows_ = out_.all.size();
  }

  bool flows(Grain grain) {
    out_.all.resize(first_of_flows_);
    std::map<Key, unsigned> index;
    std::optional<Key> last;  // flows of one line follow each other
    unsigned at = 0;
    for (unsigned i = 0; i < workload_.flows.size(); ++i) {
      const ir::Flow& flow = workload_.flows[i];
      const auto pin = pin_of(workload_.endpoints[flow.endpoint], flow.queue);
      const auto set = index_.find(flow.src, flow.src_port, flow.dst, flow.dst_port);
      const Key key{flow.endpoint,
                    flow.gold,
                    pin ? pin->first : 0,
                    pin ? pin->last + 1 : 0,
                    rounded(flow.rate, grain),
                    set.value_or(none)};
      if (last != key) {
        const auto [it, fresh] = index.try_emplace(key, static_cast<unsigned>(out_.all.size()));
        if (fresh) {
          if (out_.all.size() - first_of_flows_ == most_classes && grain != Grain::none)
            return false;
          out_.all.push_back(
              {.endpoint = flow.endpoint, .gold = flow.gold, .pin = pin, .span = flow.span});
          out_.all.back().inside = set;
        }
        at = it->second;
        last = key;
      }
      out_.all[at].flows.push_back(i);
    }
    return true;
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
      out[workload_.flows[f].endpoint] += out_.weight[f];
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

  // One rule for each block of ports, and each own address where the endpoint is bound to some; or
  // several.
  void strangers(unsigned e) {
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
    out_.all.push_back(std::move(c));
  }

  void finish(unsigned index) {
    FlowClass& c = out_.all[index];
    const ir::Endpoint& endpoint = workload_.endpoints[c.endpoint];
    c.tcp = endpoint.tcp;
    if (!c.sets.empty()) {
      c.rules = static_cast<unsigned>(c.sets.size());
      for (const unsigned s : c.sets)
        c.weight += weight_of(endpoint, workload_.sets[s].rate, cost_) / c.rules;
    } else if (!c.strangers) {
      c.rules = static_cast<unsigned>(c.flows.size());
      const auto heavier = [&](unsigned a, unsigned b) { return out_.weight[a] > out_.weight[b]; };
      if (!std::is_sorted(c.flows.begin(), c.flows.end(), heavier))
        std::stable_sort(c.flows.begin(), c.flows.end(), heavier);
      for (const unsigned f : c.flows) c.weight += out_.weight[f] / c.rules;
    }
    const char* plural = c.rules == 1 ? "" : "s";
    c.name =
        c.spare ? fmt::format("what comes to {}", endpoint.name)
        : !c.sets.empty()
            ? fmt::format("flows from {}{} to {}", ir::sources_of(workload_.sets[c.sets.front()]),
                          c.rules == 1 ? "" : fmt::format(" and {} others", c.rules - 1),
                          endpoint.name)
        : c.strangers ? fmt::format("strangers to {}", endpoint.name)
                      : fmt::format("{} flow{} to {}", c.rules, plural, endpoint.name);
    c.zone = zone(c, endpoint);
    Zone& zone = out_.zones[c.zone];
    zone.classes.push_back(index);
    if (c.zone == 0 || !c.pin) return;
    for (unsigned q = c.pin->first; q <= c.pin->last; ++q) zone.pinned.insert(q);
  }

  unsigned zone(const FlowClass& c, const ir::Endpoint& endpoint) {
    const std::string name = zone_name(workload_, endpoint, c.gold);
    const auto known = std::find_if(out_.zones.begin(), out_.zones.end(),
                                    [&](const Zone& z) { return z.name == name; });
    if (known != out_.zones.end()) return static_cast<unsigned>(known - out_.zones.begin());
    const bool gold = c.gold && workload_.policy == ir::Policy::gold;
    out_.zones.push_back({.name = name,
                          .gold = gold,
                          .core = endpoint.core,
                          .span = c.gold != endpoint.gold ? c.span : endpoint.span,
                          .group = group_of(endpoint)});
    return static_cast<unsigned>(out_.zones.size() - 1);
  }

  const Inputs& inputs_;
  const ir::Workload& workload_;
  PacketCost cost_;
  RuleKinds kinds_;
  unsigned whole_[2] = {none, none};  // of UDP, of TCP: the endpoint that has all of it
  ir::FlowSets index_;                // of UDP, where flows may be in them -> class
  std::size_t first_of_flows_ = 0;    // classes before it are of sets
  unsigned even_ = 1;                 // ports in a block, where all have one size
  Classes out_;
};

}  // namespace

const ir::PortBlock* block_of(const Classes& classes, unsigned endpoint, std::uint16_t port) {
  for (const FlowClass& c : classes.all) {
    if (!c.strangers || c.endpoint != endpoint || c.blocks.empty()) continue;
    const auto after = std::upper_bound(
        c.blocks.begin(), c.blocks.end(), port,
        [](std::uint16_t p, const ir::PortBlock& block) { return p < block.first; });
    return after != c.blocks.begin() && (after - 1)->holds(port) ? &*(after - 1) : nullptr;
  }
  return nullptr;
}

bool cover(Classes& classes, unsigned endpoint) {
  const auto of_all = std::find_if(classes.all.begin(), classes.all.end(), [&](const FlowClass& c) {
    return c.endpoint == endpoint && c.strangers;
  });
  if (of_all == classes.all.end() || !of_all->apart()) return false;
  const auto brings = [&](const FlowClass& c) {
    return !c.strangers && c.endpoint == endpoint && belong_together(c, *of_all);
  };
  if (std::none_of(classes.all.begin(), classes.all.end(), brings)) return false;
  of_all->spare = false;
  settle(classes);
  return true;
}

PacketCost packet_cost(const Inputs& inputs, const std::map<std::string, bool>& knobs) {
  PacketCost out{cycles_of(inputs.graph, inputs.costs), 2 * inputs.costs.of("byte"),
                 inputs.costs.of("handover"), inputs.costs.of("byte")};
  for (const ir::Graph* graph : {&inputs.nic.receive, &inputs.nic.transmit}) {
    for (auto [v, end] = vertices(graph->g); v != end; ++v) {
      const ir::Config& c = graph->node(*v).config;
      const bool sums = (c.report && c.report->about("udp.checksum_ok") != nullptr) ||
                        (c.performs && c.performs->effect == "udp.checksum_fill");
      if (sums && is_on(knobs, c.knob)) out.byte -= inputs.costs.of("byte");
    }
  }
  out.byte = std::max(out.byte, 0.0);
  return out;
}

ir::Placement how_of(const ir::Endpoint& endpoint) {
  return endpoint.placement.value_or(ir::Placement::run_to_completion);
}

std::string group_of(const ir::Endpoint& endpoint) {
  return endpoint.copied ? plan::everybodys : plan::group_of(endpoint, how_of(endpoint));
}

double copy_cycles(const ir::Endpoint& endpoint, const PacketCost& cost) {
  constexpr unsigned least = 64;  // what is copied of the smallest
  return cost.copy * std::max(endpoint.size, least);
}

double extra_of(const ir::Endpoint& endpoint, const PacketCost& cost) {
  return app_cycles(endpoint, how_of(endpoint), cost.ring) +
         (endpoint.copied ? copy_cycles(endpoint, cost) : 0) +
         cost.byte * (endpoint.size > 64 ? endpoint.size - 64 : 0);
}

double weight_of(const ir::Endpoint& endpoint, double rate, const PacketCost& cost) {
  return rate * (cost.cycles + extra_of(endpoint, cost));
}

std::string zone_name(const ir::Workload& workload, const ir::Endpoint& endpoint, bool gold) {
  std::vector<std::string> parts;
  if (gold && workload.policy == ir::Policy::gold) parts.push_back("gold");
  if (endpoint.exclusive) {
    parts.push_back("endpoint " + endpoint.name);
  } else if (!endpoint.trust.empty() && !endpoint.copied) {
    parts.push_back("trust " + endpoint.trust);
  }
  if (endpoint.core) parts.push_back(fmt::format("core {}", *endpoint.core));
  return parts.empty() ? everybody : fmt::format("{}", fmt::join(parts, ", "));
}

Classes classes_of(const Inputs& inputs, const PacketCost& cost, const RuleKinds& kinds) {
  return Builder(inputs, cost, kinds).run();
}

}  // namespace weft::passes
