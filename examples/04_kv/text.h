// The text protocol of memcached (its protocol.txt), classic commands; those of two letters that
// begin with m are in meta.h.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "incoming.h"
#include "meta.h"
#include "sink.h"
#include "stores.h"

namespace kv {

class Text {
 public:
  static constexpr std::size_t longest_line = 65536;

  Text(Stores& stores, Sink& sink) : stores_(stores), sink_(sink), meta_(stores, sink) {}
  std::size_t take(std::string_view bytes);
  bool over() const { return over_; }

 private:
  std::size_t take_line(std::string_view bytes);
  void run(std::string_view line);
  void get(std::string_view rest, bool with_cas, bool with_time);
  void set(std::string_view rest, Mode mode, bool with_cas);
  void finish_set();
  void remove(std::string_view rest);
  void add(std::string_view rest, bool up);
  void touch(std::string_view rest);
  void flush(std::string_view rest);
  void stats(std::string_view rest);
  void verbosity(std::string_view rest);
  void limit(std::string_view rest);
  void bad(std::string_view what = "bad command line format");
  void say(std::string_view answer) {
    if (!quiet_) sink_.write(answer);
  }

  Stores& stores_;
  Sink& sink_;
  Meta meta_;
  std::string line_;  // that has not come whole
  Incoming value_;
  bool for_meta_ = false;
  Mode mode_ = Mode::set;
  std::uint64_t cas_ = 0;
  bool quiet_ = false;
  bool over_ = false;
};

}  // namespace kv
