// A stack put together from its parts, in the order in which they need each other, and taken apart
// in the reverse one.
#pragma once

#include <list>
#include <memory>
#include <string>

#include "runtime/emulator/emulated_card.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/region_pools.h"
#include "runtime/live/live.h"
#include "runtime/live/requests.h"
#include "runtime/observe/snapshot.h"
#include "runtime/ports/ethdev_control.h"
#include "runtime/ports/ethdev_wire.h"
#include "runtime/ports/pci_port.h"
#include "runtime/ports/ring_port.h"
#include "runtime/ports/sim_wire.h"
#include "runtime/ports/translate.h"
#include "runtime/tool/load.h"
#include "runtime/tool/options.h"

namespace weft::tool {

class Stack {
 public:
  // DPDK is up. `loaded`, `options` and `code` must outlive the stack.
  static diag::Result<std::unique_ptr<Stack>> make(const Loaded& loaded,
                                                   const RuntimeOptions& options,
                                                   const engine::GeneratedObject* code);
  ~Stack();

  engine::Engine& engine() { return *engine_; }
  // Changes of what runs; by one thread.
  live::Live& live() { return *live_; }
  // What its applications ask for; there where time is real.
  live::Requests& requests() { return *requests_; }
  ports::Wire* wire() { return wire_; }  // null when a port is used directly
  ports::SimWire* sim() { return sim_.get(); }
  const ports::PciPort* pci() const { return pci_.get(); }
  ports::VirtualClock& virtual_clock() { return virtual_clock_; }
  const engine::Clock& clock() const { return *clock_; }

  // Why the device is gone; "" while it is there.
  std::string failure() const;
  observe::Snapshot snapshot(bool running);
  // Ends everything; counters stay readable. Called once.
  void stop();

 private:
  Stack(const Loaded& loaded, const RuntimeOptions& options) : loaded_(loaded), options_(options) {}
  diag::Result<void> make_wire();
  diag::Result<void> make_port();
  diag::Result<void> make_card();
  void make_live();

  const Loaded& loaded_;
  const RuntimeOptions& options_;
  ports::VirtualClock virtual_clock_;
  std::unique_ptr<engine::Clock> clock_;
  std::unique_ptr<engine::RegionPools> regions_;
  engine::Pools* pools_ = nullptr;  // for what is nobody's alone
  std::unique_ptr<ports::Vdev> port_;
  std::unique_ptr<ports::RingPort> ring_port_;
  std::unique_ptr<ports::PciPort> pci_;
  std::unique_ptr<ports::WireLosses> losses_;  // of the port, until its card has them
  ports::DeviceWatch port_watch_;
  std::unique_ptr<ports::EthdevWire> ethdev_;
  std::unique_ptr<ports::SimWire> sim_;
  ports::Wire* wire_ = nullptr;
  std::unique_ptr<ports::Card> card_;
  ports::AppliedRules rules_;
  std::unique_ptr<live::Requests> requests_;
  std::unique_ptr<engine::Engine> engine_;
  std::list<engine::GeneratedObject> later_code_;  // of residues that came while it ran
  std::unique_ptr<live::Live> live_;
  std::string engine_kind_;
  bool stopped_ = false;
};

}  // namespace weft::tool
