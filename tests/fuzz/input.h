// What a fuzzer's bytes become.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "compiler/ir/fields.h"

namespace weft::fuzz {

// Takes numbers and pieces from the front of an input; at its end there are zeros and nothing.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : at_(data), left_(size) {}

  bool empty() const { return left_ == 0; }
  std::uint8_t byte() {
    if (left_ == 0) return 0;
    --left_;
    return *at_++;
  }
  std::uint16_t word() {
    const std::uint16_t high = byte();
    return static_cast<std::uint16_t>(high << 8 | byte());
  }
  std::uint32_t number() {
    const std::uint32_t high = word();
    return high << 16 | word();
  }
  std::uint32_t below(std::uint32_t n) { return word() % n; }
  // Up to `n` bytes.
  std::string piece(std::size_t n) {
    n = n < left_ ? n : left_;
    std::string out(reinterpret_cast<const char*>(at_), n);
    at_ += n;
    left_ -= n;
    return out;
  }
  std::string rest() { return piece(left_); }

 private:
  const std::uint8_t* at_;
  std::size_t left_;
};

// The declared header fields, read once.
const ir::FieldTable& fields();

// A path at which `text` can be read as a file, until the next call.
const std::string& as_file(const std::string& text);

// Ends the program with words, for what no input may make happen.
[[noreturn]] void found(const std::string& what);

}  // namespace weft::fuzz
