// Applications and their connections: who owns what, what is refused, and that no order of calls
// does harm (commands in the middle of events, twice, too late).
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "tests/unit/runtime/app_wire.h"

namespace weft::test {
namespace {

int send(const weft_host& host, std::uint64_t connection, const char* text, std::uint32_t len,
         std::uint64_t token = 7) {
  const weft_part part = {text, len};
  const weft_tcp_send command = {.size = sizeof(weft_tcp_send),
                                 .part_count = 1,
                                 .connection = connection,
                                 .parts = &part,
                                 .token = token};
  return host.tcp_send(host.context, &command);
}

TEST(AppTcp, EventsInTheirOrder) {
  TcpApp app;
  AppWire wire;
  std::vector<std::string> said;
  app.on_tcp = [&](const weft_host& host, const weft_tcp_event& e) {
    if (e.kind == WEFT_TCP_NEW) EXPECT_EQ(host.tcp_mark(host.context, e.connection, 99), 0);
    if (e.kind != WEFT_TCP_NEW) EXPECT_EQ(e.cookie, 99u);
    if (e.kind == WEFT_TCP_DATA) {
      said.emplace_back(reinterpret_cast<const char*>(e.data), e.len);
      EXPECT_EQ(send(host, e.connection, reinterpret_cast<const char*>(e.data), e.len, e.token), 0);
    }
    if (e.kind == WEFT_TCP_ACKED) EXPECT_EQ(host.tcp_done(host.context, e.token), 0);
    if (e.kind == WEFT_TCP_REMOTE_CLOSED) host.tcp_close(host.context, e.connection);
  };
  const tcp::Id id = wire.connect();
  wire.say(id, "hello");
  wire.after(100);
  EXPECT_EQ(wire.read(id), "hello");
  wire.peer->shutdown(*wire.peer->get(id));
  wire.settle();
  EXPECT_EQ(said, std::vector<std::string>{"hello"});
  EXPECT_EQ(app.kinds, (std::vector<std::uint32_t>{WEFT_TCP_NEW, WEFT_TCP_DATA, WEFT_TCP_ACKED,
                                                   WEFT_TCP_REMOTE_CLOSED, WEFT_TCP_CLEANUP}));
  wire.end();
}

TEST(AppTcp, RejectedAtOnce) {
  TcpApp app;
  AppWire wire;
  app.on_tcp = [&](const weft_host& host, const weft_tcp_event& e) {
    if (e.kind != WEFT_TCP_NEW) return;
    EXPECT_EQ(host.tcp_accept(host.context, e.connection), 0);
    EXPECT_EQ(host.tcp_reject(host.context, e.connection), 0);
    EXPECT_LT(send(host, e.connection, "x", 1), 0);
  };
  const tcp::Id id = wire.connect();
  ASSERT_NE(wire.peer->get(id), nullptr);
  EXPECT_EQ(wire.peer->get(id)->error, tcp::reason::reset);
  EXPECT_EQ(app.count(WEFT_TCP_CLEANUP), 1u);
  wire.end();
}

// In every event: each of the commands that end a connection, twice, and then everything else. No
// connection is told of after its end, and each ends once.
TEST(AppTcp, EndedInTheMiddleOfAnyEvent) {
  for (const std::uint32_t at :
       {WEFT_TCP_NEW, WEFT_TCP_DATA, WEFT_TCP_ACKED, WEFT_TCP_REMOTE_CLOSED, WEFT_TCP_CLEANUP}) {
    for (int how = 0; how < 4; ++how) {
      SCOPED_TRACE("event " + std::to_string(at) + ", command " + std::to_string(how));
      TcpApp app;
      AppWire wire;
      app.on_tcp = [&](const weft_host& h, const weft_tcp_event& e) {
        const std::uint64_t c = e.connection;
        if (e.kind == WEFT_TCP_NEW && at != WEFT_TCP_NEW) EXPECT_EQ(send(h, c, "hi", 2), 0);
        if (e.kind == WEFT_TCP_DATA) EXPECT_EQ(h.tcp_done(h.context, e.token), 0);
        if (e.kind == WEFT_TCP_DATA) EXPECT_EQ(h.tcp_done(h.context, e.token), -EINVAL);
        if (e.kind != at) return;
        for (int twice = 0; twice < 2; ++twice) {
          if (how == 0) EXPECT_EQ(h.tcp_close(h.context, c), 0);
          if (how == 1) EXPECT_EQ(h.tcp_abort(h.context, c), 0);
          if (how == 2) EXPECT_EQ(h.tcp_reject(h.context, c), 0);
          if (how == 3) {
            h.tcp_shutdown(h.context, c);
            EXPECT_EQ(h.tcp_close(h.context, c), 0);
          }
        }
        EXPECT_LT(send(h, c, "late", 4), 0);
        h.tcp_no_delay(h.context, c, 1);
        h.tcp_accept(h.context, c);
        h.tcp_mark(h.context, c, 5);
        h.tcp_shutdown(h.context, c);
      };
      const tcp::Id id = wire.connect();
      if (wire.peer->get(id) != nullptr && wire.peer->get(id)->state == tcp::State::established)
        wire.say(id, "text");
      wire.after(100);
      wire.read(id);
      if (tcp::Connection* c = wire.peer->get(id)) wire.peer->shutdown(*c);
      wire.after(100);
      if (at == WEFT_TCP_CLEANUP) {
        if (tcp::Connection* c = wire.peer->get(id)) wire.peer->abort(*c);
        wire.settle();
      }
      wire.after(120'000);
      EXPECT_EQ(app.count(WEFT_TCP_CLEANUP), 1u);
      EXPECT_EQ(app.kinds.back(), WEFT_TCP_CLEANUP);
      wire.end();
    }
  }
}

TEST(AppTcp, AfterAReset) {
  TcpApp app;
  AppWire wire;
  std::uint64_t connection = 0, token = 0;
  const weft_host* host = nullptr;
  std::int32_t error = 0;
  app.on_tcp = [&](const weft_host& h, const weft_tcp_event& e) {
    host = &h;
    connection = e.connection;
    if (e.kind == WEFT_TCP_DATA) token = e.token;
    if (e.kind == WEFT_TCP_CLEANUP) error = e.error;
  };
  const tcp::Id id = wire.connect();
  wire.say(id, "kept");
  wire.peer->abort(*wire.peer->get(id));
  wire.settle();
  EXPECT_EQ(error, ECONNRESET);
  const void* none = host->context;
  EXPECT_NE(none, nullptr);
  EXPECT_EQ(send(*host, connection, "x", 1), -EBADF);
  EXPECT_EQ(host->tcp_close(host->context, connection), -EBADF);
  EXPECT_EQ(host->tcp_abort(host->context, connection), -EBADF);
  EXPECT_EQ(host->tcp_shutdown(host->context, connection), -EBADF);
  EXPECT_EQ(host->tcp_mark(host->context, connection, 1), -EBADF);
  // Another connection has its place now; the old number means nothing all the same.
  wire.connect(80, 4001);
  const std::uint64_t first = connection;
  EXPECT_EQ(host->tcp_done(host->context, token), 0);
  EXPECT_EQ(host->tcp_done(host->context, token), -EINVAL);
  EXPECT_EQ(host->tcp_done(host->context, ~std::uint64_t{0}), -EINVAL);
  EXPECT_EQ(host->tcp_done(host->context, 0), -EINVAL);
  EXPECT_EQ(host->tcp_close(host->context, first ^ 1), -EBADF);
  EXPECT_EQ(host->tcp_close(host->context, ~std::uint64_t{0}), -EBADF);
  wire.end();
}

TEST(AppTcp, WrongCommands) {
  TcpApp app;
  AppWire wire;
  app.on_tcp = [&](const weft_host& h, const weft_tcp_event& e) {
    if (e.kind != WEFT_TCP_NEW) return;
    weft_part parts[] = {{"a", 1}, {nullptr, 1}};
    weft_tcp_send s = {
        .size = sizeof(s), .part_count = 2, .connection = e.connection, .parts = parts, .token = 1};
    EXPECT_EQ(h.tcp_send(h.context, nullptr), -EINVAL);
    EXPECT_EQ(h.tcp_send(h.context, &s), -EINVAL);  // a part that lies nowhere: nothing is sent
    s.part_count = 0;
    EXPECT_EQ(h.tcp_send(h.context, &s), -EINVAL);
    parts[0].len = 0;
    s.part_count = 1;
    EXPECT_EQ(h.tcp_send(h.context, &s), -EINVAL);
    parts[0] = {"abc", 3};
    s.token = 0;
    EXPECT_EQ(h.tcp_send(h.context, &s), -EINVAL);
    s.token = 1;
    s.size = 8;
    EXPECT_EQ(h.tcp_send(h.context, &s), -EINVAL);
    s.size = sizeof(s);
    parts[0] = {"abc", 1u << 31};
    EXPECT_EQ(h.tcp_send(h.context, &s), -ENOBUFS);
    EXPECT_EQ(h.tcp_mark(h.context, e.connection, std::uint64_t{1} << 48), -EINVAL);
    std::uint64_t number = 0;
    EXPECT_EQ(h.timer_set(h.context, 5, 0, 0, &number), -EINVAL);
    EXPECT_EQ(h.timer_set(h.context, 0, 0, 0, nullptr), -EINVAL);
    EXPECT_EQ(h.timer_cancel(h.context, 12345), -EINVAL);
  };
  const tcp::Id id = wire.connect();
  EXPECT_EQ(app.count(WEFT_TCP_NEW), 1u);
  EXPECT_EQ(wire.read(id), "");
  wire.end();
}

// An application that keeps all it gets gets no more than its part, others get theirs; when it
// gives back it goes on where it was, with nothing lost, and the end comes behind the text.
TEST(AppTcp, WhoHoldsTooMuchWaits) {
  TcpApp app;
  tcp::Config config = AppWire::small();
  config.chunks = 20000;
  config.receive_buffer = 2 << 20;
  AppWire wire(1, 2, config);
  std::vector<std::uint64_t> kept;
  const weft_host* host = nullptr;
  bool keep = true;
  unsigned other = 0;
  std::size_t bytes = 0;
  app.on_tcp = [&](const weft_host& h, const weft_tcp_event& e) {
    host = &h;
    if (e.kind != WEFT_TCP_DATA) return;
    if (e.endpoint == 1) ++other;
    if (e.endpoint == 0) bytes += e.len;
    if (e.endpoint == 0 && keep) {
      kept.push_back(e.token);
    } else {
      h.tcp_done(h.context, e.token);
    }
  };
  const tcp::Id greedy = wire.connect(80), good = wire.connect(81, 4001);
  constexpr unsigned pieces = 3000;
  for (unsigned i = 0; i < pieces; ++i) wire.say(greedy, "0123456789");
  wire.peer->shutdown(*wire.peer->get(greedy));
  wire.settle();
  EXPECT_EQ(kept.size(), apps::AppHost::most_texts / 2);
  EXPECT_EQ(app.count(WEFT_TCP_REMOTE_CLOSED), 0u);
  wire.say(good, "still served");
  EXPECT_EQ(other, 1u);
  keep = false;
  for (const std::uint64_t token : kept) EXPECT_EQ(host->tcp_done(host->context, token), 0);
  for (int i = 0; i < 100; ++i) wire.after(1000);
  EXPECT_EQ(bytes, pieces * 10);
  EXPECT_EQ(app.count(WEFT_TCP_REMOTE_CLOSED), 1u);
  wire.end();
}

// Small segments that nobody reads take the buffers of a part, not of all.
TEST(AppTcp, FewConnectionsDoNotTakeAllBuffers) {
  TcpApp app;
  tcp::Config config = AppWire::small();
  config.chunks = 20000;
  config.receive_buffer = 2 << 20;
  config.most_waiting = 200;
  AppWire wire(1, 2, config);
  unsigned other = 0;
  app.on_tcp = [&](const weft_host& h, const weft_tcp_event& e) {
    if (e.kind != WEFT_TCP_DATA || e.endpoint == 0) return;
    ++other;
    h.tcp_done(h.context, e.token);
  };
  std::vector<tcp::Id> greedy;
  for (std::uint16_t i = 0; i < 4; ++i) greedy.push_back(wire.connect(80, 4000 + i));
  for (unsigned i = 0; i < 4000; ++i) wire.say(greedy[i % 4], "x");
  EXPECT_LE(wire.stacks[0]->waiting(), 100u + 4 * 16);
  EXPECT_LE(wire.buffers.size(), apps::AppHost::most_texts / 2 + 200);
  const tcp::Id good = wire.connect(81, 5000);
  for (unsigned i = 0; i < 100; ++i) wire.say(good, "served");
  EXPECT_EQ(other, 100u);
  wire.end();
}

// A send that finds no room takes nothing, and is told when there is room again.
TEST(AppTcp, CreditComesWithRoom) {
  TcpApp app;
  AppWire wire;
  unsigned taken = 0;
  bool full = false;
  const auto fill = [&](const weft_host& h, std::uint64_t c) {
    for (int i = 0; i < 2000 && !full; ++i) {
      const int result = send(h, c, "0123456789", 10);
      if (result == 0) ++taken;
      full = result == -ENOBUFS;
    }
  };
  app.on_tcp = [&](const weft_host& h, const weft_tcp_event& e) {
    if (e.kind == WEFT_TCP_NEW) fill(h, e.connection);
    if (e.kind == WEFT_TCP_CREDIT && taken < 2000) full = false, fill(h, e.connection);
  };
  const tcp::Id id = wire.connect();
  EXPECT_TRUE(full);
  std::string got;
  for (int i = 0; i < 100; ++i) {
    wire.after(50);
    got += wire.read(id);
  }
  EXPECT_GE(app.count(WEFT_TCP_CREDIT), 1u);
  EXPECT_EQ(got.size(), taken * 10u);
  EXPECT_GT(taken, 600u);
  wire.end();
}

// Numbers of connections say which shard has them, and commands reach it from anywhere.
TEST(AppTcp, ShardsOfOneCore) {
  TcpApp app;
  AppWire wire(2);
  std::vector<std::uint64_t> numbers;
  app.on_tcp = [&](const weft_host& h, const weft_tcp_event& e) {
    if (e.kind == WEFT_TCP_NEW) numbers.push_back(e.connection);
    if (e.kind != WEFT_TCP_DATA) return;
    h.tcp_done(h.context, e.token);
    for (const std::uint64_t c : numbers) EXPECT_EQ(send(h, c, "all", 3), 0);
  };
  const tcp::Id even = wire.connect(80, 4000), odd = wire.connect(80, 4001);
  ASSERT_EQ(numbers.size(), 2u);
  EXPECT_NE(numbers[0], numbers[1]);
  wire.say(even, "x");
  wire.after(100);
  EXPECT_EQ(wire.read(even), "all");
  EXPECT_EQ(wire.read(odd), "all");
  wire.end();
}

TEST(AppTcp, Timers) {
  TcpApp app;
  AppWire wire;
  std::vector<std::uint64_t> fired;
  std::vector<std::uint64_t> set(4);
  app.on_timer = [&](const weft_host& h, const weft_timer& e) {
    fired.push_back(e.cookie);
    EXPECT_GE(wire.now_ns, e.due_ns);
    if (e.cookie == 1) EXPECT_EQ(h.timer_cancel(h.context, set[3]), 0);  // due at the same time
    if (e.cookie == 1) EXPECT_EQ(h.timer_cancel(h.context, set[1]), -EINVAL);  // this very one
  };
  app.on_tcp = [&](const weft_host& h, const weft_tcp_event& e) {
    if (e.kind != WEFT_TCP_NEW) return;
    const std::uint64_t now = h.now_ns(h.context), ms = 1'000'000;
    EXPECT_EQ(h.timer_set(h.context, 0, now + 50 * ms, 2, &set[2]), 0);
    EXPECT_EQ(h.timer_set(h.context, 0, now + 10 * ms, 1, &set[1]), 0);
    EXPECT_EQ(h.timer_set(h.context, 0, now + 10 * ms, 3, &set[3]), 0);
    EXPECT_EQ(h.timer_set(h.context, 0, now + 5 * ms, 0, &set[0]), 0);
    EXPECT_EQ(h.timer_cancel(h.context, set[0]), 0);
    EXPECT_EQ(h.timer_cancel(h.context, set[0]), -EINVAL);
    std::uint64_t far = 0;
    EXPECT_EQ(h.timer_set(h.context, 0, ~std::uint64_t{0}, 9, &far), 0);
  };
  wire.connect();
  wire.after(9);
  EXPECT_TRUE(fired.empty());
  wire.after(2);
  EXPECT_EQ(fired, std::vector<std::uint64_t>{1});
  wire.after(100);
  EXPECT_EQ(fired, (std::vector<std::uint64_t>{1, 2}));
  wire.end();
}

TEST(AppTcp, ManyTimers) {
  apps::AppTimers timers;
  std::vector<std::uint64_t> numbers;
  for (std::uint32_t i = 0; i < apps::AppTimers::most; ++i)
    numbers.push_back(timers.set(0, 1000 + i * 1000ull, i, 0));
  EXPECT_EQ(timers.set(0, 1, 0, 0), 0u);
  for (std::size_t i = 0; i < numbers.size(); i += 2) EXPECT_TRUE(timers.cancel(numbers[i]));
  std::uint64_t last = 0, n = 0;
  for (std::uint64_t now = 0; now < 80'000'000; now += 500'000) {
    while (const auto t = timers.take_due(now)) {
      EXPECT_LE(t->due_ns, now);
      EXPECT_GE(t->due_ns + 1'000'000, last);
      EXPECT_EQ(t->cookie % 2, 1u);
      last = t->due_ns;
      ++n;
    }
  }
  EXPECT_EQ(n, apps::AppTimers::most / 2);
  EXPECT_EQ(timers.next_ns(), ~std::uint64_t{0});
}

}  // namespace
}  // namespace weft::test
