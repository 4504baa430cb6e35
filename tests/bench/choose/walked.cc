#include "tests/bench/choose/walked.h"

#include <algorithm>
#include <vector>

#include "compiler/ir/evaluate.h"
#include "compiler/passes/configure.h"
#include "compiler/passes/steer.h"

namespace weft::bench {
namespace {

using passes::FlowKey;

class Search {
 public:
  Search(const passes::Inputs& inputs, unsigned queues)
      : inputs_(inputs), nic_(inputs.nic), queues_(queues) {
    for (auto [v, end] = vertices(nic_.receive.g); v != end; ++v) {
      const ir::Node& node = nic_.receive.node(*v);
      if (node.kind == ir::NodeKind::wire) start_ = *v;
      if (node.config.table) room_.emplace_back(node.id, node.config.table->capacity);
    }
  }

  Walked run(unsigned gold_queues) {
    for (const ir::Flow& flow : inputs_.workload.flows) {
      const bool apart = gold_queues != 0 && flow.gold;
      const unsigned first = apart ? queues_ - gold_queues : 0;
      const unsigned last = apart || gold_queues == 0 ? queues_ : queues_ - gold_queues;
      place(flow, first, last);
    }
    return out_;
  }

 private:
  void place(const ir::Flow& flow, unsigned first, unsigned last) {
    placed_.push_back(&flow);
    const auto table =
        std::find_if(room_.begin(), room_.end(), [](const auto& t) { return t.second > 0; });
    if (table == room_.end()) return;  // the hash takes it
    --table->second;
    rules_.push_back(passes::flow_rule(inputs_, flow, table->first, first));
    double best = -1;
    unsigned queue = first;
    for (unsigned q = first; q < last; ++q) {
      rules_.back().queue = q;
      const double cost = cost_of_configuration();
      if (best >= 0 && cost >= best) continue;
      best = cost;
      queue = q;
    }
    rules_.back().queue = queue;
    out_.busiest = best;
  }

  // How full the fullest queue is; of two the same, where the loads differ less.
  double cost_of_configuration() {
    std::vector<double> load(queues_, 0.0);
    for (const ir::Flow* flow : placed_) load[arrives_at(*flow)] += flow->rate;
    double squares = 0, most = 0;
    for (const double l : load) {
      squares += l * l;
      most = std::max(most, l);
    }
    return most + squares * 1e-12;
  }

  unsigned arrives_at(const ir::Flow& flow) {
    ++out_.walks;
    const FlowKey key{flow.src, flow.src_port, inputs_.workload.local_address(flow), flow.dst_port};
    const auto value = [&](const std::string& name) { return value_of(key, name); };
    for (ir::Vertex v = start_;;) {
      const ir::Node& node = nic_.receive.node(v);
      unsigned port = 0;
      if (node.kind == ir::NodeKind::queue) return 0;
      if (node.kind == ir::NodeKind::match) {
        while (port + 1 < node.ports.size() && node.ports[port].when &&
               !ir::holds(node.ports[port].when, value))
          ++port;
      }
      if (node.config.table && ir::holds(node.config.table->applies, value)) {
        for (const auto& rule : rules_) {
          if (rule.table == node.id && matches(rule, key)) return rule.queue;
        }
      }
      if (node.config.table) port = nic_.receive.port(v, "miss").value_or(1);
      const auto next = nic_.receive.next(v, port);
      if (!next) return 0;
      v = *next;
    }
  }

  ir::Bits value_of(const FlowKey& key, const std::string& name) const {
    if (name == "eth.dst" || name == "host.mac") return inputs_.workload.host.mac;
    if (name.starts_with("knob.")) return 0;
    if (!name.starts_with("has ")) return passes::field_of(key, name);
    const ir::Header* header = inputs_.fields.header(name.substr(4));
    if (header == nullptr || !header->selected_by) return 1;
    return ir::evaluate(header->selected_by,
                        [&](const std::string& n) { return value_of(key, n); });
  }

  static bool matches(const plan::Filter& rule, const FlowKey& key) {
    return std::all_of(rule.match.begin(), rule.match.end(), [&](const auto& m) {
      return ((passes::field_of(key, m.first) ^ m.second.first) & m.second.second) == 0;
    });
  }

  const passes::Inputs& inputs_;
  const ir::NicModel& nic_;
  unsigned queues_;
  ir::Vertex start_ = 0;
  std::vector<std::pair<std::string, unsigned>> room_;
  std::vector<const ir::Flow*> placed_;
  std::vector<plan::Filter> rules_;
  Walked out_;
};

}  // namespace

Walked search_by_walking(const passes::Inputs& inputs, unsigned queues, unsigned gold_queues) {
  return Search(inputs, queues).run(gold_queues);
}

}  // namespace weft::bench
