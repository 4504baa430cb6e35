// The binary protocol of memcached (its protocol_binary.txt): a header of 24 bytes, extras, a key,
// a value; all numbers in network order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "incoming.h"
#include "sink.h"
#include "stores.h"

namespace kv {

class Binary {
 public:
  static constexpr char request_magic = static_cast<char>(0x80);

  Binary(Stores& stores, Sink& sink) : stores_(stores), sink_(sink) {}
  std::size_t take(std::string_view bytes);
  bool over() const { return over_; }

 private:
  enum class Status : std::uint16_t {
    ok = 0,
    not_found = 1,
    exists = 2,
    too_large = 3,
    invalid = 4,
    not_stored = 5,
    non_numeric = 6,
    unknown = 0x81,
    no_memory = 0x82
  };
  struct Header {
    std::uint8_t opcode;
    std::uint16_t key_bytes;
    std::uint8_t extra_bytes;
    std::uint32_t body_bytes;
    std::array<char, 4> opaque;
    std::uint64_t cas;
  };
  static constexpr std::size_t header_bytes = 24;

  bool begin();
  void run();
  void finish_set();
  void get();
  void set(Mode mode);
  void remove();
  void add(bool up);
  void touch();
  void flush();
  void stat();
  void answer(std::string_view extras, std::string_view key, std::string_view value,
              std::uint64_t cas, std::uint64_t more_value = 0, Status status = Status::ok);
  void fail(Status status);
  void done(std::uint64_t cas = 0) {
    if (!quiet_) answer({}, {}, {}, cas);
  }
  std::string_view extras() const {
    return std::string_view(front_).substr(header_bytes, h_.extra_bytes);
  }
  std::string_view key() const {
    return std::string_view(front_).substr(header_bytes + h_.extra_bytes, h_.key_bytes);
  }
  static Status status_of(Result result);

  Stores& stores_;
  Sink& sink_;
  std::string front_;  // header, extras and key, as far as they have come
  std::size_t front_bytes_ = header_bytes;
  Header h_{};
  Incoming value_;
  std::uint8_t command_ = 0;  // the opcode without what makes it quiet
  bool quiet_ = false;
  bool answered_ = false;  // the value that comes is of no use any more
  Mode mode_ = Mode::set;
  bool over_ = false;
};

}  // namespace kv
