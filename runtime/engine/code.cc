#include "runtime/engine/code.h"

#include "runtime/engine/loads.h"
#include "stack-nodes/core.h"
#include "stack-nodes/packet.h"
#include "stack-nodes/wire/access.h"
#include "stack-nodes/wire/bytes.h"

namespace weft::engine {
namespace {

using Op = Instruction::Op;

std::uint64_t load(const std::uint8_t* at, unsigned bytes) {
  switch (bytes) {
    case 1: return *at;
    case 2: return wire::load16(at);
    case 4: return wire::load32(at);
    case 6: return wire::load48(at);
    default: break;
  }
  std::uint64_t value = 0;
  for (unsigned i = 0; i < bytes; ++i) value = value << 8 | at[i];
  return value;
}

std::uint64_t compute(const Code& code, const Computed& c, const Packet& p, const Core& core) {
  if (c.calc == Computed::Calc::boolean) return holds(code, c.entry, p, core) ? 1 : 0;
  return calculate(c, value_of(code, c.a, p, core), value_of(code, c.b, p, core));
}

}  // namespace

std::uint64_t value_of(const Code& code, const Value& v, const Packet& p, const Core& core) {
  const std::uint8_t* base = p.data;
  switch (v.base) {
    case Value::Base::constant: return v.constant;
    case Value::Base::l3_room: return wire::l3_room(p) & v.mask;
    case Value::Base::l4_room: return wire::l4_room(p) & v.mask;
    case Value::Base::accessor: return v.accessor(p, core) & v.mask;
    case Value::Base::computed: return compute(code, code.computed[v.index], p, core);
    case Value::Base::l2: break;
    case Value::Base::l3: base += p.l3; break;
    case Value::Base::l4: base += p.l4; break;
    case Value::Base::wire_vlan: base += 14; break;
    case Value::Base::wire_l3: base += wire::load16(p.data + 12) == 0x8100 ? 18 : 14; break;
  }
  return load(base + v.offset, v.bytes) >> v.shift & v.mask;
}

bool compare(const Code& code, const Comparison& c, const Packet& p, const Core& core) {
  const std::uint64_t a = value_of(code, c.a, p, core), b = value_of(code, c.b, p, core);
  switch (c.sign) {
    case Comparison::Sign::eq: return a == b;
    case Comparison::Sign::ne: return a != b;
    case Comparison::Sign::lt: return a < b;
    case Comparison::Sign::le: return a <= b;
    case Comparison::Sign::gt: return a > b;
    case Comparison::Sign::ge: break;
  }
  return a >= b;
}

namespace {

// Runs comparisons from `at` until something else comes; returns where that is.
inline std::uint32_t decide(const Code& code, std::uint32_t at, const Packet& p, const Core& core) {
  const Instruction* all = code.instructions.data();
  for (;;) {
    const Instruction& i = all[at];
    std::uint64_t v = 0;
    switch (i.op) {
      case Op::other: v = value_of(code, code.values[i.index], p, core); break;
      case Op::compare:
        at = compare(code, code.comparisons[i.index], p, core) ? i.yes : i.no;
        continue;
      default:
        if (!is_load(i.op)) return at;
        v = load(i.op, i.offset, p);
    }
    at = (v >> i.shift & i.mask) - i.low <= i.span ? i.yes : i.no;
  }
}

}  // namespace

std::uint64_t calculate(const Computed& c, std::uint64_t a, std::uint64_t b) {
  const unsigned width = c.wide ? 64 : 32;
  std::uint64_t result = 0;
  switch (c.calc) {
    case Computed::Calc::bit_and: return a & b;
    case Computed::Calc::bit_or: return a | b;
    case Computed::Calc::add: result = a + b; break;
    case Computed::Calc::sub: result = a - b; break;
    case Computed::Calc::shl: result = b < width ? a << b : 0; break;
    case Computed::Calc::shr: result = b < width ? a >> b : 0; break;
    case Computed::Calc::boolean: break;
  }
  return c.wide ? result : result & 0xffffffff;
}

bool holds(const Code& code, std::uint32_t at, const Packet& p, const Core& core) {
  return code.instructions[decide(code, at, p, core)].op == Op::answer_yes;
}

}  // namespace weft::engine
