// Address -> Ethernet address of the hosts on the link, and the packets that wait for an answer
// (RFC 826; RFC 1122 section 2.3.2). Bounded in every way: entries, packets for each (all pieces of
// the largest datagram at 1,500 bytes), packets in all; where half of these are held, three for
// each, so that a few hosts that do not answer leave room for others. Each core has its own; what
// one learns the engine hands to the others.
//
//   incomplete   asked, no answer yet: packets wait. Asked again once a second, three times in all.
//   reachable    answered less than 60 s ago.
//   stale        older, but in use: still used while it is asked again, three times.
//   fixed        given beforehand: never asked for, never changed by what is heard, never in the
//   way.
//
// An entry that nobody used during its 60 s goes. When the table is full, the entry that has been
// incomplete for longest makes room, or else the one confirmed longest ago.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "stack-nodes/packet.h"
#include "stack-nodes/slots.h"
#include "stack-nodes/table/address_index.h"
#include "stack-nodes/table/arp_message.h"
#include "stack-nodes/table/owned.h"

namespace weft {

class NeighbourTable : public Owned {
 public:
  static constexpr std::size_t capacity = 1024;
  static constexpr unsigned held_per_entry = 48;
  static constexpr unsigned held_when_scarce = 3;
  static constexpr std::size_t held_in_all = 512;
  static constexpr std::uint64_t reachable_ns = 60'000'000'000;
  static constexpr std::uint64_t retry_ns = 1'000'000'000;
  static constexpr unsigned tries = 3;

  enum class State : std::uint8_t { unused, incomplete, reachable, stale, fixed };
  enum class Resolved { known, wait, full, self };

  // What happened to packets and requests here, beside the out-ports of arp.resolve. Of all packets
  // that took "wait", each has left by arp_resolved or given_up, or is among held().
  struct Counters {
    std::uint64_t requests = 0;   // ARP requests sent
    std::uint64_t no_buffer = 0;  // ... and not sent: no buffer; tried again a second later
    std::uint64_t given_up = 0;   // held packets dropped: no answer, or their entry made room
    std::uint64_t evicted = 0;    // entries that made room
  };

  NeighbourTable(NeighbourTable&&) = default;
  NeighbourTable& operator=(NeighbourTable&&) = default;
  explicit NeighbourTable(std::uint64_t seed = 0x2545f4914f6cdd1d)
      : index_(capacity, seed), nobody_(1), last_(nobody_.data()), held_(held_in_all) {
    entries_.reserve(capacity);
    free_held_.reserve(held_in_all);
    for (std::size_t i = held_in_all; i-- > 0;) free_held_.push_back(static_cast<std::uint16_t>(i));
  }

  // known: p.next_mac is set. self: the next hop is the host itself. wait: the table took the
  // packet's buffer. full: the packet is to be dropped; it may be another one than before, because
  // the newest packet for a neighbour takes the place of the oldest (RFC 1122 section 2.3.2.2 wants
  // the latest kept).
  template <class Core>
  Resolved resolve(Core& core, Packet& p) {
    if (known(p)) [[likely]]
      return Resolved::known;
    return resolve_slowly(core, p, index_.find(p.next_hop));
  }
  // The short case of `resolve`. False: nothing was done.
  bool known(Packet& p) {
    if (!recall(p.next_hop)) [[unlikely]]
      return false;
    last_->used = true;
    p.next_mac = last_->mac;
    return true;
  }
  // The Ethernet address, where a packet may go there at once, or 0.
  std::uint64_t at_once(std::uint32_t address) {
    if (!recall(address)) [[unlikely]]
      return 0;
    last_->used = true;
    return last_->mac;
  }

  // Before the first packet; fewer than `capacity`.
  template <class Core>
  void fix(Core& core, std::uint32_t address, std::uint64_t mac) {
    touch("the neighbour table");
    Entry& e = entries_[add(core, address)];
    e.mac = mac;
    e.state = State::fixed;
    e.quick_for = address;
  }

  // `create`: make an entry for an address that is not known (a request for us came from there);
  // else only what is there is brought up to date. False where nothing was done.
  template <class Core>
  bool learn(Core& core, std::uint32_t address, std::uint64_t mac, bool create) {
    touch("the neighbour table");
    std::uint16_t at = index_.find(address);
    if (at == none) {
      if (!create) return false;
      at = add(core, address);
    }
    if (entries_[at].state == State::fixed) return false;
    if (entries_[at].state == State::incomplete) unlink(at);
    Entry& e = entries_[at];
    e.mac = mac;
    e.state = State::reachable;
    e.confirmed_ns = core.now_ns;
    e.used = e.count != 0;
    e.asked = 0;
    hand_back(core, e);
    return true;
  }

  // The link was away: who was there may be elsewhere now. Everything that was known is used on,
  // but asked for again before long.
  template <class Core>
  void suspect_all(Core& core) {
    for (Entry& e : entries_) {
      if (e.state != State::reachable) continue;
      e.confirmed_ns = core.now_ns - std::min(core.now_ns, reachable_ns);
    }
  }

