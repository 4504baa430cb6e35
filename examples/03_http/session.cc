#include "session.h"

#include <algorithm>
#include <utility>

namespace http {

std::size_t Session::take(std::string_view text) {
  std::size_t used = 0;
  while (used < text.size() && !over_) {
    const std::string_view rest = text.substr(used);
    if (body_left_ != 0 || in_chunks_) {
      used += take_body(rest);
    } else {
      if (sink_.full()) return used;
      used += take_head(rest);
    }
  }
  return over_ ? text.size() : used;
}

// A head that lies whole in what has come is read where it is.
std::size_t Session::take_head(std::string_view text) {
  if (head_.empty()) {
    const std::size_t whole = end_of_head(text.substr(0, longest_head));
    if (whole != 0) {
      take_request(text.substr(0, whole));
      return whole;
    }
  }
  const std::size_t before = head_.size();
  head_.append(text.substr(0, longest_head - before));
  const std::size_t end = end_of_head(head_, before);
  if (end != 0) {
    const std::string head = std::exchange(head_, {});
    take_request(std::string_view(head).substr(0, end));
    return end - before;
  }
  const bool in_line = head_.find('\n', head_.find_first_not_of("\r\n")) == std::string::npos;
  if (in_line && head_.size() > longest_line) {
    fail(414);
  } else if (head_.size() >= longest_head) {
    fail(431);
  }
  return text.size();
}

void Session::take_request(std::string_view head) {
  Request r;
  if (const int status = parse_head(head, r); status != 0) return fail(status);
  if (r.body_bytes > longest_body) return fail(413);
  const bool body = r.body_bytes != 0 || r.chunked;
  // (Whether the body follows is not known where the client waits for a word: the end is clear.)
  const bool close = !r.keep_alive || (body && r.expects_continue);
  answer(r, files_, clock_, close, sink_);
  if (body && close && r.expects_continue) {
    over_ = true;
    return;
  }
  body_left_ = r.body_bytes;
  in_chunks_ = r.chunked;
  chunks_ = {};
  close_after_body_ = close && body;
  over_ = close && !body;
}

std::size_t Session::take_body(std::string_view text) {
  std::size_t used = 0;
  if (in_chunks_) {
    used = chunks_.take(text);
    if (chunks_.state() == ChunkedBody::State::done) {
      in_chunks_ = false;
    } else if (chunks_.state() == ChunkedBody::State::bad || chunks_.bytes() > longest_body) {
      over_ = true;  // its request has been answered
    }
  } else {
    used = std::min<std::uint64_t>(body_left_, text.size());
    body_left_ -= used;
  }
  if (body_left_ == 0 && !in_chunks_ && close_after_body_) over_ = true;
  return used;
}

void Session::fail(int status) {
  head_.clear();
  over_ = true;
  answer_error(status, clock_, true, false, sink_);
}

}  // namespace http
