#include "compiler/frontend/expr_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "compiler/frontend/address.h"
#include "compiler/frontend/expr_lexer.h"
#include "compiler/frontend/readers.h"
#include "compiler/ir/evaluate.h"

namespace weft::frontend {
namespace {

using ir::ExprPtr;
using ir::Op;

constexpr unsigned deepest = 200;

struct Failure {
  diag::Diagnostic diagnostic;
};

struct Reserved {
  std::string_view word;
  unsigned value;
  unsigned width;
};
constexpr std::array<Reserved, 8> reserved = {{{"true", 1, 1},
                                               {"false", 0, 1},
                                               {"on", 1, 1},
                                               {"off", 0, 1},
                                               {"unknown", 0, 2},
                                               {"good", 1, 2},
                                               {"bad", 2, 2},
                                               {"none", 3, 2}}};

unsigned bit_length(ir::Bits value) {
  unsigned n = 0;
  for (; value != 0; value >>= 1) ++n;
  return std::max(1U, n);
}

// A parsed part of the text; `literal` is how a constant was written.
struct Part {
  ExprPtr e;
  std::size_t begin = 0;
  std::size_t end = 0;
  TokenKind literal = TokenKind::end;
};

bool is_constant(const Part& p) { return p.e->op == Op::constant; }

// Results of comparisons and logic: they are no numbers.
bool is_logical(const ExprPtr& e) { return e->op >= Op::has && e->op <= Op::ge; }

class Parser {
 public:
  Parser(std::string_view text, const ir::FieldTable& fields, const Places& places)
      : text_(text), fields_(fields), places_(places) {}

  ExprPtr run() {
    LexError bad;
    tokens_ = lex(text_, bad);
    if (tokens_.empty()) fail("E0201", bad.offset, bad.length, bad.message, bad.help);
    if (peek().kind == TokenKind::end) fail("E0201", 0, 1, "the expression is empty");
    const Part whole = disjunction();
    if (peek().kind != TokenKind::end) unexpected("the end of the expression");
    return whole.e;
  }

 private:
  [[noreturn]] void fail(std::string code, std::size_t begin, std::size_t length,
                         std::string message, std::string help = "", std::string label = "") const {
    throw Failure{{.code = std::move(code),
                   .message = std::move(message),
                   .span = places_(begin, std::max<std::size_t>(1, length)),
                   .label = std::move(label),
                   .help = std::move(help)}};
  }
  [[noreturn]] void fail(std::string code, const Part& at, std::string message,
                         std::string help = "", std::string label = "") const {
    fail(std::move(code), at.begin, at.end - at.begin, std::move(message), std::move(help),
         std::move(label));
  }
  [[noreturn]] void unexpected(std::string_view wanted) const {
    const Token& t = peek();
    if (t.kind == TokenKind::end) {
      fail("E0201", text_.size(), 1,
           fmt::format("the expression ends where {} is expected", wanted));
    }
    fail("E0201", t.offset, t.text.size(),
         fmt::format("`{}` stands where {} is expected", t.text, wanted));
  }

  const Token& peek() const { return tokens_[at_]; }
  const Token& take() { return tokens_[at_++]; }
  bool is(std::string_view sign) const {
    return peek().kind == TokenKind::sign && peek().text == sign;
  }
  bool accept(std::string_view sign) {
    if (!is(sign)) return false;
    ++at_;
    return true;
  }
  void expect(std::string_view sign) {
    if (!accept(sign)) unexpected(fmt::format("`{}`", sign));
  }
  std::size_t end_of_last() const {
    const Token& last = tokens_[at_ - 1];
    return last.offset + last.text.size();
  }
  std::string quoted(const Part& p) const {
    return fmt::format("`{}`", text_.substr(p.begin, p.end - p.begin));
  }

  Part placed(ExprPtr e, std::size_t begin, TokenKind literal = TokenKind::end) const {
    Part out{.begin = begin, .end = end_of_last(), .literal = literal};
    auto copy = std::make_shared<ir::Expr>(*e);
    copy->span = places_(begin, out.end - begin);
    out.e = std::move(copy);
    return out;
  }

