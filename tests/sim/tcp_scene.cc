#include "tests/sim/tcp_scene.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/frontend/places.h"
#include "compiler/frontend/readers.h"
#include "stack-nodes/tcp/machine/stack.h"

namespace weft::sim {

passes::Inputs tcp_inputs(const std::string& nic, const std::string& workload) {
  passes::Inputs in = inputs(nic, workload);
  in.graph =
      must(frontend::read_graph(frontend::source_root() + "/graphs/host_ipv4.yaml", in.fields));
  return in;
}

TcpScene::TcpScene(const plan::Plan& plan, const passes::Inputs& in, const apps::Library& app,
                   const MakeWire& wire, const TcpSceneOptions& options)
    : options_(options), clock_(time_) {
  engine::PoolSizes sizes = engine::sizes_for(plan);
  if (options.frames != 0) sizes.frames = options.frames;
  pools_ = must(engine::Pools::make("streams", sizes));
  if (options.failures != nullptr) fail_allocations(pools_->frames, *options.failures);
  wire_ = wire(pools_->frames, time_);
  card_ = must(emulator::EmulatedCard::make(in.nic, in.fields, *wire_,
                                            {.policy = {}, .wait_for_room = true}));
  rules_ = must(ports::apply(plan, &in.nic, card_->control()));
  if (options.generated) code_ = must(code_of(plan, in));
  const std::vector<apps::Library> libraries(plan.endpoints.size(), app);
  engine_ = must(engine::Engine::make(plan, in.fields, *card_, *pools_, clock_, libraries,
                                      {.name = "streams",
                                       .generated = code_ ? &*code_ : nullptr,
                                       .seed = options.seed,
                                       .tcp_connections = options.connections}));
}

TcpScene::~TcpScene() = default;

bool TcpScene::run(const std::function<bool()>& over, std::uint64_t limit_ns) {
  const std::uint64_t end_ns = time_.now_ns + limit_ns;
  while (!over()) {
    // (Who wants to send and finds no buffer asks again and again; time must pass all the same.)
    constexpr unsigned most_rounds = 1000;
    for (unsigned n = 0; n < most_rounds && (engine_->poll_all() != 0 || wire_->work()); ++n) {
    }
    if (over()) break;
    time_.now_ns = std::max(time_.now_ns, std::min(wire_->next_ns(), engine_->next_tick_ns()));
    if (time_.now_ns > end_ns) return false;
  }
  return true;
}

template <class F>
void TcpScene::each_tcp(F&& f) const {
  for (const auto& core : engine_->cores())
    for (const auto& shard : core->shards) f(*shard->core.tcp);
}

std::uint32_t TcpScene::live() const {
  std::uint32_t n = 0;
  each_tcp([&n](const tcp::Tcp& t) { n += t.live_connections(); });
  return n;
}

std::vector<std::uint64_t> TcpScene::opened() const {
  std::vector<std::uint64_t> out;
  for (const auto& core : engine_->cores()) {
    for (const auto& shard : core->shards) {
      out.resize(std::max<std::size_t>(out.size(), shard->core.id + 1));
      out[shard->core.id] = shard->core.tcp->counters().opened_passive;
    }
  }
  return out;
}

unsigned TcpScene::queues_used() const {
  const auto all = opened();
  return static_cast<unsigned>(all.size() - std::count(all.begin(), all.end(), 0u));
}

std::string TcpScene::stop() {
  engine_->stop();
  snapshot_ = observe::take(*engine_,
                            {.plan_name = "streams",
                             .engine = code_ ? "generated" : "interpreted",
                             .clock = &clock_,
                             .wire = wire_.get(),
                             .card = &card_->control()},
                            false);
  if (const auto balance = observe::balance(snapshot_); !balance.exact()) return balance.text();
  ports::withdraw(rules_, card_->control());
  if (const unsigned n = pools_->in_use(); n != 0) return fmt::format("{} buffers in use", n);
  return {};
}

}  // namespace weft::sim
