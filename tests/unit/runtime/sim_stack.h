// A whole stack in a test: a compiled plan on an emulated card over the simulated wire, with an
// application that is part of the test.
#pragma once

#include <functional>
#include <stdexcept>

#include "compiler/frontend/places.h"
#include "compiler/passes/pipeline.h"
#include "runtime/emulator/emulated_card.h"
#include "runtime/engine/engine.h"
#include "runtime/observe/balance.h"
#include "runtime/ports/sim_wire.h"
#include "runtime/ports/translate.h"
#include "tests/unit/runtime/emulator_support.h"

namespace weft::test {

inline std::string source(const std::string& path) { return frontend::source_root() + "/" + path; }

template <class T>
T must(diag::Result<T> result) {
  // Nothing that follows would mean anything: the test ends here.
  if (!result) throw std::runtime_error(diag::render(result.error(), false));
  return std::move(*result);
}

// The quickstart workload (host 10.7.0.2, 40 flows from 10.7.0.1) on a model, not proved: what the
// proof says is tested elsewhere.
inline plan::Plan compiled(const std::string& nic, unsigned queues = 0, unsigned cores = 0) {
  passes::Inputs inputs;
  inputs.fields = fields();
  inputs.graph = must(frontend::read_graph(source("graphs/host_udp_ipv4.yaml"), fields()));
  inputs.nic = model(nic);
  inputs.workload = must(frontend::read_workload(source("graphs/workloads/quickstart.yaml")));
  inputs.costs = must(passes::read_costs(source("nicmodels/costs/default.yaml")));
  passes::Options options;
  options.queues = queues;
  options.cores = cores;
  options.prove = false;
  return must(passes::compile(inputs, options));
}

inline constexpr std::uint64_t host_mac = 0x027765667402, client_mac = 0x020000000099;
inline constexpr std::uint32_t host_ip = 0x0a070002, client_ip = 0x0a070001;

inline UdpFrame to_echo(std::uint16_t src_port, Bytes payload) {
  UdpFrame f;
  f.dst_mac = host_mac;
  f.src_mac = client_mac;
  f.src = client_ip;
  f.dst = host_ip;
  f.src_port = src_port;
  f.payload = std::move(payload);
  return f;
}

inline Bytes arp_request() {
  Bytes b(42, 0);
  std::fill_n(b.begin(), 6, 0xff);
  for (int i = 0; i < 6; ++i) {
    b[6 + i] = static_cast<std::uint8_t>(client_mac >> (40 - 8 * i));
    b[22 + i] = b[6 + i];
  }
  put16(b, 12, 0x0806);
  put16(b, 14, 1);
  put16(b, 16, 0x0800);
  b[18] = 6;
  b[19] = 4;
  put16(b, 20, 1);
  put32(b, 28, client_ip);
  put32(b, 38, host_ip);
  return b;
}

// An application whose events call functions of the test. One at a time.
struct TestApp {
  std::function<void(const weft_host&, const weft_datagram&)> on_datagram;
  std::function<void(const weft_host&)> on_tick;
  std::function<void(const weft_host&, const weft_error&)> on_error;
  std::function<void(const weft_host&, const weft_answer&)> on_answer;
  unsigned created = 0, destroyed = 0;

  static TestApp*& current() {
    static TestApp* app = nullptr;
    return app;
  }
  TestApp() { current() = this; }
  ~TestApp() { current() = nullptr; }

