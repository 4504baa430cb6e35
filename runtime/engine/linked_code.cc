#include "runtime/engine/linked_code.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "stack-nodes/core.h"
#include "stack-nodes/packet.h"
#include "stack-nodes/wire/access.h"
#include "stack-nodes/wire/bytes.h"

namespace weft::engine {
namespace {

using Op = Instruction::Op;
using Sign = Comparison::Sign;
using Bytes = const std::uint8_t*;

template <class T>
std::uint64_t member(const Packet& p, unsigned offset) {
  T value;
  std::memcpy(&value, reinterpret_cast<Bytes>(&p) + offset, sizeof(T));
  return value;
}

inline std::uint64_t load(Op op, unsigned offset, const Packet& p, Bytes l2, Bytes l3, Bytes l4) {
  switch (op) {
    case Op::length: return p.len;
    case Op::ethertype: return wire::load16(l3 - 2);
    case Op::l3_room: return wire::l3_room(p);
    case Op::l4_room: return wire::l4_room(p);
    case Op::ip_cksum: return static_cast<std::uint64_t>(ip_cksum(p));
    case Op::l4_cksum: return static_cast<std::uint64_t>(l4_cksum(p));
    case Op::member_1: return member<std::uint8_t>(p, offset);
    case Op::member_2: return member<std::uint16_t>(p, offset);
    case Op::l2_2: return wire::load16(l2 + offset);
    case Op::l2_6: return wire::load48(l2 + offset);
    case Op::l3_1: return l3[offset];
    case Op::l3_2: return wire::load16(l3 + offset);
    case Op::l3_4: return wire::load32(l3 + offset);
    case Op::l4_1: return l4[offset];
    default: return wire::load16(l4 + offset);  // l4_2
  }
}

// Is the number in its range? `op` is known here: one load.
template <Op op>
bool range(const Linked* i, Walk& walk, Bytes l2, Bytes l3, Bytes l4) {
  const std::uint64_t v = load(op, i->offset, walk.p, l2, l3, l4);
  i = (v & i->mask) - i->low <= i->span ? i->yes : i->no;
  return i->handler(i, walk, l2, l3, l4);
}
bool other(const Linked* i, Walk& walk, Bytes l2, Bytes l3, Bytes l4) {
  const std::uint64_t v = value_of(walk.code, walk.code.values[i->index], walk.p, walk.core);
  i = (v & i->mask) - i->low <= i->span ? i->yes : i->no;
  return i->handler(i, walk, l2, l3, l4);
}

// Two numbers that loads find; the sign is known here.
template <Sign sign>
bool compare_loads(const Linked* i, Walk& walk, Bytes l2, Bytes l3, Bytes l4) {
  const auto number = [&](const Operand& o) {
    return (load(o.op, o.offset, walk.p, l2, l3, l4) & o.mask) >> o.right << o.left;
  };
  const std::uint64_t a = number(i->a), b = number(i->b);
  bool holds = false;
  switch (sign) {
    case Sign::eq: holds = a == b; break;
    case Sign::ne: holds = a != b; break;
    case Sign::lt: holds = a < b; break;
    case Sign::le: holds = a <= b; break;
    case Sign::gt: holds = a > b; break;
    case Sign::ge: holds = a >= b; break;
  }
  i = holds ? i->yes : i->no;
  return i->handler(i, walk, l2, l3, l4);
}
bool compare_any(const Linked* i, Walk& walk, Bytes l2, Bytes l3, Bytes l4) {
  const auto& c = walk.code.comparisons[i->index];
  i = compare(walk.code, c, walk.p, walk.core) ? i->yes : i->no;
  return i->handler(i, walk, l2, l3, l4);
}

bool call(const Linked* i, Walk& walk, Bytes, Bytes, Bytes) {
  Packet& p = walk.p;
  i = i->targets[i->body(p, walk.core)];
  return i->handler(i, walk, p.data, p.data + p.l3, p.data + p.l4);
}
bool test(const Linked* i, Walk& walk, Bytes l2, Bytes l3, Bytes l4) {
  i = i->body(walk.p, walk.core) == 0 ? i->yes : i->no;
  return i->handler(i, walk, l2, l3, l4);
}
bool count(const Linked* i, Walk& walk, Bytes l2, Bytes l3, Bytes l4) {
  ++walk.core.edges[i->index];
  i = i->yes;
  return i->handler(i, walk, l2, l3, l4);
}
bool trace(const Linked* i, Walk& walk, Bytes l2, Bytes l3, Bytes l4) {
  if (walk.trace != nullptr)
    walk.trace->step(i->index, i->offset == no_port ? ~0u : i->offset, walk.p);
  i = i->yes;
  return i->handler(i, walk, l2, l3, l4);
}

bool release(const Linked*, Walk& walk, Bytes, Bytes, Bytes) {
  walk.core.release(walk.p);
  return true;
}
bool deliver(const Linked*, Walk& walk, Bytes, Bytes, Bytes) {
  walk.core.deliver(walk.p);
  return true;
}
bool transmit(const Linked*, Walk& walk, Bytes, Bytes, Bytes) {
  walk.core.transmit(walk.p);
  return true;
}
bool impossible(const Linked*, Walk& walk, Bytes, Bytes, Bytes) {
  walk.core.release(walk.p);
  return false;
}

Handler handler_of(Sign sign) {
  switch (sign) {
    case Sign::eq: return compare_loads<Sign::eq>;
    case Sign::ne: return compare_loads<Sign::ne>;
    case Sign::lt: return compare_loads<Sign::lt>;
    case Sign::le: return compare_loads<Sign::le>;
    case Sign::gt: return compare_loads<Sign::gt>;
    case Sign::ge: break;
  }
  return compare_loads<Sign::ge>;
}

Handler handler_of(Op op) {
  switch (op) {
    case Op::length: return range<Op::length>;
    case Op::ethertype: return range<Op::ethertype>;
    case Op::l3_room: return range<Op::l3_room>;
    case Op::l4_room: return range<Op::l4_room>;
    case Op::ip_cksum: return range<Op::ip_cksum>;
    case Op::l4_cksum: return range<Op::l4_cksum>;
    case Op::member_1: return range<Op::member_1>;
    case Op::member_2: return range<Op::member_2>;
    case Op::l2_2: return range<Op::l2_2>;
    case Op::l2_6: return range<Op::l2_6>;
    case Op::l3_1: return range<Op::l3_1>;
    case Op::l3_2: return range<Op::l3_2>;
    case Op::l3_4: return range<Op::l3_4>;
    case Op::l4_1: return range<Op::l4_1>;
    case Op::l4_2: return range<Op::l4_2>;
    case Op::other: return other;
    case Op::compare: return compare_any;
    case Op::call: return call;
    case Op::test: return test;
    case Op::count: return count;
    case Op::trace: return trace;
    case Op::release: return release;
    case Op::deliver: return deliver;
    case Op::transmit: return transmit;
    case Op::impossible:
    case Op::answer_yes:
    case Op::answer_no: break;
  }
  return impossible;
}

// The load that finds `v`, or one that is shifted to the left by a constant. Nothing for others.
std::optional<Operand> operand_of(const Code& code, const Value& v) {
  if (v.base == Value::Base::computed) {
    const Computed& c = code.computed[v.index];
    if (c.calc != Computed::Calc::shl || c.b.base != Value::Base::constant || c.b.constant > 16)
      return std::nullopt;
    auto shifted = operand_of(code, c.a);
    // (A sum of bits that may not fit into 32 is for calculate().)
    if (!shifted || shifted->mask >> shifted->right > 0xffff) return std::nullopt;
    shifted->left = static_cast<std::uint8_t>(shifted->left + c.b.constant);
    return shifted->left <= 16 ? shifted : std::nullopt;
  }
  const Instruction i = load_of(v);
  if (i.op == Op::other) return std::nullopt;
  return Operand{i.op, i.shift, 0, i.offset, i.mask << i.shift};
}

}  // namespace

LinkedCode::LinkedCode(Code code) : code_(std::move(code)) {
  const auto at = [&](std::uint32_t number) { return instructions_.data() + number; };
  instructions_.resize(code_.instructions.size());
  for (std::uint32_t target : code_.targets) targets_.push_back(at(target));
  for (std::size_t n = 0; n < instructions_.size(); ++n) {
    const Instruction& i = code_.instructions[n];
    Linked& l = instructions_[n];
    l.handler = handler_of(i.op);
    l.offset = i.offset;
    l.index = i.index;
    l.yes = at(i.yes);
    l.no = at(i.no);
    l.body = i.body;
    l.mask = i.mask << i.shift;
    // A number that is larger than the mask lets through is never reached.
    const std::uint64_t high = std::min(i.low + i.span, i.mask);
    if (i.low > high) {
      l.yes = l.no;
    } else {
      l.low = i.low << i.shift;
      l.span = (high - i.low) << i.shift;
    }
    if (i.op == Op::call) l.targets = targets_.data() + i.index;
    if (i.op == Op::compare) {
      const Comparison& c = code_.comparisons[i.index];
      const auto a = operand_of(code_, c.a), b = operand_of(code_, c.b);
      if (!a || !b) continue;
      l.a = *a;
      l.b = *b;
      l.handler = handler_of(c.sign);
    }
  }
}

bool LinkedCode::run(std::uint32_t at, Packet& p, Core& core, TraceSink* trace) const {
  Walk walk{p, core, code_, trace};
  const Linked* i = &instructions_[at];
  return i->handler(i, walk, p.data, p.data + p.l3, p.data + p.l4);
}

}  // namespace weft::engine
