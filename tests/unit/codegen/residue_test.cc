// Generated functions on the whole protocol graph (a residue in which nothing is left to a card):
// where packets end, what is counted, in which order they come out.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <random>
#include <set>

#include "compiler/codegen/build.h"
#include "compiler/codegen/emit.h"
#include "compiler/codegen/load.h"
#include "compiler/frontend/places.h"
#include "compiler/frontend/readers.h"
#include "compiler/ir/edges.h"
#include "stack-nodes/core.h"
#include "stack-nodes/wire/checksum.h"
#include "tests/unit/codegen/scratch.h"

namespace weft::test {
namespace {

constexpr std::uint64_t own_mac = 0x020000000001, peer_mac = 0x020000000002;
constexpr std::uint32_t own = 0x0a070001, peer = 0x0a070002;

struct Freed final : Services {
  std::multiset<void*> buffers;
  bool allocate(Packet&, std::uint32_t) override { return false; }
  void free_buffer(void* buffer) override { buffers.insert(buffer); }
  bool tell_neighbour(std::uint32_t, std::uint64_t, bool) override { return true; }
  bool tell_path(std::uint32_t, std::uint16_t) override { return true; }
  bool hand_over(nodes::Slot, unsigned, Packet&) override { return false; }
};

struct TestFrame : Frame {
  TestFrame() : Frame{} {
    memory = headroom.data();
    offset = 128;
    segments = 1;
  }
  std::array<std::uint8_t, 128> headroom{};  // as core.h promises: answers grow into it
  std::array<std::uint8_t, 256> bytes{};
};

// Every test twice: by run(), which is the general function, and by receive(), the straight way.
class Residue : public ::testing::TestWithParam<bool> {
 protected:
  static void SetUpTestSuite() {
    scratch_ = new Scratch;
    fields_ =
        new ir::FieldTable(*frontend::read_headers(frontend::source_root() + "/graphs/headers"));
    plan_ = new plan::Plan;
    plan_->graph = "host_udp_ipv4";
    plan_->nic = "none";
    for (const auto* id : {"whole", "same"}) {
      plan_->residues.push_back(
          {.id = id,
           .queue_class = "any",
           .graph = *frontend::read_graph(frontend::source_root() + "/graphs/host_udp_ipv4.yaml",
                                          *fields_)});
    }
    plan_->residues[1].id = "whole";
    const auto built = codegen::build(*plan_, *fields_, {.cache = scratch_->path});
    ASSERT_TRUE(built) << diag::render(built.error(), false);
    auto loaded = codegen::load(built->object, built->key);
    ASSERT_TRUE(loaded) << diag::render(loaded.error(), false);
    generated_ = loaded->release();
  }
  static void TearDownTestSuite() {
    delete generated_;
    delete plan_;
    delete fields_;
    delete scratch_;
  }

  Residue() : table(ir::EdgeTable::of(graph())), counted(table.size(), 0) {
    set_up(*core, services, counted);
  }
  static void set_up(Core& core, Services& services, std::vector<std::uint64_t>& counted) {
    core.host = {.mac = own_mac, .address = own, .broadcast = own | 0xff};
    core.addresses.add(own, 24);
    core.now_ns = 1'000'000'000;
    core.services = &services;
    core.edges = counted.data();
    core.udp_ports.insert(7, 3);
    core.routes.add(own, 24, 0);
    core.neighbours.learn(core, peer, peer_mac, true);
  }

  static const ir::Graph& graph() { return plan_->residues[0].graph; }

  TestFrame& udp(std::uint16_t from, std::uint16_t to, unsigned payload = 18) {
    TestFrame& f = frames.emplace_back();
    auto* b = f.bytes.data();
    wire::store48(b, own_mac);
    wire::store48(b + 6, peer_mac);
    wire::store16(b + 12, 0x0800);
    b[14] = 0x45;
    wire::store16(b + 16, static_cast<std::uint16_t>(28 + payload));
    b[22] = 64;
    b[23] = 17;
    wire::store32(b + 26, peer);
    wire::store32(b + 30, own);
    wire::store16(b + 34, from);
    wire::store16(b + 36, to);
    wire::store16(b + 38, static_cast<std::uint16_t>(8 + payload));
    f.here = static_cast<std::uint16_t>(42 + payload);
    seal(f);
    return f;
  }
  static void seal(TestFrame& f) {
    auto* b = f.bytes.data();
    wire::store16(b + 24, 0);
    wire::store16(b + 24, wire::sum_ipv4_20(b + 14).checksum());
    wire::store16(b + 40, 0);
    const auto length = wire::load16(b + 38);
    auto sum = wire::sum_pseudo(b + 26, 17, length);
    sum.add(b + 34, length);
    wire::store16(b + 40, sum.checksum());
  }

