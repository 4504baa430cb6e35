// Segments that come in pieces, where several queues have connections: pieces meet by their
// addresses, connections are by ports, too; each stream goes on all the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/sim/peer_wire.h"
#include "tests/sim/spread.h"
#include "tests/sim/tcp_scene.h"
#include "tests/unit/sim/peer_frames.h"

namespace weft::sim {
namespace {

using Seen = test::SeenFrame;
using Segment = test::TcpFrame;
constexpr std::uint32_t peer = on_link(1), first_number = 7000;
constexpr unsigned connections = 16;
constexpr std::size_t bytes = 700, each = 240;  // of text; of a piece, a multiple of 8

struct Card {
  const char* nic;
  unsigned queues;
};

// A peer that opens connections to the echo and sends its text in pieces, the last one first.
class Client {
 public:
  explicit Client(PeerWire& wire) : wire_(wire) {
    for (std::size_t i = 0; i < bytes; ++i) text_.push_back(static_cast<std::uint8_t>(i * 7));
    wire_.on_datagram = [this](const Bytes& b) { came(Seen(b)); };
    for (std::uint16_t i = 0; i < connections; ++i) {
      Segment s = segment(static_cast<std::uint16_t>(5000 + i));
      s.seq = first_number, s.flags = Segment::syn;
      wire_.send(s.frame());
    }
  }
  bool done() const {
    const auto whole = [this](const auto& one) { return one.second == text_; };
    return echoed_.size() == connections && std::all_of(echoed_.begin(), echoed_.end(), whole);
  }
  unsigned resets = 0;

 private:
  static Segment segment(std::uint16_t port) {
    Segment s;
    s.ip = {.from = peer, .to = own_address, .own_mac = own_mac, .peer_mac = mac_of(peer)};
    s.from_port = port, s.to_port = 7;
    return s;
  }
  void came(const Seen& s) {
    if (!s.tcp) return;
    EXPECT_TRUE(s.sums_right);
    resets += (s.flags & Segment::rst) != 0 ? 1 : 0;
    Segment answer = segment(s.peer_port);
    answer.flags = Segment::ack;
    if ((s.flags & Segment::syn) != 0) {
      answer.seq = first_number + 1, answer.ack_seq = s.seq + 1;
      answer.text = text_;
      in_pieces(answer);
    } else if (!s.text.empty()) {
      Bytes& got = echoed_[s.peer_port];
      got.insert(got.end(), s.text.begin(), s.text.end());
      answer.seq = first_number + 1 + bytes;
      answer.ack_seq = s.seq + static_cast<std::uint32_t>(s.text.size());
      wire_.send(answer.frame());
    }
  }
  void in_pieces(Segment& s) {
    const Bytes whole = s.segment();
    test::Ip4 ip = s.ip;
    ip.id = s.from_port;
    for (std::size_t n = (whole.size() + each - 1) / each; n-- > 0;) {
      const std::size_t at = n * each, end = std::min(at + each, whole.size());
      ip.offset = static_cast<std::uint16_t>((end < whole.size() ? 0x2000 : 0) | at / 8);
      wire_.send(ip.frame(Bytes(whole.begin() + static_cast<std::ptrdiff_t>(at),
                                whole.begin() + static_cast<std::ptrdiff_t>(end))));
    }
  }

  PeerWire& wire_;
  Bytes text_;
  std::map<std::uint16_t, Bytes> echoed_;  // by the peer's port
};

class Pieces : public testing::TestWithParam<Card> {};
INSTANTIATE_TEST_SUITE_P(Cards, Pieces,
                         testing::Values(Card{"intel_82599", 4}, Card{"mellanox_connectx5", 4},
                                         Card{"af_packet", 2}, Card{"tap", 1}),
                         [](const auto& info) { return std::string(info.param.nic); });

TEST_P(Pieces, OfSegmentsReachTheConnection) {
  start_dpdk();
  const auto [nic, queues] = GetParam();
  const passes::Inputs in = tcp_inputs(nic, "streams");
  plan::Plan plan =
      must(passes::compile(in, {.queues = queues, .prove = nightly(), .certify = false}));
  spread(plan, std::min(queues, 2u));
  PeerWire* wire = nullptr;
  const auto make = [&wire](rte_mempool* pool, const ports::VirtualClock& clock) {
    auto made = std::make_unique<PeerWire>(pool, clock);
    wire = made.get();
    return made;
  };
  TcpScene scene(plan, in, echo_app(), make, {});
  Client client(*wire);
  EXPECT_TRUE(scene.run([&] { return client.done(); }, 100'000'000)) << "not all came back";
  EXPECT_EQ(client.resets, 0u);
  EXPECT_EQ(scene.queues_used(), queues);
  EXPECT_EQ(scene.stop(), "");
  std::uint64_t taken_over = 0;
  for (const auto& queue : scene.snapshot().queues) taken_over += queue.counters.taken_over;
  EXPECT_EQ(taken_over != 0, queues > 1);
}

}  // namespace
}  // namespace weft::sim
