// Connections that come to nothing, through card, graph and engine: refused, unreachable in every
// way that ICMP knows, nobody there, no room, no buffers. Each time the application is told, with
// the reason, after a time that is known; and nothing is left behind.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "tests/sim/peer_wire.h"
#include "tests/sim/spread.h"
#include "tests/sim/tcp_scene.h"
#include "tests/unit/runtime/app_wire.h"
#include "tests/unit/sim/peer_frames.h"

namespace weft::sim {
namespace {

using Seen = test::SeenFrame;
using Segment = test::TcpFrame;
constexpr std::uint64_t ms = 1'000'000, second = 1'000 * ms;
constexpr std::uint32_t peer = on_link(1), nobody = on_link(77), elsewhere = 0xc0000201;

// A card, and into how many queues and cores it spreads.
struct Spread {
  const char* nic;
  unsigned queues, cores;
};
struct Planned {
  passes::Inputs in;
  plan::Plan plan;
};
const Planned& planned(const Spread& s) {
  static std::map<std::string, Planned> made;
  auto [at, fresh] = made.try_emplace(s.nic);
  Planned& p = at->second;
  if (fresh) {
    p.in = tcp_inputs(s.nic, "streams");
    p.plan = must(passes::compile(p.in, {.queues = s.queues, .prove = false, .certify = false}));
    spread(p.plan, s.cores);
  }
  return p;
}

// What an application was told of a connection.
struct Told {
  int refused = 0;  // by the command
  std::optional<int> end;
  std::uint64_t begin_ns = 0, end_ns = 0;  // at which time; after which
  std::vector<int> trouble, acked;
  bool connected = false;
};

class Endings : public testing::TestWithParam<Spread> {
 protected:
  void SetUp() override { start_dpdk(); }
  void open(const TcpSceneOptions& options = {}) {
    const Planned& p = planned(GetParam());
    const auto make = [this](rte_mempool* pool, const ports::VirtualClock& clock) {
      auto made = std::make_unique<PeerWire>(pool, clock);
      wire = made.get();
      return made;
    };
    scene.emplace(p.plan, p.in, apps::Library{"", test::TcpApp::table(), nullptr}, make, options);
    app.on_tick = [this](const weft_host& host) { start(host); };
    app.on_tcp = [this](const weft_host& host, const weft_tcp_event& e) { happened(host, e); };
  }
  // `n` attempts, the first of them at the next tick.
  std::vector<Told> connect(unsigned n, std::uint32_t to, std::uint64_t limit_ns) {
    told.assign(n, {});
    asked = 0, to_ = to, ended = 0;
    EXPECT_TRUE(scene->run([&] { return ended == n; }, limit_ns)) << "some are told nothing";
    return told;
  }
  void start(const weft_host& host) {
    // (Both cores take part.)
    for (unsigned half = 0; asked < told.size() && half < (told.size() + 1) / 2; ++half) {
      const weft_tcp_connect command = {.size = sizeof(weft_tcp_connect),
                                        .endpoint = 0,
                                        .dst = to_,
                                        .dst_port = 80,
                                        .cookie = asked + 1};
      std::uint64_t number = 0;
      const int result = host.tcp_connect(host.context, &command, &number);
      told[asked].refused = -result;
      told[asked].begin_ns = scene->time().now_ns;
      ended += result != 0 ? 1 : 0;
      ++asked;
    }
  }
  void happened(const weft_host& host, const weft_tcp_event& e) {
    static const char text[100] = {};
    const weft_part part = {.data = text, .len = sizeof(text)};
    const weft_tcp_send command = {.size = sizeof(command),
                                   .part_count = 1,
                                   .connection = e.connection,
                                   .parts = &part,
                                   .token = 1};
    if (e.kind == WEFT_TCP_DATA) host.tcp_done(host.context, e.token);
    if (e.kind == WEFT_TCP_REMOTE_CLOSED) host.tcp_close(host.context, e.connection);
    if (e.cookie == 0) return;
    Told& t = told.at(e.cookie - 1);
    switch (e.kind) {
      case WEFT_TCP_CONNECTED:
        t.connected = true;
        EXPECT_EQ(host.tcp_send(host.context, &command), 0);
        break;
      case WEFT_TCP_TROUBLE: t.trouble.push_back(e.error); break;
      case WEFT_TCP_ACKED: t.acked.push_back(e.error); break;
      case WEFT_TCP_CLEANUP:
        EXPECT_FALSE(t.end) << "told twice";
        t.end = e.error;
        t.end_ns = scene->time().now_ns - t.begin_ns;
        ++ended;
        break;
      default: break;
    }
  }
  // All ended so, in this time.
  void all(const std::vector<Told>& list, int error, std::uint64_t least_ns,
           std::uint64_t most_ns) {
    for (const Told& t : list) {
      EXPECT_EQ(t.refused, 0);
      EXPECT_EQ(t.end.value_or(-1), error);
      EXPECT_GE(t.end_ns, least_ns);
      EXPECT_LE(t.end_ns, most_ns);
    }
  }
  // The peer's answer to a segment.
  static Segment answer(const Seen& to, std::uint8_t flags, std::uint32_t seq) {
    Segment s;
    s.ip = {.from = to.peer, .to = to.own, .own_mac = own_mac, .peer_mac = mac_of(peer)};
    s.from_port = to.peer_port, s.to_port = to.own_port;
    s.seq = seq, s.flags = flags;
    s.ack_seq = to.seq + static_cast<std::uint32_t>(to.text.size()) +
                ((to.flags & (Segment::syn | Segment::fin)) != 0 ? 1 : 0);
    return s;
  }
  // What a router, or the peer itself, says of a datagram.
  static Bytes icmp(const Bytes& about, std::uint8_t type, std::uint8_t code,
                    std::uint32_t add_to_seq = 0) {
    Bytes quoted(about.begin() + 14, about.begin() + 14 + 28);
    put32(quoted, 24, get32(quoted, 24) + add_to_seq);
    return icmp_frame({}, {.src = on_link(3)}, {.type = type, .code = code, .word = 0}, quoted);
  }
  // A peer that takes connections, and calls `more` with all that follows.
  void serve(std::function<void(const Seen&, const Bytes&)> more) {
    wire->on_datagram = [this, more = std::move(more)](const Bytes& b) {
      const Seen s(b);
      if (!s.tcp) return;
      EXPECT_TRUE(s.sums_right);
      if ((s.flags & Segment::syn) != 0) {
        wire->send(answer(s, Segment::syn | Segment::ack, 7000).frame());
      } else {
        more(s, b);
      }
    };
  }
  // Whoever has a connection is told by a reset.
  void stop() {
    const std::uint32_t open = scene->live();
    unsigned resets = 0;
    wire->on_datagram = [&resets](const Bytes& b) {
      resets += (Seen(b).flags & Segment::rst) != 0;
    };
    EXPECT_EQ(scene->stop(), "");
    EXPECT_EQ(resets, open);
  }

