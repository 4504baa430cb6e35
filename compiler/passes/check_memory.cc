#include "compiler/passes/check_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "compiler/plan/memory.h"
#include "compiler/plan/places.h"
#include "compiler/plan/segment_rules.h"
#include "compiler/plan/target.h"

namespace weft::passes {

namespace {

using plan::Region;

tl::unexpected<diag::Error> refuse_memory_of(std::string message) {
  return diag::fail(diag::Diagnostic{
      .code = "E0522", .message = std::move(message), .help = "compile the plan again"});
}

// Why packets of the endpoint do not belong on the queue.
std::string strays(const plan::Plan& plan, const std::vector<std::string>& group, unsigned endpoint,
                   unsigned queue) {
  if (endpoint >= plan.endpoints.size() || queue >= group.size()) return "";
  const ir::Endpoint& e = plan.endpoints[endpoint];
  const plan::Placed placed = plan::placed(plan, endpoint);
  const std::string its = placed.copies ? plan::everybodys : plan::group_of(e, placed.how);
  if (group[queue] == its) return "";
  return fmt::format(
      "packets of {} to queue {}, which fills the region of {}: they belong into "
      "that of {}",
      e.name, queue, group[queue], its);
}

// Why packets that the rule catches do not belong where it brings them. One for all of a protocol
// catches those of whoever speaks it, if not as a server then as a client; in everybody's region
// they may lie like what no rule matches.
std::string strays_by(const plan::Plan& plan, const std::vector<std::string>& group,
                      const plan::Filter& rule) {
  const auto endpoint = plan::endpoint_of(rule, plan);
  for (const unsigned queue : plan::queues_of(rule)) {
    std::string why = endpoint ? strays(plan, group, *endpoint, queue) : "";
    const bool anybodys =
        plan::about_whole_type(rule) && queue < group.size() && group[queue] != plan::everybodys;
    for (unsigned e = 0; anybodys && why.empty() && e < plan.endpoints.size(); ++e)
      if (!plan.endpoints[e].vacant() && plan.endpoints[e].tcp == plan::about_segments(rule))
        why = strays(plan, group, e, queue);
    if (!why.empty()) return why;
  }
  return "";
}

class MemoryCheck {
 public:
  MemoryCheck(const plan::Plan& plan, const Inputs& inputs) : plan_(plan), in_(inputs) {}

  diag::Result<void> run() {
    if (auto ok = queues(); !ok) return ok;
    if (auto ok = groups(); !ok) return ok;
    if (auto ok = rules(); !ok) return ok;
    if (auto ok = hash(); !ok) return ok;
    if (auto ok = processes(); !ok) return ok;
    return sizes();
  }

 private:
  // By queue, whose packets may lie in what it fills.
  diag::Result<void> queues() {
    const unsigned queues = plan_.configuration.rx_queues;
    group_.assign(queues, "");
    for (const Region& r : plan::receive_regions(plan_)) {
      for (const unsigned q : r.queues) {
        if (q < queues && group_[q].empty()) {
          group_[q] = r.name;
          continue;
        }
        return refuse_memory_of(
            fmt::format("memory: queue {} fills region {} and another one, or is not "
                        "there",
                        q, r.name));
      }
    }
    const auto none = std::find(group_.begin(), group_.end(), "");
    if (none == group_.end()) return {};
    return refuse_memory_of(fmt::format("memory: queue {} fills no region", none - group_.begin()));
  }

  // The workload's word, and not the plan's.
  diag::Result<void> groups() {
    for (const ir::Endpoint& e : in_.workload.endpoints) {
      trust_ = trust_ || !e.trust.empty();
      for (const ir::Endpoint& its : plan_.endpoints)
        if (!e.vacant() && its.name == e.name && its.trust != e.trust)
          return refuse_memory_of(
              fmt::format("memory: endpoint {} is of trust group `{}`, in the workload "
                          "of `{}`",
                          e.name, its.trust, e.trust));
    }
    return {};
  }

  diag::Result<void> lands(unsigned endpoint, unsigned queue, const std::string& what) const {
    const std::string why = strays(plan_, group_, endpoint, queue);
    if (why.empty()) return {};
    return refuse_memory_of(fmt::format("memory: {} brings {}", what, why));
  }

