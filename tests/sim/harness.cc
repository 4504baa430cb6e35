#include "tests/sim/harness.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "compiler/codegen/build.h"
#include "compiler/frontend/places.h"
#include "compiler/frontend/readers.h"
#include "compiler/passes/handover.h"
#include "runtime/apps/app_host.h"
#include "runtime/engine/interpreter.h"
#include "runtime/observe/snapshot.h"
#include "runtime/ports/eal.h"
#include "tests/sim/echo.h"
#include "tests/sim/guarded_wire.h"

namespace weft::sim {
namespace {

// Generated code is built as this program is: with its sanitizers, where it has some.
codegen::BuildOptions as_this_program() {
  codegen::BuildOptions options;
  const std::string flags = WEFT_SANITIZE_FLAGS;
  if (flags.empty()) return options;
  options.compiler = WEFT_CXX;
  std::istringstream words(flags);
  for (std::string word; words >> word;) options.more_flags.push_back(word);
  options.more_flags.insert(options.more_flags.end(), {"-O1", "-g1"});
  return options;
}

const std::string root = frontend::source_root();
constexpr std::size_t no_mark = ~std::size_t{0};

std::vector<std::string>& mark_names() {
  static std::vector<std::string> names;
  return names;
}
std::size_t mark_of(const std::string& name) {
  auto& names = mark_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  names.push_back(name);
  return names.size() - 1;
}
std::size_t mark_of(const ports::CardDrop& drop) {
  return mark_of(drop.stands_for.empty() ? drop.reason : drop.stands_for);
}

}  // namespace

const std::vector<std::string> nics = {"none", "tap", "intel_82599", "intel_e810", "ideal"};

void start_dpdk() {
  must(ports::start_eal({.prefix = fmt::format("weft-sim-{}", getpid()), .megabytes = 192}));
}

void own_dpdk_memory() {
  constexpr std::string_view name = "/memfd:nohuge";
  int fd = -1;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path(), gone).string().starts_with(name))
      fd = std::atoi(entry.path().filename().c_str());
  }
  std::ifstream maps("/proc/self/maps");
  std::vector<std::array<unsigned long, 3>> places;  // begin, end, offset
  for (std::string line; std::getline(maps, line);) {
    unsigned long begin = 0, end = 0, offset = 0;
    if (line.find(name) != std::string::npos &&
        std::sscanf(line.c_str(), "%lx-%lx %*s %lx", &begin, &end, &offset) == 3)
      places.push_back({begin, end, offset});
  }
  for (const auto& [begin, end, offset] : places) {
    void* at = reinterpret_cast<void*>(begin);
    if (mmap(at, end - begin, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd,
             static_cast<off_t>(offset)) != at)
      std::abort();
  }
  if (places.empty()) std::abort();  // EAL keeps its memory elsewhere now: look again
}

passes::Inputs inputs(const std::string& nic, const std::string& workload) {
  passes::Inputs in;
  in.fields = must(frontend::read_headers(fmt::format("{}/graphs/headers", root)));
  in.graph =
      must(frontend::read_graph(fmt::format("{}/graphs/host_udp_ipv4.yaml", root), in.fields));
  in.nic = must(frontend::read_nic(fmt::format("{}/nicmodels/{}.yaml", root, nic), in.fields));
  in.workload =
      must(frontend::read_workload(fmt::format("{}/tests/sim/workloads/{}.yaml", root, workload)));
  in.costs = must(passes::read_costs(fmt::format("{}/nicmodels/costs/default.yaml", root)));
  return in;
}

passes::Inputs reference_inputs(const passes::Inputs& inputs) {
  passes::Inputs in = inputs;
  in.nic = must(frontend::read_nic(fmt::format("{}/nicmodels/none.yaml", root), in.fields));
  return in;
}

plan::Plan reference_plan(const passes::Inputs& inputs) {
  plan::Plan plan;
  plan.graph = inputs.graph.name;
  plan.nic = "none";
  plan.host = inputs.workload.host;
  plan.endpoints = inputs.workload.endpoints;
  for (const ir::Flow& f : inputs.workload.flows)
    plan.flows.push_back(
        {f.src, f.src_port, inputs.workload.local_address(f), f.dst_port, f.endpoint, 0});
  plan.cores.push_back({.id = 0, .queues = {0}, .load = 0});
  plan::Residue whole;
  whole.id = "protocol";
  whole.queues = {0};
  whole.queue_class = "any";
  whole.graph = inputs.graph;
  plan.residues.push_back(std::move(whole));
  return plan;
}

