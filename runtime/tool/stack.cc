#include "runtime/tool/stack.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

namespace weft::tool {
namespace {

// The kernel's end of a TAP needs an address of its own: the host's with one bit changed, so that
// it is the same at every start, and marked as administered by hand.
std::uint64_t kernel_mac(std::uint64_t host) {
  return ((host ^ 0x000000000100) | 0x020000000000) & ~std::uint64_t{0x010000000000};
}

std::uint64_t seed_of(const RuntimeOptions& options) {
  if (options.seed != 0) return options.seed;
  if (options.wire->kind == ports::WireName::Kind::sim) return 1;
  std::uint64_t seed = 1;
  return getrandom(&seed, sizeof(seed), 0) == sizeof(seed) ? seed : 1;
}

}  // namespace

diag::Result<std::unique_ptr<Stack>> Stack::make(const Loaded& loaded,
                                                 const RuntimeOptions& options,
                                                 const engine::GeneratedObject* code) {
  auto libraries = load_apps(loaded.plan, options);
  if (!libraries) return diag::fail(libraries.error());
  std::unique_ptr<Stack> stack(new Stack(loaded, options));
  stack->engine_kind_ = code != nullptr ? "generated" : "interpreted";
  auto regions = engine::RegionPools::make("weft", loaded.plan, loaded.buffers);
  if (!regions) return diag::fail(regions.error());
  stack->regions_ = std::move(*regions);
  stack->pools_ = &stack->regions_->shared();
  stack->clock_ = options.wire->kind == ports::WireName::Kind::sim
                      ? std::make_unique<engine::Clock>(stack->virtual_clock_)
                      : std::make_unique<engine::Clock>();
  auto done = stack->make_wire();
  if (done) done = stack->make_card();
  if (!done) return diag::fail(done.error());
  auto rules = ports::apply(loaded.plan, &loaded.model, stack->card_->control());
  if (!rules) return diag::fail(rules.error());
  stack->rules_ = std::move(*rules);
  if (stack->port_) stack->port_watch_ = ports::DeviceWatch(*options.wire, stack->port_->port());
  auto engine = engine::Engine::make(loaded.plan, loaded.fields, *stack->card_, *stack->pools_,
                                     *stack->clock_, *libraries,
                                     {.name = "weft",
                                      .generated = code,
                                      .seed = seed_of(options),
                                      .busy = options.busy,
                                      .profile = options.profile,
                                      .pools_of_queues = stack->regions_->of_queues()});
  if (!engine) return diag::fail(engine.error());
  stack->engine_ = std::move(*engine);
  stack->make_live();
  return stack;
}

void Stack::make_live() {
  live_ = std::make_unique<live::Live>(
      loaded_.plan,
      live::Parts{
          .engine = *engine_,
          .card = card_->control(),
          .rules = rules_,
          .fields = loaded_.fields,
          .library = [this](const std::string& app) { return load_app(app, options_); },
          .code = [this](const plan::Plan& plan) -> diag::Result<const engine::GeneratedObject*> {
            if (engine_kind_ != "generated") return nullptr;
            auto code = build_code(plan, loaded_.fields);
            if (!code) return diag::fail(code.error());
            later_code_.push_back(std::move(*code));
            return &later_code_.back();
          },
          .meanwhile = nullptr});
  if (sim_) return;
  const auto& cores = engine_->cores();
  requests_ = std::make_unique<live::Requests>(static_cast<unsigned>(cores.size()),
                                               [&cores](unsigned core) { cores[core]->wake(); });
  for (const auto& core : cores) core->apps().mail = &requests_->mailbox(core->id);
}

diag::Result<void> Stack::make_wire() {
  using Kind = ports::WireName::Kind;
  const ports::WireName& name = *options_.wire;
  const ir::HostConfig& host = loaded_.plan.host;
  std::uint64_t frames = ~std::uint64_t{0};
  if (!name.live()) {
    auto capture = ports::read_pcap(name.in);
    if (!capture) return diag::fail(capture.error());
    if (!name.out.empty()) {  // found now, not when everything has been run
      auto writer = ports::PcapWriter::open(name.out);
      if (!writer) return diag::fail(writer.error());
    }
    frames = capture->size();
    if (name.kind == Kind::sim) {
      sim_ = std::make_unique<ports::SimWire>(name.text, std::move(*capture), virtual_clock_,
                                              pools_->frames, loaded_.buffers.scatters);
      wire_ = sim_.get();
      return {};
    }
  }
  if (options_.card == "port") return make_port();
  ports::EthdevWireOptions how;
  how.kernel_mac = kernel_mac(host.mac);
  how.own_mac = host.mac;
  how.mtu = host.mtu;
  how.limits = loaded_.wire_limits;
  how.scatter = loaded_.buffers.scatters;
  how.copies = pools_->longest_frames();
  how.frames = frames;
  auto wire = ports::EthdevWire::make(name, pools_->frames, how);
  if (!wire) return diag::fail(wire.error());
  ethdev_ = std::move(*wire);
  wire_ = ethdev_.get();
  return {};
}

// The wire's own port of DPDK, without an emulated card on top.
diag::Result<void> Stack::make_port() {
  const ports::WireName& name = *options_.wire;
  const plan::Plan& plan = loaded_.plan;
  if (name.kind == ports::WireName::Kind::ring) {
    auto port = ports::RingPort::make(name.interface, plan.configuration.rx_queues);
    if (!port) return diag::fail(port.error());
    ring_port_ = std::move(*port);
    return {};
  }
  if (name.kind == ports::WireName::Kind::pci) {  // its own counters tell what it loses
    auto port = ports::PciPort::open(name.interface);
    if (!port) return diag::fail(port.error());
    pci_ = std::move(*port);
    return {};
  }
  losses_ = std::make_unique<ports::WireLosses>(name);
  auto port = ports::vdev_for(name, kernel_mac(plan.host.mac), plan.host.mac,
                              plan.configuration.rx_queues, plan.host.mtu);
  if (!port) return diag::fail(port.error());
  port_ = std::move(*port);
  return {};
}

diag::Result<void> Stack::make_card() {
  if (options_.card == "port") {
    const std::uint16_t port = pci_         ? pci_->port()
                               : ring_port_ ? ring_port_->port()
                                            : port_->port();
    const ports::TransmitLimits limits{.segments = loaded_.model.tx_segments,
                                       .external_buffers = loaded_.model.external_buffers};
    card_ =
        std::make_unique<ports::EthdevCard>(port, pools_->frames, limits, std::move(losses_),
                                            pools_->longest_frames(), regions_->filled_by_card());
    return {};
  }
  emulator::EmulatedCardOptions how;
  // A capture can wait, a live wire cannot.
  how.wait_for_room = !options_.wire->live();
  how.memory = regions_->filled_by_card();
  auto card = emulator::EmulatedCard::make(loaded_.model, loaded_.fields, *wire_, how);
  if (!card) return diag::fail(card.error());
  card_ = std::move(*card);
  return {};
}

Stack::~Stack() { stop(); }

void Stack::stop() {
  if (stopped_) return;
  stopped_ = true;
  if (engine_) engine_->stop();
  if (card_) ports::withdraw(rules_, card_->control());
}

std::string Stack::failure() const {
  return wire_ != nullptr ? wire_->failure() : port_watch_.failure();
}

observe::Snapshot Stack::snapshot(bool running) {
  return observe::take(*engine_,
                       {.plan_name = loaded_.name,
                        .engine = engine_kind_,
                        .clock = clock_.get(),
                        .wire = wire_,
                        .card = &card_->control(),
                        .rules = &rules_},
                       running);
}

}  // namespace weft::tool
