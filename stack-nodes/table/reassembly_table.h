// IPv4 datagrams in pieces (RFC 791 section 3.2, RFC 815), by source, destination, protocol and
// identification. Pieces are copied into the table's own memory, so that nobody's fragments can
// hold the card's buffers. Which 8-byte blocks are there, and where a fragment begins, are two
// bitmaps: every step is bounded by 128 words whatever is sent.
//
// One source may have half of the table. Where all of it is in use, the datagram begun longest ago
// makes room: whole ones are complete within milliseconds, so that a flood of first fragments
// mostly evicts its own. What is not complete in time is reported by its first fragment, if that
// came (RFC 1122 section 3.3.2).
//
// A fragment that was there already, byte for byte, is a duplicate and changes nothing. Any other
// overlap gives up the whole datagram, and every further fragment of it until its time is over:
// what overlaps is an attack or a broken sender, and hosts that pick bytes can be told apart and
// fooled (RFC 5722 says so for IPv6).
//
// Routers mark pieces: the datagram is marked as congested where one of them is. Where another one
// says that it cannot be marked, somebody on the way is broken and it is dropped (RFC 3168 section
// 5.3); else it has the first one's mark.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "stack-nodes/packet.h"
#include "stack-nodes/slots.h"
#include "stack-nodes/table/owned.h"
#include "stack-nodes/wire/access.h"
#include "stack-nodes/wire/checksum.h"
#include "weft/fields.h"

namespace weft {

class ReassemblyTable : public Owned {
 public:
  static constexpr std::size_t capacity = 64;                  // datagrams; at most 4 MiB of pieces
  static constexpr std::size_t of_one_source = 32;             // of these
  static constexpr std::uint64_t timeout_ns = 30'000'000'000;  // from the first fragment

  enum class Result { held, duplicate, overlap, bad, full };

  struct Counters {
    std::uint64_t completed = 0;  // datagrams
    std::uint64_t timed_out = 0;
    std::uint64_t reported = 0;   // of those, to their sender (or not: no buffer)
    std::uint64_t evicted = 0;    // made room for another one
    std::uint64_t given_up = 0;   // for an overlap
    std::uint64_t no_buffer = 0;  // complete or to be reported, but no buffer to put it in
  };

  // Pages of the big block are the system's until a fragment is written there.
  ReassemblyTable()
      : bytes_(std::make_unique_for_overwrite<std::uint8_t[]>(capacity * max_bytes)),
        datagrams_(capacity) {}

  // A fragment, as ipv4.open leaves it. It is copied; the packet stays the caller's. When it was
  // the last one missing, the whole datagram leaves by Slot::ipv4_reassembled.
  template <class Core>
  Result add(Core& core, const Packet& p) {
    touch("the reassembly table");
    const Fragment f(p);
    if (f.bytes == 0 || (f.more && f.bytes % 8 != 0) || f.header + f.end() > max_bytes) {
      return Result::bad;
    }
    Datagram* d = find_or_make(core, key_of(p));
    if (d == nullptr) return Result::full;
    if (d->refused) return Result::overlap;

    std::uint8_t* bytes = bytes_of(*d);
    if (d->covered.any(f.first_block(), f.last_block())) {
      if (d->is_copy(f, bytes)) return Result::duplicate;
      return refuse(*d);
    }
    const bool beyond_end = d->total != 0 && (!f.more || f.end() > d->total);
    const bool end_too_soon = !f.more && f.end() < d->reached;
    if (beyond_end || end_too_soon) return refuse(*d);

    std::memcpy(bytes + f.offset, f.payload, f.bytes);
    d->covered.fill(f.first_block(), f.last_block());
    d->begins.fill(f.first_block(), f.first_block());
    d->have += f.bytes;
    d->marks |= static_cast<std::uint8_t>(1u << f.ecn);
    d->reached = std::max(d->reached, f.end());
    if (!f.more) d->total = f.end();
    if (f.offset == 0) d->keep_headers(p, f);
    if (d->have != d->total) return Result::held;
    return finish(core, *d);
  }

  // Forgets what has waited for too long. The engine calls it every 100 ms of core.now_ns.
  template <class Core>
  void age(Core& core) {
    for (Datagram& d : datagrams_) drop_if_old(core, d);
  }

