// The receive graph of a card, walked node by node for every frame: wire -> match, reports, filter
// tables, RSS -> queue or drop.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/nic_model.h"
#include "runtime/emulator/checksums.h"
#include "runtime/emulator/filters.h"
#include "runtime/emulator/policy.h"
#include "runtime/emulator/rss.h"

namespace weft::emulator {

class Receiver {
 public:
  struct Drop {
    std::string reason;      // node of the card's graph
    std::string stands_for;  // the protocol graph's drop
  };
  struct Outcome {
    std::optional<unsigned> drop;  // index into drops(); otherwise the packet goes to `queue`
    std::uint16_t queue = 0;
    Answers answers;
    bool unfinished = false;  // the checksum is to be handed over as its sender left it
    std::optional<std::uint32_t> hash;
    std::optional<std::uint32_t> mark;
  };

  // Errors: E0640 to E0642 (see the units); E0643, a graph that can't be walked (no wire, a port
  // that leads nowhere, a cycle, a kind of node that cards don't have).
  static diag::Result<std::unique_ptr<Receiver>> make(const ir::NicModel& model,
                                                      const Names& names);

  const std::vector<Drop>& drops() const { return drops_; }
  Filters& filters() { return *filters_; }
  Rss* rss() { return rss_ ? &*rss_ : nullptr; }

  // `index` numbers the frames, for the policy.
  Outcome receive(const Frame& frame, std::uint64_t index, const CardState& state,
                  const DescriptorPolicy& policy) const;

 private:
  std::uint16_t of_group(const Rule& rule, const ir::QueueGroups& groups, const Frame& frame,
                         std::uint64_t index, const CardState& state,
                         const DescriptorPolicy& policy) const;

  enum class Kind { pass, match, report, table, rss, queue, drop };
  struct Step {
    Kind kind = Kind::pass;
    unsigned unit = 0;            // reporter, table, drop
    std::vector<Predicate> when;  // match: one for each port; the one without a predicate is last
    std::vector<unsigned> next;   // match: one for each port; table: hit, miss
    unsigned filter_drop = 0;     // table: where rules with a drop action count
  };

  diag::Result<void> add(const ir::Graph& graph, ir::Vertex v, const Names& names,
                         std::vector<FilterTable>& tables);
  diag::Result<void> add_match(const ir::Graph& graph, ir::Vertex v, const Names& names,
                               Step& step);
  diag::Result<void> add_config(const ir::Graph& graph, ir::Vertex v, const Names& names,
                                std::vector<FilterTable>& tables, Step& step);
  unsigned add_drop(std::string reason, std::string stands_for);

  std::vector<Step> steps_;  // by vertex
  unsigned entry_ = 0;
  std::vector<Reporter> reporters_;
  std::unique_ptr<Filters> filters_;
  std::optional<Rss> rss_;
  std::vector<Drop> drops_;
};

}  // namespace weft::emulator
