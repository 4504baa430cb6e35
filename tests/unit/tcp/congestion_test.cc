// Windows of congestion by themselves: RFC 5681, RFC 9438.
#include "stack-nodes/tcp/machine/congestion.h"

#include <gtest/gtest.h>

namespace weft::test {
namespace {

using tcp::Connection;
namespace congestion = tcp::congestion;

constexpr std::uint64_t ms = 1'000'000;

Connection connection(tcp::Congestion kind) {
  Connection c;
  c.congestion = kind;
  c.mss = 1000;
  c.srtt_us = 100'000;
  congestion::start(c, 10);
  return c;
}

// One round trip: a window's worth of acknowledgements, of two segments each.
void round_trip(Connection& c, std::uint64_t& now_ns) {
  const std::uint32_t acks = c.cwnd / 2000;
  for (std::uint32_t i = 0; i < acks; ++i)
    congestion::acknowledged(c, 2000, now_ns + i * 100 * ms / acks);
  now_ns += 100 * ms;
}

TEST(TcpCongestion, InitialWindow) {
  auto c = connection(tcp::Congestion::newreno);
  EXPECT_EQ(c.cwnd, 10000u);
  c.mss = 9000;  // 14,600 bytes at most, but two segments
  congestion::start(c, 10);
  EXPECT_EQ(c.cwnd, 18000u);
}

TEST(TcpCongestion, RenoHalvesAndGrowsByOneSegment) {
  auto c = connection(tcp::Congestion::newreno);
  c.cwnd = 40000;
  c.ssthresh = c.cwnd = congestion::reduced(c, 40000);
  EXPECT_EQ(c.cwnd, 20000u);
  std::uint64_t now = 1;
  round_trip(c, now);
  EXPECT_EQ(c.cwnd, 21000u);
  EXPECT_EQ(congestion::reduced(c, 3000), 1500u);
}

TEST(TcpCongestion, CubicGrowsFlatAtTheOldMaximum) {
  auto c = connection(tcp::Congestion::cubic);
  c.cwnd = 1'000'000;
  c.ssthresh = c.cwnd = congestion::reduced(c, c.cwnd);
  EXPECT_EQ(c.cwnd, 700'000u);
  EXPECT_EQ(c.w_max, 1'000'000u);
  std::uint64_t now = 1'000'000'000;
  // K = cbrt(300 / 0.4) s = 9.09 s: then it is where it was, having slowed down on the way.
  std::uint32_t at[12] = {};
  for (unsigned s = 0; s < 12; ++s) {
    at[s] = c.cwnd;
    for (unsigned i = 0; i < 10; ++i) round_trip(c, now);
  }
  EXPECT_NEAR(at[9], 1e6, 1e4);
  EXPECT_NEAR(at[2], 1e6 - 0.4 * 7.1 * 7.1 * 7.1 * 1000, 2e4);
  EXPECT_GT(at[2] - at[1], at[5] - at[4]);
  EXPECT_LT(at[9] - at[8], 5000u);
  EXPECT_GT(at[11], at[10]);
}

TEST(TcpCongestion, CubicIsNeverSlowerThanReno) {
  auto c = connection(tcp::Congestion::cubic);
  c.srtt_us = 1000;
  c.cwnd = 20000;
  c.ssthresh = c.cwnd = congestion::reduced(c, c.cwnd);
  std::uint64_t now = 1'000'000'000;
  for (unsigned i = 0; i < 100; ++i) {  // short round trips: the cubic function stands still
    const std::uint32_t acks = c.cwnd / 1000;
    for (std::uint32_t k = 0; k < acks; ++k) congestion::acknowledged(c, 1000, now);
    now += 1 * ms;
  }
  EXPECT_GT(c.cwnd, 14000u + 40 * 1000);
}

TEST(TcpCongestion, CubicLeavesRoomForOthers) {
  auto c = connection(tcp::Congestion::cubic);
  c.w_max = 100'000;
  c.cwnd = 80'000;
  congestion::reduced(c, c.cwnd);
  EXPECT_EQ(c.w_max, 68'000u);
}

}  // namespace
}  // namespace weft::test
