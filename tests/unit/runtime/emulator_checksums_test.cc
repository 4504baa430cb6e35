// What each card says of checksums, and what it fills in.
#include "tests/unit/runtime/emulator_support.h"

namespace weft::test {
namespace {

using emulator::Verdict;

Verdict ip_verdict(const Received& r) {
  switch (r.flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) {
    case RTE_MBUF_F_RX_IP_CKSUM_GOOD: return Verdict::good;
    case RTE_MBUF_F_RX_IP_CKSUM_BAD: return Verdict::bad;
    case RTE_MBUF_F_RX_IP_CKSUM_NONE: return Verdict::none;
    default: return Verdict::unknown;
  }
}
Verdict l4_verdict(const Received& r) {
  switch (r.flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) {
    case RTE_MBUF_F_RX_L4_CKSUM_GOOD: return Verdict::good;
    case RTE_MBUF_F_RX_L4_CKSUM_BAD: return Verdict::bad;
    case RTE_MBUF_F_RX_L4_CKSUM_NONE: return Verdict::none;
    default: return Verdict::unknown;
  }
}

constexpr Verdict unknown = Verdict::unknown, good = Verdict::good, bad = Verdict::bad;

Bytes arp() {
  Bytes b(60, 0);
  for (int i = 0; i < 6; ++i) b[i] = 0xff;
  b[6] = 2;
  put16(b, 12, 0x0806);
  return b;
}

struct Case {
  const char* what;
  Bytes frame;
  Verdict ip, l4;
};
struct Said {
  const char* nic;
  bool on;
  std::vector<Case> cases;
};

Bytes broken(Bytes frame, std::size_t at) {
  frame[at] ^= 0x40;
  return frame;
}

void check(const Said& said) {
  Bench bench(said.nic, 1);
  rte_eth_conf conf = bench.everything();
  if (!said.on) conf.rxmode.offloads = 0;
  bench.start(conf);
  for (const Case& c : said.cases) {
    const Received got = bench.one(c.frame);
    EXPECT_EQ(ip_verdict(got), c.ip) << said.nic << ", IPv4: " << c.what;
    EXPECT_EQ(l4_verdict(got), c.l4) << said.nic << ", UDP: " << c.what;
  }
}

struct Frames {
  UdpFrame plain, tagged, fragment, zero;
  Bytes udp, in_tag, piece, no_sum, icmp;
  Frames() {
    tagged.vlan = 5;
    fragment.fragment = 0x2000;
    udp = build(plain);
    in_tag = build(tagged);
    piece = build(fragment);
    no_sum = udp;
    put16(no_sum, 40, 0);
    UdpFrame other;
    other.protocol = 1;
    icmp = build(other);
  }
};

TEST(EmulatorChecksums, Intel82599SaysGoodUnlessItSawAnError) {
  const Frames f;
  check({"intel_82599",
         true,
         {{"right", f.udp, good, good},
          {"right, tagged", f.in_tag, good, good},
          {"IPv4 header wrong", broken(f.udp, 22), bad, good},
          {"payload wrong", broken(f.udp, 50), good, bad},
          {"payload wrong, tagged", broken(f.in_tag, 54), good, bad},
          {"address wrong: both", broken(f.udp, 27), bad, bad},
          {"no UDP checksum", f.no_sum, good, good},
          {"fragment", f.piece, good, good},
          {"fragment, header wrong", broken(f.piece, 22), bad, good},
          {"fragment, payload wrong: nobody looks", broken(f.piece, 50), good, good},
          {"ICMP", f.icmp, good, good},
          {"ARP", arp(), good, good}}});
  check({"intel_82599",
         false,
         {{"right", f.udp, good, good},
          {"both wrong, offload off: good all the same", broken(f.udp, 27), good, good}}});
}

TEST(EmulatorChecksums, IntelE810SaysNothingOfWhatItDoesNotKnow) {
  const Frames f;
  check({"intel_e810",
         true,
         {{"right", f.udp, good, good},
          {"IPv4 header wrong", broken(f.udp, 22), bad, good},
          {"payload wrong", broken(f.udp, 50), good, bad},
          {"no UDP checksum", f.no_sum, good, good},
          {"fragment, payload wrong: good, which is no evidence", broken(f.piece, 50), good, good},
          {"ICMP", f.icmp, good, good},
          {"not version 4", broken(f.udp, 14), unknown, unknown},
          {"ARP", arp(), unknown, unknown}}});
  check({"intel_e810", false, {{"right, offload off", f.udp, unknown, unknown}}});
}

TEST(EmulatorChecksums, QemusCards) {
  const Frames f;
  check({"qemu_e1000e",  // finds errors, and says nothing of what is right
         true,
         {{"right", f.udp, unknown, unknown},
          {"IPv4 header wrong", broken(f.udp, 22), bad, unknown},
          {"payload wrong", broken(f.udp, 50), unknown, bad},
          {"ICMP", f.icmp, unknown, unknown}}});
  for (const char* nic : {"vmxnet3", "virtio"}) {  // know good ones, and find no errors
    check({nic,
           true,
           {{"right", f.udp, unknown, good},
            {"IPv4 header wrong", broken(f.udp, 22), unknown, good},
            {"payload wrong", broken(f.udp, 50), unknown, unknown},
            {"fragment", f.piece, unknown, unknown},
            {"ICMP", f.icmp, unknown, unknown}}});
    check({nic, false, {{"right, offload off", f.udp, unknown, unknown}}});
  }
}

// A frame that comes with its checksum unfinished: the field holds the sum of the pseudo header,
// and finishing it gives what it was.
TEST(EmulatorChecksums, UnfinishedOnes) {
  const Frames f;
  emulator::EmulatedCardOptions options;
  options.policy.unfinished = 1;
  Bench bench("virtio", 1, options);
  bench.start();
  bench.wire.in = {f.udp, f.in_tag, f.no_sum, broken(f.udp, 50), f.piece, f.icmp};
  const auto got = bench.run();
  ASSERT_EQ(got.size(), 6U);
  const Bytes* sent[] = {&f.udp, &f.in_tag, &f.no_sum, nullptr, &f.piece, &f.icmp};
  for (std::size_t i = 0; i < got.size(); ++i) {
    const bool unfinished = i < 2;
    EXPECT_EQ(l4_verdict(got[i]) == Verdict::none, unfinished) << i;
    if (!unfinished) {
      if (sent[i] != nullptr) EXPECT_EQ(got[i].bytes, *sent[i]) << i << " is left as it is";
      continue;
    }
    const std::size_t l4 = l4_of(i == 0 ? f.plain : f.tagged);
    EXPECT_NE(got[i].bytes, *sent[i]);
    Bytes finished = got[i].bytes;
    const Bytes segment(finished.begin() + static_cast<long>(l4), finished.end());
    put16(finished, l4 + 6, ~reference_sum(segment) & 0xffff);
    EXPECT_EQ(finished, *sent[i]);
  }
}

// A segment with a header of 20 bytes and some text, its sum right.
Bytes segment() {
  UdpFrame f;
  f.protocol = 6;
  f.payload.resize(12 + 33);
  Bytes b = build(f);
  const std::size_t l3 = l3_of(f), l4 = l4_of(f);
  b[l4 + 12] = 0x50;
  put16(b, l4 + 16, 0);
  Bytes sum(b.begin() + static_cast<long>(l3 + 12), b.end());  // addresses, segment
  sum.insert(sum.begin(), {0, 6, 0, static_cast<std::uint8_t>(b.size() - l4)});
  put16(b, l4 + 16, ~reference_sum(sum) & 0xffff);
  return b;
}

// One word is about UDP and TCP: the sum of whichever the frame has.
TEST(EmulatorChecksums, OfSegments) {
  const Bytes right = segment(), wrong = broken(segment(), 60);
  check({"intel_82599", true, {{"right", right, good, good}, {"wrong", wrong, good, bad}}});
  check(
      {"qemu_e1000e", true, {{"right", right, unknown, unknown}, {"wrong", wrong, unknown, bad}}});
  for (const char* nic : {"vmxnet3", "virtio"})
    check({nic, true, {{"right", right, unknown, good}, {"wrong", wrong, unknown, unknown}}});
}

TEST(EmulatorChecksums, AnUnfinishedSegment) {
  emulator::EmulatedCardOptions options;
  options.policy.unfinished = 1;
  Bench bench("virtio", 1, options);
  bench.start();
  bench.wire.in = {segment(), broken(segment(), 60)};
  const auto got = bench.run();
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(l4_verdict(got[0]), Verdict::none);
  EXPECT_EQ(l4_verdict(got[1]), Verdict::unknown);
  EXPECT_NE(got[0].bytes, segment());
  constexpr std::size_t l4 = 34;
  Bytes finished = got[0].bytes;
  put16(finished, l4 + 16, ~reference_sum(Bytes(finished.begin() + l4, finished.end())) & 0xffff);
  EXPECT_EQ(finished, segment());
}

TEST(EmulatorChecksums, TapAndIdealAndNone) {
  const Frames f;
  for (const char* nic : {"tap", "ideal"}) {
    check({nic,
           true,
           {{"right", f.udp, good, good},
            {"IPv4 header wrong", broken(f.udp, 22), bad, good},
            {"payload wrong", broken(f.udp, 50), good, bad},
            {"fragment", f.piece, good, unknown},
            {"ICMP", f.icmp, good, unknown},
            {"ARP", arp(), unknown, unknown}}});
    check({nic, false, {{"right, offload off", f.udp, unknown, unknown}}});
  }
  check({"none", true, {{"right", f.udp, unknown, unknown}, {"ARP", arp(), unknown, unknown}}});
}

TEST(EmulatorChecksums, CutOffDatagramsAreBad) {
  Bench bench("intel_82599", 1);
  bench.start();
  Bytes longer = build({});
  put16(longer, 14 + 2, 200);  // longer than the frame
  put16(longer, 14 + 10, 0);
  put16(longer, 14 + 10, 0xffff & ~reference_sum(Bytes(longer.begin() + 14, longer.begin() + 34)));
  EXPECT_EQ(ip_verdict(bench.one(longer)), good);
  EXPECT_EQ(l4_verdict(bench.one(longer)), bad);
  Bytes length = build({});
  put16(length, 38, 7);
  EXPECT_EQ(l4_verdict(bench.one(length)), bad);
}

// Random frames with random damage, against sums made the slowest way.
TEST(EmulatorChecksums, VerdictsOfRandomFrames) {
  std::mt19937_64 random(11);
  Bench bench("ideal", 1);
  bench.start();
  int wrong = 0;
  for (int i = 0; i < 3000; ++i) {
    const UdpFrame f = random_udp(random);
    Bytes frame = build(f);
    const std::size_t l3 = l3_of(f), l4 = l4_of(f);
    // Anything but lengths, protocol and fragment bits, which decide what is summed.
    const std::size_t at = l3 + 12 + random() % (frame.size() - l3 - 12);
    const bool damage = random() % 2 == 0 && at != l4 + 4 && at != l4 + 5;
    if (damage) frame[at] ^= static_cast<std::uint8_t>(1 + random() % 255);
    const Bytes header(frame.begin() + l3, frame.begin() + l4);
    Bytes sum(frame.begin() + l3 + 12, frame.begin() + l3 + 20);
    sum.insert(sum.end(), {0, 17, frame[l4 + 4], frame[l4 + 5]});
    sum.insert(sum.end(), frame.begin() + l4, frame.end() - f.padding);
    const bool none = frame[l4 + 6] == 0 && frame[l4 + 7] == 0;
    const Received got = bench.one(frame);
    const bool right = none || reference_sum(sum) == 0xffff;
    wrong += right ? 0 : 1;
    ASSERT_EQ(ip_verdict(got), reference_sum(header) == 0xffff ? good : bad) << i;
    ASSERT_EQ(l4_verdict(got), right ? good : bad) << i;
  }
  EXPECT_GT(wrong, 500);
}

TEST(EmulatorPolicy, DoubtIsReproducibleAndOnlyWhereAUnitIsOn) {
  const auto answers = [](std::uint64_t seed, bool on) {
    Bench bench("intel_82599", 1, {.policy = emulator::DescriptorPolicy::doubtful(0.25, seed)});
    rte_eth_conf conf = bench.everything();
    if (!on) conf.rxmode.offloads = 0;
    bench.start(conf);
    bench.wire.in.assign(1000, build({}));
    std::vector<std::uint64_t> out;
    for (const Received& r : bench.run()) out.push_back(r.flags);
    return out;
  };
  const auto first = answers(1, true);
  EXPECT_EQ(first, answers(1, true));
  EXPECT_NE(first, answers(2, true));
  long ip = 0, l4 = 0, both = 0;
  for (const std::uint64_t flags : first) {
    const Received r{.flags = flags};
    ip += ip_verdict(r) == unknown;
    l4 += l4_verdict(r) == unknown;
    both += ip_verdict(r) == unknown && l4_verdict(r) == unknown;
  }
  EXPECT_NEAR(ip, 250, 60);
  EXPECT_NEAR(l4, 250, 60);
  EXPECT_NEAR(both, 62, 40) << "the two are independent";
  for (const std::uint64_t flags : answers(1, false))
    EXPECT_EQ(ip_verdict({.flags = flags}), good) << "off: what the driver says then";
}

TEST(EmulatorPolicy, ForcedAnswersAreWritten) {
  std::vector<std::uint64_t> numbers;
  emulator::EmulatedCardOptions options;
  options.policy = emulator::DescriptorPolicy::forced(
      [&](std::uint64_t index, std::span<const std::uint8_t> frame, emulator::Answers driver) {
        numbers.push_back(index);
        EXPECT_EQ(frame.size(), build({}).size());
        EXPECT_EQ(driver, (emulator::Answers{good, good}));
        return index == 0 ? emulator::Answers{Verdict::none, bad} : driver;
      });
  Bench bench("intel_82599", 1, options);
  bench.start();
  const Received first = bench.one(build({}));
  EXPECT_EQ(ip_verdict(first), Verdict::none);
  EXPECT_EQ(l4_verdict(first), bad);
  EXPECT_EQ(ip_verdict(bench.one(build({}))), good);
  EXPECT_EQ(numbers, (std::vector<std::uint64_t>{0, 1}));
}

}  // namespace
}  // namespace weft::test
