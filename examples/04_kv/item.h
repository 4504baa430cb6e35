// A key and its value. Neither changes once it is stored: a new value is a new item, so that bytes
// of an old one can be on their way to a client while it is replaced.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace kv {

inline constexpr std::size_t longest_key = 250;
inline constexpr std::size_t longest_value = 1 << 20;

struct Item {
  Item* newer = nullptr;  // by last use
  Item* older = nullptr;
  std::uint64_t cas = 0;      // changes with each new value
  std::uint64_t stored = 0;   // when it was, counted in stores
  std::uint64_t expires = 0;  // seconds since 1970; 0: never
  std::uint64_t accessed = 0;
  std::uint32_t flags = 0;  // the client's
  std::uint32_t value_bytes = 0;
  std::uint8_t key_bytes = 0;
  bool fetched = false;  // since it was stored
  bool stale = false;    // meta commands: was declared out of date
  bool won = false;      // meta commands: a client was told to make a new value
  bool binary_key = false;

  char* text() { return reinterpret_cast<char*>(this + 1); }
  char* value_begin() { return text() + key_bytes; }
  std::string_view key() { return {text(), key_bytes}; }
  std::string_view value() { return {value_begin(), value_bytes}; }
  // What it costs, with what finding it takes.
  std::size_t bytes() const { return sizeof(Item) + key_bytes + value_bytes + 80; }
};
using ItemRef = std::shared_ptr<Item>;

// One allocation; the value is not written yet. Null: no memory.
ItemRef make_item(std::string_view key, std::uint32_t flags, std::uint64_t expires,
                  std::uint32_t value_bytes);

}  // namespace kv
