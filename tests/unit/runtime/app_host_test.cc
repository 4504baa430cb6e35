// Who owns a buffer, and what applications are told when they get it wrong.
#include <cerrno>
#include <fstream>

#include "tests/unit/runtime/sim_stack.h"

namespace weft::test {
namespace {

weft_send command(const weft_part* parts, unsigned count, std::uint64_t token = 0) {
  return {.size = sizeof(weft_send),
          .endpoint = 0,
          .dst = client_ip,
          .dst_port = 40000,
          .reserved = 0,
          .parts = parts,
          .part_count = count,
          .token = token};
}

// Runs one datagram ("abc" from port 40000) through the stack and `act` in its event.
observe::Snapshot with_datagram(
    const std::function<void(const weft_host&, const weft_datagram&)>& act,
    std::vector<ports::Frame>* out = nullptr, unsigned datagrams = 1) {
  TestApp app;
  app.on_datagram = act;
  std::vector<Bytes> frames = {arp_request()};
  frames.insert(frames.end(), datagrams, build(to_echo(40000, {'a', 'b', 'c'})));
  SimStack stack(compiled("none"), "none", frames, "apps");
  stack.run();
  auto s = stack.stop();
  EXPECT_EQ(stack.pools().in_use(), 0u) << "a buffer was lost";
  EXPECT_TRUE(observe::balance(s).exact()) << observe::balance(s).text();
  if (out != nullptr) *out = stack.out();
  return s;
}

TEST(AppHost, AnEventSaysEverythingOfTheDatagram) {
  const auto s = with_datagram([](const weft_host& host, const weft_datagram& event) {
    EXPECT_EQ(event.size, sizeof(weft_datagram));
    EXPECT_EQ(event.endpoint, 0u);
    EXPECT_EQ(event.src, client_ip);
    EXPECT_EQ(event.dst, host_ip);
    EXPECT_EQ(event.src_port, 40000);
    EXPECT_EQ(event.dst_port, 7);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(event.data), event.len), "abc");
    EXPECT_NE(event.token, 0u);
    EXPECT_EQ(host.recv_done(host.context, event.token), 0);
  });
  EXPECT_EQ(s.apps[0].counters.received, 1u);
  EXPECT_EQ(s.apps[0].counters.done, 1u);
  EXPECT_EQ(s.apps[0].counters.held, 0u);
}

// RFC 1122 section 4.1.3.5: answers come from the address that was addressed.
TEST(AppHost, AnswersLeaveFromTheAddressThatWasAddressed) {
  constexpr std::uint32_t second = 0x0a070003;
  plan::Plan plan = compiled("none");
  plan.host.secondary = {{second, 24}};
  plan.endpoints[0].ports = 3;
  TestApp app;
  std::vector<int> results;
  app.on_datagram = [&](const weft_host& host, const weft_datagram& event) {
    const weft_part part = {"x", 1};
    weft_send send = command(&part, 1);
    const auto from = [&](std::uint32_t src, std::uint16_t port) {
      send.src = src;
      send.src_port = port;
      results.push_back(host.send(host.context, &send));
    };
    from(0, 0);
    from(second, 9);
    from(0x0a070004, 0);                   // not ours
    from(0, 10);                           // not the endpoint's
    send.size = offsetof(weft_send, src);  // as compiled before there was `src`
    from(0x0a070004, 10);
    results.push_back(echo(host, event));
  };
  UdpFrame f = to_echo(40000, {'a'});
  f.dst = second;
  f.dst_port = 8;
  SimStack stack(plan, "none", {arp_request(), build(f)}, "sources");
  stack.run();
  stack.stop();
  EXPECT_EQ(results, (std::vector<int>{0, 0, -EADDRNOTAVAIL, -EADDRNOTAVAIL, 0, 0}));
  std::vector<std::pair<std::uint32_t, std::uint16_t>> sources;
  for (const auto& frame : stack.out()) {
    if (get16(frame.bytes, 12) == 0x0800)
      sources.emplace_back(get16(frame.bytes, 26) << 16 | get16(frame.bytes, 28),
                           get16(frame.bytes, 34));
  }
  EXPECT_EQ(sources, (std::vector<std::pair<std::uint32_t, std::uint16_t>>{
                         {host_ip, 7}, {second, 9}, {host_ip, 7}, {second, 8}}));
}

TEST(AppHost, APartThatLiesNowhereIsRefused) {
  with_datagram([](const weft_host& host, const weft_datagram& event) {
    const weft_part nowhere = {nullptr, 1}, empty = {nullptr, 0};
    const auto bad = command(&nowhere, 1), good = command(&empty, 1);
    EXPECT_EQ(host.send(host.context, &bad), -EINVAL);
    EXPECT_EQ(host.send(host.context, &good), 0);
    EXPECT_EQ(host.recv_done(host.context, event.token), 0);
  });
}