diag::Result<engine::GeneratedObject> code_of(const plan::Plan& plan,
                                              const passes::Inputs& inputs) {
  auto built = codegen::build(plan, inputs.fields, as_this_program());
  if (!built) return diag::fail(built.error());
  return engine::GeneratedObject::load(built->object, built->key, plan);
}

diag::Result<std::unique_ptr<Stack>> Stack::make(const plan::Plan& plan,
                                                 const passes::Inputs& inputs,
                                                 std::vector<ports::Frame> in,
                                                 StackOptions options) {
  static unsigned number = 0;
  const std::string name = fmt::format("sim{}", ++number);
  std::unique_ptr<Stack> stack(new Stack);
  stack->plan_ = &plan;
  stack->options_ = options;
  stack->clock_ = std::make_unique<engine::Clock>(stack->virtual_);
  plan::Plan sized = plan;
  if (options.frames != 0) sized.memory = plan::receive_regions(plan);
  for (plan::Region& region : sized.memory)
    if (options.frames != 0) region.buffers = options.frames;
  auto regions = engine::RegionPools::make(name, sized);
  if (!regions) return diag::fail(regions.error());
  stack->regions_ = std::move(*regions);
  stack->pools_ = &stack->regions_->shared();
  if (options.failures != nullptr) {
    for (const auto& made : stack->regions_->regions()) {
      for (rte_mempool* pool : {made.pools->frames, made.pools->jumbo, made.pools->large})
        if (pool != nullptr) fail_allocations(pool, *options.failures);
    }
  }
  stack->wire_ = std::make_unique<ports::SimWire>("sim", std::move(in), stack->virtual_,
                                                  stack->pools_->frames);
  if (options.guarded) stack->guard_ = std::make_unique<GuardedWire>(*stack->wire_);
  if (options.odd_buffers)
    stack->guard_ = std::make_unique<OddWire>(*stack->wire_, stack->pools_->frames);
  ports::Wire& wire = stack->guard_ ? *stack->guard_ : *stack->wire_;
  auto card = emulator::EmulatedCard::make(inputs.nic, inputs.fields, wire,
                                           {.policy = options.policy,
                                            .ring_size = options.ring_size,
                                            .wait_for_room = options.wait_for_room,
                                            .memory = stack->regions_->filled_by_card()});
  if (!card) return diag::fail(card.error());
  stack->card_ = std::move(*card);
  auto rules = ports::apply(plan, &inputs.nic, stack->card_->control());
  if (!rules) return diag::fail(rules.error());
  stack->rules_ = std::move(*rules);
  if (options.generated) {
    auto code = code_of(plan, inputs);
    if (!code) return diag::fail(code.error());
    stack->code_ = std::move(*code);
  }
  const std::vector<apps::Library> libraries(
      plan.endpoints.size(),
      {.path = "", .app = options.app != nullptr ? options.app : &echo_app, .handle = nullptr});
  if (options.narrow != 0)
    stack->narrow_ = std::make_unique<NarrowCard>(*stack->card_, options.narrow);
  ports::Card& taking = stack->narrow_ ? static_cast<ports::Card&>(*stack->narrow_) : *stack->card_;
  auto engine =
      engine::Engine::make(plan, inputs.fields, taking, *stack->pools_, *stack->clock_, libraries,
                           {.name = name,
                            .generated = stack->code_ ? &*stack->code_ : nullptr,
                            .seed = options.seed,
                            .pools_of_queues = stack->regions_->of_queues()});
  if (!engine) return diag::fail(engine.error());
  stack->engine_ = std::move(*engine);
  if (options.one_by_one) {
    for (const auto& core : stack->engine_->cores()) {
      for (const auto& shard : core->shards) {
        for (const auto& program : shard->programs) {
          auto* interpreter = dynamic_cast<engine::Interpreter*>(program->runner.get());
          if (interpreter != nullptr) interpreter->one_by_one();
        }
      }
    }
  }
  stack->number_marks();
  if (options.trace) {
    for (const auto& core : stack->engine_->cores()) {
      for (const auto& shard : core->shards) {
        for (const auto& program : shard->programs) stack->follow(*shard, *program);
      }
    }
  }
  return stack;
}

// Packets are walked one after the other, so a walk begins where the one before it has ended.
void Stack::follow(const engine::Shard& shard, engine::Program& program) {
  auto* interpreter = dynamic_cast<engine::Interpreter*>(program.runner.get());
  if (interpreter == nullptr) return;
  interpreter->trace = [this, &shard, &program, fresh = true](ir::Vertex v, unsigned port,
                                                              const Packet& p) mutable {
    const ir::Graph& graph = program.residue.graph;
    const ir::Node& node = graph.node(v);
    if (fresh) walks.push_back({.queue = shard.index, .entry = node.id, .path = {}});
    Walked& walk = walks.back();
    walk.path.push_back(node.id);
    fresh = port == ~0u;
    if (!fresh && !graph.next(v, port)) {  // a port that leads nowhere
      walk.path.push_back("impossible");
      fresh = true;
    }
    if (fresh && node.kind == ir::NodeKind::endpoint && node.impl == "application") {
      walk.endpoint = p.endpoint;
      walk.connected = p.connected != 0;
      walk.about = {p.dst, p.src, dst_port(p), src_port(p)};
    }
  };
}