  // True where `address` has had this very answer during the last second, or needs none: others
  // know it as well.
  bool knows(std::uint32_t address, std::uint64_t mac, std::uint64_t now_ns) const {
    touch("the neighbour table");
    const std::uint16_t at = index_.find(address);
    if (at == none) return false;
    const Entry& e = entries_[at];
    if (e.state == State::fixed) return true;
    return e.state == State::reachable && e.mac == mac && now_ns < e.confirmed_ns + retry_ns;
  }

  // An entry of any kind: known, or asked for.
  bool has(std::uint32_t address) const { return index_.find(address) != none; }

  // Asks again, gives up, forgets. The engine calls it every 100 ms of core.now_ns.
  template <class Core>
  void age(Core& core) {
    touch("the neighbour table");
    for (std::uint16_t at = 0; at < entries_.size(); ++at) {
      Entry& e = entries_[at];
      if (e.state == State::unused || e.state == State::fixed) continue;
      if (e.state != State::incomplete) hand_back(core, e);
      if (e.state == State::reachable) {
        if (core.now_ns < e.confirmed_ns + reachable_ns) continue;
        if (!e.used) {
          remove(core, at);
          continue;
        }
        e.state = State::stale;
        e.next_try_ns = core.now_ns;
      }
      if (core.now_ns < e.next_try_ns) continue;
      if (e.asked >= tries) {
        for (std::uint16_t i = e.first, n = e.count; n != 0; i = held_[i].next, --n)
          core.services->nobody_there(held_[i].packet);
        remove(core, at);
      } else {
        ask(core, e);
      }
    }
  }

  // The address is on the link and was heard of: its Ethernet address, or 0.
  std::uint64_t find(std::uint32_t address) const {
    const std::uint16_t at = index_.find(address);
    return at == none || entries_[at].state == State::incomplete ? 0 : entries_[at].mac;
  }
  // f(address, mac, state, packets held) for each entry.
  template <class F>
  void each(F&& f) const {
    for (const Entry& e : entries_) {
      if (e.state != State::unused) f(e.address, e.mac, e.state, unsigned{e.count});
    }
  }
  std::size_t size() const { return entries_.size() - free_entries_.size(); }
  std::size_t held() const { return held_in_all - free_held_.size(); }
  const Counters& counters() const { return counters_; }

 private:
  static constexpr std::uint16_t none = AddressIndex::none;

  struct alignas(64) Entry {
    std::uint64_t mac = 0;
    std::uint64_t confirmed_ns = 0;
    std::uint64_t next_try_ns = 0;
    std::uint64_t handed_back_ns = ~std::uint64_t{0};  // of the batch that last freed held packets
    std::uint32_t address = 0;
    std::uint16_t first = none;  // held, oldest first
    std::uint16_t last = none;
    std::uint16_t older = none;  // among the incomplete
    std::uint16_t newer = none;
    State state = State::unused;
    std::uint8_t count = 0;  // packets held
    std::uint8_t asked = 0;  // requests since the last answer
    bool used = false;       // since the last answer
    std::uint32_t quick_for =
        0;  // the address, while mac is known and nothing is to be kept in order
  };

  struct Held {
    Packet packet;
    std::uint16_t next = none;
  };

  static constexpr std::size_t slot(nodes::Slot s) { return static_cast<std::size_t>(s); }
  template <class Core>
  static bool has_room(Core& core, nodes::Slot s) {
    const auto& list = core.spawned[slot(s)];
    return list.count < list.capacity;
  }

  template <class Core>
  [[gnu::noinline]] Resolved resolve_slowly(Core& core, Packet& p, std::uint16_t at) {
    const std::uint32_t hop = p.next_hop;
    if (at == none) {
      const Cast cast = core.addresses.find(hop);
      if (cast == Cast::own) return Resolved::self;
      if (cast == Cast::broadcast) {
        p.next_mac = ArpMessage::to_all;
        return Resolved::known;
      }
      if ((hop >> 28) == 0xe) {  // RFC 1112 section 6.4
        p.next_mac = 0x01005e000000 | (hop & 0x7fffff);
        return Resolved::known;
      }
      at = add(core, hop);
      link(at);
      ask(core, entries_[at]);
    }
    Entry& e = entries_[at];
    e.used = true;
    if (e.state == State::incomplete || e.count != 0) return hold(e, p);
    p.next_mac = e.mac;
    if (e.handed_back_ns == core.now_ns && has_room(core, nodes::Slot::arp_resolved)) {
      // Packets held until this batch are sent behind it: this one follows them.
      core.spawn(nodes::Slot::arp_resolved, p);
      p.buffer = nullptr;
      return Resolved::wait;
    }
    e.quick_for = hop;
    return Resolved::known;
  }

  // Whether packets may go to `address` (not 0) at once: last_ is its entry then. The entry that
  // was last asked for is tried first: most hosts send to one gateway. (It says itself whether it
  // is still right.)
  bool recall(std::uint32_t address) {
    touch("the neighbour table");
    if (last_->quick_for == address) [[likely]]
      return true;
    const std::uint16_t at = index_.find(address);
    if (at == none || entries_[at].quick_for != address) return false;
    last_ = &entries_[at];
    return true;
  }

