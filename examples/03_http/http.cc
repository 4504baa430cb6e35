// An HTTP/1.1 file server: connections of the stack become sessions. Where its files are says
// WEFT_HTTP_ROOT; they are read once, when the stack starts, and sent from where they lie.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <memory>

#include "connection.h"
#include "weft_app.hpp"

namespace http {

class Server {
 public:
  explicit Server(const weft_app_config&) {
    const char* root = std::getenv("WEFT_HTTP_ROOT");
    if (root == nullptr || *root == '\0') {
      std::fprintf(stderr, "http: WEFT_HTTP_ROOT does not say where the files are\n");
      throw std::runtime_error("no root");
    }
    try {
      shared_.files = shared_files(root);
    } catch (const std::exception& e) {
      std::fprintf(stderr, "http: %s\n", e.what());
      throw;
    }
    shared_.clock.set(std::time(nullptr));
  }

  void tcp(weft::app::Host host, const weft_tcp_event& event) {
    if (event.kind == WEFT_TCP_NEW) {
      auto* c = new Connection(shared_, event.connection);
      host.mark(event.connection, c);
      host.no_delay(event.connection, true);
      return c->touch(host);
    }
    auto* c = weft::app::marked<Connection>(event);
    if (c == nullptr) return;
    if (event.kind == WEFT_TCP_CLEANUP) {
      delete c;
      return;
    }
    c->touch(host);
    c->event(host, event);
  }

  void tick(weft::app::Host host, std::uint64_t now_ns) {
    shared_.clock.set(std::time(nullptr));
    shared_.by_age.expire(host, now_ns);
  }

 private:
  Shared shared_;
};

}  // namespace http

extern "C" const weft_app* weft_app_entry() { return weft::app::describe<http::Server>("http"); }
