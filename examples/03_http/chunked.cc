#include "chunked.h"

#include <algorithm>

namespace http {

void ChunkedBody::take_size(char c) {
  const int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
  if (d >= 0) {
    left_ = left_ * 16 + static_cast<unsigned>(d);
    if (++digits_ > 15) state_ = State::bad;
  } else if (digits_ == 0) {
    state_ = State::bad;
  } else if (c == ';' || c == '\r' || c == ' ' || c == '\t') {
    state_ = State::extension;
  } else if (c == '\n') {
    state_ = left_ != 0 ? State::data : State::trailer;
  } else {
    state_ = State::bad;
  }
}

std::size_t ChunkedBody::take(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && state_ != State::done && state_ != State::bad) {
    if (state_ == State::data) {
      const std::size_t n = std::min<std::uint64_t>(left_, text.size() - at);
      left_ -= n;
      at += n;
      if (left_ == 0) state_ = State::behind_data;
      continue;
    }
    const char c = text[at++];
    switch (state_) {
      case State::size: take_size(c); break;
      case State::extension:
        if (c == '\n') state_ = left_ != 0 ? State::data : State::trailer;
        break;
      case State::behind_data:
        if (c == '\n') {
          state_ = State::size;
          digits_ = 0;
        } else if (c != '\r') {
          state_ = State::bad;
        }
        break;
      case State::trailer:  // ends with an empty line
        if (c == '\n') {
          if (line_empty_) state_ = State::done;
          line_empty_ = true;
        } else if (c != '\r') {
          line_empty_ = false;
        }
        break;
      default: break;
    }
  }
  bytes_ += at;
  return at;
}

}  // namespace http
