// Plans: text and back, strictness, hash, difference, preview.
#include "compiler/plan/plan.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "compiler/frontend/places.h"
#include "compiler/frontend/readers.h"
#include "compiler/plan/diff.h"
#include "compiler/plan/preview.h"
#include "compiler/plan/text.h"

namespace weft::plan {
namespace {

const ir::FieldTable& fields() {
  static const ir::FieldTable table = [] {
    auto read = frontend::read_headers(frontend::source_root() + "/graphs/headers");
    EXPECT_TRUE(read.has_value()) << diag::render(read.error(), false);
    return *read;
  }();
  return table;
}

constexpr const char* small_graph = R"(
graph: small
residue: true
headers: [eth, ipv4]
nodes:
  rx: {kind: wire, next: sum, fate: software, why: "where packets come in"}
  sum:
    kind: and
    fate: read
    why: "the card \"looked\": 100% sure"
    of:
      - {id: checksum, when: "desc.ip_cksum == good", test: ipv4.checksum_ok, else: drop_sum, fate: read, why: card}
    next: held
  held: {kind: endpoint, meaning: the end, fate: software, why: stays}
drops:
  drop_sum: wrong
)";

Plan sample() {
  Plan p;
  p.graph = "small";
  p.nic = "intel_82599";
  p.driver = "net_ixgbe";
  p.inputs = {{"graph", std::string(64, 'a')}, {"nic", std::string(64, '1')}};
  p.host = {.mac = 0x020000000002,
            .address = 0x0a070002,
            .vlan_id = 5,
            .forwarding = true,
            .multicast = true,
            .probe = true,
            .secondary = {{0x0a070003, 24}, {0xc0a80505, 28}},
            .routes = {{0, 0, 0x0a0700fe}, {0x0a080000, 16, 0}},
            .neighbours = {{0x0a0700fe, 0x0200000000fe}}};
  p.configuration.rx_queues = 3;
  p.configuration.tx_queues = 2;
  p.configuration.knobs = {{"rx.ipv4_cksum", true}, {"rx.promiscuous", false}};
  p.configuration.rss = {true, {0x6d, 0x5a, 0x00}, {"ipv4_udp"}, {0, 0, 0, 1, 0, 0}};
  p.configuration.rss.segment = {"ipv4.src", "tcp.dst_port"};
  p.configuration.filters = {
      {"f0",
       "ntuple5",
       {{"ipv4.src", {0x0a070001, 0xffffffff}},
        {"ipv4.protocol", {17, 255}},
        {"udp.src_port", {40000, 0xffff}}},
       2,
       1,
       0},
      {"f1",
       "fdir",
       {{"ipv4.dst", {0x0a070000, 0xffff0000}}, {"eth.type", {0x800, 0xffff}}},
       0,
       1,
       7}};
  p.endpoints = {{"echo", 7, "udp_echo", 1234.5, {}}, {"e 2: \"x\"", 9, "other", 0, {}}};
  p.endpoints[1].ports = 100;
  p.endpoints[1].address = 0x0a070003;
  p.endpoints[1].addresses = 2;
  p.endpoints[1].groups = {{0xef010203, true, {}},
                           {0xef010204, true, {0x0a070009}},
                           {0xe8010101, false, {0x0a070008, 0x0a070009}}};
  p.flows = {{0x0a070001, 40000, 0x0a070002, 7, 0, 2}, {0x0a070001, 40001, 0x0a070002, 9, 1, 0}};
  p.cores = {{0, {0, 2}, 1e9}, {1, {1}, 0.1}};
  auto graph = frontend::graph_from_text(small_graph, "small.yaml", fields());
  EXPECT_TRUE(graph.has_value()) << (graph ? "" : diag::render(graph.error(), false));
  if (graph) p.residues.push_back({"3e1234567890", {0, 1, 2}, "any", *graph, {}});
  p.residues[0].decisions = {{"rx", "", ir::Fate::software, "stays"},
                             {"sum", "checksum", ir::Fate::read, "says \\ \"good\": yes"}};
  p.cycles_per_packet = 142.25;
  p.cycles_saved = 31;
  p.proof = {"proved", std::string(64, '7'), 12, 34, "z3 4.8.12", {"ipv4.reassemble"}};
  return p;
}

Plan read_back(const std::string& text) {
  auto read = plan_from_text(text, "p.yaml", fields());
  EXPECT_TRUE(read.has_value()) << (read ? "" : diag::render(read.error(), false)) << text;
  return read ? *read : Plan{};
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return at == std::string::npos ? text : text.replace(at, what.size(), by);
}

TEST(Plan, ReadsBackToTheSameBytes) {
  std::string text = to_yaml(sample());
  Plan again = read_back(text);
  EXPECT_EQ(to_yaml(again), text);
  EXPECT_EQ(to_json(again), to_json(sample()));
  EXPECT_EQ(content_hash(again), content_hash(sample()));
}

// What connections of an endpoint begin with; an endpoint that says otherwise is another one.
TEST(Plan, KeepsWhatTcpDoesAboutCongestion) {
  Plan p = sample();
  p.endpoints[1].groups.clear();
  p.endpoints[1].tcp = true;
  const Plan plain = read_back(to_yaml(p));
  EXPECT_TRUE(ir::same_sockets(plain.endpoints[1], p.endpoints[1]));
  p.endpoints[1].ecn = true;
  EXPECT_FALSE(ir::same_sockets(plain.endpoints[1], p.endpoints[1]));
  EXPECT_TRUE(read_back(to_yaml(p)).endpoints[1].ecn);
  p.endpoints[1].ecn = false;
  p.endpoints[1].congestion = ir::Congestion::newreno;
  EXPECT_FALSE(ir::same_sockets(plain.endpoints[1], p.endpoints[1]));
  EXPECT_EQ(read_back(to_yaml(p)).endpoints[1].congestion, ir::Congestion::newreno);
  EXPECT_NE(to_json(p).find("newreno"), std::string::npos);
}

TEST(Plan, KeepsEveryValue) {
  Plan p = read_back(to_yaml(sample())), was = sample();
  EXPECT_EQ(p.host, was.host);
  EXPECT_EQ(p.configuration.rss.key, was.configuration.rss.key);
  EXPECT_EQ(p.configuration.rss.table, was.configuration.rss.table);
  EXPECT_EQ(p.configuration.rss.segment, was.configuration.rss.segment);
  EXPECT_EQ(p.configuration.filters[0].match, was.configuration.filters[0].match);
  EXPECT_EQ(p.configuration.filters[1].match, was.configuration.filters[1].match);
  EXPECT_EQ(p.configuration.filters[1].mark, 7u);
  EXPECT_EQ(p.endpoints[1].name, was.endpoints[1].name);
  EXPECT_EQ(p.endpoints[0].rate, 1234.5);
  EXPECT_EQ(p.endpoints[1].groups, was.endpoints[1].groups);
  EXPECT_EQ(p.endpoints[1].last_port(), 108u);
  EXPECT_TRUE(p.endpoints[1].listens(0x0a070004, 108));
  EXPECT_FALSE(p.endpoints[1].listens(0x0a070005, 108));
  EXPECT_EQ(p.flows[0].queue, 2u);
  EXPECT_EQ(p.residues[0].decisions[1].why, was.residues[0].decisions[1].why);
  EXPECT_EQ(p.residues[0].graph.node(*p.residues[0].graph.find("sum")).why,
            "the card \"looked\": 100% sure");
  EXPECT_EQ(p.proof.not_proved, was.proof.not_proved);
}

TEST(Plan, HashIsOfEverythingButTheProof) {
  Plan p = sample();
  std::string hash = content_hash(p);
  p.proof.leaves = 99;
  EXPECT_EQ(content_hash(p), hash);
  p.configuration.filters[0].queue = 2;
  EXPECT_NE(content_hash(p), hash);
}

TEST(Plan, EditsAreRefusedWithTheirPlace) {
  const std::string text = to_yaml(sample());
  const std::pair<const char*, const char*> edits[] = {
      {"driver: net_ixgbe", "driver: net_ixgbe\nchekcsum: 1"},  // unknown keys at any depth
      {"  mtu: 1500", "  mtu: 1500\n  mut: 9"},
      {"queue: 1, priority: 2", "queue: 1, prio: 2"},
      {"table: ntuple5, queue: 1", "table: ntuple5, queue: 1, queue: 1"},
      {"10.7.0.2/24", "10.7.0.2/33"},
      {"10.7.0.2/24", "10.7.0.256/24"},
      {"from: 10.7.0.1:40000", "from: 10.7.0.1:70000"},
      {"endpoint: 1, queue: 0", "endpoint: 2, queue: 0"},
      {"{name: \"echo\", port: 7, app: \"udp_echo\", rate: 1234.5}", "{vacant: on}"},  // has a flow
      {"{name: \"echo\", port: 7, app: \"udp_echo\", rate: 1234.5}", "{vacant: off}"},
      {"endpoint: 1, queue: 0", "endpoint: 1, queue: 3"},
      {"key: \"6d5a00\"", "key: \"6d5a0\""},
      {"0 x3", "0 x0"},
      {"segment: [ipv4.src", "segment: [ipv4.ttl"},
      {"ipv4.src: 10.7.0.1", "ipv4.source: 10.7.0.1"},
      {"udp.src_port: 40000", "udp.src_port: 70000"},
      {"fate: read, why: \"says", "fate: reed, why: \"says"},
      {"class: any", "class: some"},
      {"queues: [0, 1, 2]", "queues: [0, 1]"},  // queue 2 has no residue
      {"{id: 1, queues: [1]", "{id: 1, queues: [1, 2]"},
      {"plan: 1", "plan: 2"},
      {"status: proved", "status: believed"},
      {"kind: and", "kind: und"}};
  for (const auto& [what, by] : edits) {
    auto read = plan_from_text(replaced(text, what, by), "p.yaml", fields());
    ASSERT_FALSE(read.has_value()) << by;
    EXPECT_EQ(read.error().list.front().span.file, "p.yaml") << by;
    EXPECT_NE(read.error().list.front().span.line, 0u) << by;
    EXPECT_FALSE(read.error().list.front().code.empty()) << by;
  }
}

TEST(Plan, EveryShortenedFileIsRefused) {
  const std::string text = to_yaml(sample());
  // Solver and not_proved are optional and come last; everything before them is needed.
  const std::size_t last = text.find("  queries:");
  for (std::size_t end = 0; end < last; end = text.find('\n', end + 1))
    EXPECT_FALSE(plan_from_text(text.substr(0, end), "p.yaml", fields()).has_value())
        << text.substr(0, end);
}

// Whatever is done to the bytes, the reader says no, or takes a plan that it can write and read.
TEST(Plan, MutatedTextIsRefusedOrReadsBack) {
  const std::string text = to_yaml(sample());
  std::mt19937 random(1);
  auto below = [&](std::size_t n) { return random() % n; };
  unsigned taken = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string mutant = text;
    for (std::size_t edits = 1 + below(3); edits > 0; --edits) {
      const std::size_t at = below(mutant.size());
      switch (below(4)) {
        case 0: mutant[at] = static_cast<char>(" \n:-[]{},\"0129axfe#&*"[below(22)]); break;
        case 1: mutant.erase(at, 1 + below(20)); break;
        case 2: mutant.insert(at, text.substr(below(text.size()), below(40))); break;
        default: std::swap(mutant[at], mutant[below(mutant.size())]);
      }
    }
    auto read = plan_from_text(mutant, "p.yaml", fields());
    if (!read) {
      ASSERT_FALSE(read.error().list.empty());
      continue;
    }
    ++taken;
    const std::string again = to_yaml(*read);
    auto back = plan_from_text(again, "q.yaml", fields());
    ASSERT_TRUE(back.has_value()) << diag::render(back.error(), false) << mutant;
    ASSERT_EQ(to_yaml(*back), again) << mutant;
  }
  EXPECT_GT(taken, 0u);  // changes of comments, values, reasons
}

