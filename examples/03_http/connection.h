// A connection of the stack and its session.
#pragma once

#include <cstdint>
#include <memory>

#include "answer.h"
#include "session.h"
#include "weft_conversation.hpp"

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

class Connection : public weft::app::Conversation, protected Sink {
 public:
  static constexpr std::uint64_t silent_ns = 60'000'000'000;

  Connection(Shared& shared, std::uint64_t number)
      : Conversation(shared.blocks, number),
        shared_(shared),
        session_(*shared.files, shared.clock, *this) {}
  ~Connection() override { shared_.by_age.remove(*this); }

  // Something has happened: it is not silent.
  void touch(weft::app::Host host);
  void expire(weft::app::Host host);

 protected:
  std::size_t take(std::string_view text) override { return session_.take(text); }
  bool over() const override { return session_.over(); }
  void write(std::string_view text) override { out().write(text); }
  void lend(std::string_view text) override { out().lend(text); }
  bool full() const override {
    return out().queued() > weft::app::Stream::window || out().pieces() > 256;
  }
  Session& session() { return session_; }
  const Session& session() const { return session_; }

 private:
  friend class ByAge;
  Shared& shared_;
  Session session_;
  std::uint64_t heard_ns_ = 0;
  Connection* older_ = nullptr;
  Connection* newer_ = nullptr;
  bool listed_ = false;
};

}  // namespace http
