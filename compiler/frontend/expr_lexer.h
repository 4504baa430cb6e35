// Words of the expression language.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/expr.h"

namespace weft::frontend {

enum class TokenKind {
  number,  // 10, 0x1f
  mac,     // 02:00:00:00:00:01
  ipv4,    // 10.0.0.1
  prefix,  // 10.0.0.0/8: `length` bits
  word,    // a name, a reserved word
  sign,    // an operator or bracket
  end,
};

struct Token {
  TokenKind kind = TokenKind::end;
  std::string_view text;
  std::size_t offset = 0;
  ir::Bits value = 0;
  unsigned length = 0;
};

struct LexError {
  std::size_t offset = 0;
  std::size_t length = 1;
  std::string message;
  std::string help;
};

// The last token is `end`. On failure fills `error` and returns an empty list.
std::vector<Token> lex(std::string_view text, LexError& error);

}  // namespace weft::frontend
