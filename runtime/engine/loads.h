// The loads that instructions know by themselves (Instruction::Op).
#pragma once

#include <cstdint>
#include <cstring>

#include "runtime/engine/code.h"
#include "stack-nodes/packet.h"
#include "stack-nodes/wire/access.h"
#include "stack-nodes/wire/bytes.h"

namespace weft::engine {

template <class T>
T member(const Packet& p, unsigned offset) {
  T value;
  std::memcpy(&value, reinterpret_cast<const std::uint8_t*>(&p) + offset, sizeof(T));
  return value;
}

// `op` is one of those up to l4_2.
inline std::uint64_t load(Instruction::Op op, unsigned offset, const Packet& p) {
  using Op = Instruction::Op;
  switch (op) {
    case Op::length: return p.len;
    case Op::ethertype: return wire::ethertype(p);
    case Op::l3_room: return wire::l3_room(p);
    case Op::l4_room: return wire::l4_room(p);
    case Op::ip_cksum: return static_cast<std::uint64_t>(ip_cksum(p));
    case Op::l4_cksum: return static_cast<std::uint64_t>(l4_cksum(p));
    case Op::member_1: return member<std::uint8_t>(p, offset);
    case Op::member_2: return member<std::uint16_t>(p, offset);
    case Op::l2_2: return wire::load16(p.data + offset);
    case Op::l2_6: return wire::load48(p.data + offset);
    case Op::l3_1: return p.data[p.l3 + offset];
    case Op::l3_2: return wire::load16(p.data + p.l3 + offset);
    case Op::l3_4: return wire::load32(p.data + p.l3 + offset);
    case Op::l4_1: return p.data[p.l4 + offset];
    default: return wire::load16(p.data + p.l4 + offset);  // l4_2
  }
}
inline bool is_load(Instruction::Op op) { return op <= Instruction::Op::l4_2; }

}  // namespace weft::engine
