// One connection of the server, without the network: bytes that the client sent go in, in any
// pieces; answers go into a sink. The first byte decides between the text and the binary protocol.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "binary.h"
#include "text.h"

namespace kv {

class Session {
 public:
  Session(Stores& stores, Sink& sink) : text_(stores, sink), binary_(stores, sink) {}

  // How many bytes it has used. Less than all: the sink is full, give the rest again later.
  std::size_t take(std::string_view bytes);
  // Nothing more is read: close when all that was written has been sent.
  bool over() const { return text_.over() || binary_.over(); }

 private:
  enum class Protocol : std::uint8_t { unknown, text, binary } protocol_ = Protocol::unknown;
  Text text_;
  Binary binary_;
};

}  // namespace kv
