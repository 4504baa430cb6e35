// Queue regions of net_i40e. A rule that says a protocol and names several queues is none for
// rte_flow there (i40e_hash.c: "RSS Queues not supported when pattern specified"): the driver has
// calls of its own for it (rte_pmd_i40e.h), which come after the port's start, count for it as a
// whole and go with its stop.
#pragma once

#include <rte_flow.h>
#include <rte_pmd_i40e.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace weft::ports {

class QueueRegions {
 public:
  using Call = int (*)(std::uint16_t port, rte_pmd_i40e_queue_region_op what, void* arg);
  // The driver's; null where it is not loaded. (It is a plug-in of DPDK: nothing links with it.)
  static Call of_driver();

  QueueRegions(std::uint16_t port, Call call) : port_(port), call_(call) {}

  // A protocol and nothing else, and several queues?
  static bool is_one(const rte_flow_item* items, const rte_flow_action* actions);

  // What is in no region is brought by it: the first region is as large as its queues.
  void set_table(std::vector<std::uint16_t> table) { table_ = std::move(table); }

  // As rte_flow_validate, rte_flow_create and rte_flow_destroy do. Pre: is_one(items, actions).
  int validate(const rte_flow_item* items, const rte_flow_action* actions, unsigned queues,
               rte_flow_error& error) const;
  rte_flow* create(const rte_flow_item* items, const rte_flow_action* actions, unsigned queues,
                   rte_flow_error& error);
  // The driver takes back all at once: those that stay are set again, and what is for them comes by
  // the table as long as that takes.
  int destroy(rte_flow* flow, rte_flow_error& error);
  bool has(const rte_flow* flow) const;

  void forget() { set_.clear(); }  // the port was stopped

 private:
  struct Region {
    std::uint8_t type = 0;  // PCTYPE
    std::uint8_t first = 0, queues = 0;
    bool same_queues(const Region& other) const {
      return first == other.first && queues == other.queues;
    }
  };
  static std::optional<Region> region_of(const rte_flow_item* items,
                                         const rte_flow_action* actions);
  int call(rte_pmd_i40e_queue_region_op what, std::uint8_t region, const Region& of) const;
  int add(const Region& region);
  int set_again();

  std::uint16_t port_;
  Call call_;
  std::vector<std::uint16_t> table_;
  std::vector<std::unique_ptr<Region>> set_;
};

}  // namespace weft::ports
