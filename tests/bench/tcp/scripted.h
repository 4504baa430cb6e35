// Requests without a kernel: a wire with a peer at its end that is a table of connections, all of
// which ask again and again. What a stack executes for each of them can then be counted.
#pragma once

#include <rte_mempool.h>

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "runtime/ports/wire.h"

namespace weft::bench {

class ScriptedWire final : public ports::Wire {
 public:
  ScriptedWire(rte_mempool* pool, unsigned connections, std::uint64_t requests);

  const std::string& name() const override { return name_; }
  std::uint16_t receive(rte_mbuf** frames, std::uint16_t n) override;
  std::uint16_t transmit(rte_mbuf** frames, std::uint16_t n) override;
  ports::WireCounters counters() const override { return counters_; }
  // All requests are answered.
  bool done() const { return answered_ == wanted_; }

 private:
  using Frame = std::vector<std::uint8_t>;
  struct Peer {
    std::uint32_t next = 1000;  // sequence number
    std::uint32_t expected = 0;
    bool open = false;
  };
  void arrived(const std::uint8_t* frame, std::size_t length);
  void say(unsigned connection, std::uint8_t flags, unsigned bytes);

  std::string name_ = "scripted";
  rte_mempool* pool_;
  std::vector<Peer> peers_;
  std::deque<Frame> waiting_;
  std::uint64_t wanted_, asked_ = 0, answered_ = 0;
  ports::WireCounters counters_;
};

// "lwip", or the file of a plan for the card `none`, whose generated code is run: until all
// requests are answered.
int run_scripted(const std::string& plan, unsigned connections, std::uint64_t requests);
// The functions whose instructions count, for count_instructions.
std::vector<std::string> counted_functions(const std::string& who);

}  // namespace weft::bench
