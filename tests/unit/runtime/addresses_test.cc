// Groups that applications join, datagrams to the host itself, a link that goes and comes: on whole
// stacks.
#include <fmt/format.h>

#include <cerrno>

#include "tests/unit/runtime/sim_stack.h"

namespace weft::test {
namespace {

constexpr std::uint32_t group = 0xef010203;
constexpr std::uint64_t second = 1'000'000'000;

std::uint32_t word(const Bytes& b, std::size_t at) { return get16(b, at) << 16 | get16(b, at + 2); }

// UDP to the group, in a frame to the group.
Bytes to_group(std::uint16_t port) {
  UdpFrame f = to_echo(40000, {'g'});
  f.dst_mac = 0x01005e000000 | (group & 0x7fffff);
  f.dst = group;
  f.dst_port = port;
  return build(f);
}

// Types of the reports' first records, in order.
std::vector<unsigned> reports(const std::vector<ports::Frame>& out) {
  std::vector<unsigned> types;
  for (const auto& frame : out) {
    if (get16(frame.bytes, 12) != 0x0800 || frame.bytes[23] != 2) continue;
    EXPECT_EQ(word(frame.bytes, 0), 0x01005e00u);
    EXPECT_EQ(word(frame.bytes, 30), 0xe0000016u);
    EXPECT_EQ(word(frame.bytes, 50), group);
    types.push_back(frame.bytes[46]);
  }
  return types;
}

plan::Plan with_multicast(const std::string& nic, unsigned queues = 0, unsigned cores = 0) {
  plan::Plan plan = compiled(nic, queues, cores);
  plan.host.multicast = true;
  for (auto& [knob, on] : plan.configuration.knobs) {
    if (knob == "rx.allmulticast") on = true;
  }
  return plan;
}

// ---- probing (RFC 5227 section 2.1)

Bytes arp(std::uint16_t operation, std::uint32_t sender, std::uint32_t target,
          std::uint64_t mac = client_mac) {
  Bytes b = arp_request();
  put16(b, 20, operation);
  put32(b, 28, sender);
  put32(b, 38, target);
  for (int i = 0; i < 6; ++i) b[6 + i] = b[22 + i] = static_cast<std::uint8_t>(mac >> (40 - 8 * i));
  return b;
}

// What a probing stack says, while `frames` come one second after another.
struct Probed {
  std::string code;
  std::vector<ports::Frame> out;
  std::uint64_t took_ns = 0, before_use = 0;
  bool exact = false;

