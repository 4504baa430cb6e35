// What the workload asks of the queues that packets arrive on, read again for the proof: by queue,
// whose packets the plan's flows and rules bring there, and what speaks against others'.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "compiler/passes/pipeline.h"

namespace weft::passes {

// Packets to one endpoint that ask for the same: a flow's, a set's, or whatever else comes to it.
struct Asking {
  unsigned endpoint = 0;
  bool gold = false;
  std::optional<ir::QueueRange> queues;
  diag::Span span;  // the line that asks for them
};
Asking asking(const ir::Workload& workload, const ir::Flow& flow);
Asking asking(const ir::Workload& workload, const ir::FlowSet& set);
Asking asking(const ir::Workload& workload, unsigned endpoint);

// A wish that is not kept.
struct Breach {
  std::string why;      // "queue 1 is for a alone"
  diag::Span wish;      // its line
  bool others = false;  // the packets have a right to be there: others do not
};

class Wishes {
 public:
  Wishes(const plan::Plan& plan, const Inputs& inputs);

  // Why such packets may not arrive on the queue. `expected`: the workload says that they come;
  // for others nothing is asked but what keeps them from those who want queues for themselves (and
  // from whoever may not see them).
  std::optional<Breach> against(const Asking& packets, unsigned queue, bool expected) const;
  // Of a queue and all that flows and rules bring there: it is run by the core that they ask for,
  // and polled first where one of them is of the priority class.
  std::optional<Breach> against_core(const Asking& packets, unsigned queue) const;

  // Who comes to the queue by name.
  struct User {
    unsigned endpoint = 0;
    bool gold = false;
    auto operator<=>(const User&) const = default;
  };
  const std::set<User>& users(unsigned queue) const { return users_[queue]; }
  unsigned queues() const { return static_cast<unsigned>(users_.size()); }

 private:
  // A set's sources, its endpoint and port there.
  using SetKey = std::tuple<unsigned, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t>;

  void rules(const plan::Plan& plan);
  void hash(const plan::Plan& plan, const Inputs& inputs);
  const ir::Endpoint& endpoint(unsigned e) const { return workload_.endpoints[e]; }
  bool first(bool gold) const { return gold && workload_.policy == ir::Policy::gold; }
  std::optional<Breach> between(const Asking& packets, const User& other, unsigned queue) const;

  const ir::Workload& workload_;
  std::vector<std::set<User>> users_;  // by queue
  std::vector<bool> hashed_;           // what no rule matches may arrive there
  std::vector<std::optional<unsigned>> core_;
  std::vector<bool> first_;         // its core polls it before others
  std::vector<std::string> group_;  // whose packets it carries (plan/memory.h)
  std::vector<std::string> its_;    // by endpoint, whose its own are
};

}  // namespace weft::passes