  void need_condition(const Part& p) const {
    if (p.e->width == 1) return;
    fail("E0206", p,
         fmt::format("{} is a number of {} bits, not a condition", quoted(p), p.e->width),
         "compare it: `... != 0`");
  }
  void need_number(const Part& p, Op op) const {
    if (!is_logical(p.e)) return;
    fail("E0206", p, fmt::format("{} is a condition, not a number", quoted(p)),
         op == Op::bit_and  ? "write `&&` between conditions"
         : op == Op::bit_or ? "write `||` between conditions"
                            : "");
  }

  // --- from the loosest operator to the tightest ---------------------------------------------

  Part chain(std::string_view sign, Part (Parser::*inner)(),
             ExprPtr (*join)(std::vector<ExprPtr>)) {
    Part first = (this->*inner)();
    if (!is(sign)) return first;
    need_condition(first);
    std::vector<ExprPtr> args = {first.e};
    while (accept(sign)) {
      const Part next = (this->*inner)();
      need_condition(next);
      args.push_back(next.e);
    }
    return placed(join(std::move(args)), first.begin);
  }
  Part disjunction() { return chain("||", &Parser::conjunction, ir::any_of); }
  Part conjunction() { return chain("&&", &Parser::negation, ir::all_of); }

  Part negation() {
    if (!is("!")) return comparison();
    const std::size_t begin = take().offset;
    const Deeper deeper(*this);
    const Part arg = negation();
    need_condition(arg);
    return placed(ir::negate(arg.e), begin);
  }

  std::optional<Op> comparison_sign() const {
    static constexpr std::array<std::pair<std::string_view, Op>, 6> signs = {{{"==", Op::eq},
                                                                              {"!=", Op::ne},
                                                                              {"<", Op::lt},
                                                                              {"<=", Op::le},
                                                                              {">", Op::gt},
                                                                              {">=", Op::ge}}};
    if (peek().kind != TokenKind::sign) return std::nullopt;
    for (const auto& [sign, op] : signs) {
      if (peek().text == sign) return op;
    }
    return std::nullopt;
  }
  bool is_in() const { return peek().kind == TokenKind::word && peek().text == "in"; }

  Part comparison() {
    Part left = level(0);
    Part out = left;
    if (const auto op = comparison_sign()) {
      take();
      Part right = level(0);
      check_comparison(*op, left, right);
      adapt(left, right);
      adapt(right, left);
      out = placed(ir::binary(*op, left.e, right.e), left.begin);
    } else if (is_in()) {
      take();
      out = membership(left);
    } else {
      return left;
    }
    if (comparison_sign() || is_in()) {
      fail("E0201", peek().offset, peek().text.size(), "comparisons do not chain",
           "put one of them into parentheses, or join them with `&&`");
    }
    return out;
  }

  void check_comparison(Op op, const Part& a, const Part& b) const {
    if (op != Op::eq && op != Op::ne) {
      need_number(a, op);
      need_number(b, op);
    }
    check_fit(a, b);
    check_fit(b, a);
  }

  // A literal must be one that `other` can have.
  void check_fit(const Part& literal, const Part& other) const {
    if (!is_constant(literal) || is_constant(other)) return;
    const unsigned width = other.e->width;
    if (bit_length(literal.e->value) > width) {
      fail("E0203", literal,
           fmt::format("{} does not fit into {}, which has {} bit{}", quoted(literal),
                       quoted(other), width, width == 1 ? "" : "s"),
           fmt::format("the largest value is {}", ir::format_bits(ir::mask_of(width))));
    }
    const bool field = other.e->op == Op::name;
    if (field && ((literal.literal == TokenKind::ipv4 && width != 32) ||
                  (literal.literal == TokenKind::mac && width != 48))) {
      fail("E0206", literal,
           fmt::format("{} is an {} address, and {} has {} bits", quoted(literal),
                       literal.literal == TokenKind::mac ? "Ethernet" : "IPv4", quoted(other),
                       width));
    }
    if (other.e->op == Op::bit_and) {
      for (const ExprPtr& mask : other.e->args) {
        if (mask->op == Op::constant && (literal.e->value & ~mask->value) != 0) {
          fail("E0204", literal,
               fmt::format("{} has bits that the mask in {} cuts off", quoted(literal),
                           quoted(other)),
               "the comparison could never hold");
        }
      }
    }
  }

