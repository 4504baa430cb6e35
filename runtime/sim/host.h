// A host without card and clock: the protocol graph, run by the interpreter on one core's state,
// with buffers that are counted. Frames come in and go out one at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "runtime/engine/interpreter.h"
#include "runtime/sim/weft_sim.h"
#include "stack-nodes/core.h"
#include "stack-nodes/tcp/machine/stack.h"

namespace weft::sim {

class Host final : public Services {
 public:
  // Errors: those of reading the graph and of the interpreter.
  static diag::Result<std::unique_ptr<Host>> make(const weft_sim_config& config);
  ~Host() override;

  int add_address(std::uint32_t address, std::uint32_t prefix_length);
  int add_neighbour(std::uint32_t address, const std::uint8_t* mac);
  int receive(const std::uint8_t* frame, std::uint32_t bytes);
  std::uint32_t transmit(std::uint8_t* frame, std::uint32_t room);
  std::uint64_t next_timer_ns() const;
  void advance(std::uint64_t now_ns);
  // Runs what connections want to send, and all that follows. Before it tells of events by calling
  // nothing: who owns connections asks tcp() for them.
  void settle();

  tcp::Tcp& tcp() { return *tcp_; }
  const tcp::Tcp& tcp() const { return *tcp_; }
  const Core& core() const { return *core_; }
  Random& random() { return core_->random; }
  std::uint64_t now_ns() const { return core_->now_ns; }
  const weft_sim_config& config() const { return config_; }
  std::uint32_t live_buffers() const { return static_cast<std::uint32_t>(live_.size()); }
  std::uint64_t received = 0, transmitted = 0, no_buffer = 0, ring_full = 0;
  // Packets by drop reason of the graph.
  std::vector<std::pair<std::string, std::uint64_t>> drops() const;
  // For what else is allocated: false where it must fail (config.fail_allocation_at).
  bool may_allocate();

  bool allocate(Packet& p, std::uint32_t room) override;
  void free_buffer(void* buffer) override;
  void nobody_there(const Packet& p) override;
  bool tell_neighbour(std::uint32_t, std::uint64_t, bool) override { return true; }
  bool tell_path(std::uint32_t, std::uint16_t) override { return true; }
  bool hand_over(nodes::Slot, unsigned, Packet&) override { return false; }

 private:
  struct Graph;
  struct Buffer;
  explicit Host(const weft_sim_config& config) : config_(config) {}
  static diag::Result<const Graph*> graph();
  diag::Result<void> build();
  void run_slot(std::size_t slot);
  unsigned send_segments();

  weft_sim_config config_;
  const Graph* graph_ = nullptr;
  std::unique_ptr<Core> core_;
  std::unique_ptr<tcp::Tcp> tcp_;
  std::unique_ptr<engine::Interpreter> interpreter_;
  std::vector<std::uint64_t> counts_;
  std::set<void*> live_;
  std::deque<std::vector<std::uint8_t>> out_;
  std::uint64_t allocations_ = 0;
  std::uint64_t next_age_ns_ = 0;
};

}  // namespace weft::sim