  std::size_t size() const {
    std::size_t n = 0;
    for (const Datagram& d : datagrams_) n += d.used ? 1 : 0;
    return n;
  }
  const Counters& counters() const { return counters_; }

 private:
  static constexpr std::uint32_t max_bytes = 65535;  // of a datagram, header included
  static constexpr unsigned blocks = 8192;

  struct Key {
    std::uint32_t src;
    std::uint32_t dst;
    std::uint16_t id;
    std::uint8_t protocol;
    bool operator==(const Key&) const = default;
  };
  static Key key_of(const Packet& p) {
    return {get<field::ipv4::src>(p), get<field::ipv4::dst>(p), get<field::ipv4::id>(p),
            get<field::ipv4::protocol>(p)};
  }

  struct Fragment {
    const std::uint8_t* payload;
    std::uint32_t header;  // bytes
    std::uint32_t offset;  // bytes
    std::uint32_t bytes;
    bool more;
    unsigned ecn;

    explicit Fragment(const Packet& p)
        : payload(p.data + p.l4),
          header(p.l4 - p.l3),
          offset(get<field::ipv4::fragment_offset>(p) * 8u),
          bytes(wire::l4_room(p)),
          more(get<field::ipv4::more_fragments>(p) != 0),
          ecn(get<field::ipv4::ecn>(p)) {}
    std::uint32_t end() const { return offset + bytes; }
    unsigned first_block() const { return offset / 8; }
    unsigned last_block() const { return (end() - 1) / 8; }
  };

  // One bit for each 8 bytes of payload; ranges are inclusive.
  struct Bitmap {
    std::array<std::uint64_t, blocks / 64> words{};

    static std::uint64_t mask(unsigned word, unsigned first, unsigned last) {
      std::uint64_t m = ~std::uint64_t{0};
      if (word == first / 64) m &= ~std::uint64_t{0} << (first % 64);
      if (word == last / 64) m &= ~std::uint64_t{0} >> (63 - last % 64);
      return m;
    }
    bool any(unsigned first, unsigned last) const {
      for (unsigned w = first / 64; w <= last / 64; ++w) {
        if ((words[w] & mask(w, first, last)) != 0) return true;
      }
      return false;
    }
    bool all(unsigned first, unsigned last) const {
      for (unsigned w = first / 64; w <= last / 64; ++w) {
        if ((~words[w] & mask(w, first, last)) != 0) return false;
      }
      return true;
    }
    void fill(unsigned first, unsigned last) {
      for (unsigned w = first / 64; w <= last / 64; ++w) words[w] |= mask(w, first, last);
    }
  };

  struct Datagram {
    Key key{};
    bool used = false;
    bool refused = false;
    std::uint64_t since_ns = 0;
    std::uint32_t total = 0;    // payload bytes, once the last fragment is there
    std::uint32_t have = 0;     // payload bytes held
    std::uint32_t reached = 0;  // end of the furthest fragment
    std::uint16_t vlan_id = 0;
    Cast cast = Cast::own;
    std::uint8_t header_bytes = 0;
    std::uint8_t marks = 0;                 // of its pieces: a bit for each value of ECN
    std::uint32_t first_bytes = 0;          // payload of the first fragment
    std::array<std::uint8_t, 12> ether{};   // the first fragment's addresses
    std::array<std::uint8_t, 60> header{};  // and its IPv4 header
    Bitmap covered;
    Bitmap begins;

    bool congested() const { return (marks & 8) != 0; }
    bool cannot_be_marked() const { return (marks & 1) != 0; }

    void keep_headers(const Packet& p, const Fragment& f) {
      header_bytes = static_cast<std::uint8_t>(f.header);
      first_bytes = f.bytes;
      vlan_id = p.vlan_id;
      cast = p.cast;
      std::memcpy(ether.data(), p.data, ether.size());
      std::memcpy(header.data(), p.data + p.l3, f.header);
    }

    // One fragment held begins and ends where `f` does and has the same bytes.
    bool is_copy(const Fragment& f, const std::uint8_t* bytes) const {
      const unsigned first = f.first_block();
      const unsigned last = f.last_block();
      if (!covered.all(first, last) || !begins.any(first, first)) return false;
      if (first != last && begins.any(first + 1, last)) return false;
      if (f.more ? f.end() == total : f.end() != total) return false;
      const bool ends_there = f.end() == total || last + 1 == blocks ||
                              !covered.any(last + 1, last + 1) || begins.any(last + 1, last + 1);
      return ends_there && std::memcmp(bytes + f.offset, f.payload, f.bytes) == 0;
    }
  };

