#include "tests/sim/running_stack.h"

#include <gtest/gtest.h>

#include "compiler/passes/steer.h"
#include "compiler/plan/delta.h"
#include "compiler/plan/places.h"
#include "tests/sim/echo.h"

namespace weft::sim {

Running::Running(passes::Inputs inputs, unsigned streams, bool generated)
    : in(std::move(inputs)), start(must(passes::compile(in, {.prove = false}))) {
  planner = must(planner::Planner::begin(start, in));
  static unsigned number = 0;
  const std::string name = "live" + std::to_string(++number);
  clock = std::make_unique<engine::Clock>(time);
  pools = must(engine::Pools::make(name, engine::sizes_for(start)));
  wire = std::make_unique<StreamWire>(pools->frames, streams, 11);
  card = must(emulator::EmulatedCard::make(in.nic, in.fields, *wire, {.wait_for_room = true}));
  control = std::make_unique<Grudging>(card->control());
  rules = must(ports::apply(start, &in.nic, *control));
  if (generated) code = must(code_of(start, in));
  const apps::Library echo{.path = "", .app = &echo_app, .handle = nullptr};
  engine = must(engine::Engine::make(start, in.fields, *card, *pools, *clock,
                                     std::vector<apps::Library>(in.workload.endpoints.size(), echo),
                                     {.name = name, .generated = code ? &*code : nullptr}));
  live = std::make_unique<live::Live>(
      start, live::Parts{.engine = *engine,
                         .card = *control,
                         .rules = rules,
                         .fields = in.fields,
                         .library = [echo](const std::string&) -> diag::Result<apps::Library> {
                           return echo;
                         },
                         .code = nullptr,
                         .meanwhile = [this] { pass(24); }});
  wire->on_late = [this](const StreamWire::Flow& flow) {
    if (!moving.contains(flow.src_port)) ++late;
  };
}

void Running::pass(unsigned datagrams) {
  arrive(datagrams);
  engine->poll_all();
}

void Running::arrive(unsigned datagrams) {
  wire->allow(datagrams);
  time.now_ns += datagrams * 1000;
  while (wire->waiting() != 0 && card->poll() != 0) {
  }
}

void Running::settle() {
  while (wire->waiting() != 0 || engine->poll_all() != 0) {
  }
}

passes::FlowKey Running::key_of(const StreamWire::Flow& flow) const {
  return {on_link(1), flow.src_port, own_address, flow.dst_port};
}

// Those whose entry or rule changes, and those that the card brings elsewhere.
void Running::moves(const planner::Operations& list) {
  using Kind = plan::Operation::Kind;
  moving.clear();
  for (const plan::Operation& o : list) {
    if (o.kind == Kind::add_flow || o.kind == Kind::remove_flow || o.kind == Kind::move_flow)
      moving.insert(o.flow.src_port);
    const auto flow = plan::flow_of(o.filter);
    if (flow && (o.kind == Kind::create_rule || o.kind == Kind::destroy_rule))
      moving.insert(flow->src_port);
  }
  const passes::Steering before(in.nic, in.fields, live->plan().configuration);
  const passes::Steering after(in.nic, in.fields, planner->plan().configuration);
  for (const StreamWire::Flow& flow : wire->flows) {
    const auto a = before.deliver(key_of(flow)), b = after.deliver(key_of(flow));
    if (a && b && a->queue != b->queue) moving.insert(flow.src_port);
  }
  touched.insert(moving.begin(), moving.end());
}

bool Running::carry_out(const diag::Result<planner::Operations>& list) {
  if (!list) {
    ADD_FAILURE() << diag::render(list.error(), false);
    return false;
  }
  moves(*list);
  const auto done = live->apply(*list);
  if (!done) {
    why = done.error();
    planner->take_back();
  }
  EXPECT_TRUE(plan::same_but_for_names(live->plan(), planner->plan()));
  return done.has_value();
}

bool Running::become(const ir::Workload& workload) {
  passes::Inputs then = in;
  const auto& places = live->plan().endpoints;
  then.workload = plan::with_places_of(workload, places);
  passes::Options options;
  options.prove = options.certify = false;  // (each step is proved)
  options.queues = live->plan().configuration.rx_queues;
  options.cores = static_cast<unsigned>(live->plan().cores.size());
  options.beside = &live->plan();
  const plan::Plan plan = must(passes::compile(then, options));
  return carry_out(planner->change_to(plan, then.workload));
}

std::uint64_t Running::hits() const {
  std::uint64_t sum = 0;
  for (const auto& core : engine->cores()) {
    for (const auto& shard : core->shards) {
      for (const auto& program : shard->programs) {
        const auto counts = program->edges.derive(program->residue.graph, program->counts);
        // (The second where the mark of its rule names the endpoint.)
        for (std::size_t e = 0; e < program->edges.edges.size(); ++e) {
          const std::string& name = program->edges.edges[e].name;
          if (name == "udp_flow.hit" || name == "udp_flow.out") sum += counts.edge[e];
        }
      }
    }
  }
  return sum;
}

std::uint64_t Running::sent_by_known() const {
  std::uint64_t sum = 0;
  for (const auto& flow : wire->flows)
    sum += planner->decider().find(key_of(flow)) != nullptr ? flow.sent : 0;
  return sum;
}

std::set<std::string> Running::on_card() const {
  std::set<std::string> out;
  for (const auto& [key, rule] : rules.flows) out.insert(key);
  return out;
}

std::set<std::string> Running::in_plan(const plan::Plan& plan) {
  std::set<std::string> out;
  for (const plan::Filter& f : plan.configuration.filters) out.insert(plan::rule_key(f));
  return out;
}

}  // namespace weft::sim
