// What an IPv4 address is to this host: its own, a broadcast address of one of its subnets, a group
// that was joined, or somebody else's. The primary address is answered by one comparison; all
// others lie in a hash table, so that a host with 100,000 addresses asks no longer than one with
// two.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "stack-nodes/packet.h"
#include "stack-nodes/table/owned.h"

namespace weft {

class AddressTable : public Owned {
 public:
  static constexpr std::uint32_t all_hosts = 0xe0000001;  // 224.0.0.1, RFC 1112 section 7.2

  struct Own {
    std::uint32_t address = 0;
    std::uint32_t mask = 0;
  };

  AddressTable() : slots_(8), mask_(7) { set(0xffffffff, Cast::broadcast); }

  // The first is the primary address. `length`: bits of its prefix; a subnet of more than one host
  // has a broadcast address (RFC 1122 section 3.2.1.3).
  void add(std::uint32_t address, unsigned length) {
    const std::uint32_t mask = length == 0 ? 0 : ~std::uint32_t{0} << (32 - std::min(length, 32u));
    if (own_.empty()) primary_ = address;
    own_.push_back({address, mask});
    only_one_ = own_.size() == 1;
    set(address, Cast::own);
    if (mask < 0xfffffffe && find(address | ~mask) == Cast::other) {
      if (own_.size() == 1) primary_broadcast_ = address | ~mask;
      set(address | ~mask, Cast::broadcast);
    }
    add_subnet({address, mask});
  }

  Cast find(std::uint32_t address) const {
    if (address == primary_) [[likely]]
      return Cast::own;
    return find_slowly(address);
  }

  // A datagram may come from here: neither the host itself nor a whole subnet (RFC 1122 section
  // 3.2.1.3). Other impossible sources are a matter of predicates.
  bool is_peer(std::uint32_t address) const {
    if (only_one_) [[likely]]
      return address != primary_ && address != primary_broadcast_;
    const Cast cast = find(address);
    return cast != Cast::own && cast != Cast::broadcast;
  }

  // The address from which `neighbour` is talked to unless somebody wishes otherwise: that of the
  // smallest subnet that both are in, else the primary one (RFC 1122 section 3.3.4.3).
  std::uint32_t nearest(std::uint32_t neighbour) const {
    for (const Own& subnet : subnets_) {
      if (((subnet.address ^ neighbour) & subnet.mask) == 0) return subnet.address;
    }
    return primary_;
  }

  bool only_one() const { return only_one_; }
  const std::vector<Own>& own() const { return own_; }

  // Groups that somebody here listens to.
  void join(std::uint32_t group) { set(group, Cast::multicast); }
  void leave(std::uint32_t group) {
    touch("the table of addresses");
    const std::size_t at = place(group);
    if (slots_[at].address == group) slots_[at].cast = Cast::other;
  }

 private:
  struct Slot {
    std::uint32_t address = 0;  // 0: empty (it is nobody's address)
    Cast cast = Cast::other;    // `other`: a group that was left
  };

  [[gnu::noinline]] Cast find_slowly(std::uint32_t address) const {
    touch("the table of addresses");
    const Slot& slot = slots_[place(address)];
    return slot.address == address && address != 0 ? slot.cast : Cast::other;
  }

  // Where the address is, or the empty slot where it would go. The table is at most half full.
  std::size_t place(std::uint32_t address) const {
    std::size_t at = (address * 0x9e3779b97f4a7c15 >> 32) & mask_;
    while (slots_[at].address != 0 && slots_[at].address != address) at = (at + 1) & mask_;
    return at;
  }

  void set(std::uint32_t address, Cast cast) {
    touch("the table of addresses");
    std::size_t at = place(address);
    if (slots_[at].address == 0) {
      if ((used_ + 1) * 2 > slots_.size()) {
        grow();
        at = place(address);
      }
      ++used_;
    }
    slots_[at] = {address, cast};
  }

  // Also the moment when groups that were left go for good.
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    mask_ = slots_.size() - 1;
    used_ = 0;
    for (const Slot& slot : old) {
      if (slot.address == 0 || slot.cast == Cast::other) continue;
      slots_[place(slot.address)] = slot;
      ++used_;
    }
  }

  void add_subnet(Own subnet) {
    const auto same = [&](const Own& s) {
      return s.mask == subnet.mask && ((s.address ^ subnet.address) & s.mask) == 0;
    };
    if (std::any_of(subnets_.begin(), subnets_.end(), same)) return;
    const auto smaller = [](const Own& a, const Own& b) { return a.mask > b.mask; };
    subnets_.insert(std::upper_bound(subnets_.begin(), subnets_.end(), subnet, smaller), subnet);
  }

  std::uint32_t primary_ = 0;
  std::uint32_t primary_broadcast_ = 0;
  bool only_one_ = false;
  std::vector<Own> own_;
  std::vector<Own> subnets_;  // smallest first, each with its first address
  std::vector<Slot> slots_;   // a power of two
  std::size_t mask_ = 0;
  std::size_t used_ = 0;
};

}  // namespace weft
