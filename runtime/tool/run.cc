// Start, run, end: `weft-runtime PLAN --wire ...`.
#include <fmt/format.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <mutex>

#include "compiler/plan/memory.h"
#include "compiler/plan/text.h"
#include "runtime/doctor/checksum_watch.h"
#include "runtime/doctor/doctor.h"
#include "runtime/doctor/interfaces.h"
#include "runtime/doctor/pci.h"
#include "runtime/observe/balance.h"
#include "runtime/observe/stats_socket.h"
#include "runtime/ports/eal.h"
#include "runtime/tool/control.h"
#include "runtime/tool/load.h"
#include "runtime/tool/options.h"
#include "runtime/tool/report.h"
#include "runtime/tool/stack.h"

namespace weft::tool {
namespace {

constexpr std::uint64_t second = 1'000'000'000;

// Signals are taken by the main thread alone, when it asks for them. All threads made after this
// inherit the mask.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    for (int s : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set_, s);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    signal(SIGPIPE, SIG_IGN);
  }
  // True when the process was asked to end, within this time.
  bool wait(unsigned milliseconds) const {
    const timespec limit = {.tv_sec = milliseconds / 1000,
                            .tv_nsec = static_cast<long>(milliseconds % 1000) * 1'000'000};
    return sigtimedwait(&set_, nullptr, &limit) > 0;
  }

 private:
  sigset_t set_;
};

unsigned megabytes_for(const Loaded& loaded) {
  return static_cast<unsigned>(plan::megabytes_for(loaded.plan, loaded.buffers));
}

// As asked for, or where the plan was made for.
std::vector<unsigned> cpus_of(const RuntimeOptions& options, const plan::Plan& plan) {
  std::vector<unsigned> out = options.cpus;
  for (const plan::NetCore& core : plan.cores) {
    if (options.cpus.empty() && core.cpu) out.push_back(*core.cpu);
  }
  return out;
}

doctor::Question question(const RuntimeOptions& options, const plan::Plan* plan,
                          const Loaded& loaded, bool huge) {
  doctor::Question q;
  q.plan = plan;
  q.wire = options.wire;
  q.plan_name = loaded.name;
  q.huge_pages = huge;
  if (plan != nullptr) q.megabytes = megabytes_for(loaded);
  q.cpus = plan == nullptr ? options.cpus : cpus_of(options, *plan);
  q.own_port = options.card == "port";
  if (plan != nullptr && loaded.model.driver != "any") q.card_driver = loaded.model.driver;
  return q;
}

bool use_huge_pages(const RuntimeOptions& options, unsigned megabytes) {
  if (options.huge || options.no_huge) return options.huge;
  using Kind = ports::WireName::Kind;
  if (options.wire && options.wire->kind == Kind::pci &&
      doctor::needs_huge_pages(options.wire->interface))
    return true;
  return ports::free_huge_megabytes() >= megabytes;
}

// Waits for the link a while, so that "runs" means that packets can come.
void await_link(const ports::PciPort& pci, const std::string& wire) {
  constexpr unsigned limit_ms = 5000;
  const ports::Link link = ports::wait_for_link(pci.port(), limit_ms);
  if (!link.up) {
    say(fmt::format("the link of {} is still down after {} s; it runs, and waits for it", wire,
                    limit_ms / 1000));
    return;
  }
  const std::string speed = ports::speed_text(link.megabits);
  say(fmt::format("the link of {} is up after {:.1f} s{}{}", wire, link.waited_ms / 1e3,
                  speed.empty() ? "" : ", ", speed));
}

// Simulated time: all cores on this thread, in turn, and the clock jumps to whatever comes next.
// After the last frame the stack has four seconds for what is still under way (ARP asks three
// times).
bool run_simulated(Stack& stack, const RuntimeOptions& options, const Signals& signals) {
  ports::SimWire& wire = *stack.sim();
  ports::VirtualClock& clock = stack.virtual_clock();
  const std::uint64_t limit = options.duration_s > 0
                                  ? static_cast<std::uint64_t>(options.duration_s * 1e9)
                                  : ~std::uint64_t{0};
  std::uint64_t end = limit;
  for (unsigned round = 1;; ++round) {
    if (round % 4096 == 0 && signals.wait(0)) return true;
    if (stack.engine().poll_all() != 0) continue;
    if (wire.ended()) end = std::min(end, clock.now_ns + 4 * second);
    // A frame that is due and does not come waits for a buffer, and time goes on.
    const std::uint64_t due = wire.next_time(), tick = stack.engine().next_tick_ns();
    const std::uint64_t next = due > clock.now_ns ? std::min(due, tick) : tick;
    if (next > end) return false;
    clock.now_ns = std::max(clock.now_ns, next);
  }
}

std::uint64_t progress(const observe::Snapshot& s) {
  std::uint64_t sum = s.wire.received + s.wire.sent + s.card.received + s.card.transmitted;
  for (const auto& queue : s.queues) sum += queue.counters.received + queue.counters.transmitted;
  return sum;
}

