#include <algorithm>
#include <set>

#include "compiler/codegen/straight_writer.h"

namespace weft::codegen {

using diag::fail;
using diag::Result;
using ir::Vertex;

// All conditions in the order of asking_order, and what the tests among them expect as soon as the
// same fields are read: what follows is then made for the usual case.
StraightWriter::Next StraightWriter::conjunction(Vertex v) {
  const auto& n = c_.node(v);
  const auto yes = c_.graph.port(v, "yes").value_or(0);
  std::vector<ir::ExprPtr> usually;
  for (const auto& item : n.items) {
    if (item.test.empty()) continue;
    auto usual = expected(item.test, v);
    if (!usual) return fail(usual.error());
    if (*usual) usually.push_back(*usual);
  }
  // Of each item with a comparison, what is still to be asked.
  std::vector<ir::ExprPtr> terms;
  std::vector<std::size_t> behind;  // by item: the end of its terms
  for (const auto& item : n.items) {
    if (item.when) {
      for (const auto& term : terms_of(item.when)) terms.push_back(term);
    }
    behind.push_back(terms.size());
  }
  auto open = still_open(v, terms, Wanted::always);
  if (!open) return fail(open.error());
  const auto left_of = [&](std::size_t i) {
    std::vector<ir::ExprPtr> left;
    for (std::size_t t = i == 0 ? 0 : behind[i - 1]; t < behind[i]; ++t) {
      if ((*open)[t]) left.push_back((*open)[t]);
    }
    return left;
  };
  for (std::size_t i = 0; i < n.items.size(); ++i) {
    if (n.items[i].when && left_of(i).empty()) line("// {}: settled already", remark(n.items[i]));
  }
  const char* const first_sign = "if (!(";
  const char* sign = first_sign;
  const auto condition = [&](const std::string& text, const std::string& remark) {
    line("{}{}  // {}", sign, wrapped(text), remark);
    sign = "      && ";
  };
  // The last of the comparisons so far waits: what comes next may be one with it.
  ir::ExprPtr last;
  std::string last_remark;
  const auto flush = [&]() -> Result<void> {
    if (!last) return {};
    auto text = c_.expressions.compile(last);
    if (!text) return fail(text.error());
    condition("(" + *text + ")", last_remark);
    last = nullptr;
    return {};
  };
  const auto compare = [&](const ir::ExprPtr& expr, const std::string& remark) -> Result<void> {
    if (last && c_.expressions.as_one(last, expr)) {
      last = ir::all_of({last, expr});
      last_remark += ", " + remark;
      return {};
    }
    if (auto done = flush(); !done) return done;
    last = expr;
    last_remark = remark;
    return {};
  };
  for (std::size_t i : asking_order(n)) {
    // Where a descriptor's word stands in front of a test, the test is for the general function.
    ir::Item item = n.items[i];
    if (item.when) item.test.clear();
    const auto read = item.when ? ir::names_in(item.when) : std::vector<std::string>();
    for (auto usual = usually.begin(); usual != usually.end();) {
      const auto wanted = ir::names_in(*usual);
      const bool now =
          !item.when || std::any_of(wanted.begin(), wanted.end(), [&](const auto& name) {
            return std::binary_search(read.begin(), read.end(), name);
          });
      if (!now) {
        ++usual;
        continue;
      }
      if (auto done = compare(*usual, "as usual"); !done) return fail(done.error());
      usual = usually.erase(usual);
    }
    if (item.when) {
      const auto left = left_of(i);
      if (left.empty()) continue;
      if (auto done = compare(ir::all_of(left), remark(n.items[i])); !done)
        return fail(done.error());
      continue;
    }
    if (auto done = flush(); !done) return fail(done.error());
    auto text = item_test(c_, item);
    if (!text) return fail(text.error());
    condition(*text, remark(n.items[i]));
  }
  if (auto done = flush(); !done) return fail(done.error());
  if (sign != first_sign) line("      )) [[unlikely]] {{ {} }}", leave(v));
  const auto to = c_.graph.next(v, yes);
  if (!to) line("{}", leave(std::nullopt));
  return to;
}

}  // namespace weft::codegen
