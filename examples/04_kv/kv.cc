// weft-kv: a key-value store that memcached's clients can talk to. WEFT_KV_MEMORY is its limit of
// memory in MiB (64 unless told); all net cores, and all endpoints, serve the same values.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string_view>

#include "session.h"
#include "weft_conversation.hpp"
#include "words.h"

namespace kv {
namespace {

std::shared_ptr<Stores> shared_stores() {
  static std::mutex mutex;
  static std::weak_ptr<Stores> known;
  const std::lock_guard<std::mutex> lock(mutex);
  if (auto there = known.lock()) return there;
  std::uint64_t megabytes = 64;
  if (const char* text = std::getenv("WEFT_KV_MEMORY"); text != nullptr) {
    if (!read_number(std::string_view(text), megabytes) || megabytes == 0 || megabytes > 1 << 20) {
      std::fprintf(stderr, "kv: WEFT_KV_MEMORY is no number of MiB: %s\n", text);
      throw std::runtime_error("memory");
    }
  }
  std::random_device random;
  auto made = std::make_shared<Stores>(megabytes << 20, std::uint64_t{random()} << 32 | random());
  made->start(static_cast<std::uint64_t>(std::time(nullptr)));
  known = made;
  return made;
}

class Connection final : public weft::app::Conversation, private Sink {
 public:
  Connection(Stores& stores, weft::app::Blocks& blocks, std::uint64_t number)
      : Conversation(blocks, number), stores_(stores), session_(stores, *this) {
    ++stores_.connections;
    ++stores_.connections_ever;
  }
  ~Connection() override { --stores_.connections; }

 private:
  std::size_t take(std::string_view text) override {
    const std::size_t used = session_.take(text);
    stores_.bytes_read.fetch_add(used, std::memory_order_relaxed);
    return used;
  }
  bool over() const override { return session_.over(); }
  void write(std::string_view text) override {
    out().write(text);
    stores_.bytes_written.fetch_add(text.size(), std::memory_order_relaxed);
  }
  void lend(std::string_view text, const ItemRef& item) override {
    out().lend(text, item);
    stores_.bytes_written.fetch_add(text.size(), std::memory_order_relaxed);
  }
  bool full() const override { return out().queued() > weft::app::Stream::window; }

  Stores& stores_;
  Session session_;
};

class Server {
 public:
  explicit Server(const weft_app_config&) : stores_(shared_stores()) {}

  void tcp(weft::app::Host host, const weft_tcp_event& event) {
    if (event.kind == WEFT_TCP_NEW) {
      host.mark(event.connection, new Connection(*stores_, blocks_, event.connection));
      host.no_delay(event.connection, true);
      return;
    }
    auto* c = weft::app::marked<Connection>(event);
    if (c == nullptr) return;
    if (event.kind == WEFT_TCP_CLEANUP) {
      delete c;
    } else {
      c->event(host, event);
    }
  }

  // Time goes on with the stack's clock, which nobody sets back.
  void tick(weft::app::Host, std::uint64_t now_ns) {
    if (first_ns_ == 0) first_ns_ = now_ns;
    stores_->set_now(started_ + (now_ns - first_ns_) / 1'000'000'000);
  }

 private:
  std::shared_ptr<Stores> stores_;
  weft::app::Blocks blocks_;
  const std::uint64_t started_ = stores_->now();
  std::uint64_t first_ns_ = 0;
};

}  // namespace
}  // namespace kv

extern "C" const weft_app* weft_app_entry() { return weft::app::describe<kv::Server>("kv"); }
