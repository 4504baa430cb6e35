// Random numbers from one seed, so that a whole run can be repeated: xoshiro256** (Blackman, Vigna,
// "Scrambled linear pseudorandom number generators", 2021), its state filled by splitmix64.
// Good for identifications and sampling; not for secrets.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace weft {

class Random {
 public:
  explicit Random(std::uint64_t seed = 1) { reseed(seed); }

  void reseed(std::uint64_t seed) {
    rest_ = 1;
    for (auto& word : state_) {
      seed += 0x9e3779b97f4a7c15;
      std::uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
      z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
      word = z ^ (z >> 31);
    }
  }

  std::uint64_t next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // Three from each draw: what is left of it lies below a one, so that 1 means none is left.
  std::uint16_t next16() {
    if (rest_ == 1) [[unlikely]]
      rest_ = next() >> 16 | std::uint64_t{1} << 48;
    const auto value = static_cast<std::uint16_t>(rest_);
    rest_ >>= 16;
    return value;
  }

  // 0 .. limit - 1, without division; the bias is below limit / 2^32.
  std::uint32_t below(std::uint32_t limit) {
    return static_cast<std::uint32_t>(((next() >> 32) * limit) >> 32);
  }

 private:
  std::array<std::uint64_t, 4> state_;
  std::uint64_t rest_ = 1;
};

}  // namespace weft
