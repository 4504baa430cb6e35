// Predicates of a card graph, evaluated over raw frames: the emulated card's own evaluator of the
// expression language (compiler/ir/expr.h), which is all it has in common with the compiler.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/expr.h"
#include "compiler/ir/fields.h"
#include "runtime/emulator/frame.h"

namespace weft::emulator {

// What a predicate may look at besides the frame.
struct CardState {
  std::uint64_t mac = 0;            // host.mac: the address filter's own address, 48 bits
  std::vector<std::uint8_t> knobs;  // 0 or 1, in the order of Names::knobs
};

struct Names {
  const ir::FieldTable& fields;
  std::vector<std::string> knobs;  // "rx.promiscuous", without "knob."
};

class Predicate {
 public:
  Predicate() = default;  // always true

  // A null expression is always true. Errors: E0640, a name that a card can't see (meta.*, other
  // host.*), an unknown one, or a header that is defined by itself.
  static diag::Result<Predicate> compile(const ir::ExprPtr& expr, const Names& names);

  bool holds(const Frame& frame, const CardState& state) const;
  ir::Bits value(const Frame& frame, const CardState& state) const;

 private:
  enum class Source { none, field, length, mac, knob };
  struct Step {
    ir::Op op = ir::Op::constant;
    unsigned width = 1;
    ir::Bits value = 0;
    Source source = Source::none;
    Place place;
    unsigned knob = 0;
    std::vector<unsigned> args;  // indices of steps
  };

  diag::Result<unsigned> add(const ir::ExprPtr& expr, const Names& names, unsigned depth);
  diag::Result<unsigned> add_name(const ir::Expr& expr, const Names& names);
  diag::Result<unsigned> add_has(const ir::Expr& expr, const Names& names, unsigned depth);
  unsigned push(Step step);
  ir::Bits evaluate(unsigned step, const Frame& frame, const CardState& state) const;

  std::vector<Step> steps_;  // the last is the root; empty: true
};

}  // namespace weft::emulator
