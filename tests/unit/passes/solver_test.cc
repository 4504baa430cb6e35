#include "compiler/smt/solver.h"

#include <gtest/gtest.h>

#include "compiler/ir/evaluate.h"
#include "compiler/passes/symbolic.h"
#include "tests/unit/passes/fixture.h"

namespace weft::passes::testing {
namespace {

TEST(Solver, AnswersAndGivesModels) {
  smt::Session s;
  const auto x = s.variable("x", 16);
  s.add(s.less(x, s.number(10, 16)));
  s.add(s.negate(s.less(x, s.number(9, 16))));
  ASSERT_EQ(s.check("x is 9"), smt::Outcome::sat);
  EXPECT_EQ(static_cast<unsigned>(s.value(x)), 9u);
  s.push();
  s.add(s.equal(x, s.number(8, 16)));
  EXPECT_EQ(s.check("x is 8"), smt::Outcome::unsat);
  s.pop();
  EXPECT_EQ(s.check("x again"), smt::Outcome::sat);
  EXPECT_EQ(s.queries(), 3u);
}

TEST(Solver, FunctionsGiveEqualResultsForEqualArguments) {
  smt::Session s;
  const auto x = s.variable("x", 8), y = s.variable("y", 8);
  s.add(s.equal(x, y));
  s.add(s.negate(s.equal(s.apply("f", {x}, 4), s.apply("f", {y}, 4))));
  EXPECT_EQ(s.check("congruence"), smt::Outcome::unsat);
}

// The encoder and the evaluator must agree: each checks what the other is used for.
TEST(Encoder, AgreesWithTheEvaluator) {
  const char* texts[] = {"(ipv4.ihl << 2) + 8 <= ipv4.total_length", "ipv4.ttl - 1 >= 4000000000",
                         "ipv4.src in 10.0.0.0/8 && !(ipv4.dst in {10.0.0.1, 10.0.0.2})",
                         "(eth.src & 0x010000000000) == 0 || udp.length > ipv4.ttl",
                         "ipv4.ihl << 4 == 240"};
  unsigned seed = 1;
  for (const char* text : texts) {
    const auto e = must(frontend::parse_expr(text, fields(), {}));
    for (int round = 0; round < 20; ++round) {
      smt::Session s;
      Symbolic symbolic(s, fields());
      std::map<std::string, ir::Bits> values;
      for (const auto& name : ir::names_in(e)) {
        seed = seed * 1664525u + 1013904223u;
        const unsigned width = fields().find(name)->width;
        values[name] = (ir::Bits{seed} * 2654435761u) & ir::mask_of(width);
        s.add(s.equal(symbolic.initial(name), s.number(values[name], width)));
      }
      const bool expected = ir::holds(e, [&](const std::string& n) { return values.at(n); });
      const auto claim = symbolic.condition(e, State{});
      s.add(expected ? s.negate(claim) : claim);
      EXPECT_EQ(s.check(text), smt::Outcome::unsat) << text;
    }
  }
}

}  // namespace
}  // namespace weft::passes::testing
