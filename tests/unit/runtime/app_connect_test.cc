// Connections that applications open where there are several shards: on the one that the answers
// reach, or refused with the reason.
#include <gtest/gtest.h>

#include <cerrno>
#include <set>

#include "tests/unit/runtime/app_wire.h"

namespace weft::test {
namespace {

constexpr std::uint16_t server = 90;

int connect(const weft_host& host, std::uint64_t& number, std::uint16_t from = 0,
            std::uint32_t to = AppWire::peer_ip) {
  const weft_tcp_connect command = {.size = sizeof(weft_tcp_connect),
                                    .endpoint = 0,
                                    .dst = to,
                                    .src = AppWire::host_ip,
                                    .dst_port = server,
                                    .src_port = from};
  return host.tcp_connect(host.context, &command, &number);
}
unsigned shard_of(std::uint64_t number) { return static_cast<std::uint32_t>(number) >> 22; }

// Handed over to any of four shards.
Owners handed() {
  Owners out;
  out.segments = {0, 1, 2, 3};
  return out;
}
// By the lowest bits of a port, or of the peer's address: a hash that is easy to look at.
Owners hashed(std::size_t by) {
  Owners out;
  out.arrival.sums.assign(Arrival::bytes, {});
  out.arrival.by_own_port = by == Arrival::dst_port;
  const std::size_t last = by == Arrival::src ? by + 3 : by + 1;
  for (unsigned value = 0; value < 256; ++value) out.arrival.sums[last][value] = value;
  out.arrival.table = {0, 1, 2, 3};
  return out;
}

// A connection comes in, on a shard of this net core; `act` is what the application does then.
struct Scene {
  TcpApp app;
  AppWire wire;
  explicit Scene(const tcp::Config& config = AppWire::small()) : wire(4, 1, config) {
    for (const auto& core : wire.cores) {
      core->addresses.add(AppWire::host_ip, 24);
      core->routes.add(AppWire::host_ip, 24, 0);
    }
    wire.peer->listen(tcp::Address{}, server, 64, 0);
  }
  void run(const Owners& owners, unsigned mine, std::function<void(const weft_host&)> act) {
    wire.own(owners, mine);
    bool done = false;
    app.on_tcp = [&](const weft_host& host, const weft_tcp_event& e) {
      if (e.kind != WEFT_TCP_NEW || std::exchange(done, true)) return;
      act(host);
    };
    for (std::uint16_t port = 4000; !done && port < 4100; ++port) {
      const int shard = wire.owners.of_connection({AppWire::peer_ip, AppWire::host_ip, port, 80});
      if (shard >= 0 && static_cast<unsigned>(shard) < mine) wire.connect(80, port);
    }
    EXPECT_TRUE(done);
  }
};

TEST(AppConnect, TheAnswersReachIt) {
  for (const Owners& owners : {handed(), hashed(Arrival::dst_port)}) {
    Scene scene;
    std::set<unsigned> shards;
    scene.run(owners, 2, [&](const weft_host& host) {
      for (int i = 0; i < 20; ++i) {
        std::uint64_t number = 0;
        ASSERT_EQ(connect(host, number), 0);
        shards.insert(shard_of(number));
      }
    });
    EXPECT_EQ(shards.size(), 1u) << "the shard that it acts for comes first";
    EXPECT_LT(*shards.begin(), 2u);
    EXPECT_EQ(scene.app.count(WEFT_TCP_CONNECTED), 20u);
    scene.wire.end();
  }
}

// Which of the core's shards it is does not matter to the application.
TEST(AppConnect, AGivenPortDecidesTheShard) {
  Scene scene;
  scene.run(hashed(Arrival::dst_port), 2, [&](const weft_host& host) {
    std::uint64_t number = 0;
    for (const std::uint16_t port : {5000, 5001, 5004, 5005}) {
      ASSERT_EQ(connect(host, number, port), 0);
      EXPECT_EQ(shard_of(number), port % 4u);
      EXPECT_EQ(connect(host, number, port), -EADDRINUSE);
    }
    EXPECT_EQ(connect(host, number, 5002), -EXDEV) << "the answers reach another core";
    EXPECT_EQ(connect(host, number, 5003), -EXDEV);
  });
  EXPECT_EQ(scene.app.count(WEFT_TCP_CONNECTED), 4u);
  scene.wire.end();
}

// When one shard of the core has no port left another one has; then none is left, which is another
// reason than that none would do.
TEST(AppConnect, PortsRunOut) {
  tcp::Config config = AppWire::small();
  config.first_port = 40000;
  config.last_port = 40015;
  Scene scene(config);
  std::vector<unsigned> on(4, 0);
  scene.run(hashed(Arrival::dst_port), 2, [&](const weft_host& host) {
    std::uint64_t number = 0;
    int result = 0;
    while ((result = connect(host, number)) == 0) ++on[shard_of(number)];
    EXPECT_EQ(result, -EADDRNOTAVAIL);
    EXPECT_EQ(connect(host, number, 0, AppWire::peer_ip + 4), 0) << "another peer, the same ports";
  });
  EXPECT_EQ(on, (std::vector<unsigned>{4, 4, 0, 0}));
  EXPECT_EQ(scene.app.count(WEFT_TCP_CONNECTED), 9u);
  scene.wire.end();
}

TEST(AppConnect, NoPortWouldDo) {
  Scene scene;
  scene.run(hashed(Arrival::src), 3, [&](const weft_host& host) {  // whatever the port
    std::uint64_t number = 0;
    EXPECT_EQ(connect(host, number), 0) << "10.0.0.2 is on shard 2";
    EXPECT_EQ(shard_of(number), 2u);
    EXPECT_EQ(connect(host, number, 0, AppWire::peer_ip + 1), -EXDEV);
    EXPECT_EQ(connect(host, number, 5000, AppWire::peer_ip + 1), -EXDEV);
  });
  EXPECT_EQ(scene.app.count(WEFT_TCP_CONNECTED), 1u);
  scene.wire.end();
  Scene nobody_can_say;
  nobody_can_say.run(hashed(Arrival::dst_port), 4, [&](const weft_host& host) {
    nobody_can_say.wire.owners.arrival = {};
    std::uint64_t number = 0;
    EXPECT_EQ(connect(host, number), -EXDEV);
    EXPECT_EQ(connect(host, number, 5000), -EXDEV);
  });
  nobody_can_say.wire.end();
}

// What never leaves the host stays on the shard that sends it, where nothing is handed over.
TEST(AppConnect, ToTheHostItself) {
  Scene scene;
  scene.run(hashed(Arrival::dst_port), 1, [&](const weft_host& host) {
    std::uint64_t number = 0;
    EXPECT_EQ(connect(host, number, 5003, AppWire::host_ip), 0);
    EXPECT_EQ(shard_of(number), 0u);
    EXPECT_EQ(host.tcp_abort(host.context, number), 0);
  });
  scene.wire.end();
}

}  // namespace
}  // namespace weft::test
