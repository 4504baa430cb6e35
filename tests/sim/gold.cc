#include "tests/sim/gold.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <unordered_map>
#include <vector>

#include "tests/sim/echo.h"
#include "tests/sim/frames.h"
#include "tests/sim/harness.h"

namespace weft::sim {
namespace {

constexpr std::uint64_t service_ns = 1'000;
constexpr std::uint64_t begin_ns = 1'000'000;  // hosts are known from then on
constexpr std::uint64_t span_ns = 30'000 * service_ns;
constexpr unsigned gold_flows = 8, flows = 32;
constexpr std::size_t payload = 20, number_at = 42;  // of the frame: the payload begins with one

// The clock that the application moves on.
ports::VirtualClock* the_clock = nullptr;

void slow_echo(void* self, const weft_host* host, const weft_datagram* event) {
  the_clock->now_ns += service_ns;
  echo_app.datagram(self, host, event);
}

std::uint32_t host_of(unsigned flow) { return on_link(10 + flow); }
bool is_gold(unsigned flow) { return flow < gold_flows; }

passes::Inputs inputs_for(Sharing how) {
  passes::Inputs in = inputs("intel_82599", "host");
  ir::Workload& w = in.workload;
  w.endpoints.resize(2);
  for (ir::Endpoint& e : w.endpoints) {
    e.rate = 0;
    e.groups.clear();
  }
  w.endpoints[1].gold = true;
  const bool own = how == Sharing::idle || how == Sharing::gold;
  w.policy = own ? ir::Policy::gold : ir::Policy::balance;
  w.gold_queues = own ? 1 : 0;
  w.queues = how == Sharing::one_queue ? 1 : 4;
  w.cores = 1;
  w.flows.clear();
  for (unsigned i = 0; i < flows; ++i)
    w.flows.push_back({.src = host_of(i),
                       .src_port = 40000,
                       .dst_port = static_cast<std::uint16_t>(is_gold(i) ? 9 : 7),
                       .endpoint = is_gold(i) ? 1u : 0u,
                       .rate = 1000,
                       .gold = is_gold(i)});
  return in;
}

// The hosts introduce themselves; then datagrams with numbers, at random times.
struct Traffic {
  std::vector<ports::Frame> frames;
  std::unordered_map<std::uint32_t, std::uint64_t> gold_at;  // by number: when it came

  Traffic(Sharing how, double gold_load) {
    for (unsigned i = 0; i < flows; ++i)
      frames.push_back(
          {.time_ns = i * 10 * service_ns,
           .bytes = arp_frame({.dst = to_all, .src = mac_of(host_of(i))},
                              {.sender_mac = mac_of(host_of(i)), .sender = host_of(i)})});
    const double rest = how == Sharing::idle ? 0 : 2 * (1 - gold_load);
    const double rate = (gold_load + rest) / static_cast<double>(service_ns);
    std::mt19937_64 random(4711);
    const auto part = [&random] { return static_cast<double>(random() >> 11) * 0x1p-53; };
    double now = begin_ns;
    for (std::uint32_t number = 1;; ++number) {
      now -= std::log(1 - part()) / rate;
      if (now > begin_ns + span_ns) break;
      const bool gold = part() * (gold_load + rest) < gold_load;
      const auto which = static_cast<unsigned>(random());
      const unsigned flow = gold ? which % gold_flows : gold_flows + which % (flows - gold_flows);
      Bytes data(payload, 0);
      put32(data, 0, number);
      const auto at = static_cast<std::uint64_t>(now);
      frames.push_back(
          {.time_ns = at,
           .bytes = udp_frame(
               {.src = mac_of(host_of(flow))}, {.src = host_of(flow)},
               {.src_port = 40000, .dst_port = static_cast<std::uint16_t>(gold ? 9 : 7)}, data)});
      if (gold) gold_at[number] = at;
    }
  }
};

}  // namespace

GoldTimes gold_times(Sharing how, double gold_load) {
  const passes::Inputs in = inputs_for(how);
  const plan::Plan plan = must(passes::compile(in, {.prove = false, .certify = false}));
  Traffic traffic(how, gold_load);
  weft_app app = echo_app;
  app.datagram = slow_echo;
  auto stack = must(Stack::make(plan, in, std::move(traffic.frames),
                                {.ring_size = 512, .wait_for_room = false, .app = &app}));
  the_clock = &stack->time();
  stack->run(0);
  the_clock = nullptr;
  GoldTimes out;
  out.gold_sent = traffic.gold_at.size();
  std::vector<double> times;
  std::uint64_t answers = 0;
  for (const ports::Frame& frame : stack->out()) {
    if (network_type(frame.bytes) != 0x0800 || frame.bytes.size() < number_at + 4) continue;
    if (frame.time_ns <= begin_ns + span_ns) ++answers;
    const auto came = traffic.gold_at.find(get32(frame.bytes, number_at));
    if (came == traffic.gold_at.end()) continue;
    times.push_back(static_cast<double>(frame.time_ns - came->second) / service_ns);
  }
  stack->stop();
  std::sort(times.begin(), times.end());
  out.gold = times.size();
  if (!times.empty()) {
    out.p50 = times[times.size() / 2];
    out.p99 = times[times.size() * 99 / 100];
  }
  out.throughput = static_cast<double>(answers) * service_ns / span_ns;
  return out;
}

}  // namespace weft::sim