// Says once when this kernel gets the plan's own address while the stack runs (on the kernel's end
// of a TAP, most likely): then both answer, or the kernel keeps its packets to itself.
class AddressWatch {
 public:
  void look(const ir::HostConfig& host) {
    if (told_ || ++calls_ % 10 != 0) return;
    for (const auto& [interface, address] : doctor::addresses()) {
      if (address != host.address) continue;
      told_ = true;
      say(
          fmt::format("interface {} of this kernel now holds the plan's own address; mend it: ip "
                      "addr flush dev {}, and give it another address of the network",
                      interface, interface));
      return;
    }
  }

 private:
  unsigned calls_ = 0;
  bool told_ = false;
};

// Threads work; this one waits for a reason to end. Returns why, "" for an ordinary end.
std::string run_live(Stack& stack, const RuntimeOptions& options, const Signals& signals,
                     std::mutex& snapshots) {
  using Kind = ports::WireName::Kind;
  std::unique_ptr<doctor::ChecksumWatch> watch;
  if (options.wire->kind == Kind::af_packet)  // (of af_xdp such a socket sees nothing)
    watch = std::make_unique<doctor::ChecksumWatch>(options.wire->interface);
  const std::uint64_t start = stack.clock().now_ns();
  const auto limit = static_cast<std::uint64_t>(options.duration_s * 1e9);
  std::uint64_t before = ~std::uint64_t{0}, tidied = 0;
  const bool live = options.wire->live();
  AddressWatch addresses;
  while (!signals.wait(live ? 100 : 20)) {
    if (std::string why = stack.failure(); !why.empty()) return why;
    if (live) addresses.look(stack.engine().plan().host);
    const std::uint64_t now = stack.clock().now_ns() - start;
    if (now - tidied >= second) {
      const std::lock_guard guard(snapshots);
      stack.live().tidy();
      tidied = now;
    }
    if (limit != 0 && now >= limit) return {};
    if (watch && watch->unfinished() != 0) {
      say(
          fmt::format("the peer of {} sends unfinished checksums, which are dropped as wrong; mend "
                      "it there: ethtool -K PEER tx off",
                      options.wire->interface));
      watch.reset();
    }
    if (now > 30 * second || (watch && watch->enough())) watch.reset();
    if (live || (stack.wire() != nullptr && !stack.wire()->ended())) continue;
    // The capture has been read: it is over when nothing moves any more.
    const std::lock_guard guard(snapshots);
    const std::uint64_t moved = progress(stack.snapshot(true));
    if (moved == before) return {};
    before = moved;
  }
  return {};
}

