// Expressions: what is parsed can be printed and parsed again, and is the same.
#include "compiler/frontend/readers.h"
#include "tests/fuzz/input.h"

using namespace weft;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto expr = frontend::parse_expr(text, fuzz::fields(), {});
  if (!expr) {
    diag::render(expr.error(), false);
    return 0;
  }
  const std::string printed = ir::to_string(*expr);
  const auto again = frontend::parse_expr(printed, fuzz::fields(), {});
  if (!again) fuzz::found(printed + "\n" + diag::render(again.error(), false));
  if (!ir::equal(*expr, *again)) fuzz::found("another one when read again: " + printed);
  return 0;
}
