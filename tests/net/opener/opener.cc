// Opens connections for who asks. A connection that comes in says in a line what is wanted:
// address, port, source port (0: any), how many, and bytes to be sent on each, as numbers. They are
// sent, and must come back as they were. When all are over it is answered with a line of how often
// each end was met: "right", "connect ERROR" (refused by the command), "ended ERROR".
#include <array>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "weft_app.hpp"

namespace {

using weft::app::Host;

constexpr std::size_t longest = 1 << 16;

// Every message is a part of this.
const std::array<std::uint8_t, 2 * longest>& text() {
  static const auto made = [] {
    std::array<std::uint8_t, 2 * longest> out{};
    std::uint32_t x = 12345;
    for (auto& byte : out) byte = static_cast<std::uint8_t>((x = x * 1664525 + 1013904223) >> 24);
    return out;
  }();
  return made;
}

// Who asks.
struct Request {
  std::uint64_t connection = 0;
  std::string line, answer;
  std::uint32_t open = 0;
  std::uint32_t asked[5] = {};  // address, port, source port, how many, bytes
  std::map<std::string, unsigned> ends;
  bool gone = false;
};

// One end of a connection of either kind; which is its cookie.
struct Connection {
  std::shared_ptr<Request> request;
  bool asks = false;
  std::uint32_t from = 0, got = 0;
  std::string end;
};

class Opener {
 public:
  explicit Opener(const weft_app_config&) {}

  void tcp(Host host, const weft_tcp_event& e) {
    if (e.kind == WEFT_TCP_NEW) {
      auto* c = new Connection{.request = std::make_shared<Request>(), .asks = true};
      c->request->connection = e.connection;
      host.mark(e.connection, c);
      return;
    }
    auto* c = weft::app::marked<Connection>(e);
    switch (e.kind) {
      case WEFT_TCP_CONNECTED: say(host, e.connection, *c); break;
      case WEFT_TCP_DATA:
        c->asks ? asked(host, e, *c) : heard(host, e, *c);
        host.done(e.token);
        break;
      case WEFT_TCP_REMOTE_CLOSED:
        if (!c->asks || c->request->open == 0) host.close(e.connection);
        break;
      case WEFT_TCP_CLEANUP: over(host, e, c); break;
      default: break;
    }
  }

 private:
  void asked(Host host, const weft_tcp_event& e, Connection& c) {
    Request& r = *c.request;
    r.line.append(reinterpret_cast<const char*>(e.data), e.len);
    if (r.line.find('\n') == std::string::npos) return;
    if (std::sscanf(r.line.c_str(), "%u %u %u %u %u", &r.asked[0], &r.asked[1], &r.asked[2],
                    &r.asked[3], &r.asked[4]) != 5 ||
        r.asked[4] > longest)
      return void(host.abort(e.connection));
    r.open = r.asked[3];
    for (std::uint32_t i = 0; i < r.asked[3]; ++i) open(host, e.endpoint, c.request, i);
  }

  void open(Host host, std::uint32_t endpoint, const std::shared_ptr<Request>& r, std::uint32_t i) {
    auto* c = new Connection{.request = r, .from = i * 251 % longest};
    const weft_tcp_connect command = {
        .size = sizeof(command),
        .endpoint = endpoint,
        .dst = r->asked[0],
        .dst_port = static_cast<std::uint16_t>(r->asked[1]),
        .src_port = static_cast<std::uint16_t>(r->asked[2]),
        .cookie = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(c))};
    std::uint64_t number = 0;
    if (const int result = host.connect(command, number); result != 0)
      finish(host, c, "connect " + std::to_string(-result));
  }

  void say(Host host, std::uint64_t connection, const Connection& c) {
    const weft_part part = {.data = text().data() + c.from, .len = c.request->asked[4]};
    if (part.len == 0 || host.send(connection, {&part, 1}, 1) != 0) host.close(connection);
  }

  void heard(Host host, const weft_tcp_event& e, Connection& c) {
    const bool right = c.got + e.len <= c.request->asked[4] &&
                       std::memcmp(e.data, text().data() + c.from + c.got, e.len) == 0;
    c.got += e.len;
    c.end = !right ? "wrong" : c.got == c.request->asked[4] ? "right" : "";
    if (c.got >= c.request->asked[4]) host.close(e.connection);
  }

  void over(Host host, const weft_tcp_event& e, Connection* c) {
    if (c->asks) {
      c->request->gone = true;
      delete c;
    } else {
      finish(host, c, c->end.empty() ? "ended " + std::to_string(e.error) : c->end);
    }
  }

  void finish(Host host, Connection* c, const std::string& end) {
    const std::shared_ptr<Request> r = c->request;
    delete c;
    ++r->ends[end];
    if (--r->open != 0 || r->gone) return;
    for (const auto& [what, count] : r->ends)
      r->answer += (r->answer.empty() ? "" : ", ") + what + ": " + std::to_string(count);
    r->answer += '\n';
    keep_.push_back(r);  // (what is sent stays until it is acknowledged)
    const weft_part part = {.data = r->answer.data(),
                            .len = static_cast<std::uint32_t>(r->answer.size())};
    host.send(r->connection, {&part, 1}, 1);
    host.close(r->connection);
  }

  std::vector<std::shared_ptr<Request>> keep_;
};

}  // namespace

const weft_app* weft_app_entry() { return weft::app::describe<Opener>("opener"); }