  Resolved hold(Entry& e, Packet& p) {
    const bool scarce = free_held_.size() * 2 <= held_in_all;
    if (e.count >= (scarce ? held_when_scarce : held_per_entry) || free_held_.empty()) {
      if (e.count == 0) return Resolved::full;
      const std::uint16_t place = take_first(e);
      std::swap(held_[place].packet, p);
      put_last(e, place);
      return Resolved::full;
    }
    const std::uint16_t place = free_held_.back();
    free_held_.pop_back();
    held_[place].packet = p;
    put_last(e, place);
    p.buffer = nullptr;
    return Resolved::wait;
  }
  std::uint16_t take_first(Entry& e) {
    const std::uint16_t place = e.first;
    e.first = held_[place].next;
    --e.count;
    return place;
  }
  void put_last(Entry& e, std::uint16_t place) {
    (e.count == 0 ? e.first : held_[e.last].next) = place;
    e.last = place;
    ++e.count;
  }

  // Held packets go on, oldest first, as far as the slot has room; age() sees to the rest.
  template <class Core>
  void hand_back(Core& core, Entry& e) {
    while (e.count != 0 && has_room(core, nodes::Slot::arp_resolved)) {
      const std::uint16_t place = take_first(e);
      held_[place].packet.next_mac = e.mac;
      core.spawn(nodes::Slot::arp_resolved, held_[place].packet);
      free_held_.push_back(place);
      e.handed_back_ns = core.now_ns;
    }
    const bool quick = e.count == 0 && e.handed_back_ns != core.now_ns;
    e.quick_for = quick ? e.address : 0;
  }

  template <class Core>
  void ask(Core& core, Entry& e) {
    if (!has_room(core, nodes::Slot::arp_request)) return;  // next_try_ns stays: at the next age()
    ++e.asked;
    e.next_try_ns = core.now_ns + retry_ns;
    Packet q;
    if (!core.services->allocate(q, ArpMessage::frame_bytes)) {
      ++counters_.no_buffer;
      return;
    }
    ArpMessage{.sender_mac = core.host.mac,
               .sender = core.addresses.nearest(e.address),
               .target = e.address}
        .write(q);
    ++counters_.requests;
    core.spawn(nodes::Slot::arp_request, q);
  }

  // A fresh entry, incomplete and in no list; makes room where there is none.
  template <class Core>
  std::uint16_t add(Core& core, std::uint32_t address) {
    std::uint16_t at;
    if (free_entries_.empty() && entries_.size() == capacity) {
      ++counters_.evicted;
      remove(core, oldest_ != none ? oldest_ : longest_unconfirmed());
    }
    if (!free_entries_.empty()) {
      at = free_entries_.back();
      free_entries_.pop_back();
    } else {
      at = static_cast<std::uint16_t>(entries_.size());
      entries_.emplace_back();
    }
    entries_[at] = Entry{};
    entries_[at].address = address;
    entries_[at].next_try_ns = core.now_ns;
    index_.insert(address, at);
    return at;
  }

  template <class Core>
  void remove(Core& core, std::uint16_t at) {
    Entry& e = entries_[at];
    if (e.state == State::incomplete) unlink(at);
    while (e.count != 0) {
      const std::uint16_t place = take_first(e);
      core.release(held_[place].packet);
      free_held_.push_back(place);
      ++counters_.given_up;
    }
    index_.erase(e.address);
    e = Entry{};
    free_entries_.push_back(at);
  }

  // Only when all entries are complete: an attacker's second new address evicts his first one.
  std::uint16_t longest_unconfirmed() const {
    std::uint16_t best = none;
    for (std::uint16_t at = 0; at < entries_.size(); ++at) {
      if (entries_[at].state == State::fixed) continue;
      if (best == none || entries_[at].confirmed_ns < entries_[best].confirmed_ns) best = at;
    }
    return best;
  }

  void link(std::uint16_t at) {
    Entry& e = entries_[at];
    e.state = State::incomplete;
    e.older = newest_;
    (newest_ != none ? entries_[newest_].newer : oldest_) = at;
    newest_ = at;
  }
  void unlink(std::uint16_t at) {
    Entry& e = entries_[at];
    (e.older != none ? entries_[e.older].newer : oldest_) = e.newer;
    (e.newer != none ? entries_[e.newer].older : newest_) = e.older;
    e.older = e.newer = none;
  }

  AddressIndex index_;
  std::vector<Entry> entries_;  // never moves: room for all is reserved
  std::vector<Entry> nobody_;   // one, for `last_` before anybody was asked for
  Entry* last_;
  std::vector<std::uint16_t> free_entries_;
  std::vector<Held> held_;
  std::vector<std::uint16_t> free_held_;
  std::uint16_t oldest_ = none;  // incomplete entries, in the order of their first packet
  std::uint16_t newest_ = none;
  Counters counters_;
};

}  // namespace weft