Stack::~Stack() { stop(); }

void Stack::run(std::uint64_t after_ns, const std::function<void()>& settled) {
  std::uint64_t end = ~std::uint64_t{0};
  for (;;) {
    while (engine_->poll_all() != 0) {
    }
    if (settled) settled();
    if (wire_->ended() && end == ~std::uint64_t{0}) end = virtual_.now_ns + after_ns;
    // A frame that is due and does not come waits for a buffer, and time goes on.
    const std::uint64_t due = wire_->next_time();
    const std::uint64_t next =
        due > virtual_.now_ns ? std::min(due, engine_->next_tick_ns()) : engine_->next_tick_ns();
    if (next > end) break;
    virtual_.now_ns = std::max(virtual_.now_ns, next);
  }
}

std::string Stack::name_of_mark(std::size_t number) { return mark_names().at(number); }

template <class F>
void Stack::each_program(F&& f) const {
  for (const auto& core : engine_->cores()) {
    for (const auto& shard : core->shards) {
      for (const auto& program : shard->programs) f(*program);
    }
  }
}

void Stack::number_marks() {
  each_program([this](const engine::Program& program) {
    auto& marks = mark_of_vertex_.emplace_back();
    for (ir::Vertex v = 0; v < boost::num_vertices(program.residue.graph.g); ++v) {
      // Who went to another core ends there, under whatever name: here it is no end.
      const std::string& id = program.residue.graph.node(v).id;
      const bool end = program.edges.of_vertex[v].empty() && id != passes::handed_over;
      marks.push_back(end ? mark_of(id) : no_mark);
    }
  });
  for (const auto& drop : card_->control().stats().drops) mark_of_drop_.push_back(mark_of(drop));
}

std::vector<std::uint64_t> Stack::marks() const {
  static const std::size_t impossible = mark_of("impossible");
  std::vector<std::uint64_t> marks(mark_names().size(), 0);
  std::size_t at = 0;
  each_program([&](const engine::Program& program) {
    const ir::Counts counts = program.edges.derive(program.residue.graph, program.counts);
    const auto& mine = mark_of_vertex_[at++];
    for (std::size_t v = 0; v < mine.size(); ++v) {
      if (mine[v] != no_mark) marks[mine[v]] += counts.node[v];
    }
    marks[impossible] += counts.impossible;
  });
  const auto drops = card_->control().stats().drops;
  for (std::size_t i = 0; i < drops.size(); ++i) marks[mark_of_drop_[i]] += drops[i].count;
  return marks;
}

Ends Stack::ends() const {
  Ends ends;
  const auto marks = this->marks();
  for (std::size_t i = 0; i < marks.size(); ++i) {
    if (marks[i] != 0) ends[name_of_mark(i)] = marks[i];
  }
  return ends;
}

std::map<std::string, std::uint64_t> Stack::coverage() const {
  std::map<std::string, std::uint64_t> covered = ends();
  each_program([&](const engine::Program& program) {
    const ir::Counts counts = program.edges.derive(program.residue.graph, program.counts);
    for (std::size_t e = 0; e < program.edges.edges.size(); ++e)
      covered[program.edges.edges[e].name] += counts.edge[e];
    for (unsigned entry = 0; entry < program.edges.entries.size(); ++entry) {
      if (program.edges.entries[entry])
        covered["entry " + ir::entry_name(entry)] +=
            program.counts[program.edges.entry_counter(entry)];
    }
  });
  return covered;
}

observe::Snapshot Stack::stop() {
  if (engine_ == nullptr) return {};
  if (!stopped_) engine_->stop();
  stopped_ = true;
  observe::Snapshot snapshot = observe::take(*engine_,
                                             {.plan_name = "sim",
                                              .engine = code_ ? "generated" : "interpreted",
                                              .clock = clock_.get(),
                                              .wire = wire_.get(),
                                              .card = &card_->control()},
                                             false);
  return snapshot;
}

unsigned Stack::buffers_in_use() const {
  unsigned out = 0;
  for (const auto& made : regions_->regions()) out += made.pools->in_use();
  return out;
}

}  // namespace weft::sim
