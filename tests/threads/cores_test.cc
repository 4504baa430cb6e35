// Net cores with threads of their own, on a card that delivers anywhere: fragments, flows, ARP
// answers on the wrong core are handed over, counted and answered, and no state is touched by two
// threads. Run as it is, and under the thread sanitizer with the owner check (README.md).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "compiler/frontend/places.h"
#include "compiler/frontend/readers.h"
#include "compiler/plan/plan.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/pool_order.h"
#include "runtime/observe/balance.h"
#include "runtime/ports/eal.h"
#include "tests/sim/frames.h"
#include "tests/threads/ring_card.h"

namespace weft::test {
namespace {

constexpr unsigned queues = 4, cores = 4;
constexpr std::uint32_t flow_peer = sim::on_link(1);

template <class T>
T must(diag::Result<T> result) {
  if (!result) {
    std::fputs(diag::render(result.error(), false).c_str(), stderr);
    std::abort();
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// What the host says by itself, when its time comes: its address, twice (RFC 5227 section 2.3),
// and its groups (RFC 3376 section 5.1).
bool is_announcement(const sim::Bytes& frame) {
  constexpr std::size_t protocol = 14 + 9, sender = 14 + 14, target = 14 + 24;
  const auto type = sim::network_type(frame);
  return (type == 0x0806 && sim::get32(frame, sender) == sim::get32(frame, target)) ||
         (type == 0x0800 && frame.at(protocol) == 2);
}

// What the applications of all net cores have seen, by flow.
struct Flow {
  std::set<std::thread::id> threads;
  std::uint32_t last = 0, datagrams = 0, out_of_order = 0;
};
struct Seen {
  std::mutex lock;
  std::map<std::uint16_t, Flow> flows;
  std::atomic<unsigned> datagrams{0};
} seen;

void echo(void*, const weft_host* host, const weft_datagram* event) {
  std::uint32_t sequence = 0;
  std::memcpy(&sequence, event->data, std::min<std::size_t>(4, event->len));
  {
    const std::lock_guard guard(seen.lock);
    Flow& flow = seen.flows[event->src_port];
    flow.threads.insert(std::this_thread::get_id());
    flow.out_of_order += sequence <= flow.last ? 1 : 0;
    flow.last = sequence;
    ++flow.datagrams;
  }
  seen.datagrams.fetch_add(1);
  const weft_part part = {event->data, event->len};
  const weft_send answer = {.size = sizeof(answer),
                            .endpoint = event->endpoint,
                            .dst = event->src,
                            .dst_port = event->src_port,
                            .reserved = 0,
                            .parts = &part,
                            .part_count = 1,
                            .token = event->token};
  if (host->send(host->context, &answer) != 0) host->recv_done(host->context, event->token);
}

const weft_app echo_app = {.abi = WEFT_APP_ABI,
                           .size = sizeof(weft_app),
                           .name = "echo",
                           .create = [](const weft_app_config*) -> void* {
                             static int nothing;
                             return &nothing;
                           },
                           .destroy = [](void*) {},
                           .datagram = echo,
                           .tick = nullptr};

std::string kinds(const std::vector<sim::Bytes>& frames) {
  std::map<std::string, unsigned> found;
  for (const auto& f : frames) {
    const bool arp = sim::network_type(f) == 0x0806;
    ++found[fmt::format("{} {}", arp ? "ARP operation" : "protocol", arp ? f[21] : f[23])];
  }
  std::string out;
  for (const auto& [kind, n] : found) out += fmt::format("{}: {}, ", kind, n);
  return out;
}

// The host of tests/sim/workloads/host.yaml on a TAP, compiled by the test `threads_plan`.
struct Compiled {
  ir::FieldTable fields;
  plan::Plan plan;
  Compiled() {
    const char* file = std::getenv("WEFT_THREADS_PLAN");
    if (file == nullptr) {
      std::fputs("WEFT_THREADS_PLAN names no plan: run this by `ctest -R threads`\n", stderr);
      std::abort();
    }
    fields = must(frontend::read_headers(frontend::source_root() + "/graphs/headers"));
    plan = must(plan::read_plan(file, fields));
  }
};

class Threads : public testing::Test {
 protected:
  void SetUp() override {
    static bool up = false;
    if (!up) must(ports::start_eal({.prefix = "weft-threads", .megabytes = 192, .workers = cores}));
    up = true;
    ASSERT_EQ(plan_.configuration.rx_queues, queues);
    pools_ =
        must(engine::Pools::make("threads", {.frames = 8191, .frame_bytes = 2048, .large = 64}));
    card_ = std::make_unique<RingCard>(queues);
    const std::vector<apps::Library> libraries(plan_.endpoints.size(), {"", &echo_app, nullptr});
    engine_ = must(engine::Engine::make(plan_, compiled_.fields, *card_, *pools_, clock_, libraries,
                                        {.name = "threads"}));
    ASSERT_TRUE(engine_->start());
  }

  // Puts the frame on a queue, and empties what the stack sends meanwhile.
  void put(unsigned queue, const sim::Bytes& frame) {
    rte_mbuf* m = nullptr;
    while ((m = rte_pktmbuf_alloc(pools_->frames)) == nullptr) drain();
    engine::taken_from_pool(m);
    std::memcpy(rte_pktmbuf_append(m, static_cast<std::uint16_t>(frame.size())), frame.data(),
                frame.size());
    while (!card_->deliver(queue, m)) drain();
    ++put_;
    if (put_ % 8 == 0) drain();
  }
  void drain() {
    for (unsigned q = 0; q < queues; ++q) {
      while (rte_mbuf* m = card_->sent(q)) {
        const auto* bytes = rte_pktmbuf_mtod(m, const std::uint8_t*);
        sim::Bytes frame(bytes, bytes + m->data_len);
        if (!is_announcement(frame)) sent_.push_back(std::move(frame));
        engine::given_to_pool(m);
        rte_pktmbuf_free(m);
      }
    }
    std::this_thread::yield();
  }
  // Until `done`, or a minute: the machine may have other things to do.
  template <class F>
  bool wait(F&& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      drain();
    }
    return true;
  }
  observe::Snapshot stop() {
    engine_->stop();
    drain();
    return observe::take(*engine_,
                         {.plan_name = "threads",
                          .engine = "interpreted",
                          .clock = &clock_,
                          .wire = nullptr,
                          .card = nullptr},
                         false);
  }

  const Compiled compiled_;
  const plan::Plan& plan_ = compiled_.plan;
  engine::Clock clock_;
  std::unique_ptr<engine::Pools> pools_;
  std::unique_ptr<RingCard> card_;
  std::unique_ptr<engine::Engine> engine_;
  std::vector<sim::Bytes> sent_;
  unsigned put_ = 0;
};

std::uint64_t left(const observe::Snapshot& s, const std::string& impl, const std::string& port) {
  std::uint64_t n = 0;
  for (const auto& node : observe::total_nodes(s)) {
    for (const auto& p : node.ports) n += node.impl == impl && p.port == port ? p.packets : 0;
  }
  return n;
}

TEST_F(Threads, EverythingArrivesAnywhere) {
  std::mt19937 random(7);
  const auto any = [&] { return static_cast<unsigned>(random() % queues); };
  // One question, on one queue: all queues must learn from it.
  sim::Link all{.dst = sim::to_all};
  put(3, sim::arp_frame(all, {}));
  ASSERT_TRUE(wait([&] { return sent_.size() == 1; })) << "the ARP request was not answered";
  std::map<std::uint16_t, unsigned> queue_of;  // as a card that hashes: one flow, one queue
  std::uint32_t sequence = 0;
  unsigned datagrams = 0;
  for (unsigned round = 0; round < 120; ++round) {
    for (const plan::FlowEntry& f : plan_.flows) {
      if (f.src != flow_peer) continue;
      const auto [at, fresh] = queue_of.try_emplace(f.src_port, any());
      sim::Bytes payload(64);
      sim::put32(payload, 0, __builtin_bswap32(++sequence));
      put(at->second, sim::udp_frame({}, {.src = f.src},
                                     {.src_port = f.src_port, .dst_port = f.dst_port}, payload));
      ++datagrams;
    }
    // Somebody whom nobody knows, in pieces that arrive anywhere.
    const sim::Ip ip{.src = flow_peer, .id = static_cast<std::uint16_t>(1000 + round)};
    const sim::Bytes whole = sim::udp_segment(
        ip, {.src_port = static_cast<std::uint16_t>(50000 + round)}, sim::Bytes(800, 9));
    for (std::size_t at = 0; at < whole.size(); at += 256) {
      const std::size_t n = std::min<std::size_t>(256, whole.size() - at);
      sim::Ip piece = ip;
      piece.fragment = static_cast<std::uint16_t>((at + n < whole.size() ? 0x2000 : 0) | at / 8);
      put(any(), sim::ip_frame({}, piece,
                               sim::Bytes(whole.begin() + static_cast<long>(at),
                                          whole.begin() + static_cast<long>(at + n))));
    }
    ++datagrams;
    put(any(), sim::icmp_frame({}, {.src = flow_peer}, {}, sim::Bytes(32, 1)));
    if (round % 16 == 0) engine_->views();  // somebody looks meanwhile
    // Rings are bounded: what is under way must not be more than they hold.
    ASSERT_TRUE(wait([&] { return seen.datagrams.load() == datagrams; }))
        << seen.datagrams.load() << " of " << datagrams << " datagrams";
  }
  const bool all_answered = wait([&] { return sent_.size() == 1 + datagrams + 120; });
  const auto s = stop();
  ASSERT_TRUE(all_answered) << sent_.size() << " frames for " << datagrams << " datagrams\n"
                            << kinds(sent_) << "\n"
                            << observe::balance(s).text();
  EXPECT_TRUE(observe::balance(s).exact()) << observe::balance(s).text();
  EXPECT_EQ(pools_->in_use(), 0u);
  EXPECT_GT(left(s, "handover.flow", "away"), 0u);
  EXPECT_GT(left(s, "handover.datagram", "away"), 0u);
  EXPECT_EQ(left(s, "handover.flow", "full") + left(s, "handover.datagram", "full"), 0u);
  EXPECT_EQ(left(s, "handover.neighbour", "told"), 1u);
  for (const auto& [port, flow] : seen.flows) {
    EXPECT_EQ(flow.threads.size(), 1u) << "flow " << port << " on several threads";
    EXPECT_EQ(flow.out_of_order, port < 50000 ? 0u : flow.out_of_order) << "flow " << port;
  }
}

// A core asks for a neighbour; the answer comes in on another one.
TEST_F(Threads, AnAnswerToAnotherCoresQuestion) {
  const std::uint32_t asked = sim::on_link(77);
  const auto before = seen.datagrams.load();
  put(2, sim::udp_frame({.src = sim::mac_of(asked)}, {.src = asked}, {.src_port = 51000},
                        sim::Bytes(20, 3)));
  ASSERT_TRUE(wait([&] { return !sent_.empty(); })) << "nobody asks";
  ASSERT_EQ(sim::network_type(sent_[0]), 0x0806u);
  EXPECT_EQ(seen.datagrams.load(), before + 1);
  put(1, sim::arp_frame({.src = sim::mac_of(asked)}, {.operation = 2,
                                                      .sender_mac = sim::mac_of(asked),
                                                      .sender = asked,
                                                      .target_mac = sim::own_mac}));
  ASSERT_TRUE(wait([&] { return sent_.size() == 2; })) << "what waited was not sent";
  const auto s = stop();
  EXPECT_TRUE(observe::balance(s).exact()) << observe::balance(s).text();
}

// The build with the sanitizer has the check in the tables themselves: it must kill.
TEST(OwnerCheckDeathTest, AnotherShardDoesNotTouchATable) {
  if (!owner_check) GTEST_SKIP() << "built without WEFT_OWNER_CHECK";
  const auto core = std::make_unique<Core>();
  core->give_to(2);
  const RunsShard runs(0);
  const std::string who = " of shard 2 was touched by shard 0: state has one owner";
  EXPECT_DEATH(core->udp_flows.find({}), "the flow table" + who);
  EXPECT_DEATH(core->neighbours.learn(*core, 1, 2, true), "the neighbour table" + who);
  EXPECT_DEATH(core->paths.mtu(1, 1500, 0), "the table of paths" + who);
  Packet piece;
  EXPECT_DEATH(core->reassembly.add(*core, piece), "the reassembly table" + who);
  EXPECT_DEATH(core->icmp_limit.take(0), "a rate limit" + who);
}

}  // namespace
}  // namespace weft::test
