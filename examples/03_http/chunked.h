// A body in chunks (RFC 9112 section 7.1), read and forgotten; it may come in any pieces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace http {

class ChunkedBody {
 public:
  enum class State : std::uint8_t { size, extension, data, behind_data, trailer, done, bad };

  // Bytes of `text` that belong to the body; all of them unless it is over, or wrong.
  std::size_t take(std::string_view text);
  State state() const { return state_; }
  std::uint64_t bytes() const { return bytes_; }  // of all chunks, and of their framing

 private:
  void take_size(char c);
  State state_ = State::size;
  std::uint64_t left_ = 0;  // of this chunk
  std::uint64_t bytes_ = 0;
  unsigned digits_ = 0;
  bool line_empty_ = true;  // in the trailer
};

}  // namespace http
