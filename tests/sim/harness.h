// A whole stack in one thread and in virtual time: simulated wire, emulated card, engine. Frames in
// with their times, frames and counters out; same inputs, same bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/passes/pipeline.h"
#include "runtime/emulator/emulated_card.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/region_pools.h"
#include "runtime/observe/balance.h"
#include "runtime/ports/sim_wire.h"
#include "runtime/ports/translate.h"
#include "tests/sim/failing_pool.h"
#include "tests/sim/narrow_card.h"

namespace weft::sim {

using Bytes = std::vector<std::uint8_t>;

// DPDK's environment, once for each process: no PCI, no huge pages, nothing left behind.
void start_dpdk();
// In a forked child: DPDK's memory is shared with the parent; from here on it is a copy.
void own_dpdk_memory();

// Prints the diagnostics and ends the process: for what a test can't go on without.
template <class T>
T must(diag::Result<T> result) {
  if (!result) {
    std::fputs(diag::render(result.error(), false).c_str(), stderr);
    std::abort();
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// The shipped graph, a model of nicmodels/ and a workload of tests/sim/workloads.
passes::Inputs inputs(const std::string& nic, const std::string& workload);
extern const std::vector<std::string> nics;

// The protocol graph itself as the only residue, for a card that does nothing: what is to happen.
passes::Inputs reference_inputs(const passes::Inputs& inputs);
plan::Plan reference_plan(const passes::Inputs& inputs);

// The generated code of a plan, built as this program is: with its sanitizers, where it has some.
diag::Result<engine::GeneratedObject> code_of(const plan::Plan& plan, const passes::Inputs& inputs);

// What happened to one packet on its way through a residue.
struct Walked {
  unsigned queue = 0;
  std::string entry;              // "rx", or the node it began at
  std::vector<std::string> path;  // node ids; the last one is its end
  // Deliveries only.
  unsigned endpoint = 0;
  bool connected = false;
  FlowKey about;  // of an ICMP error: the flow whose datagram it quotes
};

struct StackOptions {
  bool generated = false;
  emulator::DescriptorPolicy policy;
  std::uint64_t seed = 1;
  bool trace = false;        // interpreter only: fills Stack::walks
  bool one_by_one = false;   // interpreter only: in the order of generated code
  std::uint16_t narrow = 0;  // frames that the card sends between two polls, 0: all (narrow_card.h)
  bool odd_buffers = false;  // in buffers of every shape (guarded_wire.h)
  bool guarded = false;      // frames in buffers of their own (guarded_wire.h)
  // For tests of what runs out: see failing_pool.h; 0 and true are what the runtime does.
  Failures* failures = nullptr;
  unsigned frames = 0;            // in each pool
  unsigned ring_size = 1024;      // of the card's queues
  bool wait_for_room = true;      // the card takes nothing from the wire while a queue is full
  const weft_app* app = nullptr;  // null: echo.h
};

// How often each end (drop or endpoint) was reached so far, in the card and in the stack.
using Ends = std::map<std::string, std::uint64_t>;

class Stack {
 public:
  // Errors: those of the card, the translator, the engine and the generator.
  static diag::Result<std::unique_ptr<Stack>> make(const plan::Plan& plan,
                                                   const passes::Inputs& inputs,
                                                   std::vector<ports::Frame> in,
                                                   StackOptions options);
  ~Stack();

  // Until the wire has nothing more and `after_ns` more have passed. `settled` is called each time
  // that everything which came so far is dealt with.
  void run(std::uint64_t after_ns, const std::function<void()>& settled = {});

  Ends ends() const;
  // The same, quickly, by the numbers that the process gave to the names.
  std::vector<std::uint64_t> marks() const;
  static std::string name_of_mark(std::size_t number);
  // Counts of every port ("udp_ok.yes") and every end ("drop_eth_type"), all queues together.
  std::map<std::string, std::uint64_t> coverage() const;
  const std::vector<ports::Frame>& out() const { return wire_->out(); }
  std::vector<Walked> walks;

  // Stops the engine; counters stay. No buffer may be in use afterwards.
  observe::Snapshot stop();
  unsigned buffers_in_use() const;
  // An application that takes time moves it on.
  ports::VirtualClock& time() { return virtual_; }

 private:
  Stack() = default;
  void follow(const engine::Shard& shard, engine::Program& program);
  template <class F>
  void each_program(F&& f) const;
  void number_marks();

  const plan::Plan* plan_ = nullptr;
  StackOptions options_;
  ports::VirtualClock virtual_;
  std::unique_ptr<engine::Clock> clock_;
  std::unique_ptr<engine::RegionPools> regions_;
  engine::Pools* pools_ = nullptr;  // of the first queue's region
  std::unique_ptr<ports::SimWire> wire_;
  std::unique_ptr<ports::Wire> guard_;  // in front of it; may be null
  std::unique_ptr<emulator::EmulatedCard> card_;
  std::unique_ptr<NarrowCard> narrow_;
  ports::AppliedRules rules_;
  std::optional<engine::GeneratedObject> code_;
  std::unique_ptr<engine::Engine> engine_;
  std::vector<std::vector<std::size_t>> mark_of_vertex_;  // by program
  std::vector<std::size_t> mark_of_drop_;                 // of the card
  bool stopped_ = false;
};

}  // namespace weft::sim
