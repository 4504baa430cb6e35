#include "compiler/rss/system.h"

#include "tests/unit/rss/tuples.h"

namespace weft::rss::testing {
namespace {

Equation random_equation(std::mt19937_64& random, unsigned unknowns) {
  Equation out{.value = random() % 2 == 0};
  for (unsigned bit = 0; bit < unknowns; ++bit) {
    if (random() % 3 == 0) out.form.flip(bit);
  }
  return out;
}

// All 2^n values: what add() says, and what solve() gives, are what counting says.
TEST(System, SolvesWhatCanBeSolved) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 200; ++round) {
    const unsigned unknowns = 1 + random() % 10;
    System system(unknowns);
    std::vector<Equation> taken;
    const auto holds = [&](unsigned values) {
      Row row;
      row.set_word(0, values);
      return std::all_of(taken.begin(), taken.end(), [&](const Equation& e) {
        return e.form.sum_over(row, Row::words) == e.value;
      });
    };
    for (int n = 0; n < 12; ++n) {
      taken.push_back(random_equation(random, unknowns));
      unsigned solutions = 0;
      for (unsigned values = 0; values < (1u << unknowns); ++values) solutions += holds(values);
      ASSERT_EQ(system.add(taken.back()), solutions != 0);
      if (solutions == 0) {
        taken.pop_back();
      } else {
        ASSERT_EQ(solutions, 1u << (unknowns - system.rank()));
      }
    }
    for (int n = 0; n < 20; ++n) {
      Row chosen;
      chosen.set_word(0, random() & ((1u << unknowns) - 1));
      ASSERT_TRUE(holds(static_cast<unsigned>(system.solve(chosen).word(0))));
    }
  }
}

TEST(System, KnowsWhatIsSettled) {
  System system(100);
  Equation sum;
  sum.form.flip(3);
  sum.form.flip(70);
  sum.value = true;
  Equation one;
  one.form.flip(70);
  EXPECT_TRUE(system.add(sum));
  Row three;
  three.flip(3);
  EXPECT_FALSE(system.settled(three).has_value());
  EXPECT_TRUE(system.add(one));
  ASSERT_TRUE(system.settled(three).has_value());
  EXPECT_TRUE(*system.settled(three));
  one.value = true;
  EXPECT_FALSE(system.add(one)) << "it is 0 already";
  EXPECT_EQ(system.rank(), 2u);
}

}  // namespace
}  // namespace weft::rss::testing