  static apps::Library library() {
    static const weft_app app = {
        .abi = WEFT_APP_ABI,
        .size = sizeof(weft_app),
        .name = "test",
        .create = [](const weft_app_config*) -> void* {
          ++current()->created;
          return current();
        },
        .destroy = [](void* self) { ++static_cast<TestApp*>(self)->destroyed; },
        .datagram =
            [](void* self, const weft_host* host, const weft_datagram* event) {
              auto& app = *static_cast<TestApp*>(self);
              if (app.on_datagram) app.on_datagram(*host, *event);
            },
        .tick =
            [](void* self, const weft_host* host, std::uint64_t) {
              auto& app = *static_cast<TestApp*>(self);
              if (app.on_tick) app.on_tick(*host);
            },
        .error =
            [](void* self, const weft_host* host, const weft_error* event) {
              auto& app = *static_cast<TestApp*>(self);
              if (app.on_error) app.on_error(*host, *event);
            },
        .answer =
            [](void* self, const weft_host* host, const weft_answer* event) {
              auto& app = *static_cast<TestApp*>(self);
              if (app.on_answer) app.on_answer(*host, *event);
            }};
    return {"", &app, nullptr};
  }
};

inline int echo(const weft_host& host, const weft_datagram& event) {
  const weft_part part = {event.data, event.len};
  const weft_send answer = {.size = sizeof(answer),
                            .endpoint = event.endpoint,
                            .dst = event.src,
                            .dst_port = event.src_port,
                            .reserved = 0,
                            .parts = &part,
                            .part_count = 1,
                            .token = event.token};
  return host.send(host.context, &answer);
}

class SimStack {
 public:
  SimStack(const plan::Plan& plan, const std::string& nic, const std::vector<Bytes>& frames,
           const std::string& name)
      : plan_(plan) {
    start_eal();
    std::vector<ports::Frame> in;
    for (const Bytes& bytes : frames) in.push_back({in.size() * 1000, bytes});
    pools_ = must(engine::Pools::make(name, {.frames = 2047, .frame_bytes = 2048, .large = 16}));
    wire_ = std::make_unique<ports::SimWire>("sim", std::move(in), clock_, pools_->frames);
    card_ = must(emulator::EmulatedCard::make(model(nic), fields(), *wire_,
                                              {.policy = {}, .wait_for_room = true}));
    model_ = model(nic);
    rules_ = must(ports::apply(plan_, &model_, card_->control()));
    real_clock_ = std::make_unique<engine::Clock>(clock_);
    engine_ = must(engine::Engine::make(
        plan_, fields(), *card_, *pools_, *real_clock_,
        std::vector<apps::Library>(plan_.endpoints.size(), TestApp::library()), {.name = name}));
  }
  ~SimStack() {
    engine_.reset();
    card_.reset();
  }

  // Until all frames have come in and nothing moves for `more_ns`.
  void run(std::uint64_t more_ns = 2'000'000'000) {
    std::uint64_t end = ~std::uint64_t{0};
    for (;;) {
      if (engine_->poll_all() != 0) continue;
      if (wire_->ended()) end = std::min(end, clock_.now_ns + more_ns);
      const std::uint64_t next = std::min(wire_->next_time(), engine_->next_tick_ns());
      if (next > end) return;
      clock_.now_ns = std::max(clock_.now_ns, next);
    }
  }
  // Frames that arrive now.
  void inject(const std::vector<Bytes>& frames) {
    for (const Bytes& frame : frames) wire_->add(frame);
  }
  observe::Snapshot stop() {
    engine_->stop();
    ports::withdraw(rules_, card_->control());
    return observe::take(*engine_,
                         {.plan_name = "test",
                          .engine = "interpreted",
                          .clock = real_clock_.get(),
                          .wire = wire_.get(),
                          .card = &card_->control()},
                         false);
  }

  engine::Engine& engine() { return *engine_; }
  emulator::EmulatedCard& card() { return *card_; }
  ports::VirtualClock& clock() { return clock_; }
  ports::SimWire& wire() { return *wire_; }
  engine::Pools& pools() { return *pools_; }
  // What was sent, but for the announcements of the own address (RFC 5227 section 2.3).
  std::vector<ports::Frame> out() const {
    std::vector<ports::Frame> frames = wire_->out();
    std::erase_if(frames, [](const ports::Frame& f) {
      const bool arp = f.bytes.size() >= 42 && get16(f.bytes, 12) == 0x0806;
      return arp && std::equal(f.bytes.begin() + 28, f.bytes.begin() + 32, f.bytes.begin() + 38);
    });
    return frames;
  }

 private:
  plan::Plan plan_;
  ir::NicModel model_;
  ports::VirtualClock clock_;
  std::unique_ptr<engine::Clock> real_clock_;
  std::unique_ptr<engine::Pools> pools_;
  std::unique_ptr<ports::SimWire> wire_;
  std::unique_ptr<emulator::EmulatedCard> card_;
  ports::AppliedRules rules_;
  std::unique_ptr<engine::Engine> engine_;
};

inline std::uint64_t count_of(const observe::Snapshot& s, const std::string& node) {
  for (const auto& n : observe::total_nodes(s)) {
    if (n.node == node) return n.packets;
  }
  return 0;
}

}  // namespace weft::test
