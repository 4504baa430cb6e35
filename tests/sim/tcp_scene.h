// A stack with TCP endpoints, and somebody at the end of its wire, in virtual time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/harness.h"
#include "tests/sim/timed_wire.h"

namespace weft::sim {

struct TcpSceneOptions {
  bool generated = false;
  std::uint64_t seed = 1;
  std::uint32_t connections = 0;  // of each queue; 0: what the runtime has
  unsigned frames = 0;            // in the pool; 0: what the runtime has
  Failures* failures = nullptr;   // of its allocations (failing_pool.h)
};

// The graph `host_ipv4` and a workload of tests/sim/workloads.
passes::Inputs tcp_inputs(const std::string& nic, const std::string& workload);

class TcpScene {
 public:
  using MakeWire = std::function<std::unique_ptr<TimedWire>(rte_mempool*, ports::VirtualClock&)>;
  // `plan` must outlive it. `app` serves all endpoints.
  TcpScene(const plan::Plan& plan, const passes::Inputs& in, const apps::Library& app,
           const MakeWire& wire, const TcpSceneOptions& options);
  ~TcpScene();

  // Until `over` says so. False: it was not within `limit_ns` from now.
  bool run(const std::function<bool()>& over, std::uint64_t limit_ns);
  // Connections that there are, in any state.
  std::uint32_t live() const;
  // By queue: connections that the peer opened there.
  std::vector<std::uint64_t> opened() const;
  // Queues that had some.
  unsigned queues_used() const;
  const ports::VirtualClock& time() const { return time_; }
  // Ends it. "": every packet is accounted for, and every buffer is back.
  std::string stop();
  // After stop().
  const observe::Snapshot& snapshot() const { return snapshot_; }

 private:
  template <class F>
  void each_tcp(F&& f) const;

  TcpSceneOptions options_;
  ports::VirtualClock time_;
  engine::Clock clock_;
  std::unique_ptr<engine::Pools> pools_;
  std::unique_ptr<TimedWire> wire_;
  std::unique_ptr<emulator::EmulatedCard> card_;
  ports::AppliedRules rules_;
  std::optional<engine::GeneratedObject> code_;
  std::unique_ptr<engine::Engine> engine_;
  observe::Snapshot snapshot_;
};

}  // namespace weft::sim
