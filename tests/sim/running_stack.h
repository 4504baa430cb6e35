// A stack that runs in virtual time, with the planner that changes it and a stream of numbered
// datagrams from a peer.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compiler/planner/planner.h"
#include "runtime/live/live.h"
#include "tests/sim/harness.h"
#include "tests/sim/stream_wire.h"

namespace weft::sim {

// A card that says no when it is told to.
class Grudging final : public ports::CardControl {
 public:
  explicit Grudging(ports::CardControl& card) : card_(card) {}
  int refuse_in = 0;  // 1: the next rule; 0: none

  std::string name() const override { return card_.name(); }
  int info(rte_eth_dev_info& i) override { return card_.info(i); }
  int configure(std::uint16_t r, std::uint16_t t, const rte_eth_conf& c) override {
    return card_.configure(r, t, c);
  }
  int set_mac(const rte_ether_addr& a) override { return card_.set_mac(a); }
  int set_promiscuous(bool on) override { return card_.set_promiscuous(on); }
  int set_allmulticast(bool on) override { return card_.set_allmulticast(on); }
  int rss_hash_update(const rte_eth_rss_conf& c) override { return card_.rss_hash_update(c); }
  int reta_update(std::span<const rte_eth_rss_reta_entry64> e, std::uint16_t size) override {
    return card_.reta_update(e, size);
  }
  int flow_validate(const rte_flow_attr& a, const rte_flow_item* i, const rte_flow_action* c,
                    rte_flow_error& e) override {
    return card_.flow_validate(a, i, c, e);
  }
  rte_flow* flow_create(const rte_flow_attr& a, const rte_flow_item* i, const rte_flow_action* c,
                        rte_flow_error& e) override {
    if (refuse_in != 0 && --refuse_in == 0) {
      e.message = "not today";
      rte_errno = ENOSPC;
      return nullptr;
    }
    return card_.flow_create(a, i, c, e);
  }
  int flow_destroy(rte_flow* f, rte_flow_error& e) override { return card_.flow_destroy(f, e); }
  int start() override { return card_.start(); }
  int stop() override { return card_.stop(); }
  ports::CardStats stats() override { return card_.stats(); }

 private:
  ports::CardControl& card_;
};

class Running {
 public:
  // The stack of this workload's plan; `streams`: of the peer, which knows no endpoint but the
  // first. (Flows of the workload among them are those from its address.)
  Running(passes::Inputs inputs, unsigned streams, bool generated);

  // Some datagrams come, and are dealt with in part.
  void pass(unsigned datagrams);
  // They wait in the card's queues.
  void arrive(unsigned datagrams);
  void settle();
  // The planner's list, on the stack; on failure both are where they were.
  bool carry_out(const diag::Result<planner::Operations>& list);
  // To the plan of another workload, as `weft apply` does it.
  bool become(const ir::Workload& workload);
  // Lookups of flows that found an entry, so far.
  std::uint64_t hits() const;
  std::uint64_t sent_by_known() const;
  std::set<std::string> on_card() const;
  static std::set<std::string> in_plan(const plan::Plan& plan);
  passes::FlowKey key_of(const StreamWire::Flow& flow) const;

  passes::Inputs in;
  plan::Plan start;
  std::unique_ptr<planner::Planner> planner;
  ports::VirtualClock time;
  std::unique_ptr<engine::Clock> clock;
  std::unique_ptr<engine::Pools> pools;
  std::unique_ptr<StreamWire> wire;
  std::unique_ptr<emulator::EmulatedCard> card;
  std::unique_ptr<Grudging> control;
  ports::AppliedRules rules;
  std::optional<engine::GeneratedObject> code;
  std::unique_ptr<engine::Engine> engine;
  std::unique_ptr<live::Live> live;
  std::set<std::uint16_t> moving, touched;  // by their ports
  std::uint64_t late = 0;                   // of those that do not move
  diag::Error why;

 private:
  void moves(const planner::Operations& list);
};

}  // namespace weft::sim