  test::TcpApp app;
  PeerWire* wire = nullptr;
  std::optional<TcpScene> scene;
  std::vector<Told> told;
  unsigned asked = 0, ended = 0;
  std::uint32_t to_ = peer;
};
INSTANTIATE_TEST_SUITE_P(Cards, Endings,
                         testing::Values(Spread{"tap", 1, 1}, Spread{"intel_82599", 4, 2},
                                         Spread{"af_packet", 2, 2}),
                         [](const auto& info) { return std::string(info.param.nic); });

TEST_P(Endings, BeforeThereIsAConnection) {
  open();
  wire->on_datagram = [&](const Bytes& b) {
    const Seen s(b);
    if (s.tcp) wire->send(answer(s, Segment::rst | Segment::ack, 0).frame());
  };
  all(connect(8, peer, second), ECONNREFUSED, 0, 5 * ms);
  wire->on_datagram = nullptr;
  all(connect(8, peer, 200 * second), ETIMEDOUT, 180 * second, 190 * second);
  wire->silent = {nobody};
  all(connect(8, nobody, 10 * second), EHOSTUNREACH, 2 * second, 4 * second);
  for (const Told& t : connect(4, elsewhere, second)) EXPECT_EQ(t.refused, ENETUNREACH);
  stop();
}

TEST_P(Endings, WhatIcmpSaysOfASyn) {
  open();
  struct Case {
    std::uint8_t type, code;
    int error;
    bool hard;
  };
  for (const Case& c : {Case{3, 0, ENETUNREACH, false}, Case{3, 1, EHOSTUNREACH, false},
                        Case{3, 2, ENOPROTOOPT, true}, Case{3, 3, ECONNREFUSED, true},
                        Case{3, 5, EHOSTUNREACH, false}, Case{3, 13, EHOSTUNREACH, false},
                        Case{11, 0, EHOSTUNREACH, false}, Case{12, 0, EPROTO, false}}) {
    SCOPED_TRACE(fmt::format("ICMP {} {}", c.type, c.code));
    wire->on_datagram = [&](const Bytes& b) {
      if (!Seen(b).tcp) return;
      wire->send(icmp(b, c.type, c.code, 1));  // about what was never sent
      wire->send(icmp(b, c.type, c.code));
    };
    const auto list = connect(4, peer, 10 * second);
    if (c.hard) {
      all(list, c.error, 0, 5 * ms);
    } else {  // three SYNs, a second and two apart
      all(list, c.error, 3 * second, 3 * second + 50 * ms);
      for (const Told& t : list) EXPECT_EQ(t.trouble, (std::vector<int>{c.error, c.error}));
    }
  }
  stop();
}

// Once it is there an error is news, not an end; and the end has it for a reason.
TEST_P(Endings, WhatIcmpSaysOfAConnection) {
  for (const auto& [code, error] : {std::pair{1, EHOSTUNREACH}, {3, ECONNREFUSED}}) {
    open();
    SCOPED_TRACE(code);
    bool mends = true;
    std::map<std::uint16_t, unsigned> times;
    serve([&](const Seen& s, const Bytes& b) {
      if ((s.flags & Segment::fin) != 0) {
        wire->send(answer(s, Segment::ack, 7002).frame());
      } else if (s.text.empty()) {
        return;
      } else if (!mends || times[s.own_port]++ == 0) {
        wire->send(icmp(b, 3, static_cast<std::uint8_t>(code)));
      } else {
        wire->send(answer(s, Segment::ack | Segment::fin, 7001).frame());
      }
    });
    const auto good = connect(4, peer, 10 * second);
    all(good, 0, 0, 2 * second);
    for (const Told& t : good) {
      EXPECT_TRUE(t.connected);
      EXPECT_EQ(t.trouble, std::vector<int>{error});
      EXPECT_EQ(t.acked, std::vector<int>{0});
    }
    mends = false;
    const auto bad = connect(2, peer, 1200 * second);
    all(bad, error, 100 * second, 1200 * second);
    for (const Told& t : bad) EXPECT_EQ(t.acked, std::vector<int>{error});
    stop();
  }
}

TEST_P(Endings, Reset) {
  open();
  serve([&](const Seen& s, const Bytes&) {
    if (!s.text.empty()) wire->send(answer(s, Segment::rst | Segment::ack, 7001).frame());
  });
  const auto list = connect(8, peer, second);
  all(list, ECONNRESET, 0, 5 * ms);
  for (const Told& t : list) EXPECT_EQ(t.acked, std::vector<int>{ECONNRESET});
  stop();
}

// (Many more than a shard has room for resets.)
TEST_P(Endings, TheStackStops) {
  open();
  serve([](const Seen&, const Bytes&) {});
  told.assign(500, {});
  const auto all_are_there = [&] {
    return std::all_of(told.begin(), told.end(), [](const Told& t) { return t.connected; });
  };
  EXPECT_TRUE(scene->run(all_are_there, 10 * second));
  EXPECT_EQ(scene->live(), 500u);
  stop();
  for (const Told& t : told) EXPECT_EQ(t.end.value_or(-1), ECONNABORTED);
}

// No place is left for one more: refused by the command. When one ends there is room again.
TEST_P(Endings, NoRoomForAConnection) {
  constexpr unsigned most = 4;
  open({.connections = most});
  bool end = false;
  serve([&](const Seen& s, const Bytes&) {
    if (!s.text.empty() && end) wire->send(answer(s, Segment::rst | Segment::ack, 7001).frame());
  });
  // As many as all queues have, and more.
  told.assign(most * GetParam().queues + 4, {});
  scene->run([&] { return asked == told.size(); }, second);
  unsigned refused = 0;
  for (const Told& t : told) refused += t.refused == ENOBUFS;
  EXPECT_GE(refused, 4u);
  EXPECT_GE(scene->live(), 1u);
  end = true;
  EXPECT_TRUE(scene->run([&] { return ended == told.size(); }, 1200 * second));
  EXPECT_EQ(scene->live(), 0u);
  all(connect(1, peer, 5 * second), ECONNRESET, 0, second);
  stop();
}

// For a while no buffer can be had at all: what was under way goes on afterwards.
TEST_P(Endings, NoBuffers) {
  Failures failures;
  open({.failures = &failures});
  serve([&](const Seen& s, const Bytes&) {
    if ((s.flags & Segment::fin) != 0) wire->send(answer(s, Segment::ack, 7002).frame());
    if (!s.text.empty()) wire->send(answer(s, Segment::ack | Segment::fin, 7001).frame());
  });
  all(connect(4, peer, second), 0, 0, 5 * ms);
  failures.every = 1;
  told.assign(4, {});
  asked = ended = 0;
  EXPECT_FALSE(scene->run([&] { return ended != 0; }, 5 * second));
  EXPECT_GT(failures.failed, 0u);
  failures.every = 0;
  EXPECT_TRUE(scene->run([&] { return ended == 4; }, 10 * second));
  all(told, 0, 4 * second, 15 * second);
  stop();
}

}  // namespace
}  // namespace weft::sim
