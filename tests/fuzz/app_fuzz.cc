// Applications that do everything wrong: tokens that are not theirs, given back twice, parts of
// every kind, sends from anywhere. Buffers are plain memory of exactly the size asked for.
#include <fmt/format.h>

#include <cstring>
#include <map>
#include <set>

#include "runtime/apps/app_host.h"
#include "tests/fuzz/input.h"

using namespace weft;

namespace {

struct HeapServices final : Services {
  static constexpr std::size_t headroom = 128;
  unsigned refuse_every = 0, asked = 0;
  std::set<void*> live;

  bool allocate(Packet& p, std::uint32_t room) override {
    if (refuse_every != 0 && ++asked % refuse_every == 0) return false;
    auto* buffer = static_cast<std::uint8_t*>(std::malloc(headroom + room));
    live.insert(buffer);
    p.buffer = buffer;
    p.data = buffer + headroom;
    p.len = 0;
    return true;
  }
  void free_buffer(void* buffer) override {
    if (live.erase(buffer) != 1) fuzz::found("a buffer freed twice, or never given out");
    std::free(buffer);
  }
  bool tell_neighbour(std::uint32_t, std::uint64_t, bool) override { return true; }
  bool tell_path(std::uint32_t, std::uint16_t) override { return true; }
  bool hand_over(nodes::Slot, unsigned, Packet&) override { return false; }
};

struct State {
  fuzz::Input* in = nullptr;
  std::vector<std::uint64_t> tokens;  // all that were ever seen
  std::uint8_t own[2000] = {};
} state;

std::uint64_t some_token(fuzz::Input& in) {
  if (state.tokens.empty() || in.byte() % 8 == 0)
    return std::uint64_t{in.byte()} << 32 | in.below(1100);
  return state.tokens[state.tokens.size() - 1 - in.below(64) % state.tokens.size()];
}

void act(const weft_host* host, const weft_datagram* event) {
  fuzz::Input& in = *state.in;
  for (unsigned n = in.below(4); n > 0; --n) {
    if (in.byte() % 3 == 0) {
      const std::uint64_t token = some_token(in);
      if (host->recv_done(host->context, token) == 0 && event != nullptr && token == event->token)
        event = nullptr;  // from here on its bytes are somebody else's
      continue;
    }
    weft_part parts[4] = {};
    weft_send command{};
    for (weft_part& part : parts) {
      // Inside the datagram (also over its headers, never over its end), or memory of its own.
      if (event != nullptr && in.byte() % 2 == 0) {
        const std::uint32_t from = in.below(event->len + 1);
        part = {event->data + from, in.below(event->len - from + 1)};
      } else {
        part = {state.own, in.below(sizeof(state.own))};
      }
      if (in.byte() % 32 == 0) part = {nullptr, in.byte() % 2u};
    }
    command.size = in.byte() % 32 == 0 ? in.byte() : sizeof(command);
    command.endpoint = in.byte() % 32 == 0 ? in.word() : in.byte() % 2;
    command.dst = in.number();
    command.dst_port = in.word();
    command.parts = in.byte() % 64 == 0 ? nullptr : parts;
    command.part_count = in.below(5);
    command.token = in.byte() % 4 == 0                       ? some_token(in)
                    : event != nullptr && in.byte() % 2 == 0 ? event->token
                                                             : 0;
    const bool gave_up = command.token != 0;
    if (host->send(host->context, &command) == 0 && gave_up) event = nullptr;
  }
}

void datagram(void*, const weft_host* host, const weft_datagram* event) {
  state.tokens.push_back(event->token);
  act(host, event);
}
void tick(void*, const weft_host* host, std::uint64_t) { act(host, nullptr); }
void* create(const weft_app_config*) { return &state; }
void destroy(void*) {}

const weft_app app = {.abi = WEFT_APP_ABI,
                      .size = sizeof(app),
                      .name = "wrong",
                      .create = create,
                      .destroy = destroy,
                      .datagram = datagram,
                      .tick = tick};

// A received datagram of `n` bytes, as the stack delivers it.
Datagram received(Core& core, fuzz::Input& in, std::uint16_t n) {
  Packet p;
  const std::uint32_t headers = datagram_headers + 4 * in.below(11);  // IP options
  Datagram d;
  if (!core.services->allocate(p, headers + n)) return d;
  std::memset(p.data, 0, headers + n);
  d.buffer = p.buffer;
  d.data = p.data + headers;
  d.len = n;
  d.endpoint = in.byte() % 2;
  return d;
}

// What the stack does with a send: headers in front, every byte read, the buffer freed.
void flush(Core& core) {
  for (unsigned i = 0; i < core.sent.count; ++i) {
    const Datagram& d = core.sent.datagrams[i];
    std::uint32_t sum = 0;
    for (std::uint32_t at = 0; at < d.len; ++at) sum += d.data[at];
    std::memset(d.data - datagram_headers - 4, static_cast<int>(sum), datagram_headers + 4);
    core.services->free_buffer(d.buffer);
  }
  core.sent.count = 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  state = State{};
  state.in = &in;
  const std::vector<ir::Endpoint> endpoints = {{.name = "a", .port = 7}, {.name = "b", .port = 9}};
  const std::vector<apps::Library> libraries(2, {.path = "", .app = &app, .handle = nullptr});
  HeapServices services;
  auto core = std::make_unique<Core>();
  core->services = &services;
  auto host = apps::AppHost::make(endpoints, libraries, 0);
  if (!host) fuzz::found("refused");
  (*host)->flush = flush;
  services.refuse_every = in.byte() % 16;
  while (!in.empty()) {
    if (in.byte() % 8 == 0) {
      (*host)->tick(*core);
    } else {
      const Datagram d = received(*core, in, static_cast<std::uint16_t>(in.below(1500)));
      if (d.buffer != nullptr) (*host)->deliver(*core, &d, 1);
    }
    flush(*core);
  }
  (*host)->take_back(*core);
  flush(*core);
  if (!services.live.empty()) fuzz::found(fmt::format("{} buffers lost", services.live.size()));
  return 0;
}
