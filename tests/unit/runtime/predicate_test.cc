// The interpreter's predicates mean what ir::evaluate means.
#include "runtime/engine/expr_code.h"

#include <random>

#include "compiler/ir/evaluate.h"
#include "stack-nodes/core.h"
#include "tests/unit/runtime/sim_stack.h"

namespace weft::test {
namespace {

// A field as declared, bit by bit: shares nothing with the loads under test.
ir::Bits bits_at(const std::uint8_t* header, unsigned offset, unsigned width) {
  ir::Bits value = 0;
  for (unsigned i = offset; i < offset + width; ++i)
    value = value << 1 | (header[i / 8] >> (7 - i % 8) & 1);
  return value;
}

struct Random {
  explicit Random(std::uint64_t seed) : engine(seed) {}
  std::mt19937_64 engine;
  std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(256);
  Packet p;
  Core core;

  // Half of all frames are UDP or VLAN frames, so that predicates go deep.
  void next() {
    for (auto& b : bytes) b = static_cast<std::uint8_t>(engine());
    if (engine() % 2 == 0) {
      const Bytes good = build(random_udp(engine));
      std::copy_n(good.begin(), std::min(good.size(), bytes.size()), bytes.begin());
    }
    p = Packet{};
    p.data = bytes.data();
    p.len = static_cast<std::uint32_t>(20 + engine() % 200);
    p.l3 = engine() % 4 == 0 ? 18 : 14;
    p.l4 = static_cast<std::uint16_t>(p.l3 + 20);
    p.end = static_cast<std::uint32_t>(p.l4 + engine() % 100);
    say_ip_cksum(p, static_cast<Answer>(engine() % 4));
    say_l4_cksum(p, static_cast<Answer>(engine() % 4));
    p.vlan_id = static_cast<std::uint16_t>(engine() % 3);
    if (engine() % 2 != 0) say_mark(p, 0);
    p.mark = static_cast<std::uint32_t>(engine() % 3);
  }

  ir::Bits lookup(const std::string& name, bool on_wire) {
    if (name.starts_with("has ")) {
      const ir::Header* header = fields().header(name.substr(4));
      return ir::holds(header->selected_by,
                       [this](const std::string& n) { return lookup(n, true); })
                 ? 1
                 : 0;
    }
    const ir::Field& field = *fields().find(name);
    if (field.layer == ir::Layer::none)
      return engine::accessor_of(field.storage)(p, core) & ir::mask_of(field.width);
    const std::uint8_t* base = p.data;
    if (on_wire) {
      const bool tagged = p.data[12] == 0x81 && p.data[13] == 0;
      if (name.starts_with("vlan.")) {
        base += 14;
      } else if (field.layer == ir::Layer::l3) {
        base += tagged ? 18 : 14;
      }
    } else {
      base += field.layer == ir::Layer::l3 ? p.l3 : field.layer == ir::Layer::l4 ? p.l4 : 0;
    }
    return bits_at(base, field.offset, field.width);
  }
};

// A predicate by itself: begins at `entry` and ends at one of two answers.
struct Predicate {
  engine::Code code;
  std::uint32_t entry = 0;
};

diag::Result<Predicate> compile(const ir::ExprPtr& expr, const Core& core) {
  Predicate made;
  made.code.instructions.resize(2);
  made.code.instructions[0].op = engine::Instruction::Op::answer_yes;
  made.code.instructions[1].op = engine::Instruction::Op::answer_no;
  auto entry = engine::ExprCompiler(fields(), core, made.code).branch(expr, 0, 1);
  if (!entry) return diag::fail(entry.error());
  made.entry = *entry;
  return made;
}

void agree(const ir::ExprPtr& expr, std::uint64_t seed, unsigned rounds) {
  Random random(seed);
  random.core.host = {.mac = 0x020000000001,
                      .address = 0x0a000001,
                      .broadcast = 0x0a0000ff,
                      .vlan_id = 1,
                      .mtu = 1500,
                      .forwarding = 1};
  const auto predicate = must(compile(expr, random.core));
  for (unsigned i = 0; i < rounds; ++i) {
    random.next();
    const bool expected =
        ir::holds(expr, [&](const std::string& name) { return random.lookup(name, false); });
    ASSERT_EQ(engine::holds(predicate.code, predicate.entry, random.p, random.core), expected)
        << ir::to_string(expr);
  }
}

TEST(Predicate, MeansWhatEvaluateMeansForEveryPredicateOfTheProtocolGraph) {
  const auto graph = must(frontend::read_graph(source("graphs/host_udp_ipv4.yaml"), fields()));
  unsigned seen = 0;
  for (ir::Vertex v = 0; v < boost::num_vertices(graph.g); ++v) {
    for (const auto& port : graph.node(v).ports) {
      if (port.when) agree(port.when, ++seen, 300);
    }
    for (const auto& item : graph.node(v).items) {
      if (item.when) agree(item.when, ++seen, 300);
    }
  }
  EXPECT_GT(seen, 30u) << "the graph lost its predicates";
}

TEST(Predicate, MeansWhatEvaluateMeansForTheCornersOfTheLanguage) {
  for (const char* text : {
           "has(udp) || has(vlan)",
           "!(has(ipv4) && !has(udp))",
           "true",
           "false",
           "!true || false",
           "ipv4.ttl - 10 < 5",
           "ipv4.ttl + ipv4.ihl == ipv4.protocol",
           "(eth.src >> 40) == 2",
           "(ipv4.src << 4) > (ipv4.dst << 8)",
           "(ipv4.ttl | 1) == ipv4.ttl",
           "(ipv4.src & ipv4.dst) != 0",
           "host.forwarding == 1",
           "ipv4.more_fragments == 1",
           "desc.ip_cksum == good && has(ipv4)",
           "desc.mark_valid == 1 && desc.mark != 2",
           "eth.src + 1 > eth.dst",
           "ipv4.fragment_offset >= 100",
           "eth.src < 0",
           "10 <= ipv4.ttl",
           "eth.src <= ff:ff:ff:ff:ff:ff",
           "3 > ipv4.ihl",
           "(ipv4.ttl < 10) == (ipv4.ihl > 5)",
           "udp.src_port in {1, 2, 1000} || ipv4.src in 10.0.0.0/8",
           "meta.vlan_id == host.vlan_id",
       }) {
    auto expr = frontend::parse_expr(text, fields(), {});
    ASSERT_TRUE(expr) << diag::render(expr.error(), false);
    agree(*expr, 7, 2000);
  }
}

TEST(Predicate, RefusesWhatNoPacketCarries) {
  const Core core{};
  EXPECT_FALSE(compile(ir::name("knob.rx.promiscuous", 1), core));
  EXPECT_FALSE(
      compile(ir::binary(ir::Op::eq, ir::name("l4.payload", 64), ir::constant(0, 64)), core));
  EXPECT_FALSE(compile(
      ir::binary(ir::Op::eq, ir::name("eth.src", 48), ir::constant(ir::Bits{1} << 70, 71)), core));
}

TEST(Storage, EveryDeclaredNameHasAnAccessor) {
  for (const auto& [name, field] : fields().fields) {
    if (field.layer != ir::Layer::none || field.storage.empty()) continue;
    EXPECT_NE(engine::accessor_of(field.storage), nullptr) << name << ": " << field.storage;
  }
}

}  // namespace
}  // namespace weft::test
