// Words of a command line, and numbers.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace kv {

// The next word, taken off; empty: there is none.
inline std::string_view next_word(std::string_view& line) {
  while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  const std::size_t end = line.find(' ');
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(word.size());
  return word;
}

template <class Number>
bool read_number(std::string_view text, Number& n) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

// A line of an answer.
class Line {
 public:
  Line& operator<<(std::string_view text) {
    text_ += text;
    return *this;
  }
  Line& operator<<(std::uint64_t n) {
    char digits[20];
    const char* end = std::to_chars(digits, digits + sizeof(digits), n).ptr;
    text_.append(digits, static_cast<std::size_t>(end - digits));
    return *this;
  }
  std::string_view text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace kv
