// Large datagrams, and what applications are told of those that do not get through.
#include <cerrno>
#include <cstddef>

#include "tests/unit/runtime/sim_stack.h"

namespace weft::test {
namespace {

int send(const weft_host& host, std::uint32_t len, std::uint32_t flags = 0,
         std::uint32_t size = sizeof(weft_send)) {
  static const Bytes zeros(65507);
  const weft_part part = {zeros.data(), len};
  const weft_send command = {.size = size,
                             .endpoint = 0,
                             .dst = client_ip,
                             .dst_port = 40000,
                             .reserved = 0,
                             .parts = &part,
                             .part_count = 1,
                             .token = 0,
                             .flags = flags};
  return host.send(host.context, &command);
}

// The peer's router says `code` about a datagram of `total` bytes from port 7 that may not be cut.
Bytes unreachable(std::uint8_t code, std::uint16_t mtu, std::uint16_t total) {
  Bytes b(14 + 20 + 8 + 28, 0);
  const auto mac = [&b](std::size_t at, std::uint64_t v) {
    for (unsigned i = 0; i < 6; ++i) b[at + i] = static_cast<std::uint8_t>(v >> (40 - 8 * i));
  };
  mac(0, host_mac);
  mac(6, client_mac);
  put16(b, 12, 0x0800);
  b[14] = 0x45;
  put16(b, 16, static_cast<std::uint16_t>(b.size() - 14));
  b[22] = 64;
  b[23] = 1;
  put32(b, 26, client_ip + 8);
  put32(b, 30, host_ip);
  b[34] = 3;
  b[35] = code;
  put16(b, 40, mtu);
  b[42] = 0x45;
  put16(b, 44, total);
  put16(b, 48, 0x4000);
  b[51] = 17;
  put32(b, 54, host_ip);
  put32(b, 58, client_ip);
  put16(b, 62, 7);
  put16(b, 64, 40000);
  const auto sum = [&b](std::size_t from, std::size_t to) {
    std::uint32_t s = 0;
    for (std::size_t i = from; i < to; i += 2) s += std::uint32_t{b[i]} << 8 | b[i + 1];
    while (s >> 16 != 0) s = (s & 0xffff) + (s >> 16);
    return static_cast<std::uint16_t>(~s);
  };
  put16(b, 24, sum(14, 34));
  put16(b, 36, sum(34, b.size()));
  return b;
}

struct Outcome {
  observe::Snapshot snapshot;
  std::vector<ports::Frame> out;
};

Outcome run(TestApp&, const std::vector<Bytes>& frames) {
  SimStack stack(compiled("none"), "none", frames, "errors");
  stack.run();
  Outcome outcome{stack.stop(), stack.out()};
  EXPECT_EQ(stack.pools().in_use(), 0u) << "a buffer was lost";
  EXPECT_TRUE(observe::balance(outcome.snapshot).exact())
      << observe::balance(outcome.snapshot).text();
  return outcome;
}

Bytes trigger(char what) { return build(to_echo(40000, {static_cast<std::uint8_t>(what)})); }

TEST(AppErrors, ADatagramOfAnySizeIsSentInPieces) {
  TestApp app;
  app.on_datagram = [](const weft_host& host, const weft_datagram& event) {
    host.recv_done(host.context, event.token);
    for (const std::uint32_t size : {1472u, 1473u, 65507u})
      for (unsigned i = 0; i < 12; ++i) EXPECT_EQ(send(host, size), 0);
    EXPECT_EQ(send(host, 65507, 0, offsetof(weft_send, flags)), 0)
        << "built before there were flags";
    EXPECT_EQ(send(host, 1, 2), -EINVAL) << "a flag that does not exist";
  };
  const Outcome o = run(app, {arp_request(), trigger('x')});
  EXPECT_EQ(o.out.size(), 1u + 12 * (1 + 2 + 45) + 45);
  EXPECT_EQ(count_of(o.snapshot, "ipv4_cut"), 25u);
  EXPECT_EQ(o.snapshot.apps[0].counters.send_failed, 1u);
}

TEST(AppErrors, WhatARouterSaysIsToldAndRemembered) {
  TestApp app;
  std::vector<weft_error> told;
  app.on_error = [&told](const weft_host&, const weft_error& event) { told.push_back(event); };
  app.on_datagram = [](const weft_host& host, const weft_datagram& event) {
    const bool whole = event.data[0] == 'w';
    host.recv_done(host.context, event.token);
    EXPECT_EQ(send(host, 1400, whole ? WEFT_SEND_DONT_FRAGMENT : 0), 0);
  };
  const Outcome o = run(app, {arp_request(), trigger('w'), unreachable(3, 0, 100),
                              unreachable(4, 1000, 1428), trigger('w'), trigger('p')});
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[0].size, sizeof(weft_error));
  EXPECT_EQ(told[0].endpoint, 0u);
  EXPECT_EQ(told[0].error, ECONNREFUSED);
  EXPECT_EQ(told[0].dst, client_ip);
  EXPECT_EQ(told[0].dst_port, 40000);
  EXPECT_EQ(told[0].reporter, client_ip + 8);
  EXPECT_EQ(std::tuple(told[0].icmp_type, told[0].icmp_code, told[0].mtu), std::tuple(3, 3, 0u));
  EXPECT_EQ(told[1].error, EMSGSIZE);
  EXPECT_EQ(told[1].mtu, 1000u);
  EXPECT_EQ(told[2].error, EMSGSIZE) << "refused by the stack itself";
  EXPECT_EQ(told[2].mtu, 1000u);
  EXPECT_EQ(told[2].reporter, 0u);
  EXPECT_EQ(told[2].dst_port, 40000);
  ASSERT_EQ(o.out.size(), 1u + 1 + 2);  // ARP, whole, in two pieces
  EXPECT_EQ(o.out[1].bytes.at(20) & 0x40, 0x40) << "not to be cut";
  EXPECT_EQ(o.out[2].bytes.at(20), 0x20) << "more fragments";
  EXPECT_EQ(o.out[2].bytes.size(), 14u + 20 + 976);
  EXPECT_EQ(o.snapshot.apps[0].counters.errors, 3u);
}

// An application that does not listen, or was built before there were errors, loses nothing else.
TEST(AppErrors, NobodyHasToListen) {
  TestApp app;
  const Outcome o = run(app, {arp_request(), unreachable(1, 0, 100)});
  EXPECT_EQ(count_of(o.snapshot, "udp_error"), 1u);
  EXPECT_EQ(o.snapshot.apps[0].counters.errors, 1u);
}

// No more than there is room to tell of: the send itself fails then, and nothing is lost.
TEST(AppErrors, ManyRefusedAtOnce) {
  TestApp app;
  unsigned told = 0, sent = 0, refused = 0;
  app.on_error = [&told](const weft_host&, const weft_error&) { ++told; };
  app.on_datagram = [&](const weft_host& host, const weft_datagram& event) {
    host.recv_done(host.context, event.token);
    for (unsigned i = 0; i < 200; ++i) {
      const int result = send(host, 2000, WEFT_SEND_DONT_FRAGMENT);
      EXPECT_TRUE(result == 0 || result == -ENOBUFS);
      ++(result == 0 ? sent : refused);
    }
  };
  const Outcome o = run(app, {arp_request(), trigger('x')});
  EXPECT_GE(sent, 30u);
  EXPECT_EQ(told, sent);
  EXPECT_EQ(sent + refused, 200u);
  EXPECT_EQ(o.out.size(), 1u);
}

}  // namespace
}  // namespace weft::test