  // A constant takes the width of what it is compared with.
  void adapt(Part& constant, const Part& other) const {
    if (!is_constant(constant) || is_constant(other)) return;
    auto copy = std::make_shared<ir::Expr>(*constant.e);
    copy->width = other.e->width;
    constant.e = std::move(copy);
  }

  Part membership(const Part& left) {
    need_number(left, Op::eq);
    if (peek().kind == TokenKind::prefix) return element(left);
    if (!accept("{")) unexpected("a prefix like `10.0.0.0/8` or a set like `{1, 2}`");
    std::vector<ExprPtr> args;
    do {
      args.push_back(element(left).e);
    } while (accept(","));
    expect("}");
    return placed(ir::any_of(std::move(args)), left.begin);
  }

  Part element(const Part& left) {
    if (peek().kind != TokenKind::prefix) {
      Part value = atom();
      if (!is_constant(value)) fail("E0201", value, "a set holds literals only");
      check_comparison(Op::eq, left, value);
      adapt(value, left);
      return placed(ir::binary(Op::eq, left.e, value.e), left.begin);
    }
    const Token token = take();
    const Part at{.begin = token.offset, .end = token.offset + token.text.size()};
    if (left.e->width != 32) {
      fail("E0206", at,
           fmt::format("{} has {} bits, an IPv4 prefix 32", quoted(left), left.e->width));
    }
    const std::uint32_t mask = prefix_mask(token.length);
    const auto value = static_cast<std::uint32_t>(token.value);
    if ((value & ~mask) != 0) {
      fail("E0205", at,
           fmt::format("`{}` has bits set behind its {} prefix bits", token.text, token.length),
           fmt::format("write {}/{}, or {}/32 for this address alone", format_ipv4(value & mask),
                       token.length, format_ipv4(value)));
    }
    if (token.length == 0) return placed(ir::truth(true), left.begin);
    ExprPtr field = left.e;
    if (token.length < 32) field = ir::binary(Op::bit_and, field, ir::constant(mask, 32));
    return placed(ir::binary(Op::eq, field, ir::constant(value, 32)), left.begin);
  }

  struct Binary {
    std::string_view sign;
    Op op;
  };
  // | then & then << >> then + -
  static std::optional<Op> sign_at(unsigned level, const Token& t) {
    static constexpr std::array<std::array<Binary, 2>, 4> levels = {
        {{{{"|", Op::bit_or}, {"|", Op::bit_or}}},
         {{{"&", Op::bit_and}, {"&", Op::bit_and}}},
         {{{"<<", Op::shl}, {">>", Op::shr}}},
         {{{"+", Op::add}, {"-", Op::sub}}}}};
    if (t.kind != TokenKind::sign) return std::nullopt;
    for (const Binary& b : levels[level]) {
      if (t.text == b.sign) return b.op;
    }
    return std::nullopt;
  }

  Part level(unsigned number) {
    if (number == 4) return atom();
    Part left = level(number + 1);
    for (unsigned count = 0; const auto op = sign_at(number, peek()); ++count) {
      if (count == deepest) too_deep();
      take();
      const Part right = level(number + 1);
      need_number(left, *op);
      need_number(right, *op);
      check_operands(*op, left, right);
      left = placed(ir::binary(*op, left.e, right.e), left.begin);
    }
    return left;
  }

  void check_operands(Op op, const Part& a, const Part& b) const {
    for (const auto& [mask, other] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
      if (op >= Op::add && bit_length(mask->e->value) > 64) {
        fail("E0203", *mask, fmt::format("{} has more than 64 bits", quoted(*mask)),
             "arithmetic is done in 32 bits, or in 64 where an argument is wider");
      }
      if (op != Op::bit_and || !is_constant(*mask) || is_constant(*other)) continue;
      if (bit_length(mask->e->value) <= other->e->width) continue;
      fail("E0204", *mask,
           fmt::format("the mask {} has bits outside {}, which has {} bits", quoted(*mask),
                       quoted(*other), other->e->width));
    }
  }

