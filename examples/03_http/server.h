// An instance of the server: what its connections have together, and the events of each.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <stdexcept>

#include "connection.h"
#include "weft_app.hpp"

namespace http {

class Server {
 public:
  Server() {
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
      Connection* c = make(shared_, event.connection);
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

  virtual ~Server() = default;

 protected:
  virtual Connection* make(Shared& shared, std::uint64_t number) = 0;

 private:
  Shared shared_;
};

}  // namespace http
