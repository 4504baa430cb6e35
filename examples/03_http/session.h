// One connection of the server, without the network: bytes that the client sent go in, in any
// pieces; answers go into a sink.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "answer.h"
#include "chunked.h"
#include "files.h"

namespace http {

class Session {
 public:
  Session(const Files& files, const Clock& clock, Sink& sink)
      : files_(files), clock_(clock), sink_(sink) {}

  // How many bytes it has used. Less than all: the sink is full, give the rest again later.
  std::size_t take(std::string_view text);
  // Nothing more is read: close when all that was written has been sent.
  bool over() const { return over_; }
  // Within a request; an error about its being late makes sense then.
  bool in_request() const { return !head_.empty() || body_left_ != 0 || in_chunks_; }
  void late() { fail(408); }

 private:
  std::size_t take_head(std::string_view text);
  std::size_t take_body(std::string_view text);
  void take_request(std::string_view head);
  void fail(int status);

  const Files& files_;
  const Clock& clock_;
  Sink& sink_;
  std::string head_;  // of a request that has not come whole
  std::uint64_t body_left_ = 0;
  ChunkedBody chunks_;
  bool in_chunks_ = false;
  bool close_after_body_ = false;
  bool over_ = false;
};

}  // namespace http
