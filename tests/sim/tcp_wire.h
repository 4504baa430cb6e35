// A wire with a host at its end that opens connections: another TCP of ours in the simulation port
// (runtime/sim), each frame of which may be lost, doubled or late both ways. It sends streams to an
// echo and to discard, and compares what comes back byte by byte.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "runtime/ports/sim_wire.h"
#include "runtime/sim/weft_sim.h"
#include "tests/sim/frames.h"
#include "tests/sim/timed_wire.h"

namespace weft::sim {

struct TcpWireOptions {
  std::uint64_t seed = 1;
  unsigned connections = 24;
  std::uint32_t most_bytes = 60'000;         // of a stream
  unsigned loss = 20, twice = 5, late = 20;  // of 1,000 frames
};

class TcpWire final : public TimedWire {
 public:
  // 10.7.0.1 to the echo (port 7) and discard (9) of 10.7.0.2. `clock` must outlive it.
  TcpWire(rte_mempool* pool, const ports::VirtualClock& clock, const TcpWireOptions& options);
  ~TcpWire() override;

  // Lets the applications at its end work. True: something moved.
  bool work() override;
  // When something happens at its end by itself; ~0: never.
  std::uint64_t next_ns() const override;
  // All streams have come to their ends, and both sides have been told.
  bool done() const { return open_ == 0; }
  // "": all that has come was right.
  const std::string& wrong() const { return wrong_; }
  // What the host at its end has dropped for a checksum.
  std::uint64_t wrong_checksums() const;
  std::uint64_t bytes() const { return bytes_; }
  // Connections that it has opened to this port.
  unsigned opened(std::uint16_t port) const;
  std::uint64_t lost() const { return lost_; }  // frames, both ways

  const std::string& name() const override { return name_; }
  std::uint16_t receive(rte_mbuf** frames, std::uint16_t n) override;
  std::uint16_t transmit(rte_mbuf** frames, std::uint16_t n) override;
  ports::WireCounters counters() const override { return counters_; }

 private:
  struct End {
    int fd = -1;
    bool echo = true, shut = false, closed = false;
    std::uint32_t bytes = 0, sent = 0, got = 0;
    std::uint32_t seed = 0;
    std::uint8_t byte(std::uint32_t place) const {
      return static_cast<std::uint8_t>((place + seed) * 2654435761u >> 13);
    }
  };
  bool use(End& end);
  bool write(End& end);
  bool read(End& end);
  void send_frames();
  void fly(std::multimap<std::uint64_t, Bytes>& way, Bytes frame);

  std::string name_ = "tcp";
  rte_mempool* pool_;
  const ports::VirtualClock& clock_;
  TcpWireOptions options_;
  std::mt19937_64 random_;
  weft_sim* host_ = nullptr;
  std::vector<End> ends_;
  std::multimap<std::uint64_t, Bytes> to_stack_, to_host_;  // by the time at which they arrive
  unsigned open_ = 0;
  std::uint64_t bytes_ = 0, lost_ = 0;
  std::string wrong_;
  ports::WireCounters counters_;
};

}  // namespace weft::sim