  explicit Probed(const std::vector<Bytes>& frames, std::uint16_t vlan = 0) {
    TestApp app;
    plan::Plan plan = compiled("intel_82599", 2, 2);
    plan.host.probe = true;
    plan.host.vlan_id = vlan;
    SimStack stack(plan, "intel_82599", {}, "probing");
    std::size_t next = 0;
    const auto done = stack.engine().probe([&] {
      stack.clock().now_ns += second / 100;
      if (next < frames.size() && stack.clock().now_ns >= (next + 1) * second)
        stack.inject({frames[next++]});
      return true;
    });
    if (!done) code = done.error().list.front().code;
    took_ns = stack.clock().now_ns;
    out = stack.wire().out();
    const auto snapshot = stack.stop();
    for (const auto& queue : snapshot.queues) before_use += queue.counters.before_use;
    exact = observe::balance(snapshot).exact();
  }
};

TEST(Probing, AsksThreeTimesAndListens) {
  // Others talk, the own probe comes back, somebody asks for the address to talk to it.
  const Probed free({arp(1, client_ip, host_ip), arp(1, 0, host_ip, host_mac),
                     arp(2, client_ip, host_ip), arp(1, 0, client_ip)});
  EXPECT_EQ(free.code, "");
  EXPECT_GE(free.took_ns, 4 * second);
  EXPECT_LE(free.took_ns, 9 * second);
  ASSERT_EQ(free.out.size(), 3U);
  for (const auto& frame : free.out) {
    Bytes expected = arp(1, 0, host_ip, host_mac);
    std::fill_n(expected.begin() + 32, 6, 0);
    EXPECT_EQ(frame.bytes, expected);
  }
  EXPECT_EQ(free.before_use, 4U);
  EXPECT_TRUE(free.exact);
}

TEST(Probing, WhoHasTheAddressOrWantsItEndsIt) {
  for (const Bytes& frame : {arp(2, host_ip, 0), arp(1, host_ip, client_ip), arp(1, 0, host_ip)}) {
    const Probed taken({frame});
    EXPECT_EQ(taken.code, "E0663");
    EXPECT_LE(taken.took_ns, second + second / 50);
    EXPECT_TRUE(taken.exact);
  }
}

TEST(Probing, InAVlan) {
  Bytes answer = arp(2, host_ip, 0);
  EXPECT_EQ(Probed({answer}, 5).code, "") << "of another network";
  const Bytes tag = {0x81, 0, 0, 5};
  answer.insert(answer.begin() + 12, tag.begin(), tag.end());
  const Probed taken({answer}, 5);
  EXPECT_EQ(taken.code, "E0663");
  for (const auto& frame : taken.out) {
    EXPECT_EQ(Bytes(frame.bytes.begin() + 12, frame.bytes.begin() + 18),
              (Bytes{0x81, 0, 0, 5, 8, 6}));
  }
}

// One core speaks for the host, all of them deliver.
TEST(Groups, ApplicationsJoinAndLeave) {
  for (const unsigned queues : {1u, 4u}) {
    TestApp app;
    std::vector<int> results;
    bool left = false;
    unsigned heard = 0;
    app.on_tick = [&](const weft_host& host) {
      const auto listen = [&](std::uint32_t mode, std::uint32_t to = group) {
        const weft_group command = {.size = sizeof(command),
                                    .endpoint = 0,
                                    .group = to,
                                    .mode = mode,
                                    .sources = nullptr,
                                    .source_count = 0};
        results.push_back(host.listen_group(host.context, &command));
      };
      if (results.empty()) {
        listen(WEFT_GROUP_ALL_BUT);
        listen(WEFT_GROUP_ALL_BUT, 0xe0000001);  // needs no joining
        listen(WEFT_GROUP_ALL_BUT, client_ip);   // no group
        listen(7);                               // no mode
      }
      if (!left && host.now_ns(host.context) > 6 * second) {
        left = true;
        listen(WEFT_GROUP_ONLY);
      }
    };
    app.on_datagram = [&](const weft_host& host, const weft_datagram& event) {
      EXPECT_EQ(event.dst, group);
      ++heard;
      host.recv_done(host.context, event.token);
    };
    const plan::Plan plan = with_multicast(queues == 1 ? "none" : "ideal", queues, queues);
    SimStack stack(plan, queues == 1 ? "none" : "ideal", {arp_request()},
                   fmt::format("groups{}", queues));
    stack.run(3 * second);
    stack.inject({to_group(7), to_group(9)});
    stack.run(6 * second);
    stack.inject({to_group(7)});
    stack.run(1 * second);
    const auto s = stack.stop();
    EXPECT_EQ(results, (std::vector<int>{0, -EINVAL, -EINVAL, -EINVAL, 0}));
    EXPECT_EQ(heard, 1u) << queues;
    EXPECT_EQ(count_of(s, "drop_udp_no_endpoint_broadcast"), 1u) << queues;
    EXPECT_EQ(count_of(s, "drop_ipv4_group"), 1u) << queues;
    EXPECT_EQ(reports(stack.out()), (std::vector<unsigned>{4, 4, 3, 3})) << queues;
    EXPECT_TRUE(observe::balance(s).exact()) << observe::balance(s).text();
    EXPECT_EQ(stack.pools().in_use(), 0u);
  }
}

TEST(Groups, NobodyJoinsWhereTheHostTakesNoPart) {
  TestApp app;
  int result = 0;
  app.on_datagram = [&](const weft_host& host, const weft_datagram& event) {
    const weft_group command = {.size = sizeof(command),
                                .endpoint = 0,
                                .group = group,
                                .mode = WEFT_GROUP_ALL_BUT,
                                .sources = nullptr,
                                .source_count = 0};
    result = host.listen_group(host.context, &command);
    host.recv_done(host.context, event.token);
  };
  SimStack stack(compiled("none"), "none", {build(to_echo(40000, {'a'}))}, "nogroups");
  stack.run();
  stack.stop();
  EXPECT_EQ(result, -EOPNOTSUPP);
}

// Two endpoints that answer each other for ever do not keep the stack from anything else.
TEST(Loopback, ADatagramToTheHostItselfDoesNotLeaveIt) {
  TestApp app;
  unsigned from_itself = 0;
  app.on_datagram = [&](const weft_host& host, const weft_datagram& event) {
    const weft_part part = {event.data, event.len};
    weft_send send = {.size = sizeof(send),
                      .endpoint = 0,
                      .dst = host_ip,
                      .dst_port = 7,
                      .reserved = 0,
                      .parts = &part,
                      .part_count = 1,
                      .token = event.token,
                      .src = 0,
                      .src_port = 0,
                      .reserved2 = 0};
    if (event.src == host_ip) {
      EXPECT_EQ(std::string(reinterpret_cast<const char*>(event.data), event.len), "abc");
      if (++from_itself == 5) send.dst_port = 9;  // nobody there: an error, and that is that
    }
    EXPECT_EQ(host.send(host.context, &send), 0);
    send.dst = 0x7f000001;
    send.token = 0;
    EXPECT_EQ(host.send(host.context, &send), -EINVAL);
  };
  for (const char* nic : {"none", "intel_82599"}) {
    from_itself = 0;
    SimStack stack(compiled(nic), nic, {arp_request(), build(to_echo(40000, {'a', 'b', 'c'}))},
                   std::string("loop-") + nic);
    stack.run();
    const auto s = stack.stop();
    EXPECT_EQ(from_itself, 5u);
    EXPECT_EQ(count_of(s, "ipv4_looped"), 7u) << nic;  // 6 datagrams and the error
    EXPECT_EQ(count_of(s, "drop_udp_no_endpoint"), 1u);
    EXPECT_TRUE(observe::balance(s).exact()) << observe::balance(s).text();
    EXPECT_EQ(stack.pools().in_use(), 0u);
    for (const auto& frame : stack.out()) EXPECT_NE(get16(frame.bytes, 12), 0x0800u);
  }
}

TEST(Link, DownNothingIsSentAndUpAllIsSaidAgain) {
  TestApp app;
  app.on_datagram = [&](const weft_host& host, const weft_datagram& event) { echo(host, event); };
  plan::Plan plan = with_multicast("none");
  plan.endpoints[0].groups = {{group, true, {}}};
  SimStack stack(plan, "none", {arp_request()}, "link");
  stack.run(5 * second);
  const auto before = reports(stack.out()).size();
  auto& shard = *stack.engine().cores()[0]->shards[0];
  stack.wire().set_link(false);
  stack.run(second / 5);  // it is looked at ten times a second
  stack.inject({build(to_echo(40000, {'a'}))});
  stack.run(5 * second);
  EXPECT_EQ(reports(stack.out()).size(), before);
  EXPECT_GE(shard.counters.transmit_down, 1u);
  EXPECT_EQ(shard.core.claims.counters().announced, 2u);
  stack.wire().set_link(true);
  stack.inject({arp_request(), build(to_echo(40000, {'a'}))});
  stack.run(5 * second);
  EXPECT_EQ(shard.core.claims.counters().announced, 4u);
  EXPECT_EQ(reports(stack.out()).size(), before + 2);
  const auto s = stack.stop();
  EXPECT_EQ(s.apps[0].counters.sent, 2u);
  EXPECT_TRUE(observe::balance(s).exact()) << observe::balance(s).text();
  EXPECT_EQ(stack.pools().in_use(), 0u);
}

}  // namespace
}  // namespace weft::test
