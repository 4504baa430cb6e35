// The meta commands of the text protocol: mn, mg, ms, md, ma, me (memcached's protocol.txt, "Meta
// Commands"). A command is a key and flags, most of which ask for something to be returned.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sink.h"
#include "stores.h"

namespace kv {

// Flags of one command: a letter each, some with an argument.
class Flags {
 public:
  // False: `error` says why (a flag twice, or none of these letters).
  bool read(std::string_view rest, std::string_view allowed, std::string_view& error);
  bool has(char flag) const { return (seen_ & bit(flag)) != 0; }
  std::string_view argument(char flag) const;
  // In the order of the request.
  std::string_view order() const { return {order_, count_}; }
  // False: the argument is no number.
  template <class Number>
  bool number(char flag, Number& n) const;

 private:
  static std::uint64_t bit(char flag) { return std::uint64_t{1} << (flag & 63); }
  static constexpr std::size_t most = 24;
  std::uint64_t seen_ = 0;
  std::size_t count_ = 0;
  char order_[most];
  std::string arguments_[most];
};

class Meta {
 public:
  enum class Wants : std::uint8_t { other, nothing, value };
  Meta(Stores& stores, Sink& sink) : stores_(stores), sink_(sink) {}

  // Runs `m` and this letter. value: ms waits for value_bytes() and a line's end, into item() where
  // that is not null, and then finish(). other: there is no such command.
  Wants run(char command, std::string_view rest);
  ItemRef item() const { return item_; }
  std::uint64_t value_bytes() const { return value_bytes_; }
  void finish(ItemRef item, bool whole);

 private:
  bool begin(std::string_view& rest, std::string_view allowed);
  void get();
  void set();
  void remove();
  void add();
  void debug();
  void answer(std::string_view code, Item* item = nullptr, std::uint64_t now = 0);
  void error(std::string_view what);

  Stores& stores_;
  Sink& sink_;
  char command_ = 0;
  Flags flags_;
  std::string key_, given_key_;
  ItemRef item_;
  std::uint64_t value_bytes_ = 0;
  bool won_ = false, was_won_ = false, hit_before_ = false;
  std::uint64_t idle_ = 0;
};

}  // namespace kv
