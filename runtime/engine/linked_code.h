// Code as it is run. Every instruction knows the function that carries it out and the instructions
// that may come next; the function calls the next one's as its last act, which compilers turn into
// a jump. Numbers to compare with lie where the load finds them, so that nothing is shifted.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/engine/code.h"

namespace weft::engine {

// What all instructions of one packet's way share.
struct Walk {
  Packet& p;
  Core& core;
  const Code& code;
  TraceSink* trace = nullptr;
};

struct Linked;
// `l2`, `l3`, `l4`: where the headers begin; only bodies of nodes move them. False: the packet took
// a way that does not exist, and was released.
using Handler = bool (*)(const Linked* i, Walk& walk, const std::uint8_t* l2,
                         const std::uint8_t* l3, const std::uint8_t* l4);

// One side of a comparison that has an instruction's load: ((load & mask) >> right) << left.
struct Operand {
  Instruction::Op op = Instruction::Op::other;
  std::uint8_t right = 0, left = 0;
  std::uint16_t offset = 0;
  std::uint64_t mask = 0;
};

struct alignas(64) Linked {
  Handler handler = nullptr;
  const Linked* yes = nullptr;
  const Linked* no = nullptr;
  std::uint64_t mask = 0, low = 0, span = 0;
  std::uint16_t offset = 0;
  std::uint32_t index = 0;
  Body body = nullptr;
  const Linked* const* targets = nullptr;  // of a call, by port
  Operand a, b;                            // of a comparison
};

class LinkedCode {
 public:
  LinkedCode() = default;
  explicit LinkedCode(Code code);
  // (Moving leaves the instructions in their place.)
  LinkedCode(LinkedCode&&) = default;
  LinkedCode& operator=(LinkedCode&&) = default;

  // Runs one packet from `at` to its end, which is done to it as well. False: it took a way that
  // does not exist, and was released.
  bool run(std::uint32_t at, Packet& p, Core& core, TraceSink* trace) const;

 private:
  Code code_;
  std::vector<Linked> instructions_;
  std::vector<const Linked*> targets_;
};

}  // namespace weft::engine
