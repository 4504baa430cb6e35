// What one packet in 100 waits for, against a core that is played through packet by packet.
#include "compiler/passes/latency.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

namespace weft::passes {
namespace {

constexpr double hz = 1e9;  // cycles are nanoseconds

struct Stream {
  double rate;  // packets per second
  double cycles;
  bool first;
};

// Nanoseconds from arrival to the end, of 99 in 100 packets of each stream; `waited`: to the
// beginning, in the mean.
std::vector<double> played(const std::vector<Stream>& streams,
                           std::vector<double>* waited = nullptr) {
  struct Packet {
    double at;
    std::size_t of;
  };
  std::mt19937_64 random(7);
  std::vector<Packet> all;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    std::exponential_distribution<double> gap(streams[i].rate / hz);
    double at = 0;
    for (int n = 0; n < 200'000; ++n) all.push_back({at += gap(random), i});
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
  std::vector<std::vector<double>> took(streams.size());
  std::deque<Packet> waiting[2];
  double now = 0, end = std::numeric_limits<double>::max();
  for (const Stream& s : streams) end = std::min(end, 200'000 / s.rate * hz);
  for (std::size_t next = 0; next < all.size() && now < end;) {
    while (next < all.size() && all[next].at <= now)
      waiting[streams[all[next].of].first ? 0 : 1].push_back(all[next]), ++next;
    auto& line = waiting[waiting[0].empty() ? 1 : 0];
    if (line.empty()) {
      now = all[next].at;
      continue;
    }
    now += streams[line.front().of].cycles;
    took[line.front().of].push_back(now - line.front().at);
    line.pop_front();
  }
  std::vector<double> out;
  for (std::size_t i = 0; waited != nullptr && i < took.size(); ++i)
    waited->push_back(std::accumulate(took[i].begin(), took[i].end(), 0.0) /
                          static_cast<double>(took[i].size()) -
                      streams[i].cycles);
  for (auto& t : took) {
    std::sort(t.begin(), t.end());
    out.push_back(t[t.size() * 99 / 100]);
  }
  return out;
}

CoreWork work_of(const std::vector<Stream>& streams) {
  CoreWork out{.hz = hz};
  for (const Stream& s : streams) (s.first ? out.first : out.others).add(s.rate, s.cycles);
  return out;
}

double told(const std::vector<Stream>& streams, std::size_t i) {
  return hz * p99_seconds(work_of(streams), streams[i].cycles, streams[i].first);
}

TEST(Latency, OneQueueOfAlikePackets) {
  for (const double rho : {0.1, 0.5, 0.8, 0.9}) {
    const std::vector<Stream> one = {{rho * 1e6, 1000, false}};
    const double seen = played(one)[0];
    EXPECT_GE(told(one, 0), 0.97 * seen) << rho;
    EXPECT_LE(told(one, 0), 1.2 * seen) << rho;
  }
}

TEST(Latency, LongPacketsOfOthersAreWaitedFor) {
  const std::vector<Stream> two = {{400'000, 500, false}, {20'000, 15'000, false}};
  const auto seen = played(two);
  EXPECT_NEAR(told(two, 0) / seen[0], 1, 0.25);
  EXPECT_NEAR(told(two, 1) / seen[1], 1, 0.25);
  // (Taken for alike, they would wait a fraction of that.)
  CoreWork alike{.hz = hz};
  alike.others.add(420'000, (400'000 * 500 + 20'000 * 15'000) / 420'000.0);
  EXPECT_LT(1e9 * p99_seconds(alike, 500, false), 0.5 * seen[0]);
}

TEST(Latency, WhoIsPolledFirstWaitsForOneOfTheOthers) {
  const std::vector<Stream> two = {{100'000, 500, true}, {2'000, 400'000, false}};
  const auto seen = played(two);
  EXPECT_GE(told(two, 0), seen[0]) << "a bound: whoever meets one may come at its beginning";
  EXPECT_LE(told(two, 0), 1.1 * seen[0]);
  // What is polled first is long, the others are short: they cost nobody more than a burst.
  const std::vector<Stream> long_first = {{1'000, 8'000, true}, {5'000, 100, false}};
  EXPECT_LE(told(long_first, 0), 8'000 + 2'000 + 1e-6);
  EXPECT_GE(told(long_first, 0), 0.99 * played(long_first)[0]);
}

TEST(Latency, TheOthersWaitForWhatIsPolledFirst) {
  const std::vector<Stream> two = {{500'000, 1000, true}, {200'000, 1000, false}};
  EXPECT_NEAR(told(two, 1) / played(two)[1], 1, 0.25);
}

TEST(Latency, TheMeanWait) {
  const auto wait = [](const std::vector<Stream>& streams, std::size_t i) {
    return hz * wait_seconds(work_of(streams), streams[i].first);
  };
  const std::vector<std::vector<Stream>> cases = {
      {{500'000, 1000, false}},
      {{400'000, 500, false}, {20'000, 15'000, false}},
      {{500'000, 1000, true}, {200'000, 1000, false}},
      {{100'000, 500, true}, {2'000, 200'000, false}},
  };
  for (const auto& streams : cases) {
    std::vector<double> seen;
    played(streams, &seen);
    for (std::size_t i = 0; i < streams.size(); ++i) {
      // Bursts of others are as long as they may be at least: more than the single packets here.
      const bool bursts = streams[i].first && streams.back().cycles < 2000;
      EXPECT_GE(wait(streams, i), 0.93 * seen[i]);
      EXPECT_LE(wait(streams, i), (bursts ? 1.5 : 1.07) * seen[i]);
    }
  }
}

TEST(Latency, NobodyWaitsForWhatHardlyEverComes) {
  const std::vector<Stream> two = {{1'000, 500, true}, {10, 400'000, false}};
  EXPECT_EQ(told(two, 0), 500);
  EXPECT_NEAR(played(two)[0], 500, 1);
}

}  // namespace
}  // namespace weft::passes
