// A connection of an application whose protocol is a class that knows no network: bytes go in, what
// it writes goes out through a Stream. What was received waits here, and is not given back to the
// stack, while the protocol cannot take more: so the peer stops sending, too.
//
// Make one for each WEFT_TCP_NEW, mark the connection with it, hand it the events, delete it at
// WEFT_TCP_CLEANUP.
#ifndef WEFT_CONVERSATION_HPP
#define WEFT_CONVERSATION_HPP

#include <cstdint>
#include <deque>
#include <string_view>
#include <utility>

#include "weft_stream.hpp"

namespace weft::app {

class Conversation {
 public:
  Conversation(Blocks& blocks, std::uint64_t number) : number_(number), out_(blocks) {}
  virtual ~Conversation() = default;
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  // Any event of the connection but WEFT_TCP_NEW, CONNECTED and CLEANUP.
  void event(Host host, const weft_tcp_event& e) {
    switch (e.kind) {
      case WEFT_TCP_DATA:
        waiting_.push_back({{reinterpret_cast<const char*>(e.data), e.len}, e.token});
        break;
      case WEFT_TCP_ACKED: out_.acked(); break;
      case WEFT_TCP_REMOTE_CLOSED: remote_ended_ = true; break;
      case WEFT_TCP_CREDIT: break;  // what could not be sent is tried again
      default: return;
    }
    go_on(host);
  }

  // Takes what waits, sends what was written, ends what is over.
  void go_on(Host host) {
    while (!waiting_.empty()) {
      Received& r = waiting_.front();
      r.text.remove_prefix(take(r.text));
      if (!r.text.empty()) break;
      host.done(r.token);
      waiting_.pop_front();
    }
    produce();
    out_.flush(host, number_);
    if (out_.queued() != 0 || pending()) return;
    if (over() || (remote_ended_ && waiting_.empty())) end(host);
    if (said_end_ && remote_ended_ && out_.in_flight() == 0) host.close(number_);
  }

  std::uint64_t number() const { return number_; }

 protected:
  // Uses bytes that were received; how many. Less than all: later, when some of what was written
  // has been sent. All of them once it is over.
  virtual std::size_t take(std::string_view text) = 0;
  // Nothing more is read: the connection ends when all that was written has been sent.
  virtual bool over() const = 0;
  // Called when some of what was written may have been sent: a protocol that writes piece by piece
  // writes the next ones now.
  virtual void produce() {}
  virtual bool pending() const { return false; }  // there are more

  Stream& out() { return out_; }
  const Stream& out() const { return out_; }
  bool ending() const { return said_end_; }
  // This side sends no more. The peer may still be sending: closing at once would be answered to it
  // by a reset, which may destroy what it has not read yet (RFC 9112 section 9.6). So it is read
  // until its end.
  void end(Host host) {
    if (!std::exchange(said_end_, true)) host.shutdown(number_);
  }

 private:
  struct Received {
    std::string_view text;
    std::uint64_t token;
  };

  std::uint64_t number_;
  Stream out_;
  std::deque<Received> waiting_;
  bool said_end_ = false;
  bool remote_ended_ = false;
};

}  // namespace weft::app
#endif
