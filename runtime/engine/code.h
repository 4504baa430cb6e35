// What the interpreter interprets: a residue as one list of small instructions. A comparison names
// the instruction to go on at for either answer, so that `&&`, `||`, the items of an `and` node and
// the ports of a `match` node are all the same jumps.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/engine/storage.h"
#include "stack-nodes/registry.h"

namespace weft::engine {

// A number to be had from a packet.
struct Value {
  // `wire_*`: inside has(), headers are where a card's parser finds them, behind one tag at most.
  enum class Base : std::uint8_t {
    constant,
    l2,
    l3,
    l4,
    wire_vlan,
    wire_l3,
    l3_room,
    l4_room,
    accessor,
    computed
  };
  Base base = Base::constant;
  std::uint8_t bytes = 0;  // of a load
  std::uint8_t shift = 0;  // to the right, after the load
  std::uint16_t offset = 0;
  std::uint32_t index = 0;  // computed: into Code::computed
  std::uint64_t mask = ~std::uint64_t{0};
  std::uint64_t constant = 0;
  Accessor accessor = nullptr;
};

struct Computed {
  enum class Calc : std::uint8_t { bit_and, bit_or, add, sub, shl, shr, boolean };
  Calc calc = Calc::add;
  bool wide = false;  // 64 bits instead of 32
  Value a, b;
  std::uint32_t entry = 0;  // boolean: the instruction where it begins
};

struct Comparison {
  enum class Sign : std::uint8_t { eq, ne, lt, le, gt, ge };
  Sign sign = Sign::eq;
  Value a, b;
};

using Body = decltype(nodes::Entry::run_each);

struct Instruction {
  enum class Op : std::uint8_t {
    // Is the number in [low, low + span]? The hot cases by where it is loaded from.
    length,     // Packet::len
    ethertype,  // this and the next two: stack-nodes/wire/access.h
    l3_room,
    l4_room,
    ip_cksum,  // what the card says
    l4_cksum,
    member_1,  // a member of Packet, at `offset` in there
    member_2,
    l2_2,
    l2_6,
    l3_1,
    l3_2,
    l3_4,
    l4_1,
    l4_2,
    other,    // values[index]
    compare,  // comparisons[index]
    // What a node does, or goes on to.
    call,   // a body; goes on at targets[index + the port it takes]
    test,   // a body; port 0 is yes
    count,  // counters[index], then goes on at yes
    trace,  // calls the trace with vertex `index` and port `offset`, then goes on at yes
    // The ends of a packet's way.
    release,
    deliver,
    transmit,
    impossible,
    // The ends of a predicate.
    answer_yes,
    answer_no,
  };
  Op op = Op::release;
  std::uint8_t shift = 0;
  std::uint16_t offset = 0;
  std::uint32_t index = 0;
  std::uint32_t yes = 0, no = 0;
  std::uint64_t mask = 0;
  std::uint64_t low = 0, span = 0;
  Body body = nullptr;
};

// The instruction that loads this value by itself (offset, shift and mask set); `other` when there
// is none.
Instruction load_of(const Value& v);

struct Code {
  std::vector<Instruction> instructions;
  std::vector<Value> values;
  std::vector<Comparison> comparisons;
  std::vector<Computed> computed;
  std::vector<std::uint32_t> targets;
};

// Told of every node on a packet's way with the port taken; ~0u at its end.
class TraceSink {
 public:
  virtual ~TraceSink() = default;
  virtual void step(std::uint32_t vertex, unsigned port, const Packet& p) = 0;
};
inline constexpr std::uint16_t no_port = 0xffff;  // Instruction::offset of a trace: ~0u

// The result of a calculation that is no boolean.
std::uint64_t calculate(const Computed& c, std::uint64_t a, std::uint64_t b);

// The number, or the truth of the comparison. (Any of them: batch_code.h has the quick ones.)
std::uint64_t value_of(const Code& code, const Value& v, const Packet& p, const Core& core);
bool compare(const Code& code, const Comparison& c, const Packet& p, const Core& core);
// Runs the predicate that begins at `at`.
bool holds(const Code& code, std::uint32_t at, const Packet& p, const Core& core);

}  // namespace weft::engine