  // Frame and IPv4 header of the first fragment, without a tag, in front of `bytes` of payload.
  static void begin(Packet& q, const Datagram& d, std::uint32_t bytes) {
    q.len = q.end = 14 + d.header_bytes + bytes;
    q.l3 = 14;
    q.l4 = static_cast<std::uint16_t>(14 + d.header_bytes);
    q.vlan_id = d.vlan_id;
    q.cast = d.cast;
    std::memcpy(q.data, d.ether.data(), d.ether.size());
    set<field::eth::type>(q, 0x0800);
    std::memcpy(q.data + q.l3, d.header.data(), d.header_bytes);
  }

  std::uint8_t* bytes_of(const Datagram& d) {
    return bytes_.get() + static_cast<std::size_t>(&d - datagrams_.data()) * max_bytes;
  }

  template <class Core>
  void drop_if_old(Core& core, Datagram& d) {
    if (!d.used || core.now_ns < d.since_ns + timeout_ns) return;
    d.used = false;
    if (d.refused) return;
    ++counters_.timed_out;
    if (d.header_bytes != 0) report(core, d);
  }

  // The first fragment leaves by Slot::ipv4_expired, as far as an ICMP error may quote it.
  template <class Core>
  void report(Core& core, const Datagram& d) {
    constexpr std::uint32_t most = 576;
    const std::uint32_t bytes = std::min(d.first_bytes, most - d.header_bytes);
    Packet q;
    if (!core.services->allocate(q, 14 + d.header_bytes + bytes)) {
      ++counters_.no_buffer;
      return;
    }
    begin(q, d, bytes);
    std::memcpy(q.data + q.l4, bytes_of(d), bytes);
    ++counters_.reported;
    core.spawn(nodes::Slot::ipv4_expired, q);
  }

  template <class Core>
  Datagram* find_or_make(Core& core, const Key& key) {
    Datagram* place = nullptr;  // a free one, or else the oldest
    std::size_t of_source = 0;
    for (Datagram& d : datagrams_) {
      if (d.used && d.key == key) {
        drop_if_old(core, d);  // the rest when age() comes, whatever else arrives here
        if (d.used) return &d;
      }
      of_source += d.used && d.key.src == key.src ? 1 : 0;
      if (place == nullptr || (place->used && (!d.used || d.since_ns < place->since_ns)))
        place = &d;
    }
    if (of_source >= of_one_source) return nullptr;
    drop_if_old(core, *place);
    counters_.evicted += place->used ? 1 : 0;
    *place = Datagram{};
    place->key = key;
    place->used = true;
    place->since_ns = core.now_ns;
    return place;
  }

  Result refuse(Datagram& d) {
    d.refused = true;
    ++counters_.given_up;
    return Result::overlap;
  }

  // Everything is there: a datagram as if it had come in one piece, in a frame without a tag.
  template <class Core>
  Result finish(Core& core, Datagram& d) {
    const std::uint32_t datagram = d.header_bytes + d.total;
    if (datagram > max_bytes) {  // the first fragment's header is longer than the last one's
      refuse(d);
      return Result::bad;
    }
    d.used = false;
    if (d.congested() && d.cannot_be_marked()) return Result::bad;
    Packet q;
    if (!core.services->allocate(q, 14 + datagram)) {
      ++counters_.no_buffer;
      return Result::full;
    }
    begin(q, d, d.total);
    set<field::ipv4::total_length>(q, datagram);
    set<field::ipv4::more_fragments>(q, 0);
    set<field::ipv4::fragment_offset>(q, 0);
    if (d.congested()) set<field::ipv4::ecn>(q, 3);
    set<field::ipv4::checksum>(q, 0);
    wire::Sum sum;
    sum.add(q.data + q.l3, d.header_bytes);
    set<field::ipv4::checksum>(q, sum.checksum());
    std::memcpy(q.data + q.l4, bytes_of(d), d.total);
    ++counters_.completed;
    core.spawn(nodes::Slot::ipv4_reassembled, q);
    return Result::held;
  }

  std::unique_ptr<std::uint8_t[]> bytes_;
  std::vector<Datagram> datagrams_;
  Counters counters_;
};

}  // namespace weft