TEST(AppHost, ATokenIsGoodOnce) {
  with_datagram([](const weft_host& host, const weft_datagram& event) {
    EXPECT_EQ(host.recv_done(host.context, event.token), 0);
    EXPECT_EQ(host.recv_done(host.context, event.token), -EINVAL);
    const weft_part part = {"x", 1};
    const auto send = command(&part, 1, event.token);
    EXPECT_EQ(host.send(host.context, &send), -EINVAL);
    EXPECT_EQ(host.recv_done(host.context, 0), -EINVAL);
    EXPECT_EQ(host.recv_done(host.context, ~std::uint64_t{0}), -EINVAL);
  });
}

TEST(AppHost, PartsAreSentOneBehindTheOther) {
  std::vector<ports::Frame> out;
  const auto s = with_datagram(
      [](const weft_host& host, const weft_datagram& event) {
        const weft_part parts[] = {{"<", 1}, {event.data, event.len}, {nullptr, 0}, {">", 1}};
        const auto send = command(parts, 4, event.token);
        EXPECT_EQ(host.send(host.context, &send), 0);
        EXPECT_EQ(host.recv_done(host.context, event.token), -EINVAL) << "it went with the send";
      },
      &out);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(std::string(out[1].bytes.begin() + 42, out[1].bytes.end()), "<abc>");
  EXPECT_EQ(s.apps[0].counters.zero_copy, 0u);
}

TEST(AppHost, PartOfTheDatagramGoesOutInItsOwnBuffer) {
  std::vector<ports::Frame> out;
  const auto s = with_datagram(
      [](const weft_host& host, const weft_datagram& event) {
        const weft_part part = {event.data + 1, event.len - 1};
        const auto send = command(&part, 1, event.token);
        EXPECT_EQ(host.send(host.context, &send), 0);
      },
      &out);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(std::string(out[1].bytes.begin() + 42, out[1].bytes.end()), "bc");
  EXPECT_EQ(s.apps[0].counters.zero_copy, 1u);
}

TEST(AppHost, ASendThatFailsLeavesTheDatagramWithTheApplication) {
  const auto s = with_datagram([](const weft_host& host, const weft_datagram& event) {
    const std::vector<char> big(65508);
    const weft_part part = {big.data(), static_cast<std::uint32_t>(big.size())};
    auto send = command(&part, 1, event.token);
    EXPECT_EQ(host.send(host.context, &send), -EMSGSIZE);
    send = command(nullptr, 1, event.token);
    EXPECT_EQ(host.send(host.context, &send), -EINVAL);
    send.endpoint = 1;
    EXPECT_EQ(host.send(host.context, &send), -EINVAL);
    send.endpoint = 0;
    send.size = 8;
    EXPECT_EQ(host.send(host.context, &send), -EINVAL);
    EXPECT_EQ(host.send(host.context, nullptr), -EINVAL);
    EXPECT_EQ(host.recv_done(host.context, event.token), 0);
  });
  EXPECT_EQ(s.apps[0].counters.sent, 0u);
}

// More than one list of packets, and more than the half at which the list is flushed.
TEST(AppHost, AnApplicationMaySendManyDatagramsFromOneEvent) {
  std::vector<ports::Frame> out;
  with_datagram(
      [](const weft_host& host, const weft_datagram& event) {
        for (int i = 0; i < 500; ++i) {
          const weft_part part = {&i, sizeof(i)};
          const auto send = command(&part, 1);
          EXPECT_EQ(host.send(host.context, &send), 0);
        }
        host.recv_done(host.context, event.token);
      },
      &out);
  EXPECT_EQ(out.size(), 501u);
}

TEST(AppHost, WhoKeepsTooMuchGetsNoMore) {
  const auto s = with_datagram([](const weft_host&, const weft_datagram&) {}, nullptr,
                               apps::AppHost::most_held + 10);
  EXPECT_EQ(s.apps[0].counters.received, apps::AppHost::most_held);
  EXPECT_EQ(s.apps[0].counters.refused, 10u);
}

TEST(AppLibrary, RefusesWhatIsNoApplication) {
  weft_app app = *TestApp::library().app;
  EXPECT_TRUE(apps::check_app(&app, "x"));
  EXPECT_FALSE(apps::check_app(nullptr, "x"));
  app.abi = 2;
  EXPECT_FALSE(apps::check_app(&app, "x"));
  app = *TestApp::library().app;
  app.size = 16;
  EXPECT_FALSE(apps::check_app(&app, "x"));
  app = *TestApp::library().app;
  app.datagram = nullptr;
  EXPECT_FALSE(apps::check_app(&app, "x"));

  auto missing = apps::load_app("no_such_app", {"/nowhere"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().list.front().code, "E0630");
  const std::string junk = testing::TempDir() + "junk.so";
  std::ofstream(junk) << "junk";
  auto broken = apps::load_app(junk, {});
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().list.front().code, "E0631");
}

}  // namespace
}  // namespace weft::test
