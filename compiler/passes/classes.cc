#include "compiler/passes/classes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "compiler/passes/coverage.h"
#include "compiler/passes/stranger_classes.h"
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
    for (FlowClass& c : stranger_classes(inputs_, cost_, kinds_, out_.weight))
      out_.all.push_back(std::move(c));
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
    c.name = name_of(c);
    c.zone = zone(c, endpoint);
    Zone& zone = out_.zones[c.zone];
    zone.classes.push_back(index);
    if (c.zone == 0 || !c.pin) return;
    for (unsigned q = c.pin->first; q <= c.pin->last; ++q) zone.pinned.insert(q);
  }

  std::string name_of(const FlowClass& c) const {
    const std::string& to = workload_.endpoints[c.endpoint].name;
    if (c.spare) return fmt::format("what comes to {}", to);
    if (c.strangers) return fmt::format("strangers to {}", to);
    const bool one = c.rules == 1;
    if (c.sets.empty()) return fmt::format("{} flow{} to {}", c.rules, one ? "" : "s", to);
    return fmt::format("flows from {}{} to {}", ir::sources_of(workload_.sets[c.sets.front()]),
                       one ? "" : fmt::format(" and {} others", c.rules - 1), to);
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
  ir::FlowSets index_;              // of UDP, where flows may be in them -> class
  std::size_t first_of_flows_ = 0;  // classes before it are of sets
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

Classes classes_of(const Inputs& inputs, const PacketCost& cost, const RuleKinds& kinds) {
  return Builder(inputs, cost, kinds).run();
}

}  // namespace weft::passes
