#include "compiler/rss/place.h"

#include <algorithm>
#include <bit>

namespace weft::rss {

namespace {

// Of the class's bits in `members` the sum is settled: `odd` or not.
struct Settled {
  unsigned members = 0;
  bool odd = false;
};

// What the system says of the flow's class already: sums of its bits that are the same in all
// solutions.
std::vector<Settled> settled_sums(const System& system, const std::vector<Row>& forms) {
  std::vector<Equation> left;  // of the forms, as far as they are independent
  std::vector<unsigned> members;
  std::vector<Settled> out;
  for (unsigned bit = 0; bit < forms.size(); ++bit) {
    Equation rest = system.reduced({forms[bit], false});
    unsigned of = 1u << bit;
    for (std::size_t i = 0; i < left.size(); ++i) {
      const unsigned lead = left[i].form.lowest(system.words());
      if (!rest.form.test(lead)) continue;
      rest.form.add(left[i].form, system.words());
      rest.value ^= left[i].value;
      of ^= members[i];
    }
    if (rest.form.lowest(system.words()) == most_bits) {
      out.push_back({of, rest.value});
    } else {
      left.push_back(rest);
      members.push_back(of);
    }
  }
  return out;
}

}  // namespace

unsigned class_bits(unsigned queues) {
  return queues < 2 ? 0 : static_cast<unsigned>(std::bit_width(queues - 1));
}

Placer::Placer(const Port& port, unsigned queues)
    : port_(port), queues_(queues), bits_(class_bits(queues)), used_(std::size_t{1} << bits_) {
  System all(port.first + port.key_bytes * 8);
  for (const Input& input : port.inputs) {
    for (const Part& part : input.parts) {
      for (unsigned i = 0; i < looks_at(port, part); ++i)
        all.add({part_bit(port, part, looks_from(port) + i), false});
    }
  }
  looked_at_ = all.rank();
}

bool Placer::place(System& system, const Wish& wish, unsigned room) {
  std::vector<Row> forms;
  for (unsigned low = 0; low < bits_; ++low) forms.push_back(hash_bit(port_, wish.input, 31 - low));
  const std::vector<Settled> settled = settled_sums(system, forms);
  if (bits_ - settled.size() > room) return false;
  const auto reachable = [&](unsigned c) {
    return std::all_of(settled.begin(), settled.end(), [&](const Settled& s) {
      return (std::popcount(c & s.members) % 2 != 0) == s.odd;
    });
  };
  // Of the queue's classes, the one with the fewest flows.
  unsigned best = static_cast<unsigned>(used_.size());
  for (unsigned c = wish.queue; c < used_.size(); c += queues_) {
    if (reachable(c) && (best == used_.size() || used_[c] < used_[best])) best = c;
  }
  if (best == used_.size()) return false;
  ++used_[best];
  for (unsigned low = 0; low < bits_; ++low) system.add({forms[low], ((best >> low) & 1) != 0});
  return true;
}

}  // namespace weft::rss