  Part atom() {
    const Token& t = peek();
    switch (t.kind) {
      case TokenKind::number:
      case TokenKind::mac:
      case TokenKind::ipv4: {
        take();
        const unsigned width = t.kind == TokenKind::mac    ? 48
                               : t.kind == TokenKind::ipv4 ? 32
                                                           : bit_length(t.value);
        return placed(ir::constant(t.value, width), t.offset, t.kind);
      }
      case TokenKind::prefix:
        fail("E0201", t.offset, t.text.size(), fmt::format("the prefix `{}` stands alone", t.text),
             "write `field in " + std::string(t.text) + "`");
      case TokenKind::word: return word();
      default: break;
    }
    if (!is("(")) unexpected("a field or a number");
    const std::size_t begin = take().offset;
    const Deeper deeper(*this);
    Part inner = disjunction();
    expect(")");
    inner.begin = begin;
    inner.end = end_of_last();
    return inner;
  }

  Part word() {
    const Token t = take();
    for (const Reserved& r : reserved) {
      if (t.text == r.word) return placed(ir::constant(r.value, r.width), t.offset);
    }
    if (t.text == "has" && accept("(")) return header(t);
    if (const ir::Field* field = fields_.find(t.text)) {
      return placed(ir::name(field->name, field->width), t.offset);
    }
    unknown_field(t);
  }

  Part header(const Token& has) {
    const Token name = peek();
    if (name.kind != TokenKind::word) unexpected("the name of a header");
    take();
    expect(")");
    if (fields_.header(name.text) != nullptr) {
      return placed(ir::has(std::string(name.text)), has.offset);
    }
    std::vector<std::string> names;
    for (const auto& [known, unused] : fields_.headers) names.push_back(known);
    const std::string near = diag::nearest(name.text, names);
    fail("E0207", name.offset, name.text.size(), fmt::format("unknown header `{}`", name.text),
         fmt::format("headers: {}", fmt::join(names, ", ")),
         near.empty() ? "" : fmt::format("did you mean `{}`?", near));
  }

  [[noreturn]] void unknown_field(const Token& t) const {
    std::vector<std::string> names = fields_.names();
    for (const Reserved& r : reserved) names.emplace_back(r.word);
    const std::string near = diag::nearest(t.text, names);
    const std::string prefix(t.text.substr(0, t.text.find('.')));
    std::vector<std::string> same;
    for (const std::string& name : names) {
      if (name.starts_with(prefix + ".")) same.push_back(name);
    }
    const std::string help = same.empty() ? "fields are declared in graphs/headers/"
                                          : fmt::format("known: {}", fmt::join(same, ", "));
    fail("E0202", t.offset, t.text.size(), fmt::format("unknown field `{}`", t.text), help,
         near.empty() ? "" : fmt::format("did you mean `{}`?", near));
  }

  [[noreturn]] void too_deep() const {
    fail("E0201", peek().offset, 1, fmt::format("more than {} levels of nesting", deepest));
  }

  struct Deeper {
    explicit Deeper(Parser& p) : parser(p) {
      if (++parser.depth_ > deepest) parser.too_deep();
    }
    ~Deeper() { --parser.depth_; }
    Parser& parser;
  };

  std::string_view text_;
  const ir::FieldTable& fields_;
  const Places& places_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  unsigned depth_ = 0;
};

}  // namespace

diag::Result<ExprPtr> parse_expr_at(std::string_view text, const ir::FieldTable& fields,
                                    const Places& places) {
  try {
    return Parser(text, fields, places).run();
  } catch (Failure& failure) {
    return diag::fail(std::move(failure.diagnostic));
  }
}

diag::Result<ExprPtr> parse_expr(std::string_view text, const ir::FieldTable& fields,
                                 const diag::Span& at) {
  return parse_expr_at(text, fields, [&](std::size_t offset, std::size_t length) {
    diag::Span span = at;
    span.column += static_cast<unsigned>(offset);
    span.length = static_cast<unsigned>(length);
    return span;
  });
}

ExprPtr read_condition(const Value& value, const ir::FieldTable& fields) {
  if (!value.present()) return ir::truth(true);
  const std::size_t before = value.error_count();
  const std::string text = value.raw();
  if (value.error_count() != before) return ir::truth(true);
  auto e = parse_expr_at(text, fields, [&](std::size_t offset, std::size_t length) {
    return value.place(offset, length);
  });
  if (!e) {
    value.report(e.error());
    return ir::truth(true);
  }
  if ((*e)->width != 1) {
    value.error("E0206",
                fmt::format("`{}` is a number of {} bits, not a condition", text, (*e)->width), "",
                "compare it: `... != 0`");
    return ir::truth(true);
  }
  return *e;
}

}  // namespace weft::frontend
