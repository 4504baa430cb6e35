#include "runtime/engine/predicate.h"

#include "stack-nodes/core.h"
#include "stack-nodes/packet.h"
#include "stack-nodes/wire/bytes.h"

namespace weft::engine {
namespace {

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

const std::uint8_t* wire_l3(const Packet& p) {
  return p.data + (wire::load16(p.data + 12) == 0x8100 ? 18 : 14);
}

}  // namespace

inline std::uint64_t Predicate::value(const Value& v, const Packet& p, const Core& core) const {
  const std::uint8_t* base = p.data;
  switch (v.base) {
    case Base::constant: return v.constant;
    case Base::accessor: return v.accessor(p, core) & v.mask;
    case Base::computed: return computed(nodes_[v.node], p, core);
    case Base::l2: break;
    case Base::l3: base += p.l3; break;
    case Base::l4: base += p.l4; break;
    case Base::wire_vlan: base += 14; break;
    case Base::wire_l3: base = wire_l3(p); break;
  }
  return load(base + v.offset, v.bytes) >> v.shift & v.mask;
}

std::uint64_t Predicate::computed(const Node& node, const Packet& p, const Core& core) const {
  if (node.calc == Calc::boolean) return run(node.entry, p, core) ? 1 : 0;
  const std::uint64_t a = value(node.a, p, core), b = value(node.b, p, core);
  const unsigned width = node.wide ? 64 : 32;
  std::uint64_t result = 0;
  switch (node.calc) {
    case Calc::bit_and: return a & b;
    case Calc::bit_or: return a | b;
    case Calc::add: result = a + b; break;
    case Calc::sub: result = a - b; break;
    case Calc::shl: result = b < width ? a << b : 0; break;
    case Calc::shr: result = b < width ? a >> b : 0; break;
    case Calc::boolean: break;
  }
  return node.wide ? result : result & 0xffffffff;
}

inline bool Predicate::run(std::uint16_t at, const Packet& p, const Core& core) const {
  while (at < answer_no) {
    const Branch& branch = branches_[at];
    const std::uint64_t a = value(branch.a, p, core), b = value(branch.b, p, core);
    bool yes = false;
    switch (branch.compare) {
      case Compare::eq: yes = a == b; break;
      case Compare::ne: yes = a != b; break;
      case Compare::lt: yes = a < b; break;
      case Compare::le: yes = a <= b; break;
      case Compare::gt: yes = a > b; break;
      case Compare::ge: yes = a >= b; break;
    }
    at = yes ? branch.yes : branch.no;
  }
  return at == answer_yes;
}

bool Predicate::holds(const Packet& p, const Core& core) const { return run(entry_, p, core); }

}  // namespace weft::engine
