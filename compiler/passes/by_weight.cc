#include "compiler/passes/by_weight.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <utility>

namespace weft::passes {

namespace {

constexpr std::size_t few = 512;  // up to here comparing is quicker

struct Lighter {
  bool operator()(const Weighed& a, const Weighed& b) const { return lighter(a, b); }
  // (The bits of doubles that are not negative are in the order of the doubles.)
  static std::uint64_t key(const Weighed& a) { return std::bit_cast<std::uint64_t>(a.weight); }
};

struct Heavier {
  bool operator()(const Weighed& a, const Weighed& b) const {
    return a.weight != b.weight ? a.weight > b.weight : a.item < b.item;
  }
  static std::uint64_t key(const Weighed& a) { return ~Lighter::key(a); }
};

// Digit by digit from the lowest; each round keeps the order of the one before among equals.
template <class Order>
void radix_sort(std::vector<Weighed>& some) {
  constexpr unsigned bits = 11;
  std::vector<Weighed> next(some.size());
  for (unsigned shift = 0; shift < 64; shift += bits) {
    const auto digit = [shift](const Weighed& w) {
      return (Order::key(w) >> shift) & ((1u << bits) - 1);
    };
    std::array<unsigned, 1u << bits> at{};
    for (const Weighed& w : some) ++at[digit(w)];
    if (at[digit(some.front())] == some.size()) continue;  // all have this one
    unsigned begin = 0;
    for (unsigned& a : at) begin += std::exchange(a, begin);
    for (const Weighed& w : some) next[at[digit(w)]++] = w;
    some.swap(next);
  }
}

template <class Order>
void sort(std::vector<Weighed>& some) {
  if (some.size() <= few) return std::sort(some.begin(), some.end(), Order());
  // What radix_sort keeps the order of must be in order of items first; nearly always it is.
  const auto lower = [](const Weighed& a, const Weighed& b) { return a.item < b.item; };
  if (!std::is_sorted(some.begin(), some.end(), lower)) std::sort(some.begin(), some.end(), lower);
  radix_sort<Order>(some);
}

}  // namespace

void lightest_first(std::vector<Weighed>& some) { sort<Lighter>(some); }

std::vector<unsigned> heaviest_first(std::vector<Weighed> some) {
  sort<Heavier>(some);
  std::vector<unsigned> out;
  out.reserve(some.size());
  for (const Weighed& w : some) out.push_back(w.item);
  return out;
}

std::vector<unsigned> heaviest_first(const std::vector<double>& weights) {
  std::vector<Weighed> some(weights.size());
  for (unsigned i = 0; i < weights.size(); ++i) some[i] = {weights[i], i};
  return heaviest_first(std::move(some));
}

}  // namespace weft::passes
