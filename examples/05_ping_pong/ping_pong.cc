// Who answers: takes a message of a known length, looks at each byte, sends one of the same length.
// By the name of the endpoint: `copied` receives into a buffer of its own and sends from another
// one, as programs do that have recv() and send(); any other looks at the text where it has arrived
// and sends from where the answer lies.
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "messages.h"
#include "weft_app.hpp"

namespace {

using weft::app::Host;

const table& the_table() {
  static const std::unique_ptr<table> made = [] {
    auto t = std::make_unique<table>();
    fill_table(t.get());
    return t;
  }();
  return *made;
}

class Player {
 public:
  Player(std::uint64_t connection, bool copies) : connection_(connection), copies_(copies) {}

  // False: what was said is not what was agreed on.
  bool take(Host host, const std::uint8_t* data, std::uint32_t len) {
    while (len != 0) {
      const std::uint32_t used = length_bytes_ < 4 ? take_length(data) : take_text(data, len);
      if (used == 0) return false;
      data += used;
      len -= used;
      if (length_bytes_ == 4 && got_ == length_) answer(host);
    }
    return true;
  }
  // Again, where there was no room.
  void go_on(Host host) {
    if (owed_ != nullptr && send(host, owed_) == 0) owed_ = nullptr;
  }

 private:
  std::uint32_t take_length(const std::uint8_t* data) {
    length_ = length_ << 8 | *data;
    if (++length_bytes_ < 4) return 1;
    if (length_ == 0 || length_ > longest_message) return 0;
    if (!copies_) return 1;
    received_.resize(length_);
    for (auto& buffer : sent_) buffer.resize(length_);
    return 1;
  }
  std::uint32_t take_text(const std::uint8_t* data, std::uint32_t len) {
    if (owed_ != nullptr) return 0;  // the last one is not answered yet
    len = std::min(len, length_ - got_);
    const std::uint8_t* right = message(&the_table(), number_) + got_;
    if (copies_) {
      std::memcpy(received_.data() + got_, data, len);
      data = received_.data() + got_;
    }
    if (std::memcmp(data, right, len) != 0) return 0;
    got_ += len;
    return len;
  }
  void answer(Host host) {
    const std::uint8_t* text = message(&the_table(), number_ + 1);
    if (copies_) {  // (two buffers: all of the last but one has arrived, since it was answered)
      auto& buffer = sent_[number_ / 2 % 2];
      std::memcpy(buffer.data(), text, length_);
      text = buffer.data();
    }
    number_ += 2;
    got_ = 0;
    if (send(host, text) == -ENOBUFS) owed_ = text;
  }
  int send(Host host, const std::uint8_t* text) const {
    const weft_part part = {.data = text, .len = length_};
    return host.send(connection_, {&part, 1}, 1);
  }

  std::uint64_t connection_, number_ = 0;
  bool copies_;
  std::uint32_t length_ = 0, length_bytes_ = 0, got_ = 0;
  const std::uint8_t* owed_ = nullptr;
  std::vector<std::uint8_t> received_;
  std::array<std::vector<std::uint8_t>, 2> sent_;
};

class PingPong {
 public:
  explicit PingPong(const weft_app_config& config)
      : copies_(std::string_view(config.name) == "copied") {
    the_table();
  }

  void tcp(Host host, const weft_tcp_event& e) {
    if (e.kind == WEFT_TCP_NEW) {
      host.no_delay(e.connection, true);
      host.mark(e.connection, new Player(e.connection, copies_));
      return;
    }
    auto* player = weft::app::marked<Player>(e);
    if (player == nullptr) return;
    switch (e.kind) {
      case WEFT_TCP_DATA: {
        const bool right = player->take(host, e.data, e.len);
        host.done(e.token);
        if (!right) host.abort(e.connection);
        break;
      }
      case WEFT_TCP_CREDIT: player->go_on(host); break;
      case WEFT_TCP_REMOTE_CLOSED: host.close(e.connection); break;
      case WEFT_TCP_CLEANUP: delete player; break;
      default: break;
    }
  }

 private:
  bool copies_;
};

}  // namespace

const weft_app* weft_app_entry() { return weft::app::describe<PingPong>("ping_pong"); }
