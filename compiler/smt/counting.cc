#include "compiler/smt/counting.h"

#include <z3++.h>

#include <new>

namespace weft::smt {

namespace {

// Many times what the largest question of the tests takes.
constexpr unsigned rlimit = 20'000'000;

}  // namespace

struct Counting::Impl {
  z3::context context;
  // Not the combined solver, which changes its ways when it is asked a second time.
  z3::solver solver{context, z3::solver::simple()};
  std::vector<z3::expr> numbers;
  std::vector<z3::expr> facts;
  std::unique_ptr<z3::model> model;

  z3::expr sum(const Sum& of) {
    z3::expr_vector parts(context);
    for (const auto& [factor, n] : of) parts.push_back(context.int_val(factor) * numbers[n]);
    return parts.empty() ? context.int_val(0) : parts.size() == 1 ? parts[0] : z3::sum(parts);
  }
  void add(const z3::expr& e, Fact part_of) {
    solver.add(part_of == always ? e : z3::implies(facts[part_of], e));
  }

  Outcome check(const std::vector<Fact>& wanted) {
    model.reset();
    z3::expr_vector assumptions(context);
    for (const Fact f : wanted) assumptions.push_back(facts[f]);
    try {
      switch (solver.check(assumptions)) {
        case z3::sat: model = std::make_unique<z3::model>(solver.get_model()); return Outcome::sat;
        case z3::unsat: return Outcome::unsat;
        default: return Outcome::unknown;
      }
    } catch (const z3::exception& e) {
      if (is_out_of_memory(e.msg())) throw std::bad_alloc();
      return Outcome::unknown;
    }
  }
};

Counting::Counting() : impl_(std::make_unique<Impl>()) {
  z3::params p(impl_->context);
  p.set("random_seed", 0u);
  p.set("rlimit", rlimit);
  impl_->solver.set(p);
}
Counting::~Counting() = default;

Counting::Number Counting::number(std::int64_t low, std::int64_t high) {
  Impl& z = *impl_;
  const std::string name = "n" + std::to_string(z.numbers.size());
  z.numbers.push_back(z.context.int_const(name.c_str()));
  z.solver.add(z.numbers.back() >= z.context.int_val(low));
  z.solver.add(z.numbers.back() <= z.context.int_val(high));
  return static_cast<Number>(z.numbers.size() - 1);
}

Counting::Fact Counting::fact() {
  Impl& z = *impl_;
  const std::string name = "fact" + std::to_string(z.facts.size());
  z.facts.push_back(z.context.bool_const(name.c_str()));
  return static_cast<Fact>(z.facts.size() - 1);
}

void Counting::at_most(const Sum& sum, std::int64_t limit, Fact part_of) {
  impl_->add(impl_->sum(sum) <= impl_->context.int_val(limit), part_of);
}

void Counting::at_least(const Sum& sum, std::int64_t limit, Fact part_of) {
  impl_->add(impl_->sum(sum) >= impl_->context.int_val(limit), part_of);
}

Outcome Counting::check(const std::vector<Fact>& facts) { return impl_->check(facts); }

Outcome Counting::check(const std::vector<Fact>& facts, const Sum& goal, std::int64_t limit) {
  impl_->solver.push();
  impl_->solver.add(impl_->sum(goal) >= impl_->context.int_val(limit));
  const Outcome out = impl_->check(facts);
  impl_->solver.pop();
  return out;
}

std::int64_t Counting::value(Number n) const {
  if (!impl_->model) return 0;
  return impl_->model->eval(impl_->numbers[n], true).get_numeral_int64();
}

std::vector<Counting::Fact> Counting::core(std::vector<Fact> facts) {
  if (check(facts) != Outcome::unsat) return {};
  for (std::size_t i = 0; i < facts.size();) {
    std::vector<Fact> fewer = facts;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    if (check(fewer) == Outcome::unsat) {
      facts = std::move(fewer);
    } else {
      ++i;
    }
  }
  return facts;
}

}  // namespace weft::smt
