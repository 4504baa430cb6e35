// Property: what an expression compiles to gives what ir::evaluate gives.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "compiler/codegen/build.h"
#include "compiler/codegen/expr_code.h"
#include "compiler/codegen/load.h"
#include "compiler/frontend/places.h"
#include "compiler/frontend/readers.h"
#include "tests/unit/codegen/oracle.h"
#include "tests/unit/codegen/scratch.h"

namespace weft::test {
namespace {

using ir::ExprPtr;
using ir::Op;

class Expressions {
 public:
  Expressions(const ir::FieldTable& fields, unsigned seed) : fields_(fields), random_(seed) {
    for (const auto* name :
         {"pkt.len", "l3.room", "l4.room", "meta.ethertype", "meta.vlan_id", "meta.next_mac",
          "meta.src", "desc.ip_cksum", "desc.l4_cksum", "desc.mark_valid", "desc.mark", "host.mac",
          "host.address", "host.vlan_id", "host.mtu", "host.forwarding"}) {
      names_.push_back(name);
    }
    for (const auto& [name, field] : fields.fields) {
      if (field.layer != ir::Layer::none) names_.push_back(name);
    }
  }

  ExprPtr truth(unsigned depth) {
    switch (depth == 0 ? 5 : pick(7)) {
      case 0: return ir::negate(truth(depth - 1));
      case 1: return ir::all_of({truth(depth - 1), truth(depth - 1)});
      case 2: return ir::any_of({truth(depth - 1), truth(depth - 1), truth(depth - 1)});
      case 3: return ir::has(std::vector{"eth", "vlan", "arp", "ipv4", "udp", "icmp"}[pick(6)]);
      default:
        return ir::binary(std::vector{Op::eq, Op::ne, Op::lt, Op::le, Op::gt, Op::ge}[pick(6)],
                          number(depth), number(depth));
    }
  }

  ExprPtr number(unsigned depth) {
    if (depth == 0 || pick(3) == 0) return pick(3) == 0 ? constant() : field();
    const auto op =
        std::vector{Op::bit_and, Op::bit_or, Op::add, Op::sub, Op::shl, Op::shr}[pick(6)];
    if (op == Op::shl || op == Op::shr) {
      return ir::binary(op, number(depth - 1), pick(4) == 0 ? field() : ir::constant(pick(70), 7));
    }
    return ir::binary(op, number(depth - 1), pick(8) == 0 ? truth(depth - 1) : number(depth - 1));
  }

 private:
  unsigned pick(unsigned n) { return static_cast<unsigned>(random_() % n); }
  ExprPtr field() {
    const auto& name = names_[pick(static_cast<unsigned>(names_.size()))];
    return ir::name(name, fields_.find(name)->width);
  }
  ExprPtr constant() {
    const unsigned width = std::vector{1, 4, 8, 12, 16, 32, 48, 64}[pick(8)];
    const auto value = static_cast<std::uint64_t>(random_()) & ir::mask_of(width);
    return ir::constant(pick(3) == 0 ? value & 7 : value, width);
  }

