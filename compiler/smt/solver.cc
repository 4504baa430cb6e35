#include "compiler/smt/solver.h"

#include <sys/mman.h>
#include <z3++.h>

#include <map>
#include <new>
#include <optional>

namespace weft::smt {

struct TermData {
  z3::expr e;
};

struct Session::Impl {
  z3::context context;
  z3::solver solver{context};
  bool sat = false;                // the last outcome, with the constraints as they still are
  std::optional<z3::model> model;  // of it, once somebody asks: few do
  std::map<std::string, Term> variables;
  unsigned queries = 0;

  void change() {
    sat = false;
    model.reset();
  }

  Term make(const z3::expr& e) { return Term(std::make_shared<const TermData>(TermData{e})); }
};

namespace {

// Deterministic effort instead of a clock: enough for every query met so far by a factor of 100.
constexpr unsigned rlimit = 200'000'000;

// Address space that must be free before Z3 starts: four times what the largest proof in the tests
// takes. Z3 that runs out of memory ends the process at some places, and a stack that can't grow
// ends it at all; so it is not let near.
constexpr std::size_t room = std::size_t{64} << 20;

void need_room() {
  void* probe = mmap(nullptr, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (probe == MAP_FAILED) throw std::bad_alloc();
  munmap(probe, room);
}

const z3::expr& z3_of(const Term& t) { return t.data().e; }

z3::expr widen(const z3::expr& e, unsigned width) {
  const unsigned now = e.get_sort().bv_size();
  return now < width ? z3::zext(e, width - now) : e;
}

}  // namespace

bool is_out_of_memory(std::string_view words) {
  return words.find("out of memory") != std::string_view::npos ||
         words.find("memout") != std::string_view::npos;
}

Session::Session() {
  need_room();
  impl_ = std::make_unique<Impl>();
  z3::params p(impl_->context);
  p.set("random_seed", 0u);
  p.set("rlimit", rlimit);
  impl_->solver.set(p);
}
Session::~Session() = default;

Term Session::variable(const std::string& name, unsigned width) {
  auto& slot = impl_->variables[name];
  if (!slot) slot = impl_->make(impl_->context.bv_const(name.c_str(), width));
  return slot;
}

Term Session::boolean(const std::string& name) {
  auto& slot = impl_->variables[name];
  if (!slot) slot = impl_->make(impl_->context.bool_const(name.c_str()));
  return slot;
}

Term Session::fresh(const std::string& name) {
  z3::context& c = impl_->context;
  return impl_->make(z3::expr(c, Z3_mk_fresh_const(c, name.c_str(), c.bool_sort())));
}

Term Session::number(ir::Bits value, unsigned width) {
  if (width <= 64) {
    return impl_->make(impl_->context.bv_val(static_cast<std::uint64_t>(value), width));
  }
  const z3::expr high = impl_->context.bv_val(static_cast<std::uint64_t>(value >> 64), width - 64);
  const z3::expr low = impl_->context.bv_val(static_cast<std::uint64_t>(value), 64);
  return impl_->make(z3::concat(high, low));
}

Term Session::truth(bool value) { return impl_->make(impl_->context.bool_val(value)); }

Term Session::apply(const std::string& name, const std::vector<Term>& args, unsigned width) {
  z3::context& c = impl_->context;
  z3::sort range = width == 0 ? c.bool_sort() : c.bv_sort(width);
  if (args.empty()) return width == 0 ? boolean(name) : variable(name, width);
  z3::sort_vector domain(c);
  z3::expr_vector values(c);
  for (const Term& a : args) {
    domain.push_back(z3_of(a).get_sort());
    values.push_back(z3_of(a));
  }
  return impl_->make(c.function(name.c_str(), domain, range)(values));
}

Term Session::all_of(const std::vector<Term>& args) {
  z3::expr_vector v(impl_->context);
  for (const Term& a : args) {
    if (is_false(a)) return a;
    if (!is_true(a)) v.push_back(z3_of(a));
  }
  if (v.empty()) return truth(true);
  return impl_->make(v.size() == 1 ? v[0] : z3::mk_and(v));
}

Term Session::any_of(const std::vector<Term>& args) {
  z3::expr_vector v(impl_->context);
  for (const Term& a : args) {
    if (is_true(a)) return a;
    if (!is_false(a)) v.push_back(z3_of(a));
  }
  if (v.empty()) return truth(false);
  return impl_->make(v.size() == 1 ? v[0] : z3::mk_or(v));
}

Term Session::negate(const Term& a) {
  if (is_true(a)) return truth(false);
  if (is_false(a)) return truth(true);
  return impl_->make(!z3_of(a));
}

Term Session::implies(const Term& a, const Term& b) { return any_of({negate(a), b}); }

Term Session::ite(const Term& condition, const Term& a, const Term& b) {
  if (is_true(condition)) return a;
  if (is_false(condition)) return b;
  return impl_->make(z3::ite(z3_of(condition), z3_of(a), z3_of(b)));
}

Term Session::equal(const Term& a, const Term& b) {
  if (same(a, b)) return truth(true);
  const bool bools = width(a) == 0 && width(b) == 0;
  if (bools) return impl_->make(z3_of(a) == z3_of(b));
  const Term x = as_bits(a), y = as_bits(b);
  const unsigned w = std::max(width(x), width(y));
  return impl_->make((widen(z3_of(x), w) == widen(z3_of(y), w)).simplify());
}

Term Session::less(const Term& a, const Term& b) {
  const Term x = as_bits(a), y = as_bits(b);
  const unsigned w = std::max(width(x), width(y));
  return impl_->make(z3::ult(widen(z3_of(x), w), widen(z3_of(y), w)).simplify());
}

Term Session::less_equal(const Term& a, const Term& b) {
  const Term x = as_bits(a), y = as_bits(b);
  const unsigned w = std::max(width(x), width(y));
  return impl_->make(z3::ule(widen(z3_of(x), w), widen(z3_of(y), w)).simplify());
}

Term Session::arithmetic(ir::Op op, const Term& a, const Term& b) {
  const Term x = as_bits(a), y = as_bits(b);
  unsigned w = std::max(width(x), width(y));
  // Sums and shifts are done in 32 bits, or 64 where an argument is wider (expr.h).
  if (op != ir::Op::bit_and && op != ir::Op::bit_or) w = w <= 32 ? 32 : w <= 64 ? 64 : 128;
  const z3::expr l = widen(z3_of(x), w), r = widen(z3_of(y), w);
  switch (op) {
    case ir::Op::bit_and: return impl_->make((l & r).simplify());
    case ir::Op::bit_or: return impl_->make((l | r).simplify());
    case ir::Op::add: return impl_->make((l + r).simplify());
    case ir::Op::sub: return impl_->make((l - r).simplify());
    case ir::Op::shl: return impl_->make(z3::shl(l, r).simplify());
    default: return impl_->make(z3::lshr(l, r).simplify());
  }
}

Term Session::resize(const Term& a, unsigned to) {
  const Term x = as_bits(a);
  const unsigned now = width(x);
  if (now == to) return x;
  if (now < to) return impl_->make(widen(z3_of(x), to));
  return impl_->make(z3_of(x).extract(to - 1, 0).simplify());
}

Term Session::as_bool(const Term& a) {
  if (width(a) == 0) return a;
  return impl_->make((z3_of(a) == impl_->context.bv_val(1, width(a))).simplify());
}

Term Session::as_bits(const Term& a) {
  if (width(a) != 0) return a;
  z3::context& c = impl_->context;
  return impl_->make(z3::ite(z3_of(a), c.bv_val(1, 1), c.bv_val(0, 1)).simplify());
}

unsigned Session::width(const Term& a) {
  const z3::sort s = z3_of(a).get_sort();
  return s.is_bool() ? 0 : s.bv_size();
}

bool Session::same(const Term& a, const Term& b) { return z3::eq(z3_of(a), z3_of(b)); }
bool Session::is_true(const Term& a) { return z3_of(a).is_true(); }
bool Session::is_false(const Term& a) { return z3_of(a).is_false(); }

void Session::push() {
  impl_->change();
  impl_->solver.push();
}

void Session::pop() {
  impl_->change();
  impl_->solver.pop();
}

void Session::add(const Term& constraint) {
  impl_->change();
  impl_->solver.add(z3_of(constraint));
}

Outcome Session::check(std::string_view) {
  ++impl_->queries;
  impl_->change();
  try {
    switch (impl_->solver.check()) {
      case z3::sat: impl_->sat = true; return Outcome::sat;
      case z3::unsat: return Outcome::unsat;
      default:
        if (is_out_of_memory(impl_->solver.reason_unknown())) throw std::bad_alloc();
        return Outcome::unknown;
    }
  } catch (const z3::exception& error) {
    if (is_out_of_memory(error.msg())) throw std::bad_alloc();
    return Outcome::unknown;
  }
}

ir::Bits Session::value(const Term& a) {
  if (!impl_->sat) return 0;
  if (!impl_->model) impl_->model = impl_->solver.get_model();
  const z3::expr v = impl_->model->eval(z3_of(a), true);
  if (v.is_bool()) return v.is_true() ? 1 : 0;
  if (v.get_sort().bv_size() <= 64) return v.get_numeral_uint64();
  const z3::expr high = v.extract(v.get_sort().bv_size() - 1, 64).simplify();
  const z3::expr low = v.extract(63, 0).simplify();
  return (ir::Bits{high.get_numeral_uint64()} << 64) | low.get_numeral_uint64();
}

unsigned Session::queries() const { return impl_->queries; }

std::string Session::version() {
  unsigned major, minor, build, revision;
  Z3_get_version(&major, &minor, &build, &revision);
  return "z3 " + std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(build);
}

}  // namespace weft::smt
