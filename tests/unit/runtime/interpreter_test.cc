// The interpreter on graphs made by hand: ways, counters, what may not happen.
#include "runtime/engine/interpreter.h"

#include "stack-nodes/core.h"
#include "tests/unit/runtime/sim_stack.h"

namespace weft::test {
namespace {

// Counts releases; its buffers are numbers.
struct CountingServices : Services {
  bool allocate(Packet&, std::uint32_t) override { return false; }
  void free_buffer(void*) override { ++freed; }
  bool tell_neighbour(std::uint32_t, std::uint64_t, bool) override { return true; }
  bool tell_path(std::uint32_t, std::uint16_t) override { return true; }
  bool hand_over(nodes::Slot, unsigned, Packet&) override { return false; }
  unsigned freed = 0;
};

struct Lab {
  explicit Lab(const std::string& text)
      : graph(must(frontend::graph_from_text(text, "residue.yaml", fields()))),
        edges(ir::EdgeTable::of(graph)),
        counts(edges.size(), 0) {
    core.services = &services;
    core.edges = counts.data();
    core.host.address = 0x0a000001;
    interpreter = must(engine::Interpreter::make(graph, fields(), core));
  }
  Packet packet(UdpFrame f = {}) {
    bytes.push_back(std::make_unique<Bytes>(build(f)));
    frames.push_back(std::make_unique<Frame>());
    frames.back()->memory = bytes.back()->data();
    frames.back()->here = static_cast<std::uint16_t>(bytes.back()->size());
    return received(*frames.back());
  }
  std::uint64_t node(const std::string& id) const {
    return edges.derive(graph, counts).node[*graph.find(id)];
  }

