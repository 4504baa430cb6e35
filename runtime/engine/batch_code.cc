#include "runtime/engine/batch_code.h"

#include <x86intrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <optional>

#include "runtime/engine/loads.h"

namespace weft::engine {
namespace {

using Op = Instruction::Op;
using Sign = Comparison::Sign;
using Set = Batch::Set;

constexpr std::uint64_t word = 0xffffffff;

// Those of the list for which `holds(position)`, as a set of packets.
template <class Holds>
Set chosen(const Batch& batch, Holds&& holds) {
  Set out = 0, rest = batch.here;
  for (unsigned k = 0; k < batch.n; ++k, rest &= rest - 1) {
    if (holds(k)) out |= rest & -rest;
  }
  return out;
}

// Most often all packets go the same way: whether they do is what the loop finds out.
template <class Holds>
void decide(const Step& step, Batch& batch, Holds&& holds) {
  unsigned count = 0;
#pragma GCC unroll 4
  for (unsigned k = 0; k < batch.n; ++k) count += holds(k) ? 1 : 0;
  if (count == batch.n) return batch.send(step.yes, batch.here);
  if (count == 0) return batch.send(step.no, batch.here);
  const Set yes = chosen(batch, holds);
  batch.send(step.yes, yes);
  batch.send(step.no, batch.here & ~yes);
}

// --- numbers

template <Op op>
void fill(const Batch& batch, unsigned offset, std::uint32_t* out) {
#pragma GCC unroll 4
  for (unsigned k = 0; k < batch.n; ++k)
    out[k] = static_cast<std::uint32_t>(load(op, offset, *batch.list[k]));
}

inline std::uint32_t number(const Operand& o, std::uint32_t loaded) {
  return (loaded & o.mask) * o.times + o.plus;
}

// Is it in its range? (Compared as it is loaded: a column that is written one number at a time and
// read four at a time has to wait for the writes.)
template <Op op>
void range(const Step& step, Batch& batch) {
  const Operand& o = step.a;
  const std::uint32_t mask = o.mask, times = o.times, low = step.low, span = step.span;
  const unsigned offset = o.offset;
  if (times == 1) {
    return decide(step, batch, [&, mask, low, span, offset](unsigned k) {
      return (static_cast<std::uint32_t>(load(op, offset, *batch.list[k])) & mask) - low <= span;
    });
  }
  decide(step, batch, [&, mask, times, low, span, offset](unsigned k) {
    const auto loaded = static_cast<std::uint32_t>(load(op, offset, *batch.list[k]));
    return (loaded & mask) * times - low <= span;
  });
}
void range_of_mac(const Step& step, Batch& batch) {
  const Instruction i = *step.whole;
  decide(step, batch, [&, i](unsigned k) {
    return (wire::load48(batch.list[k]->data + i.offset) & i.mask) - i.low <= i.span;
  });
}
void range_of_any(const Step& step, Batch& batch) {
  const Instruction& i = *step.whole;
  decide(step, batch, [&](unsigned k) {
    const Value& v = batch.code->values[i.index];
    return (value_of(*batch.code, v, *batch.list[k], *batch.core) & i.mask) - i.low <= i.span;
  });
}

template <bool or_equal>
void compare_numbers(const Step& step, Batch& batch) {
  step.a.fill(batch, step.a.offset, batch.a.data());
  step.b.fill(batch, step.b.offset, batch.b.data());
  const Operand a = step.a, b = step.b;
  decide(step, batch, [&, a, b](unsigned k) {
    const std::uint32_t x = number(a, batch.a[k]), y = number(b, batch.b[k]);
    return or_equal ? x <= y : x == y;
  });
}
void compare_any(const Step& step, Batch& batch) {
  const Comparison& c = batch.code->comparisons[step.index];
  decide(step, batch,
         [&](unsigned k) { return compare(*batch.code, c, *batch.list[k], *batch.core); });
}

// --- nodes, and the ends of ways
// --------------------------------------------------------------

void call(const Step& step, Batch& batch) {
  const unsigned any =
      step.whole->body(batch.list.data(), batch.n, *batch.core, batch.ports.data());
  if (any == 0) return batch.send(step.targets[0], batch.here);
  Set rest = batch.here;
  for (unsigned k = 0; k < batch.n; ++k, rest &= rest - 1)
    batch.send(step.targets[batch.ports[k]], rest & -rest);
}
void test(const Step& step, Batch& batch) {
  const unsigned any =
      step.whole->body(batch.list.data(), batch.n, *batch.core, batch.ports.data());
  if (any == 0) return batch.send(step.yes, batch.here);
  const Set yes = chosen(batch, [&](unsigned k) { return batch.ports[k] == 0; });
  if (yes != 0) batch.send(step.yes, yes);
  batch.send(step.no, batch.here & ~yes);
}
void count(const Step& step, Batch& batch) {
  batch.core->edges[step.index] += batch.n;
  batch.send(step.yes, batch.here);
}
void trace(const Step& step, Batch& batch) {
  if (batch.trace != nullptr) {
    for (unsigned k = 0; k < batch.n; ++k)
      batch.trace->step(step.index, step.offset == no_port ? ~0u : step.offset, *batch.list[k]);
  }
  batch.send(step.yes, batch.here);
}

void release(const Step&, Batch& batch) {
  for (unsigned k = 0; k < batch.n; ++k) batch.core->release(*batch.list[k]);
}
void deliver(const Step&, Batch& batch) {
  for (unsigned k = 0; k < batch.n; ++k) batch.core->deliver(*batch.list[k]);
}
void transmit(const Step&, Batch& batch) {
  for (unsigned k = 0; k < batch.n; ++k) batch.core->transmit(*batch.list[k]);
}
void impossible(const Step& step, Batch& batch) {
  release(step, batch);
  batch.impossible += batch.n;
}

// --- linking
// ----------------------------------------------------------------------------------

// What there is for each load: functions in which it is known.
struct OfLoad {
  Operand::Fill fill = nullptr;
  Handler range = nullptr;
};
template <std::size_t... ops>
constexpr std::array<OfLoad, sizeof...(ops)> of_loads(std::index_sequence<ops...>) {
  return {OfLoad{fill<static_cast<Op>(ops)>, range<static_cast<Op>(ops)>}...};
}
constexpr auto loads = of_loads(std::make_index_sequence<static_cast<std::size_t>(Op::other)>());

// Nothing where there is no such load, or its number is wider than 32 bits.
OfLoad of_load(Op op) {
  return is_load(op) && op != Op::l2_6 ? loads[static_cast<std::size_t>(op)] : OfLoad{};
}

// The load that finds `v`, or one that is multiplied by a power of two, or to which a constant is
// added. Nothing for others.
std::optional<Operand> operand_of(const Code& code, const Value& v) {
  if (v.base == Value::Base::computed) {
    const Computed& c = code.computed[v.index];
    if (c.wide || c.b.base != Value::Base::constant) return std::nullopt;
    auto o = operand_of(code, c.a);
    if (!o) return std::nullopt;
    const auto constant = static_cast<std::uint32_t>(c.b.constant);
    switch (c.calc) {
      case Computed::Calc::shl:
        if (o->plus != 0 || c.b.constant > 31) return std::nullopt;
        o->times <<= constant;
        return o;
      case Computed::Calc::add: o->plus += constant; return o;
      case Computed::Calc::sub: o->plus -= constant; return o;
      default: return std::nullopt;
    }
  }
  const Instruction i = load_of(v);
  const auto fill = of_load(i.op).fill;
  if (fill == nullptr || i.shift != 0) return std::nullopt;
  return Operand{i.op, fill, i.offset, static_cast<std::uint32_t>(i.mask), 1, 0};
}

// All comparisons are a <= b or a == b, with the sides or the answers exchanged.
void link_comparison(const Code& code, const Comparison& c, Step& step) {
  step.handler = compare_any;
  const auto a = operand_of(code, c.a), b = operand_of(code, c.b);
  if (!a || !b) return;
  const bool equal = c.sign == Sign::eq || c.sign == Sign::ne;
  const bool sides = c.sign == Sign::ge || c.sign == Sign::lt;
  const bool answers = c.sign == Sign::ne || c.sign == Sign::lt || c.sign == Sign::gt;
  step.a = sides ? *b : *a;
  step.b = sides ? *a : *b;
  if (answers) std::swap(step.yes, step.no);
  step.handler = equal ? compare_numbers<false> : compare_numbers<true>;
}

// low <= number <= low + span.
void link_range(const Code& code, const Instruction& i, Step& step) {
  if (i.op == Op::l2_6) {
    step.handler = range_of_mac;
    return;
  }
  std::uint64_t most = i.mask;
  if (i.op == Op::other) {
    step.handler = range_of_any;
    const auto number = operand_of(code, code.values[i.index]);
    if (!number) return;
    most = word;
    step.a = *number;
  } else {
    const auto mask = static_cast<std::uint32_t>(i.mask << i.shift);
    step.a = Operand{i.op, of_load(i.op).fill, i.offset, mask, 1, 0};
  }
  step.handler = of_load(step.a.op).range;
  // (A number that is larger than the mask lets through is never reached.)
  const std::uint64_t high = i.span > most - std::min(i.low, most) ? most : i.low + i.span;
  if (i.low > high) {
    step.yes = step.no;
    return;
  }
  const unsigned shift = i.op == Op::other ? 0 : i.shift;
  step.low = static_cast<std::uint32_t>(i.low << shift) - step.a.plus;
  step.span = static_cast<std::uint32_t>((high - i.low) << shift);
}

Handler handler_of(Op op) {
  switch (op) {
    case Op::call: return call;
    case Op::test: return test;
    case Op::count: return count;
    case Op::trace: return trace;
    case Op::release: return release;
    case Op::deliver: return deliver;
    case Op::transmit: return transmit;
    default: return impossible;
  }
}

}  // namespace

BatchCode::BatchCode(Code code) : code_(std::move(code)), steps_(code_.instructions.size()) {
  for (std::size_t n = 0; n < steps_.size(); ++n) {
    const Instruction& i = code_.instructions[n];
    Step& step = steps_[n];
    step.yes = i.yes;
    step.no = i.no;
    step.index = i.index;
    step.offset = i.offset;
    step.whole = &i;
    if (i.op == Op::call) step.targets = code_.targets.data() + i.index;
    if (i.op == Op::compare) {
      link_comparison(code_, code_.comparisons[i.index], step);
    } else if (is_load(i.op) || i.op == Op::other) {
      link_range(code_, i, step);
    } else {
      step.handler = handler_of(i.op);
    }
  }
  batch_.waiting.resize(steps_.size());
  batch_.waited_for.resize(steps_.size() / 64 + 1);
}

unsigned BatchCode::run(std::uint32_t at, Packet* packets, unsigned n, Core& core,
                        TraceSink* trace) {
  if (n == 0) return 0;
  Batch& batch = batch_;
  batch.core = &core;
  batch.trace = trace;
  batch.code = &code_;
  batch.impossible = 0;
  batch.here = 0;
  batch.send(at, ~Set{0} >> (64 - n));
  for (std::size_t group = at / 64 + 1; group-- > 0;) {
    while (batch.waited_for[group] != 0) {
      const unsigned last = 63 - static_cast<unsigned>(std::countl_zero(batch.waited_for[group]));
      batch.waited_for[group] &= ~(std::uint64_t{1} << last);
      const std::size_t step = group * 64 + last;
      const Set who = std::exchange(batch.waiting[step], 0);
      if (who != batch.here) {  // most steps are for the same packets as the one before
        batch.here = who;
        batch.n = 0;
        for (Set rest = who; rest != 0; rest &= rest - 1)
          batch.list[batch.n++] = packets + std::countr_zero(rest);
      }
      const std::uint64_t begin = cycles_.empty() ? 0 : __rdtsc();
      steps_[step].handler(steps_[step], batch);
      if (!cycles_.empty()) cycles_[step] += __rdtsc() - begin;
    }
  }
  return batch.impossible;
}

}  // namespace weft::engine