TEST(Plan, IsWrittenWholeOrNotAtAll) {
  namespace fs = std::filesystem;
  fs::path folder = fs::temp_directory_path() / ("weft-plan-" + std::to_string(::getpid()));
  fs::create_directory(folder);
  std::string path = folder / "plan.yaml";
  ASSERT_TRUE(write_plan(sample(), path).has_value());
  auto read = read_plan(path, fields());
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(to_yaml(*read), to_yaml(sample()));
  auto failed = write_plan(sample(), folder / "no" / "plan.yaml");
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().list.front().code, "E0455");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 1);  // no temporary left
  fs::remove_all(folder);
}

TEST(PlanDiff, NothingAgainstItself) {
  EXPECT_TRUE(diff(sample(), sample()).empty());
  EXPECT_EQ(diff_text(sample(), sample(), {}), "No changes: both plans do the same.\n");
}

TEST(PlanDiff, FindsEveryKindOfChange) {
  Plan a = sample(), b = sample();
  b.configuration.knobs["rx.ipv4_cksum"] = false;
  b.configuration.filters[0].queue = 2;
  b.configuration.filters.pop_back();
  b.configuration.rss.table[0] = 2;
  b.flows.push_back({0x0a070003, 1, 0x0a070002, 7, 0, 1});
  b.host.mtu = 9000;
  b.cores[0].queues = {0};
  b.cores[1].queues = {1, 2};
  b.endpoints[0].port = 8;
  b.residues[0].decisions[1].fate = ir::Fate::software;
  b.residues[0].decisions[1].why = "no help";
  std::string text = diff_text(a, b, {});
  for (const char* line :
       {"~ rx.ipv4_cksum                on -> off", "queue 1, priority 2 -> queue 2, priority 2",
        "- fdir udp *:* -> 10.7.0.0/16:* eth.type=0x800/0xffff queue 1, mark 7", "~ table",
        "+ 10.7.0.3:1 -> 10.7.0.2:7", "~ mtu                          1500 -> 9000",
        "~ core 1                       queue 1 -> queues 1-2", "~ echo",
        "~ read -> software     sum.checksum\n", "was read: says \\ \"good\": yes",
        "now software: no help", "Plan: 1 to add, 8 to change, 1 to remove.\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n---\n" << text;
}

TEST(PlanDiff, ReverseSwapsAddAndRemove) {
  Plan a = sample(), b = sample();
  b.flows.pop_back();
  b.configuration.knobs["tx.vlan_insert"] = true;
  auto there = diff(a, b), back = diff(b, a);
  ASSERT_EQ(there.size(), back.size());
  for (std::size_t i = 0; i < there.size(); ++i) {
    EXPECT_EQ(there[i].before, back[i].after);
    EXPECT_EQ(there[i].after, back[i].before);
  }
}

TEST(PlanPreview, SaysWhatMatters) {
  std::string text = preview(sample(), {});
  for (const char* line :
       {"plan for small on intel_82599 (driver net_ixgbe): 3 queues, 2 cores, 1 residue",
        "udp 10.7.0.1:40000 -> *:* => queue 1", "0 gone, 1 read, 0 card, 1 software",
        "~ read      sum.checksum", "core 0: queues 0, 2", "proved by z3 4.8.12: 12 leaves",
        "opaque to the proof: ipv4.reassemble"})
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n---\n" << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(preview(sample(), {false, true}).find('\x1b'), std::string::npos);
  Plan unproved = sample();
  unproved.proof = {};
  EXPECT_NE(preview(unproved, {}).find("not proved"), std::string::npos);
}

TEST(PlanText, RunLengths) {
  EXPECT_EQ(run_lengths({}), std::vector<std::string>{});
  EXPECT_EQ(run_lengths({4}), std::vector<std::string>{"4"});
  EXPECT_EQ(run_lengths({0, 0, 1, 0}), (std::vector<std::string>{"0 x2", "1", "0"}));
  EXPECT_EQ(ranges({}), "none");
  EXPECT_EQ(ranges({0, 1, 2, 5, 7, 8}), "0-2, 5, 7-8");
}

// Masks are left out where the field's declared width says them: the writer's idea of widths must
// be that of the headers.
TEST(PlanText, UsualWidthsAreTheDeclaredOnes) {
  unsigned found = 0;
  for (const auto& [name, field] : fields().fields) {
    if (usual_width(name) == 0) continue;
    ++found;
    EXPECT_EQ(usual_width(name), field.width) << name;
  }
  EXPECT_GE(found, 7u);
}

}  // namespace
}  // namespace weft::plan
