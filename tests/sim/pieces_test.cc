// Segments that come in pieces, where several queues have connections: pieces meet by their
// addresses, connections are by ports, too; each stream goes on all the same. Where the plan does
// not see to it, the proof refuses the plan and the streams do not go on.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/sim/apart.h"
#include "tests/sim/faults.h"
#include "tests/sim/peer_wire.h"
#include "tests/sim/spread.h"
#include "tests/sim/tcp_scene.h"
#include "tests/unit/runtime/app_wire.h"
#include "tests/unit/sim/peer_frames.h"

namespace weft::sim {
namespace {

using Seen = test::SeenFrame;
using Segment = test::TcpFrame;
constexpr std::uint32_t peer = on_link(1), first_number = 7000;
constexpr unsigned connections = 12;  // that the peer opens, and again that the application does
constexpr std::size_t bytes = 700, of_text = 240, of_syn = 8;  // in pieces of multiples of 8

constexpr std::uint8_t ecn_capable = 2, ecn_congested = 3;

using Ports = std::pair<std::uint16_t, std::uint16_t>;  // own, peer's

// A peer that sends every segment with a text, and every other SYN, in pieces: the last one first,
// and twice. Routers mark the last one: who was opened so that it may be marked is to tell.
class Peer {
 public:
  explicit Peer(PeerWire& wire) : wire_(wire) {
    for (std::size_t i = 0; i < bytes; ++i) text.push_back(static_cast<std::uint8_t>(i * 7));
    wire_.on_datagram = [this](const Bytes& b) { came(Seen(b)); };
    for (std::uint16_t i = 0; i < connections; ++i)
      send_syn(segment({7, static_cast<std::uint16_t>(5000 + i)},
                       Segment::syn | Segment::ece | Segment::cwr, first_number, 0));
  }
  Bytes text;
  std::set<Ports> told;  // of congestion
  unsigned resets = 0, wrong_sums = 0;

 private:
  static Segment segment(Ports ports, std::uint8_t flags, std::uint32_t seq, std::uint32_t ack) {
    Segment s;
    s.ip = {.from = peer, .to = own_address, .own_mac = own_mac, .peer_mac = mac_of(peer)};
    s.from_port = ports.second, s.to_port = ports.first;
    s.flags = flags, s.seq = seq, s.ack_seq = ack;
    return s;
  }
  void came(const Seen& s) {
    if (!s.tcp) return;
    wrong_sums += s.sums_right ? 0 : 1;
    resets += (s.flags & Segment::rst) != 0 ? 1 : 0;
    const Ports ports{s.own_port, s.peer_port};
    if ((s.flags & (Segment::syn | Segment::ece)) == Segment::ece) told.insert(ports);
    const std::uint32_t next = s.seq + ((s.flags & Segment::syn) != 0 ? 1 : 0);
    if ((s.flags & Segment::ack) == 0 && (s.flags & Segment::syn) != 0) {
      send_syn(segment(ports, Segment::syn | Segment::ack, first_number, next));
    } else if (s.ack_seq == first_number + 1 && !sent_[ports]) {
      sent_[ports] = true;
      Segment answer = segment(ports, Segment::ack, first_number + 1, next);
      answer.text = text;
      answer.ip.tos = ecn_capable;
      in_pieces(answer, of_text);
    }
  }
  void send_syn(const Segment& s) {
    if (++syns_ % 2 != 0) return wire_.send(s.frame());
    in_pieces(s, of_syn);
  }
  void in_pieces(const Segment& s, std::size_t each) {
    const Bytes whole = s.segment();
    test::Ip4 ip = s.ip;
    ip.id = ++id_;
    const std::size_t last = (whole.size() - 1) / each;
    for (std::size_t n = last + 1; n-- > 0;) {
      const auto from = whole.begin() + static_cast<std::ptrdiff_t>(n * each);
      const auto to = n == last ? whole.end() : from + static_cast<std::ptrdiff_t>(each);
      ip.tos = n == last && s.ip.tos == ecn_capable ? ecn_congested : s.ip.tos;
      ip.offset = static_cast<std::uint16_t>((n == last ? 0 : 0x2000) | n * each / 8);
      for (unsigned times = n == last ? 2 : 1; times > 0; --times)
        wire_.send(ip.frame(Bytes(from, to)));
    }
  }

  PeerWire& wire_;
  std::map<Ports, bool> sent_;
  unsigned syns_ = 0;
  std::uint16_t id_ = 0;
};

// Takes what comes, and opens connections of its own.
struct App : test::TcpApp {
  std::map<Ports, Bytes> got;
  unsigned opened = 0;

