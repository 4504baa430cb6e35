#include "tests/bench/tcp/scripted.h"

#include <fmt/format.h>
#include <rte_mbuf.h>
#include <unistd.h>

#include <cstring>
#include <ctime>
#include <filesystem>
#include <stdexcept>

#include "compiler/codegen/build.h"
#include "compiler/frontend/places.h"
#include "compiler/frontend/readers.h"
#include "compiler/plan/plan.h"
#include "runtime/emulator/emulated_card.h"
#include "runtime/engine/engine.h"
#include "runtime/ports/eal.h"
#include "runtime/ports/translate.h"
#include "tests/bench/bytes.h"
#include "tests/bench/instructions.h"
#include "tests/bench/tcp/servers.h"

// What callgrind knows it by.
extern "C" __attribute__((noinline)) unsigned weft_bench_lwip_round(weft::bench::LwipHost& host) {
  return host.round();
}

namespace weft::bench {
namespace {

constexpr std::uint32_t first_peer = 0x0a070010, first_port = 1024, ports_of_one = 60000;
constexpr unsigned most_under_way = 256;
constexpr double longest_silence = 10;     // seconds of processor time, in which all timers ran out
constexpr std::uint32_t stride = 611'953;  // a prime: all connections come in turn
constexpr std::uint8_t peer_mac[6] = {2, 0, 0, 0, 0, 1};
constexpr std::uint64_t host_mac = 0x027765667402;
enum : std::uint8_t { fin = 1, syn = 2, rst = 4, psh = 8, ack = 16 };

void addresses(std::uint8_t* f, bool to_all, std::uint16_t type) {
  for (int i = 0; i < 6; ++i)
    f[i] = to_all ? 0xff : static_cast<std::uint8_t>(host_mac >> (40 - 8 * i));
  std::memcpy(f + 6, peer_mac, 6);
  store16(f + 12, type);
}

template <class T>
T must(diag::Result<T> result) {
  if (!result) throw std::runtime_error(diag::render(result.error(), false));
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

using Use = std::function<void(ScriptedWire&, const std::function<void()>&)>;

void on_weft(const std::string& plan_file, const Use& use) {
  const std::string root = frontend::source_root();
  const auto fields = must(frontend::read_headers(root + "/graphs/headers"));
  const auto plan = must(plan::read_plan(plan_file, fields));
  const auto none = must(frontend::read_nic(root + "/nicmodels/none.yaml", fields));
  auto pools = must(engine::Pools::make("bench", engine::sizes_for(plan)));
  ScriptedWire wire(pools->frames);
  auto card = must(emulator::EmulatedCard::make(none, fields, wire, {}));
  auto rules = must(ports::apply(plan, &none, card->control()));
  // (valgrind knows x86-64-v3, and not all that this processor has.)
  const auto built =
      must(codegen::build(plan, fields, {.compiler = "", .more_flags = {"-march=x86-64-v3"}}));
  const auto code = must(engine::GeneratedObject::load(built.object, built.key, plan));
  std::vector<apps::Library> libraries;
  const auto folder = std::filesystem::path(this_program()).parent_path().parent_path() / "apps";
  for (const auto& e : plan.endpoints) libraries.push_back(must(apps::load_app(e.app, {folder})));
  const engine::Clock clock;
  auto engine = must(engine::Engine::make(plan, fields, *card, *pools, clock, libraries,
                                          {.name = "bench", .generated = &code}));
  use(wire, [&] {
    while (!wire.done()) engine->poll_all();
  });
  engine->stop();
  ports::withdraw(rules, card->control());
}

void on_lwip(const Use& use) {
  rte_mempool* pool = LwipHost::make_pool();
  if (pool == nullptr) throw std::runtime_error("no memory for frames");
  ScriptedWire wire(pool);
  LwipHost host(wire, pool, host_mac);
  use(wire, [&] {
    while (!wire.done()) weft_bench_lwip_round(host);
  });
}

}  // namespace

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

void ScriptedWire::open(std::uint32_t connections) { peers_.resize(connections); }

void ScriptedWire::ask(std::uint64_t requests, std::uint32_t among) {
  wanted_ += requests;
  among_ = among;
}

void ScriptedWire::close(std::uint32_t connections) { to_close_ = connections; }

// Whoever else may begin something.
void ScriptedWire::go_on() {
  while (under_way_ < most_under_way) {
    if (opening_ < peers_.size()) {
      if (opening_ % ports_of_one == 0) introduce(first_peer + opening_ / ports_of_one);
      say(opening_++, syn, 0);
    } else if (opened_ == peers_.size() && asked_ < wanted_) {
      turn_ = static_cast<std::uint32_t>((std::uint64_t{turn_} + stride) % among_);
      if (peers_[turn_].asked) return;
      peers_[turn_].asked = true;
      ++asked_;
      say(turn_, ack | psh, request_bytes);
    } else if (closing_ < to_close_) {
      say(closing_++, fin | ack, 0);
    } else {
      return;
    }
    ++under_way_;
  }
}

// (So that nobody need ask.)
void ScriptedWire::introduce(std::uint32_t address) {
  Frame arp(60);
  addresses(arp.data(), true, 0x0806);
  static constexpr std::uint8_t kind[8] = {0, 1, 8, 0, 6, 4, 0, 1};
  std::memcpy(&arp[14], kind, sizeof(kind));
  std::memcpy(&arp[22], peer_mac, 6);
  store32(&arp[28], address);
  store32(&arp[38], stack_address);
  waiting_.push_back(arp);
}

void ScriptedWire::say(std::uint32_t connection, std::uint8_t flags, unsigned bytes) {
  Peer& p = peers_[connection];
  Frame f(54 + bytes);
  addresses(f.data(), false, 0x0800);
  std::uint8_t* ip = &f[14];
  ip[0] = 0x45;
  store16(ip + 2, 40 + bytes);
  ip[8] = 64;
  ip[9] = 6;
  store32(ip + 12, first_peer + connection / ports_of_one);
  store32(ip + 16, stack_address);
  store16(ip + 10, fold(add_up(ip, 20, 0)));
  std::uint8_t* tcp = ip + 20;
  store16(tcp, first_port + connection % ports_of_one);
  store16(tcp + 2, echo_port);
  store32(tcp + 4, p.next);
  store32(tcp + 8, p.expected);
  tcp[12] = 0x50;
  tcp[13] = flags;
  store16(tcp + 14, 65535);
  for (unsigned i = 0; i < bytes; ++i) tcp[20 + i] = static_cast<std::uint8_t>(p.next + i);
  store16(tcp + 16, fold(add_up(tcp, 20 + bytes, add_up(ip + 12, 8, 6 + 20 + bytes))));
  p.next += bytes + ((flags & (syn | fin)) != 0 ? 1 : 0);
  waiting_.push_back(std::move(f));
}

void ScriptedWire::arrived(const std::uint8_t* f, std::size_t length) {
  if (length < 54 || load16(f + 12) != 0x0800 || f[23] != 6) return;
  const std::uint8_t* tcp = f + 34;
  const std::size_t header = std::size_t{tcp[12]} >> 4 << 2;
  const std::size_t bytes = load16(f + 16) - 20 - header;
  const std::uint32_t connection =
      (load32(f + 30) - first_peer) * ports_of_one + load16(tcp + 2) - first_port;
  Peer& p = peers_.at(connection);
  const std::uint8_t flags = tcp[13];
  if ((flags & rst) != 0) {
    if (done() || over_) return;  // the stack ends
    throw std::runtime_error(fmt::format("connection {} of {} is reset", connection, opened_));
  }
  if ((flags & syn) != 0) {
    if (!p.open) --under_way_, ++opened_;
    p.open = true;
    p.expected = load32(tcp + 4) + 1;
    say(connection, ack, 0);
  } else if (load32(tcp + 4) != p.expected) {
    say(connection, ack, 0);  // (the same again)
  } else if ((flags & fin) != 0 && bytes == 0) {
    ++p.expected;
    ++closed_;
    --under_way_;
    say(connection, ack, 0);
  } else if (bytes == request_bytes) {
    for (unsigned i = 0; i < bytes; ++i) {
      if (tcp[header + i] != static_cast<std::uint8_t>(p.next - request_bytes + i))
        throw std::runtime_error("an answer is wrong");
    }
    p.expected += request_bytes;
    answered(connection);
  } else if (bytes != 0) {
    throw std::runtime_error("something else than an answer");
  }
}

// Where few take part the next request acknowledges the answer.
void ScriptedWire::answered(std::uint32_t connection) {
  ++answered_;
  if (among_ <= most_under_way && asked_ < wanted_) {
    ++asked_;
    say(connection, ack | psh, request_bytes);
    return;
  }
  peers_[connection].asked = false;
  --under_way_;
  say(connection, ack, 0);
}

// This peer never says anything twice: what the stack did not take is missing for good.
void ScriptedWire::give_up() {
  over_ = true;
  std::string who;
  for (std::size_t i = 0, shown = 0; i < peers_.size() && shown < 10; ++i) {
    const bool waits = i < opening_ ? !peers_[i].open || peers_[i].asked : false;
    if (waits) who += fmt::format(" {}", i), ++shown;
  }
  throw std::runtime_error(
      fmt::format("the stack owes {} answers: {} of {} connections open, {} of {} requests "
                  "answered, {} of {} closed; waiting:{}",
                  under_way_, opened_, peers_.size(), answered_, wanted_, closed_, to_close_, who));
}

std::uint16_t ScriptedWire::receive(rte_mbuf** frames, std::uint16_t n) {
  const double begin = cpu_seconds();
  go_on();
  if (!waiting_.empty()) spoke_ = begin;
  if (!done() && begin - spoke_ > longest_silence) give_up();
  std::uint16_t made = 0;
  for (; made < n && !waiting_.empty(); ++made) {
    rte_mbuf* m = rte_pktmbuf_alloc(pool_);
    if (m == nullptr) break;
    const Frame& f = waiting_.front();
    std::memcpy(rte_pktmbuf_append(m, static_cast<std::uint16_t>(f.size())), f.data(), f.size());
    frames[made] = m;
    waiting_.pop_front();
  }
  counters_.received += made;
  spent_ += cpu_seconds() - begin;
  return made;
}

std::uint16_t ScriptedWire::transmit(rte_mbuf** frames, std::uint16_t n) {
  const double begin = cpu_seconds();
  for (unsigned i = 0; i < n; ++i) {
    arrived(rte_pktmbuf_mtod(frames[i], const std::uint8_t*), frames[i]->data_len);
    rte_pktmbuf_free(frames[i]);
  }
  counters_.sent += n;
  spent_ += cpu_seconds() - begin;
  return n;
}

std::vector<std::string> counted_functions(const std::string& who) {
  if (who == "lwip")
    return {"weft_bench_lwip_round",
            "weft::bench::ScriptedWire::receive(rte_mbuf**, unsigned short)",
            "weft::bench::ScriptedWire::transmit(rte_mbuf**, unsigned short)"};
  // (The emulated card, which is no core's work, is what calls the wire.)
  return {"weft::engine::NetCore::poll_once()", "weft::emulator::EmulatedCard::poll()"};
}

void on_scripted(const std::string& plan, const Use& use) {
  must(ports::start_eal({.prefix = fmt::format("wbscript{}", getpid()), .megabytes = 192}));
  if (plan == "lwip") {
    on_lwip(use);
  } else {
    on_weft(plan, use);
  }
}

}  // namespace weft::bench
