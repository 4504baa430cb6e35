// What generated code uses besides the nodes. Included by generated files only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

#include "stack-nodes/core.h"
#include "stack-nodes/wire/access.h"
#include "stack-nodes/wire/field.h"

namespace weft::generated {

// A table up to this size is taken to stay in the caches of a core: chains are then not cut in
// front of it. (1 MiB: the second-level cache of the CPUs that weft is for.)
inline constexpr std::size_t cached_bytes = std::size_t{1} << 20;

inline std::uint64_t load64(const std::uint8_t* p) {
  std::uint64_t v;
  std::memcpy(&v, p, 8);
  return __builtin_bswap64(v);
}

// Shifts by the width or more give 0, as everywhere in weft.
template <class T>
inline T shl(T value, std::uint64_t by) {
  return by < sizeof(T) * 8 ? value << by : T{0};
}
template <class T>
inline T shr(T value, std::uint64_t by) {
  return by < sizeof(T) * 8 ? value >> by : T{0};
}

// low <= value <= high, in one comparison.
template <class T>
inline bool in_range(T value, T low, T high) {
  return static_cast<T>(value - low) <= static_cast<T>(high - low);
}

// Offset of the network header as a card's parser finds it: behind one tag, if there is one.
inline unsigned wire_l3(const Packet& p) { return wire::load16(p.data + 12) == 0x8100 ? 18 : 14; }

// The card found all of these checksums good: one comparison.
template <class... Sums>
inline bool all_good(const Packet& p, Sums... sums) {
  const auto good = static_cast<std::uint16_t>((... | sums.good));
  const auto both = static_cast<std::uint16_t>((... | (sums.good | sums.bad)));
  return (p.facts & both) == good;
}

// What was asked before for the whole batch: the compiler takes it as known.
inline void given(bool condition) {
  if (!condition) __builtin_unreachable();
}

// Packets of a batch that wait in front of a table, and for each where it goes on. (Not an array of
// packets, which would be cleared as a whole first.)
template <class At>
struct Waiting {
  union {
    Packet packets[PacketList::capacity];
  };
  At at[PacketList::capacity];
  unsigned count = 0;

  Waiting() {}
  void put(const Packet& p, At where) {
    new (&packets[count]) Packet(p);
    at[count++] = where;
  }
};

// Where a straight way puts what it delivers and transmits: the next place in either list, in
// registers as long as nobody else adds to the lists. There is room for the whole batch
// (Core::room_for). Whoever else may add is called between `away` and `back`. A list that the way
// does not end in takes no register.
template <bool delivers, bool transmits>
class Ends {
 public:
  explicit Ends(Core& core) : core_(core) { back(); }

  void deliver(const Packet& p) requires delivers {
    core_.lists.touch("a list of datagrams");
    if (p.icmp_type != 0) [[unlikely]] {
      away().deliver(copy_of(p));
      return back();
    }
    fill(*delivered_++, p);
  }
  void transmit(const Packet& p) requires transmits {
    core_.lists.touch("a list of frames");
    if (!in_frame(p)) [[unlikely]] {
      away().transmit(for_card(p));
      return back();
    }
    auto* frame = static_cast<Frame*>(p.buffer);
    *transmitted_++ = frame;
    describe(p, *frame);
  }

  // The lists' own counts are right from here on.
  Core& away() {
    if (delivers) core_.delivered.count = count(core_.delivered.datagrams, delivered_);
    if (transmits) core_.transmitted.count = count(core_.transmitted.frames, transmitted_);
    return core_;
  }
  void back() {
    delivered_ = core_.delivered.datagrams + core_.delivered.count;
    transmitted_ = core_.transmitted.frames + core_.transmitted.count;
  }

 private:
  template <class T>
  static unsigned count(const T* first, const T* next) {
    return static_cast<unsigned>(next - first);
  }

  Core& core_;
  Datagram* delivered_;
  Frame** transmitted_;
};

// Members that no node of a straight way writes are read again where a packet leaves it, so that
// nothing of them is kept in registers on the way. (Volatile, or the compiler would see that it has
// read them before, and keep them.)
inline Packet again(Packet p, const Frame& f) {
  const volatile Frame& source = f;
  p.facts = static_cast<std::uint16_t>(source.flags);
  p.mark = source.mark;
  return p;
}
inline Packet again(Packet p, const Datagram& d) {
  const volatile Datagram& source = d;
  p.endpoint = source.endpoint;
  p.ports = ports_of(source.own_port, source.peer_port);
  return p;
}

// An entry that a residue does not have.
inline void refuse(Core& core, const Packet& p, std::uint64_t& impossible) {
  ++impossible;
  core.services->free_buffer(p.buffer);
}

}  // namespace weft::generated
