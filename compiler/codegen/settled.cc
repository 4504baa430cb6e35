#include "compiler/codegen/settled.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "compiler/frontend/readers.h"
#include "stack-nodes/packet.h"

namespace weft::codegen {
namespace {

using ir::ExprPtr;
using ir::Op;

// "answer<CardFacts::ip>(p)" -> "CardFacts::ip": which bits of the descriptor hold the field.
std::optional<std::string> bits_of(const ir::Field& field) {
  const std::string_view head = "answer<", tail = ">(p)";
  const std::string_view text = field.storage;
  if (!text.starts_with(head) || !text.ends_with(tail)) return std::nullopt;
  return std::string(text.substr(head.size(), text.size() - head.size() - tail.size()));
}

// The field of `field == good`; null for other expressions.
const ir::Expr* said_good(const ExprPtr& term) {
  if (term->op != Op::eq) return nullptr;
  const auto& left = *term->args.at(0);
  const auto& right = *term->args.at(1);
  const bool good = left.op == Op::name && right.op == Op::constant &&
                    right.value == static_cast<unsigned>(Answer::good);
  return good ? &left : nullptr;
}

// a <= b
struct AtMost {
  ExprPtr a, b;
};
std::optional<AtMost> at_most(const ExprPtr& term) {
  if (term->op == Op::le) return AtMost{term->args.at(0), term->args.at(1)};
  if (term->op == Op::ge) return AtMost{term->args.at(1), term->args.at(0)};
  return std::nullopt;
}

// a <= c is no question where a <= b and b <= c are asked. (Null: one that is not asked.)
bool follows(const AtMost& wanted, const std::vector<ExprPtr>& others) {
  for (const auto& first : others) {
    const auto lower = first ? at_most(first) : std::nullopt;
    if (!lower || !ir::equal(lower->a, wanted.a)) continue;
    for (const auto& second : others) {
      const auto upper = second ? at_most(second) : std::nullopt;
      if (upper && ir::equal(upper->a, lower->b) && ir::equal(upper->b, wanted.b)) return true;
    }
  }
  return false;
}

}  // namespace

std::vector<ExprPtr> terms_of(const ExprPtr& expr) {
  if (expr->op == Op::logical_and) return expr->args;
  return {expr};
}

Settled::Settled(const ResidueContext& c, ir::Vertex start)
    : c_(c), on_wire_(c.node(start).kind == ir::NodeKind::wire) {
  std::set<std::string> written;
  for (std::optional<ir::Vertex> v = start; v;) {
    const auto& node = c.node(*v);
    const auto hot = c.usual(*v);
    if (const auto* decl = declaration(node)) {
      for (const auto& name : nodes::split(decl->writes)) written.insert(name);
    }
    if (node.kind == ir::NodeKind::conjunction) {
      for (const auto& item : node.items) {
        if (item.when) look_at(item.when);
      }
    } else if (hot && node.ports[hot->first].when) {
      look_at(node.ports[hot->first].when);
    }
    v = hot ? std::optional(hot->second) : std::nullopt;
  }
  std::erase_if(words_, [&](const auto& word) { return written.contains(word.first); });
}

void Settled::look_at(const ExprPtr& condition) {
  for (const auto& name : ir::names_in(condition)) {
    const auto* field = c_.fields.find(name);
    if (field == nullptr || field->layer == ir::Layer::none) continue;
    const auto* header = c_.fields.header(name.substr(0, name.find('.')));
    if (header == nullptr) continue;
    headers_[field->layer] = std::max(headers_[field->layer], header->min_bytes);
  }
  for (const auto& term : terms_of(condition)) {
    const auto* name = said_good(term);
    const auto* field = name == nullptr ? nullptr : c_.fields.find(name->name);
    const auto bits = field == nullptr ? std::nullopt : bits_of(*field);
    if (bits) words_.emplace(name->name, *bits);
  }
}

std::string Settled::at_first() const {
  if (!on_wire_) return "";
  std::string text;
  unsigned bytes = 0;
  for (const auto& [layer, of_header] : headers_) bytes += of_header;
  if (bytes != 0) text = fmt::format("p.len >= {}u", bytes);
  if (words_.empty()) return text;
  text += fmt::format("{}generated::all_good(p", text.empty() ? "" : " && ");
  for (const auto& [name, bits] : words_) text += ", " + bits;
  return text + ")";
}

bool Settled::asked_at_first(const ExprPtr& term) const {
  const auto* name = said_good(term);
  return on_wire_ && name != nullptr && words_.contains(name->name);
}

ExprPtr Settled::with_known(const ExprPtr& expr) const {
  if (expr->op == Op::name) {
    const auto found = known_.find(expr->name);
    return found == known_.end() ? expr : found->second;
  }
  if (expr->args.empty()) return expr;
  auto copy = *expr;
  for (auto& arg : copy.args) arg = with_known(arg);
  return std::make_shared<const ir::Expr>(std::move(copy));
}

bool Settled::is_of_host(const ExprPtr& expr) const {
  const auto names = ir::names_in(expr);
  return !names.empty() && std::all_of(names.begin(), names.end(), [](const std::string& name) {
    return name.starts_with("host.");
  });
}

// `x + k <= h` where also x <= c is asked and h is the host's: c + k <= h is enough, for the whole
// batch. (Sums are of 32 bits: c + k must not leave them.)
ExprPtr Settled::at_its_bound(const ExprPtr& term, const std::vector<ExprPtr>& terms) const {
  const auto wanted = at_most(term);
  if (!wanted || wanted->a->op != Op::add || !is_of_host(wanted->b)) return nullptr;
  const auto& x = wanted->a->args.at(0);
  const auto& k = wanted->a->args.at(1);
  if (k->op != Op::constant) return nullptr;
  for (const auto& other : terms) {
    const auto bound = at_most(other);
    if (!bound || bound->b->op != Op::constant || !ir::equal(bound->a, x)) continue;
    const auto sum = bound->b->value + k->value;
    if ((sum >> 32) != 0) continue;
    return ir::binary(Op::le, ir::constant(sum, 32), wanted->b);
  }
  return nullptr;
}

Settled::Open Settled::still_open(const std::vector<ExprPtr>& terms) {
  Open open;
  for (const auto& term : terms) {
    const auto plain = with_known(term);
    open.terms.push_back(nullptr);
    if (asked_at_first(plain)) continue;
    if (is_of_host(plain)) {
      open.of_batch.push_back(plain);
    } else if (const auto bound = at_its_bound(plain, terms)) {
      open.of_batch.push_back(bound);
    } else {
      open.terms.back() = plain;
    }
  }
  // (On the wire all headers are there: what follows protects no read.)
  for (auto& term : open.terms) {
    const auto wanted = on_wire_ && term ? at_most(term) : std::nullopt;
    if (wanted && follows(*wanted, open.terms)) term = nullptr;
  }
  for (const auto& term : open.of_batch) {
    const bool known = std::any_of(of_batch_.begin(), of_batch_.end(),
                                   [&](const ExprPtr& held) { return ir::equal(held, term); });
    if (!known) of_batch_.push_back(term);
  }
  return open;
}

void Settled::passed(ir::Vertex v) {
  const auto* decl = declaration(c_.node(v));
  if (decl == nullptr) return;
  for (const auto& name : nodes::split(decl->writes)) {
    if (!name.ends_with(".*")) {
      known_.erase(name);
      continue;
    }
    const auto header = name.substr(0, name.size() - 1);
    std::erase_if(known_, [&](const auto& known) { return known.first.starts_with(header); });
  }
  for (const auto& [name, text] : nodes::assignments(decl->assigns)) {
    const auto* field = c_.fields.find(name);
    if (field == nullptr || field->layer != ir::Layer::none) continue;
    const auto value = frontend::parse_expr(text, c_.fields, c_.node(v).span);
    if (value && (*value)->op == Op::constant)
      known_[name] = ir::constant((*value)->value, field->width);
  }
}

}  // namespace weft::codegen