  diag::Result<void> rules() const {
    for (const plan::Filter& f : plan_.configuration.filters) {
      const std::string why = strays_by(plan_, group_, f);
      if (!why.empty())
        return refuse_memory_of(fmt::format("memory: rule {} brings {}", f.id, why));
    }
    for (const plan::FlowEntry& f : plan_.flows)
      if (auto ok = lands(f.endpoint, f.queue, "a known flow"); !ok) return ok;
    return {};
  }

  // What no rule matches is anybody's.
  diag::Result<void> hash() const {
    const auto& table = plan_.configuration.rss.table;
    std::set<unsigned> fed(table.begin(), table.end());
    if (fed.empty())
      for (unsigned q = 0; q < group_.size(); ++q) fed.insert(q);
    for (const unsigned q : fed) {
      if (q >= group_.size() || group_[q] == plan::everybodys) continue;
      return refuse_memory_of(
          fmt::format("memory: what no rule matches arrives on queue {}, which fills the "
                      "region of {}",
                      q, group_[q]));
    }
    return {};
  }

  diag::Result<void> processes() const {
    for (const plan::Placed& p : plan_.chosen.placement) {
      if (p.endpoint >= plan_.endpoints.size()) continue;
      const ir::Endpoint& e = plan_.endpoints[p.endpoint];
      if (p.process != plan::process_of(e, p.how))
        return refuse_memory_of(fmt::format("memory: endpoint {} runs {}, and its process is `{}`",
                                            e.name, ir::to_string(p.how), p.process));
      if (p.process.empty() || p.copies) continue;
      // Of its own, or everybody's where everybody trusts each other.
      const bool own = std::find(group_.begin(), group_.end(), p.process) != group_.end();
      if (!own && trust_)
        return refuse_memory_of(
            fmt::format("memory: process {} would map a region in which packets of "
                        "another trust group lie (endpoint {}, zero copy)",
                        p.process, e.name));
    }
    return {};
  }

  diag::Result<void> sizes() const {
    std::optional<unsigned> node;
    for (const Region& r : plan_.memory)
      if (r.node) node = r.node;
    const auto wanted = plan::regions_for(plan_, group_, node);
    for (const Region& r : wanted) {
      const Region* found = plan::find_region(plan_.memory, r.kind, r.name);
      if (found == nullptr)
        return refuse_memory_of(
            fmt::format("memory: there is nothing to {} for {}", plan::to_string(r.kind), r.name));
      if (*found != r)
        return refuse_memory_of(fmt::format(
            "memory: {} buffers of {} bytes to {} for {}; {} of {} are needed", found->buffers,
            found->bytes, plan::to_string(r.kind), r.name, r.buffers, r.bytes));
    }
    if (plan_.memory.size() == wanted.size()) return {};
    return refuse_memory_of("memory: there is a region that nobody needs");
  }

  const plan::Plan& plan_;
  const Inputs& in_;
  std::vector<std::string> group_;  // by queue
  bool trust_ = false;              // somebody has a group
};

}  // namespace

std::string astray(const plan::Plan& plan, const plan::Operation& o) {
  if (plan.memory.empty()) return "";
  using Op = plan::Operation::Kind;
  std::vector<std::string> group(plan.configuration.rx_queues);
  for (const Region& r : plan::receive_regions(plan))
    for (const unsigned q : r.queues) group.at(q) = r.name;
  switch (o.kind) {
    case Op::add_flow: return strays(plan, group, o.flow.endpoint, o.flow.queue);
    case Op::move_flow: return strays(plan, group, o.flow.endpoint, o.queue);
    case Op::create_rule: return strays_by(plan, group, o.filter);
    case Op::set_table:
      for (const auto& [index, queue] : o.entries)
        if (queue < group.size() && group[queue] != plan::everybodys)
          return fmt::format("what no rule matches to queue {}, which fills the region of {}",
                             queue, group[queue]);
      return "";
    default: return "";
  }
}

diag::Result<void> check_memory(const plan::Plan& plan, const Inputs& inputs) {
  return MemoryCheck(plan, inputs).run();
}

}  // namespace weft::passes