  const ir::FieldTable& fields_;
  std::mt19937_64 random_;
  std::vector<std::string> names_;
};

// A frame that often has the types and offsets that expressions ask for.
void scramble(std::mt19937_64& random, std::array<std::uint8_t, 512>& frame, Packet& p,
              Core& core) {
  for (auto& byte : frame) byte = static_cast<std::uint8_t>(random());
  static constexpr std::uint16_t types[] = {0x0800, 0x0806, 0x8100, 0x86dd};
  wire::store16(frame.data() + 12, types[random() % 4]);
  wire::store16(frame.data() + 16, types[random() % 4]);
  if (random() % 2 == 0) {  // a whole UDP or ICMP datagram
    frame[14] = 0x45;
    wire::store16(frame.data() + 20, 0);
    frame[23] = random() % 2 == 0 ? 17 : 1;
  }
  p = Packet{};
  p.data = frame.data();
  p.len = static_cast<std::uint32_t>(random() % 2 == 0 ? 34 + random() % 30 : random() % 2000);
  p.l3 = random() % 2 == 0 ? 14 : 18;
  p.l4 = static_cast<std::uint16_t>(p.l3 + 20 + 4 * (random() % 11));
  p.end = static_cast<std::uint32_t>(random() % 3 == 0 ? 0 : random() % 2000);
  p.vlan_id = random() & 0xfff;
  p.next_mac = random() & 0xffffffffffff;
  p.src = static_cast<std::uint32_t>(random());
  say_ip_cksum(p, static_cast<Answer>(random() & 3));
  say_l4_cksum(p, static_cast<Answer>(random() & 3));
  p.mark = static_cast<std::uint32_t>(random());
  if (random() & 1) say_mark(p, p.mark);
  core.host.mac = random() & 0xffffffffffff;
  core.host.address = static_cast<std::uint32_t>(random());
  core.host.vlan_id = random() & 0xfff;
  core.host.mtu = static_cast<std::uint16_t>(random());
  core.host.forwarding = random() & 1;
}

// One function that puts the value of expression i of the first packet into core.edges[i].
std::string program(const std::vector<ExprPtr>& all, codegen::ExprCompiler& compiler) {
  std::string body;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto text = compiler.compile(all[i]);
    EXPECT_TRUE(text) << ir::to_string(all[i]);
    if (text) body += fmt::format("  core.edges[{}] = static_cast<std::uint64_t>({});\n", i, *text);
  }
  return "#include \"compiler/codegen/abi.h\"\n#include \"compiler/codegen/support.h\"\n"
         "namespace weft {\nnamespace {\n" +
         compiler.accessors() +
         "void run(Core& core, Packet* packets, unsigned, unsigned) {\n  Packet& p = *packets;\n" +
         body +
         "}\nconst weft_residue residues[] = {{\"all\", nullptr, nullptr, run, 0}};\n"
         "const weft_generated generated_code = {codegen::abi_version, sizeof(Core), "
         "sizeof(Packet), WEFT_KEY, 1, residues};\n}\n}\n"
         "extern \"C\" __attribute__((visibility(\"default\"))) const weft_generated* "
         "weft_generated_entry() { return &weft::generated_code; }\n";
}

TEST(Expressions, CompileToWhatEvaluateSays) {
  const auto fields = frontend::read_headers(frontend::source_root() + "/graphs/headers");
  ASSERT_TRUE(fields);
  Expressions make(*fields, 7);
  std::vector<ExprPtr> all;
  for (unsigned i = 0; i < 100; ++i) all.push_back(make.truth(3));
  for (unsigned i = 0; i < 100; ++i) all.push_back(make.number(3));
  // Neighbours in one comparison, in any order, and those that are none.
  for (const char* text :
       {"ipv4.version == 4 && ipv4.ihl == 5", "ipv4.ihl == 5 && ipv4.version == 4",
        "ipv4.more_fragments == 0 && ipv4.fragment_offset == 0",
        "ipv4.protocol == 17 && ipv4.ttl == 64 && ipv4.version == 4",
        "ipv4.version == 4 && ipv4.version == 5", "ipv4.checksum == 0 && ipv4.protocol == 1",
        "eth.type == 0x0800 && ipv4.version == 4", "udp.checksum == 0 && udp.length == 0x0304",
        "arp.hardware == 1 && arp.protocol == 0x0800 && arp.hardware_length == 6 && "
        "arp.protocol_length == 4"}) {
    auto parsed = frontend::parse_expr(text, *fields, {});
    ASSERT_TRUE(parsed) << text;
    all.push_back(*parsed);
  }

  codegen::ExprCompiler compiler(*fields);
  const auto text = program(all, compiler);
  const Scratch scratch;
  auto built = codegen::build_text(text, {.more_flags = {"-O1", "-w"}, .cache = scratch.path});
  ASSERT_TRUE(built) << diag::render(built.error(), false);
  auto loaded = codegen::load(built->object, built->key);
  ASSERT_TRUE(loaded) << diag::render(loaded.error(), false);

  auto core = std::make_unique<Core>();
  std::mt19937_64 random(11);
  std::array<std::uint8_t, 512> frame{};
  Packet p;
  std::vector<std::uint64_t> values(all.size());
  core->edges = values.data();
  std::vector<unsigned> yes(all.size(), 0);
  for (unsigned round = 0; round < 500; ++round) {
    scramble(random, frame, p, *core);
    (*loaded)->residue("all")->run(*core, &p, 1, 0);
    const auto names = lookup(*fields, p, *core);
    for (std::size_t i = 0; i < all.size(); ++i) {
      ASSERT_EQ(values[i], static_cast<std::uint64_t>(ir::evaluate(all[i], names)))
          << ir::to_string(all[i]);
      yes[i] += values[i] != 0;
    }
  }
  // The comparison means something only if the expressions do not all say the same.
  EXPECT_GT(
      std::count_if(yes.begin(), yes.begin() + 100, [](unsigned n) { return n > 0 && n < 500; }),
      30);
}

TEST(Expressions, RefusesWhatNoPacketCarries) {
  const auto fields = frontend::read_headers(frontend::source_root() + "/graphs/headers");
  ASSERT_TRUE(fields);
  codegen::ExprCompiler compiler(*fields);
  for (const auto& e :
       {ir::name("knob.rx.ipv4_cksum", 1), ir::name("l4.payload", 64), ir::has("ipv6")}) {
    const auto text = compiler.compile(e);
    ASSERT_FALSE(text) << *text;
    EXPECT_EQ(text.error().list.at(0).code, "E0515");
  }
  EXPECT_EQ(compiler.compile(ir::constant(ir::Bits{1} << 100, 128)).error().list.at(0).code,
            "E0516");
}

}  // namespace
}  // namespace weft::test
