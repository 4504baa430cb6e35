// IPv4 address -> small number: the index of the neighbour table. Open addressing with linear
// probing, at most half full; an erased entry is closed up, so that probes stay short for ever.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weft {

class AddressIndex {
 public:
  static constexpr std::uint16_t none = 0xffff;

  // `capacity`: how many entries will be held at most, below 32,768.
  AddressIndex(std::size_t capacity, std::uint64_t seed)
      : seed_(seed), slots_(std::bit_ceil(capacity * 2)), mask_(slots_.size() - 1) {}

  std::uint16_t find(std::uint32_t address) const {
    for (std::size_t at = home(address);; at = (at + 1) & mask_) {
      const Slot& s = slots_[at];
      if (s.address == address) [[likely]]
        return s.number;  // (of 0 an empty slot says `none`)
      if (s.number == none) return none;
    }
  }

  // The address is not there yet.
  void insert(std::uint32_t address, std::uint16_t number) {
    std::size_t at = home(address);
    while (slots_[at].number != none) at = (at + 1) & mask_;
    slots_[at] = {address, number};
  }

  void erase(std::uint32_t address) {
    std::size_t hole = home(address);
    while (slots_[hole].address != address || slots_[hole].number == none) {
      if (slots_[hole].number == none) return;
      hole = (hole + 1) & mask_;
    }
    // An entry moves into the hole unless its home lies behind the hole on its way.
    for (std::size_t at = (hole + 1) & mask_; slots_[at].number != none; at = (at + 1) & mask_) {
      const std::size_t way = (at - home(slots_[at].address)) & mask_;
      if (way < ((at - hole) & mask_)) continue;
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole] = {};
  }

 private:
  struct Slot {
    std::uint32_t address = 0;
    std::uint16_t number = none;
  };
  std::size_t home(std::uint32_t address) const {
    return ((address ^ seed_) * 0x9e3779b97f4a7c15 >> 40) & mask_;
  }

  std::uint64_t seed_;
  std::vector<Slot> slots_;
  std::size_t mask_;
};

}  // namespace weft
