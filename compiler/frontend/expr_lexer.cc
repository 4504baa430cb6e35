#include "compiler/frontend/expr_lexer.h"

#include <fmt/format.h>

#include <array>
#include <cctype>

#include "compiler/frontend/address.h"

namespace weft::frontend {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }
bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

constexpr std::array<std::string_view, 8> long_signs = {
    "||", "&&", "==", "!=", "<=", ">=", "<<", ">>"};
constexpr std::string_view short_signs = "!<>|&+-(){},";

class Lexer {
 public:
  Lexer(std::string_view text, LexError& error) : text_(text), error_(error) {}

  std::vector<Token> run() {
    std::vector<Token> out;
    while (true) {
      while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
      Token token;
      token.offset = at_;
      if (at_ == text_.size()) {
        out.push_back(token);
        return out;
      }
      if (!next(token)) return {};
      token.text = text_.substr(token.offset, at_ - token.offset);
      out.push_back(token);
    }
  }

 private:
  // The longest run of characters of which literals and names are made.
  std::string_view run_of(auto&& belongs) const {
    std::size_t end = at_;
    while (end < text_.size() && belongs(text_[end])) ++end;
    return text_.substr(at_, end - at_);
  }

  bool fail(std::size_t length, std::string message, std::string help = "") {
    error_ = {at_, length, std::move(message), std::move(help)};
    return false;
  }

  bool next(Token& token) {
    const std::string_view mac = run_of(
        [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0 || c == ':'; });
    if (mac.find(':') != std::string_view::npos) return take_mac(token, mac);
    if (digit(text_[at_])) return take_number(token);
    if (letter(text_[at_])) {
      token.kind = TokenKind::word;
      at_ += run_of([](char c) { return letter(c) || digit(c) || c == '.'; }).size();
      return true;
    }
    token.kind = TokenKind::sign;
    for (const std::string_view sign : long_signs) {
      if (text_.substr(at_, 2) == sign) {
        at_ += 2;
        return true;
      }
    }
    if (short_signs.find(text_[at_]) != std::string_view::npos) {
      ++at_;
      return true;
    }
    if (text_[at_] == '=') return fail(1, "`=` does not compare", "write `==`");
    return fail(1, fmt::format("`{}` has no meaning here", text_[at_]));
  }

  bool take_mac(Token& token, std::string_view word) {
    const auto value = parse_mac(word);
    if (!value) {
      return fail(word.size(), fmt::format("`{}` is not an Ethernet address", word),
                  "six bytes of two hex digits: 02:00:00:00:00:01");
    }
    token.kind = TokenKind::mac;
    token.value = *value;
    at_ += word.size();
    return true;
  }

  bool take_number(Token& token) {
    const std::string_view word = run_of([](char c) { return letter(c) || digit(c) || c == '.'; });
    if (word.find('.') != std::string_view::npos) return take_address(token, word);
    const bool hex = word.starts_with("0x") || word.starts_with("0X");
    const std::string_view digits = hex ? word.substr(2) : word;
    const unsigned base = hex ? 16 : 10;
    if (digits.empty()) return fail(word.size(), "a number without digits");
    if (!hex && digits.size() > 1 && digits[0] == '0') {
      return fail(word.size(), fmt::format("`{}` starts with 0", word), "there is no octal");
    }
    for (const char c : digits) {
      if (hex ? std::isxdigit(static_cast<unsigned char>(c)) == 0 : !digit(c)) {
        return fail(word.size(), fmt::format("`{}` is not a number", word));
      }
      const unsigned d = digit(c) ? static_cast<unsigned>(c - '0')
                                  : static_cast<unsigned>(std::tolower(c) - 'a') + 10;
      if (token.value > (~ir::Bits{0} - d) / base) {
        return fail(word.size(), fmt::format("`{}` has more than 128 bits", word));
      }
      token.value = token.value * base + d;
    }
    token.kind = TokenKind::number;
    at_ += word.size();
    return true;
  }

  bool take_address(Token& token, std::string_view word) {
    const auto address = parse_ipv4(word);
    if (!address) {
      return fail(word.size(), fmt::format("`{}` is not an IPv4 address", word),
                  "four numbers from 0 to 255: 10.0.0.1");
    }
    token.kind = TokenKind::ipv4;
    token.value = *address;
    const std::size_t start = at_;
    at_ += word.size();
    if (at_ < text_.size() && text_[at_] == '/') {
      ++at_;
      const std::string_view bits = run_of([](char c) { return letter(c) || digit(c); });
      const auto length = parse_prefix_length(bits);
      if (!length) {
        at_ = start;
        return fail(word.size() + 1 + bits.size(), fmt::format("`{}` is not a prefix length", bits),
                    "a number from 0 to 32");
      }
      token.kind = TokenKind::prefix;
      token.length = *length;
      at_ += bits.size();
    }
    return true;
  }

  std::string_view text_;
  LexError& error_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<Token> lex(std::string_view text, LexError& error) { return Lexer(text, error).run(); }

}  // namespace weft::frontend
