#include "compiler/rss/system.h"

#include <algorithm>
#include <functional>

namespace weft::rss {

System::System(unsigned unknowns)
    : unknowns_(unknowns), words_((unknowns + 63) / 64), row_of_(unknowns, -1) {}

Equation System::reduced(Equation equation) const {
  // A row has no bit below the one it begins with, so one way up is enough.
  for (unsigned w = 0; w < words_; ++w) {
    std::uint64_t stays = 0;  // bits of this word that no row begins with
    while (const std::uint64_t open = equation.form.word(w) & ~stays) {
      const auto bit = static_cast<unsigned>(std::countr_zero(open));
      if (const int row = row_of_[w * 64 + bit]; row >= 0) {
        equation.form.add(rows_[static_cast<unsigned>(row)].form, words_);
        equation.value ^= rows_[static_cast<unsigned>(row)].value;
      } else {
        stays |= std::uint64_t{1} << bit;
      }
    }
  }
  return equation;
}

std::optional<bool> System::settled(const Row& form) const {
  const Equation left = reduced({form, false});
  if (left.form.lowest(words_) != most_bits) return std::nullopt;
  return left.value;
}

bool System::add(const Equation& equation) {
  Equation left = reduced(equation);
  const unsigned bit = left.form.lowest(words_);
  if (bit == most_bits) return !left.value;  // 0 = 0, or 0 = 1
  row_of_[bit] = static_cast<int>(rows_.size());
  rows_.push_back(left);
  order_.insert(std::lower_bound(order_.begin(), order_.end(), bit, std::greater<>()), bit);
  return true;
}

Row System::solve(const Row& chosen) const {
  Row out = chosen;
  for (const unsigned bit : order_) {  // all bits above are final
    const Equation& row = rows_[static_cast<unsigned>(row_of_[bit])];
    if (row.form.sum_over(out, words_) != row.value) out.flip(bit);
  }
  return out;
}

}  // namespace weft::rss