  ir::Graph graph;
  ir::EdgeTable edges;
  std::vector<std::uint64_t> counts;
  CountingServices services;
  Core core;
  std::unique_ptr<engine::Interpreter> interpreter;
  std::vector<std::unique_ptr<Bytes>> bytes;
  std::vector<std::unique_ptr<Frame>> frames;
};

constexpr const char* small = R"(
graph: small
headers: [eth, ipv4, udp]
nodes:
  rx: {kind: wire, next: checks}
  checks:
    kind: and
    of:
      - {id: length, when: "pkt.len >= 60", else: drop_short}
      - {id: checksum, when: "desc.ip_cksum == good", test: ipv4.checksum_ok, else: drop_checksum}
    next: which
  which:
    kind: match
    ports:
      seven: {when: "ipv4.ttl == 7", to: deliver}
      eight: {when: "ipv4.ttl == 8", to: tx}
      other: {otherwise: true, to: drop_other}
  deliver: {kind: endpoint, impl: application}
  tx: {kind: wire}
drops:
  drop_short: too short
  drop_checksum: wrong checksum
  drop_other: another
)";

UdpFrame with_payload(unsigned bytes) {
  UdpFrame f;
  f.payload = Bytes(bytes, 0);
  return f;
}

TEST(Interpreter, FollowsPredicatesAndCountsEveryEdge) {
  Lab lab(small);
  std::vector<Packet> packets;
  const auto add = [&](unsigned ttl, unsigned bytes = 40) {
    packets.push_back(lab.packet(with_payload(bytes)));
    packets.back().data[22] = static_cast<std::uint8_t>(ttl);
    // The header's sum is wrong now, and the card says good.
    say_ip_cksum(packets.back(), Answer::good);
  };
  add(7);
  add(7);
  add(8);
  add(9);
  add(7, 0);
  lab.interpreter->run(lab.core, packets.data(), 5, ir::entry_rx);
  EXPECT_EQ(lab.core.delivered.count, 2u);
  EXPECT_EQ(lab.core.transmitted.count, 1u);
  EXPECT_EQ(lab.services.freed, 2u);
  EXPECT_EQ(lab.node("rx"), 5u);
  EXPECT_EQ(lab.node("which"), 4u);
  EXPECT_EQ(lab.node("deliver"), 2u);
  EXPECT_EQ(lab.node("tx"), 1u);
  EXPECT_EQ(lab.node("drop_other"), 1u);
  EXPECT_EQ(lab.node("drop_short"), 1u);
  EXPECT_EQ(lab.counts[lab.edges.impossible_counter()], 0u);
}

TEST(Interpreter, AnItemHoldsByItsFactOrElseByItsTest) {
  for (const Answer answer : {Answer::unknown, Answer::good, Answer::bad, Answer::none}) {
    for (const bool right : {true, false}) {
      Lab lab(small);
      Packet p = lab.packet(with_payload(40));
      if (!right) p.data[24] ^= 1;
      say_ip_cksum(p, answer);
      lab.interpreter->run(lab.core, &p, 1, ir::entry_rx);
      EXPECT_EQ(lab.node("which"), right || answer == Answer::good ? 1u : 0u);
      EXPECT_EQ(lab.node("drop_checksum"), right || answer == Answer::good ? 0u : 1u);
    }
  }
}

TEST(Interpreter, TheFirstItemInDeclaredOrderIsTheReason) {
  Lab lab(small);
  Packet p = lab.packet(with_payload(0));
  p.data[24] ^= 1;  // too short, and the checksum is wrong as well
  lab.interpreter->run(lab.core, &p, 1, ir::entry_rx);
  EXPECT_EQ(lab.node("drop_short"), 1u);
  EXPECT_EQ(lab.node("drop_checksum"), 0u);
}

TEST(Interpreter, AWayThatDoesNotExistIsCountedAndThePacketFreed) {
  Lab lab(R"(
graph: cut
headers: [eth, ipv4]
nodes:
  rx: {kind: wire, next: which}
  which:
    kind: match
    ports:
      seven: {when: "ipv4.ttl == 7", to: done}
      eight: {when: "ipv4.ttl == 8", to: done}
  done: {kind: endpoint}
)");
  Packet p = lab.packet();
  p.data[22] = 9;
  lab.interpreter->run(lab.core, &p, 1, ir::entry_rx);
  EXPECT_EQ(lab.counts[lab.edges.impossible_counter()], 1u);
  EXPECT_EQ(lab.services.freed, 1u);

  Packet q = lab.packet();
  lab.interpreter->run(lab.core, &q, 1, ir::entry_of_slot(1));  // an entry that is not there
  EXPECT_EQ(lab.counts[lab.edges.impossible_counter()], 2u);
  EXPECT_EQ(lab.services.freed, 2u);
}

TEST(Interpreter, AnAnswerGoesOnInThePacketsOwnBuffer) {
  Lab lab(R"(
graph: answers
headers: [eth, ipv4, icmp]
nodes:
  rx: {kind: wire, next: echo}
  echo: {kind: effect, impl: icmp.echo_reply, next: answered, spawn: {reply: tx}}
  answered: {kind: endpoint}
  tx: {kind: wire}
)");
  UdpFrame f = with_payload(20);
  f.protocol = 1;
  Packet p = lab.packet(f);
  p.l4 = 34;
  p.end = p.len;
  p.data[34] = 8;
  lab.interpreter->run(lab.core, &p, 1, ir::entry_rx);
  EXPECT_EQ(lab.core.transmitted.count, 1u);
  EXPECT_EQ(received(*lab.core.transmitted.frames[0]).data[34], 0) << "an echo reply";
  EXPECT_EQ(lab.services.freed, 0u);
  EXPECT_EQ(lab.node("answered"), 1u);
  EXPECT_EQ(lab.node("tx"), 1u);
}

TEST(Interpreter, RefusesNodesThatItDoesNotHave) {
  const Core core{};
  auto graph = must(frontend::graph_from_text(small, "residue.yaml", fields()));
  graph.node(*graph.find("checks")).items[1].test = "ipv4.no_such_test";
  auto made = engine::Interpreter::make(graph, fields(), core);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().list.front().code, "E0621");
}

TEST(Interpreter, TellsATraceEveryNodeOnTheWay) {
  Lab lab(small);
  std::string way;
  lab.interpreter->trace = [&](ir::Vertex v, unsigned, const Packet&) {
    way += lab.graph.node(v).id + " ";
  };
  Packet p = lab.packet(with_payload(40));
  lab.interpreter->run(lab.core, &p, 1, ir::entry_rx);
  EXPECT_EQ(way, "rx checks which drop_other ");
}

}  // namespace
}  // namespace weft::test
