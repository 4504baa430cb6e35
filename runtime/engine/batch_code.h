// Code as it is run: instruction by instruction, each for all packets that wait in front of it.
// Instructions lie behind those that they lead to (Code), so going through them from the last to
// the first meets every packet at every instruction on its way once. What an instruction does is
// one short loop over the batch, and what it costs to get there is paid once for all.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "runtime/engine/code.h"
#include "stack-nodes/core.h"

namespace weft::engine {

struct Batch;
struct Step;

// Carries a step out for the packets of the batch's list, and sends each on to where it goes next.
using Handler = void (*)(const Step& step, Batch& batch);

// A number: (load & mask) * times + plus, in 32 bits.
struct Operand {
  // Loads it for all packets of the list.
  using Fill = void (*)(const Batch& batch, unsigned offset, std::uint32_t* out);
  Instruction::Op op = Instruction::Op::other;
  Fill fill = nullptr;
  std::uint16_t offset = 0;
  std::uint32_t mask = 0, times = 1, plus = 0;
};

struct Step {
  Handler handler = nullptr;
  std::uint32_t yes = 0, no = 0;
  std::uint32_t index = 0;
  std::uint16_t offset = 0;
  Operand a, b;
  std::uint32_t low = 0, span = 0;  // of `a`
  const Instruction* whole = nullptr;
  const std::uint32_t* targets = nullptr;  // of a call, by port
};

// The packets of one run, and where they wait.
struct Batch {
  static constexpr unsigned capacity = PacketList::capacity;
  static_assert(capacity <= 64, "a set of packets is one word");
  using Set = std::uint64_t;

  Core* core = nullptr;
  TraceSink* trace = nullptr;
  const Code* code = nullptr;
  unsigned impossible = 0;  // took a way that does not exist

  // Those who are at the current step, in their order.
  Set here = 0;
  unsigned n = 0;
  std::array<Packet*, capacity> list;

  std::array<std::uint32_t, capacity> a, b;
  std::array<std::uint8_t, capacity> ports;

  // By instruction: who waits in front of it; and one bit for each instruction where somebody does.
  std::vector<Set> waiting;
  std::vector<std::uint64_t> waited_for;

  void send(std::uint32_t to, Set who) {
    waiting[to] |= who;
    waited_for[to / 64] |= std::uint64_t{1} << to % 64;
  }
};

class BatchCode {
 public:
  BatchCode() = default;
  explicit BatchCode(Code code);
  // (Moving leaves instructions and targets in their place.)
  BatchCode(BatchCode&&) = default;
  BatchCode& operator=(BatchCode&&) = default;

  // Runs n packets (at most Batch::capacity) from `at` to their ends, which are done to them as
  // well. Packets that meet at a node keep their order. Returns how many took a way that does not
  // exist, and were released.
  unsigned run(std::uint32_t at, Packet* packets, unsigned n, Core& core, TraceSink* trace);

  // From now on: what each instruction takes, in cycles of the time stamp counter. (By instruction;
  // a batch that the system interrupted is in it.)
  void time() { cycles_.resize(steps_.size()); }
  const std::vector<std::uint64_t>& cycles() const { return cycles_; }

 private:
  Code code_;
  std::vector<Step> steps_;
  std::vector<std::uint64_t> cycles_;  // empty: nobody wants to know
  Batch batch_;
};

}  // namespace weft::engine