  void run(unsigned entry = ir::entry_rx) {
    std::vector<Packet> batch;
    std::vector<Frame*> pointers;
    for (auto& f : frames) {
      batch.push_back(received(f));
      pointers.push_back(&f);
    }
    const auto* residue = generated_->residue("whole");
    const auto n = static_cast<unsigned>(batch.size());
    if (GetParam() && entry == ir::entry_rx) {
      residue->receive(*core, pointers.data(), n);
    } else {
      residue->run(*core, batch.data(), n, entry);
    }
    counts = table.derive(graph(), counted);
  }
  std::uint64_t at(const char* id) const { return counts.node[*graph().find(id)]; }

  static inline Scratch* scratch_ = nullptr;
  static inline ir::FieldTable* fields_ = nullptr;
  static inline plan::Plan* plan_ = nullptr;
  static inline codegen::Generated* generated_ = nullptr;

  ir::EdgeTable table;
  std::vector<std::uint64_t> counted;
  Freed services;
  std::unique_ptr<Core> core = std::make_unique<Core>();
  std::deque<TestFrame> frames;
  ir::Counts counts;
};

TEST_P(Residue, EqualResiduesShareOneFunction) {
  const auto text = codegen::generate(*plan_, *fields_);
  ASSERT_TRUE(text);
  EXPECT_EQ(text->find("namespace residue_whole {"), text->rfind("namespace residue_whole {"));
  EXPECT_EQ(generated_->entry().residue_count, 2u);
  EXPECT_EQ(generated_->entry().residues[0].run, generated_->entry().residues[1].run);
  EXPECT_EQ(generated_->entry().residues[0].send, generated_->entry().residues[1].send);
  EXPECT_EQ(generated_->residue("whole")->edge_count, table.size());
  EXPECT_EQ(generated_->residue("other"), nullptr);
}

TEST_P(Residue, DropReasonIsTheFirstFailingConditionAsDeclared) {
  udp(1, 7).here = 10;
  udp(1, 7).bytes[6] |= 1;                          // group source
  udp(1, 7).bytes[0] ^= 2;                          // not for us
  udp(1, 7).bytes[14] = 0x65;                       // version
  udp(1, 7).bytes[24] ^= 1;                         // header checksum
  wire::store32(udp(1, 7).bytes.data() + 26, own);  // bad source, and so a bad checksum: which?
  wire::store32(udp(1, 7).bytes.data() + 26, own);
  seal(frames.back());       // bad source, good checksum
  udp(1, 7).bytes[40] ^= 1;  // UDP checksum
  const auto sent = frames.size();
  run();
  EXPECT_EQ(at("drop_eth_truncated"), 1u);
  EXPECT_EQ(at("drop_eth_source"), 1u);
  EXPECT_EQ(at("drop_eth_not_for_us"), 1u);
  EXPECT_EQ(at("drop_ipv4_version"), 1u);
  // `checksum` is declared before `source`, though the hot path tests `source` first.
  EXPECT_EQ(at("drop_ipv4_checksum"), 2u);
  EXPECT_EQ(at("drop_ipv4_source"), 1u);
  EXPECT_EQ(at("drop_udp_checksum"), 1u);
  EXPECT_EQ(services.buffers.size(), sent);
  EXPECT_EQ(counts.impossible, 0u);
}

TEST_P(Residue, SmallAndLargeFlowTableGiveTheSame) {
  const auto once = [&](std::size_t flows) {
    core->udp_flows = FlowTable();
    core->udp_flows.reserve(flows);
    core->udp_flows.insert({peer, own, 1000, 7}, 5);
    frames.clear();
    std::fill(counted.begin(), counted.end(), 0);
    core->delivered.count = 0;
    for (std::uint16_t i = 0; i < 32; ++i) {
      udp(i % 3 == 0 ? 1000 : static_cast<std::uint16_t>(2000 + i), 7);
      if (i % 8 == 7) frames.back().bytes[40] ^= 1;
    }
    run();
    std::vector<std::pair<unsigned, unsigned>> seen;
    for (unsigned i = 0; i < core->delivered.count; ++i) {
      const auto& d = core->delivered.datagrams[i];
      seen.emplace_back(d.peer_port, d.endpoint);
    }
    return std::pair(seen, counts.node);
  };
  const auto small = once(1);
  EXPECT_LT(core->udp_flows.bytes(), std::size_t{1} << 20);
  const auto large = once(200'000);
  EXPECT_GT(core->udp_flows.bytes(), std::size_t{1} << 20);
  EXPECT_EQ(small.first.size(), 28u);
  EXPECT_EQ(small, large);  // the order of the datagrams too
}

TEST_P(Residue, AnswerGoesOnInThePacketsOwnBuffer) {
  core->udp_flows.insert({peer, own, 1000, 7}, 5);
  udp(1000, 9);  // nobody listens
  run();
  EXPECT_EQ(at("drop_udp_no_endpoint"), 1u);
  EXPECT_EQ(at("icmp_error"), 1u);
  EXPECT_EQ(at("tx"), 1u);
  ASSERT_EQ(core->transmitted.count, 1u);
  const auto* sent = core->transmitted.frames[0];
  EXPECT_EQ(sent, &frames[0]);
  const Packet p = received(frames[0]);
  EXPECT_TRUE(services.buffers.empty());
  EXPECT_EQ(wire::load48(p.data), peer_mac);
  EXPECT_EQ(p.data[14 + 9], 1);   // ICMP
  EXPECT_EQ(p.data[14 + 20], 3);  // destination unreachable
  EXPECT_EQ(p.data[14 + 21], 3);  // port
}

TEST_P(Residue, UnknownEntryReleasesAndCountsTheImpossible) {
  udp(1, 7);
  udp(2, 7);
  run(77);
  EXPECT_EQ(counts.impossible, 2u);
  EXPECT_EQ(services.buffers.size(), 2u);
}

TEST_P(Residue, PortThatLeadsNowhereIsImpossible) {
  plan::Plan cut = *plan_;
  cut.residues.resize(1);
  auto& g = cut.residues[0].graph;
  const auto type = *g.find("ipv4_protocol");
  auto [edge, end] = boost::out_edges(type, g.g);
  for (; edge != end; ++edge) {
    if (g.g[*edge].port == *g.port(type, "udp")) break;
  }
  boost::remove_edge(*edge, g.g);
  const auto built = codegen::build(cut, *fields_, {.cache = scratch_->path});
  ASSERT_TRUE(built) << diag::render(built.error(), false);
  auto loaded = codegen::load(built->object, built->key);
  ASSERT_TRUE(loaded);
  const auto edges = ir::EdgeTable::of(g);
  std::vector<std::uint64_t> other(edges.size(), 0);
  core->edges = other.data();
  Packet p = received(udp(1, 7));
  const auto* residue = (*loaded)->residue("whole");
  Frame* frame = static_cast<Frame*>(p.buffer);
  if (GetParam()) {
    residue->receive(*core, &frame, 1);
  } else {
    residue->run(*core, &p, 1, ir::entry_rx);
  }
  EXPECT_EQ(other[edges.impossible_counter()], 1u);
  EXPECT_EQ(services.buffers.count(static_cast<Frame*>(&frames[0])), 1u);
  EXPECT_EQ(core->delivered.count, 0u);
}

TEST_P(Residue, UnknownStackNodeIsNamed) {
  plan::Plan wrong = *plan_;
  auto& g = wrong.residues[0].graph;
  g.node(*g.find("udp_build")).impl = "udp.biuld";
  const auto text = codegen::generate(wrong, *fields_);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().list.at(0).code, "E0518");
  EXPECT_NE(text.error().list[0].message.find("udp.biuld"), std::string::npos);
}

// What is to be seen of a run, beside the counters.
std::string seen(const Core& core, const std::deque<TestFrame>& frames) {
  const auto number = [&](const void* buffer) {
    return std::find_if(
               frames.begin(), frames.end(),
               [&](const TestFrame& f) { return static_cast<const Frame*>(&f) == buffer; }) -
           frames.begin();
  };
  std::string text;
  for (unsigned i = 0; i < core.delivered.count; ++i) {
    const Datagram& d = core.delivered.datagrams[i];
    const auto n = number(d.buffer);
    text += fmt::format("deliver {} at {} len {} {:x}:{} {:x}:{} to {}\n", n,
                        d.data - frames[static_cast<std::size_t>(n)].memory, d.len, d.peer,
                        d.peer_port, d.own, d.own_port, d.endpoint);
  }
  for (unsigned i = 0; i < core.transmitted.count; ++i) {
    const Packet p = received(*core.transmitted.frames[i]);
    text += fmt::format("transmit {} {}:", number(p.buffer), p.len);
    for (unsigned at = 0; at < p.len; ++at) text += fmt::format(" {:02x}", p.data[at]);
    text += "\n";
  }
  return text;
}

// Any packet, whatever is wrong with it, ends by the straight way as it does in the general
// function, and datagrams that are sent do as well.
TEST_P(Residue, BothWaysAreTheSame) {
  if (!GetParam()) GTEST_SKIP() << "once is enough";
  std::vector<std::uint64_t> others(table.size(), 0);
  Freed freed;
  auto other = std::make_unique<Core>();
  set_up(*other, freed, others);
  std::mt19937 random(7);
  for (Core* c : {core.get(), other.get()}) {
    c->udp_flows.insert({peer, own, 1000, 7}, 5);
    c->udp_flows.insert({peer, own, 1001, 9}, 6);
  }
  const auto* residue = generated_->residue("whole");
  for (unsigned round = 0; round < 400; ++round) {
    // Hosts for which the straight ways are made, and others.
    for (Core* c : {core.get(), other.get()}) {
      c->host.mtu = round % 8 == 1 ? 300 : 1500;
      c->host.vlan_id = round % 8 == 2 ? 5 : 0;
      if (round == 350) c->addresses.add(own + 0x10000, 24);
    }
    frames.clear();
    std::deque<TestFrame> copies;
    std::vector<Frame*> pointers;
    std::vector<Packet> packets;
    for (unsigned i = 0; i < 16; ++i) {
      TestFrame& f = udp(static_cast<std::uint16_t>(999 + random() % 3),
                         static_cast<std::uint16_t>(6 + random() % 4), 1 + random() % 60);
      f.flags = random() % 4 == 0 ? random() & 0x21ff : 0;
      for (unsigned change = random() % 3; change > 0; --change) {
        f.bytes[random() % 46] ^= static_cast<std::uint8_t>(1u << random() % 8);
        if (random() % 2 == 0) seal(f);
      }
      if (random() % 16 == 0) f.here = static_cast<std::uint16_t>(random() % 64);
    }
    for (TestFrame& f : frames) {
      copies.push_back(f);
      copies.back().memory = copies.back().headroom.data();
    }
    for (TestFrame& f : frames) pointers.push_back(&f);
    for (TestFrame& f : copies) packets.push_back(received(f));
    residue->receive(*core, pointers.data(), 16);
    residue->run(*other, packets.data(), 16, ir::entry_rx);
    ASSERT_EQ(seen(*core, frames), seen(*other, copies)) << "round " << round;
    ASSERT_EQ(counted, others) << "round " << round;

    std::vector<Packet> sends;
    for (unsigned i = 0; i < core->delivered.count; ++i) {
      Datagram& d = core->delivered.datagrams[i];
      d.own = 0;
      d.peer ^= random() % 8 == 0 ? random() : 0;
      if (random() % 8 == 0) d.len += 1500;
      turn_around(other->delivered.datagrams[i]);
      other->delivered.datagrams[i].peer = d.peer;
      other->delivered.datagrams[i].len = d.len;
      sends.push_back(packet_of(other->delivered.datagrams[i]));
    }
    core->transmitted.count = other->transmitted.count = 0;
    residue->send(*core, core->delivered.datagrams, core->delivered.count);
    residue->run(*other, sends.data(), other->delivered.count, ir::entry_udp_send);
    ASSERT_EQ(seen(*core, frames), seen(*other, copies)) << "sends of round " << round;
    ASSERT_EQ(counted, others) << "sends of round " << round;
    for (Core* c : {core.get(), other.get()}) {
      c->transmitted.count = c->delivered.count = 0;
      for (auto& list : c->spawned) list.count = 0;
    }
  }
  EXPECT_EQ(services.buffers.size(), freed.buffers.size());
}

INSTANTIATE_TEST_SUITE_P(Ways, Residue, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Straight" : "General"; });

}  // namespace
}  // namespace weft::test