std::string many(std::size_t n, const char* what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

// That it runs, how to look at it, and what is still missing before the kernel can talk to it.
void greet(const Loaded& loaded, const ports::WireName& wire, bool generated) {
  const plan::Plan& plan = loaded.plan;
  say(fmt::format("{} runs on {}: {} on {}, {}; `weft stats {}` shows it, Ctrl-C ends it",
                  loaded.name, wire.text, many(plan.configuration.rx_queues, "queue"),
                  many(plan.cores.size(), "net core"), generated ? "generated" : "interpreted",
                  loaded.name));
  if (wire.kind != ports::WireName::Kind::tap) return;
  const auto gateway = std::find_if(plan.host.routes.begin(), plan.host.routes.end(),
                                    [](const ir::Route& route) { return route.length == 0; });
  const std::string peer =
      gateway == plan.host.routes.end() ? "ADDRESS" : plan::address_text(gateway->via);
  say(fmt::format("  the kernel's end is {0}: ip addr add {1}/{2} dev {0}; ping {3}",
                  wire.interface, peer, plan.host.prefix_length,
                  plan::address_text(plan.host.address)));
}

bool write_out(const Stack&, const ports::SimWire& wire, const std::string& path) {
  auto writer = ports::PcapWriter::open(path);
  if (!writer) {
    report(writer.error());
    return false;
  }
  for (const ports::Frame& frame : wire.out())
    writer->write(frame.time_ns, frame.bytes.data(),
                  static_cast<std::uint32_t>(frame.bytes.size()));
  if (writer->flush()) return true;
  say(path + ": " + std::strerror(errno));
  return false;
}

// The last numbers: on stdout for people, in a file for programs. False when a sum does not hold.
bool account(const observe::Snapshot& snapshot, const RuntimeOptions& options) {
  const observe::Balance sums = observe::balance(snapshot);
  std::printf("%s\n", sums.text().c_str());
  for (const observe::Drop& drop : observe::drops(snapshot)) {
    if (drop.count == 0) break;
    std::printf("%12llu  %-30s %s%s\n", static_cast<unsigned long long>(drop.count),
                drop.reason.c_str(), drop.where == "graph" ? "" : (drop.where + ": ").c_str(),
                drop.meaning.c_str());
  }
  std::printf("%s\n", sums.exact() ? "every packet is accounted for"
                                   : "NOT every packet is accounted for: this is a bug");
  std::fflush(stdout);
  if (!options.stats_file.empty()) {
    std::ofstream file(options.stats_file);
    file << observe::to_json(snapshot) << '\n';
    if (!file.flush()) say("cannot write " + options.stats_file + ": " + std::strerror(errno));
  }
  return sums.exact();
}

int run_stack(const Loaded& loaded, const RuntimeOptions& options,
              const engine::GeneratedObject* code, const Signals& signals) {
  auto made = Stack::make(loaded, options, code);
  if (!made) return report(made.error());
  Stack& stack = **made;
  std::string trouble;
  bool written = true;
  if (stack.sim() != nullptr) {
    say(fmt::format("{} runs on {} in simulated time ({})", loaded.name, options.wire->text,
                    code != nullptr ? "generated" : "interpreted"));
    const auto probed = stack.engine().probe([&] {
      stack.virtual_clock().now_ns += 10'000'000;
      return !signals.wait(0);
    });
    if (!probed) {
      stack.stop();
      return report(probed.error());
    }
    run_simulated(stack, options, signals);
    stack.stop();
    if (!options.wire->out.empty()) written = write_out(stack, *stack.sim(), options.wire->out);
  } else {
    if (stack.pci() != nullptr) await_link(*stack.pci(), options.wire->text);
    bool asked_to_end = false;
    if (loaded.plan.host.probe) say("asking whether the host's addresses are in use");
    const auto probed = stack.engine().probe([&] { return !(asked_to_end = signals.wait(1)); });
    if (!probed) {
      stack.stop();
      return report(probed.error());
    }
    if (asked_to_end) {
      stack.stop();
      return ok;
    }
    if (auto started = stack.engine().start(); !started) return report(started.error());
    std::mutex snapshots;
    const Control control(stack.live(), loaded.fields, loaded.name, options.unproved);
    auto socket = observe::StatsSocket::open(loaded.name, [&](const observe::Question& question) {
      const std::lock_guard guard(snapshots);
      return question.line == "stats" ? observe::to_json(stack.snapshot(true))
                                      : control.answer(question);
    });
    if (!socket) return report(socket.error());
    stack.requests().serve(loaded.name, observe::planner_socket_path(loaded.name));
    greet(loaded, *options.wire, code != nullptr);
    trouble = run_live(stack, options, signals, snapshots);
    stack.requests().stop();
    socket->reset();
    stack.stop();
  }
  const bool exact = account(stack.snapshot(false), options);
  if (!trouble.empty())
    return report(diag::Diagnostic{
        .code = "E0662", .message = trouble, .help = "start weft again when it is back"});
  if (!exact) return our_bug;
  return written ? ok : input_error;
}

}  // namespace

int run(const RuntimeOptions& options) {
  auto loaded = load(options);
  if (!loaded) return report(loaded.error());
  const auto megabytes = megabytes_for(*loaded);
  const bool huge = use_huge_pages(options, megabytes);
  const auto checks = doctor::examine(question(options, &loaded->plan, *loaded, huge));
  if (!doctor::all_ok(checks)) {
    std::fputs(doctor::to_text(checks, true).c_str(), stderr);
    say("this machine is not ready; nothing was started");
    return not_ready;
  }
  auto code = load_code(*loaded, options);
  if (!code) return report(code.error());
  const Signals signals;
  ports::EalOptions eal;
  eal.prefix = fmt::format("weft-{}-{}", loaded->name, getpid());
  eal.huge_pages = huge;
  eal.megabytes = megabytes;
  eal.cpus = cpus_of(options, loaded->plan);
  eal.one_file = options.wire->zero_copy;
  if (options.wire->kind == ports::WireName::Kind::pci) eal.pci_device = options.wire->interface;
  eal.workers = options.wire->kind == ports::WireName::Kind::sim
                    ? 0
                    : static_cast<unsigned>(loaded->plan.cores.size());
  if (auto up = ports::start_eal(eal); !up) return report(up.error());
  const int result = run_stack(*loaded, options, *code ? &**code : nullptr, signals);
  ports::stop_eal();
  return result;
}

int doctor(const RuntimeOptions& options) {
  Loaded loaded;
  if (!options.plan.empty()) {
    auto read = load(options);
    if (!read) return report(read.error());
    loaded = std::move(*read);
  }
  const plan::Plan* plan = options.plan.empty() ? nullptr : &loaded.plan;
  const auto megabytes = plan == nullptr ? 0U : megabytes_for(loaded);
  const bool on_pci = options.wire && options.wire->kind == ports::WireName::Kind::pci;
  const bool huge = on_pci ? use_huge_pages(options, megabytes) : options.huge;
  const auto checks = doctor::examine(question(options, plan, loaded, huge));
  const std::string text =
      options.json ? doctor::to_json(checks) + "\n" : doctor::to_text(checks, false);
  std::fputs(text.c_str(), stdout);
  return doctor::all_ok(checks) ? ok : not_ready;
}

}  // namespace weft::tool