  App() {
    on_tick = [this](const weft_host& host) {
      for (unsigned half = connections / 2; half > 0 && opened < connections; --half) {
        const weft_tcp_connect command = {
            .size = sizeof(command), .endpoint = 0, .dst = peer, .dst_port = 80, .cookie = 1};
        std::uint64_t number = 0;
        opened += host.tcp_connect(host.context, &command, &number) == 0 ? 1 : 0;
      }
    };
    on_tcp = [this](const weft_host& host, const weft_tcp_event& e) {
      if (e.kind != WEFT_TCP_DATA) return;
      Bytes& all = got[{e.own_port, e.peer_port}];
      all.insert(all.end(), e.data, e.data + e.len);
      host.tcp_done(host.context, e.token);
    };
  }
};

struct Result {
  std::string wrong;  // with the streams; "": nothing
  std::string left;   // when it ended: a packet that is not accounted for, a buffer; "": nothing
  unsigned queues = 0;
  std::uint64_t taken_over = 0, doubled = 0, told = 0;
};

Result run_streams(const plan::Plan& plan, const passes::Inputs& in,
                   const TcpSceneOptions& options = {}) {
  Result out;
  App app;
  PeerWire* wire = nullptr;
  const auto make = [&wire](rte_mempool* pool, const ports::VirtualClock& clock) {
    auto made = std::make_unique<PeerWire>(pool, clock);
    wire = made.get();
    return made;
  };
  TcpScene scene(plan, in, apps::Library{"", test::TcpApp::table(), nullptr}, make, options);
  Peer client(*wire);
  const auto all_came = [&] {
    const auto whole = [&](const auto& one) { return one.second == client.text; };
    return app.got.size() == 2 * connections && std::all_of(app.got.begin(), app.got.end(), whole);
  };
  if (!scene.run(all_came, 400'000'000)) out.wrong = "not every text came, or not as it was sent";
  if (client.resets != 0) out.wrong += fmt::format(" {} resets", client.resets);
  if (client.wrong_sums != 0) out.wrong += fmt::format(" {} wrong sums", client.wrong_sums);
  out.told = client.told.size();
  out.queues = scene.queues_used();
  if (options.failures != nullptr) options.failures->every = 0;
  out.left = scene.stop();
  for (const auto& queue : scene.snapshot().queues) out.taken_over += queue.counters.taken_over;
  for (const auto& drop : observe::drops(scene.snapshot())) {
    if (drop.reason == "drop_ipv4_fragment_duplicate") out.doubled += drop.count;
    if (drop.reason == "drop_handover_full" && drop.count != 0)
      out.left += fmt::format(" {} lost", drop.count);
  }
  return out;
}

struct Card {
  const char* nic;
  unsigned queues;
};
class Pieces : public testing::TestWithParam<Card> {};
INSTANTIATE_TEST_SUITE_P(Cards, Pieces,
                         testing::Values(Card{"intel_82599", 4}, Card{"mellanox_connectx5", 4},
                                         Card{"af_packet", 2}, Card{"tap", 1}),
                         [](const auto& info) { return std::string(info.param.nic); });

TEST_P(Pieces, OfSegmentsReachTheConnection) {
  start_dpdk();
  const auto [nic, queues] = GetParam();
  if (queues != 2 && std::string(nic) != "intel_82599" && !nightly()) GTEST_SKIP() << "at night";
  const passes::Inputs in = tcp_inputs(nic, "streams");
  plan::Plan plan =
      must(passes::compile(in, {.queues = queues, .prove = nightly(), .certify = false}));
  spread(plan, std::min(queues, 2u));
  const Result result = run_streams(plan, in, {.generated = nightly()});
  EXPECT_EQ(result.wrong, "");
  EXPECT_EQ(result.left, "");
  EXPECT_EQ(result.queues, queues);
  EXPECT_EQ(result.taken_over != 0, queues > 1);
  EXPECT_GE(result.doubled, 2 * connections);
  EXPECT_EQ(result.told, connections);  // that a piece was marked: those that the peer opened
  Failures failures{.every = 4};        // of what the stack asks for, and the wire
  EXPECT_EQ(run_streams(plan, in, {.failures = &failures}).left, "");
  EXPECT_GT(failures.failed, 20u);
}

// Why a fault changes nothing, or nothing that can be seen; "" when it must be seen.
std::string unseen(const Fault& fault) {
  const auto is = [&fault](const char* text) {
    return (fault.kind + ": " + fault.place).find(text) != std::string::npos;
  };
  if (is("handover goes on elsewhere") && is("at tcp_ok"))
    return "what is handed over are segments, and they go there";
  if (is("handover to a wrong owner") && is("by handover.segment"))
    return "no datagram in pieces but segments comes in this test";
  if (is("slot without entry")) return "the engine finds the entry by a spawn edge";
  if (is("_handover.full")) return "no ring is ever full in so short a run";
  return "";
}

TEST(PiecesFaults, OfTheirHandoverAreRefused) {
  if (!nightly()) GTEST_SKIP() << "unit_passes has the proof refuse one of them";
  start_dpdk();
  const passes::Inputs in = tcp_inputs("intel_82599", "streams");
  const plan::Plan plan = must(passes::compile(in, {.queues = 2, .certify = false}));
  unsigned planted = 0, refused = 0, shown = 0;
  for (const Fault& fault : faults_of(plan, in)) {
    const bool about = fault.place.find("ipv4_reassembled") != std::string::npos ||
                       fault.place.find("handed_segment") != std::string::npos;
    if (!about) continue;
    ++planted;
    SCOPED_TRACE(fault.kind + ": " + fault.place);
    plan::Plan faulty = plan;
    fault.plant(faulty);
    const auto verdict = passes::verify_plan(faulty, in);
    if (!verdict) continue;  // by its structure
    const std::string why = unseen(fault);
    const std::string wrong = apart([&] {
      const Result result = run_streams(faulty, in);
      return result.wrong + result.left;
    });
    refused += verdict->proved ? 0 : 1;
    shown += wrong.empty() ? 0 : 1;
    EXPECT_TRUE(!verdict->proved || !why.empty()) << "is proved";
    EXPECT_EQ(wrong.empty(), !why.empty()) << wrong;
    if (std::getenv("WEFT_SHOW_FAULTS") != nullptr)
      fmt::print("{}: {}\n    {}\n    {}\n", fault.kind, fault.place,
                 verdict->proved ? "proved: " + why : verdict->counterexample->why, wrong);
  }
  fmt::print("{} faults, {} refused by proof, {} seen\n", planted, refused, shown);
  EXPECT_GT(shown, 3u);
}

}  // namespace
}  // namespace weft::sim
