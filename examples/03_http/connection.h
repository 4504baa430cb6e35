// A connection of the stack and its session: what was received waits here while the session cannot
// take more, and is not given back to the stack, so that the client stops sending, too.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "answer.h"
#include "session.h"
#include "weft_stream.hpp"

namespace http {

class Connection;

// All connections, the one that has been silent longest first.
class ByAge {
 public:
  void put_last(Connection& c);
  void remove(Connection& c);
  // Ends those that have been silent too long.
  void expire(weft::app::Host host, std::uint64_t now_ns);

 private:
  Connection* first_ = nullptr;
  Connection* last_ = nullptr;
};

// What the connections of one instance have together.
struct Shared {
  std::shared_ptr<const Files> files;
  Clock clock;
  weft::app::Blocks blocks;
  ByAge by_age;
};

class Connection final : private Sink {
 public:
  static constexpr std::uint64_t silent_ns = 60'000'000'000;

  Connection(Shared& shared, std::uint64_t number)
      : shared_(shared),
        number_(number),
        out_(shared.blocks),
        session_(*shared.files, shared.clock, *this) {}
  ~Connection() { shared_.by_age.remove(*this); }

  void data(weft::app::Host host, const weft_tcp_event& event);
  void acked(weft::app::Host host);
  void remote_closed(weft::app::Host host);
  void touch(weft::app::Host host);
  void expire(weft::app::Host host);

 private:
  friend class ByAge;
  struct Received {
    std::string_view text;
    std::uint64_t token;
  };
  void go_on(weft::app::Host host);
  void write(std::string_view text) override { out_.write(text); }
  void lend(std::string_view text) override { out_.lend(text); }
  bool full() const override {
    return out_.queued() > weft::app::Stream::window || out_.pieces() > 256;
  }

  Shared& shared_;
  std::uint64_t number_;
  weft::app::Stream out_;
  Session session_;
  std::deque<Received> waiting_;
  std::uint64_t heard_ns_ = 0;
  Connection* older_ = nullptr;
  Connection* newer_ = nullptr;
  bool listed_ = false;
  bool said_end_ = false;  // nothing more is sent
  bool remote_ended_ = false;
};

}  // namespace http
