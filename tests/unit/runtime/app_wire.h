// Applications' connections without packets or cards: an application host with one or two shards,
// and a peer, whose segments are handed to each other. Counts buffers.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/apps/app_host.h"

namespace weft::test {

// One application, whose events are functions of the test.
struct TcpApp {
  std::function<void(const weft_host&, const weft_tcp_event&)> on_tcp;
  std::function<void(const weft_host&, const weft_timer&)> on_timer;
  std::function<void(const weft_host&)> on_tick;
  std::vector<std::uint32_t> kinds;  // of all events, in order

  static TcpApp*& current() {
    static TcpApp* app = nullptr;
    return app;
  }
  TcpApp() { current() = this; }
  ~TcpApp() { current() = nullptr; }
  static const weft_app* table() {
    static const weft_app app = {
        .abi = WEFT_APP_ABI,
        .size = sizeof(weft_app),
        .name = "test",
        .create = [](const weft_app_config*) -> void* { return current(); },
        .destroy = [](void*) {},
        .tick =
            [](void* self, const weft_host* host, std::uint64_t) {
              auto& app = *static_cast<TcpApp*>(self);
              if (app.on_tick) app.on_tick(*host);
            },
        .tcp =
            [](void* self, const weft_host* host, const weft_tcp_event* e) {
              auto& app = *static_cast<TcpApp*>(self);
              app.kinds.push_back(e->kind);
              if (app.on_tcp) app.on_tcp(*host, *e);
            },
        .timer =
            [](void* self, const weft_host* host, const weft_timer* e) {
              auto& app = *static_cast<TcpApp*>(self);
              if (app.on_timer) app.on_timer(*host, *e);
            }};
    return &app;
  }
  unsigned count(std::uint32_t kind) const {
    return static_cast<unsigned>(std::count(kinds.begin(), kinds.end(), kind));
  }
};

class AppWire final : public Services {
 public:
  static constexpr std::uint32_t host_ip = 0x0a000001, peer_ip = 0x0a000002;

  static tcp::Config small() {
    tcp::Config c;
    c.connections = 64;
    c.chunks = 512;
    c.no_delay = true;
    return c;
  }

  explicit AppWire(unsigned shards = 1, unsigned endpoints = 1, tcp::Config config = small()) {
    std::vector<ir::Endpoint> list;
    std::vector<apps::Library> libraries;
    for (unsigned i = 0; i < endpoints; ++i) {
      ir::Endpoint e;
      e.name = "e" + std::to_string(i);
      e.port = static_cast<std::uint16_t>(80 + i);
      e.tcp = true;
      list.push_back(e);
      libraries.push_back({"", TcpApp::table(), nullptr});
    }
    apps = *apps::AppHost::make(list, libraries, 0);
    const tcp::Release release{
        [](void* self, void* b) { static_cast<AppWire*>(self)->free_buffer(b); }, this};
    peer = std::make_unique<tcp::Tcp>(config, release);
    for (unsigned s = 0; s < shards; ++s) {
      stacks.push_back(std::make_unique<tcp::Tcp>(config, release));
      cores.push_back(std::make_unique<Core>());
      cores[s]->id = s;
      cores[s]->tcp = stacks[s].get();
      cores[s]->services = this;
      for (unsigned i = 0; i < endpoints; ++i)
        stacks[s]->listen(tcp::Address{}, static_cast<std::uint16_t>(80 + i), 32,
                          std::uint64_t{i} << apps::endpoint_shift);
    }
  }

  // From now on shards have what `all` says; those from `mine` on are another net core's.
  void own(const Owners& all, unsigned mine) {
    owners = all;
    own_shards = mine;
    for (unsigned s = 0; s < cores.size(); ++s) {
      cores[s]->alone = false;
      cores[s]->owners = &owners;
      if (s < mine) apps->know(*cores[s]);
    }
  }

  // A connection of the peer's; shards take turns by its port, where nothing else was said.
  tcp::Id connect(std::uint16_t port = 80, std::uint16_t from = 4000) {
    tcp::Id id;
    peer->connect({tcp::Address::v4(peer_ip), tcp::Address::v4(host_ip), from, port}, id);
    settle();
    return id;
  }
  void say(tcp::Id id, const std::string& text) {
    texts.push_back(std::make_unique<std::string>(text));
    peer->send(*peer->get(id), reinterpret_cast<const std::uint8_t*>(texts.back()->data()),
               static_cast<std::uint32_t>(texts.back()->size()), 1);
    settle();
  }
  // What the peer has received, not read before.
  std::string read(tcp::Id id) {
    std::string all;
    tcp::Chunk chunk;
    tcp::Connection* c = peer->get(id);
    while (c != nullptr && peer->pop_text(*c, chunk)) {
      all.append(reinterpret_cast<const char*>(chunk.data), chunk.len);
      free_buffer(reinterpret_cast<void*>(chunk.token));
      peer->recv_done(*c, chunk.len);
    }
    return all;
  }

  // Until nothing moves any more.
  void settle() {
    for (int round = 0; round < 1000; ++round) {
      bool moved = false;
      for (const auto& core : cores) {
        core->now_ns = now_ns;
        if (core->id < own_shards) moved |= apps->tell_connections(*core) != 0;
      }
      while (tcp::Connection* c = peer->next_ready()) {
        c->events = 0;
        tcp::Chunk chunk;
        while (peer->pop_acked(*c, chunk)) {
        }
      }
      for (const auto& stack : stacks) moved |= pass(*stack, true);
      moved |= pass(*peer, false);
      if (!moved) return;
    }
    ADD_FAILURE() << "it does not come to rest";
  }
  void after(std::uint64_t ms) {
    now_ns += ms * 1'000'000;
    for (const auto& stack : stacks) stack->now_ns = now_ns, stack->advance();
    peer->now_ns = now_ns;
    peer->advance();
    cores[0]->now_ns = now_ns;
    if (apps->next_timer_ns() <= now_ns) apps->run_timers(*cores[0]);
    settle();
  }
  // Everything is over; what was held comes back.
  void end() {
    for (const auto& core : cores) apps->take_back(*core);
    for (const auto& stack : stacks) stack->abort_all();
    settle();
    peer->abort_all();
    while (tcp::Connection* c = peer->next_ready()) peer->dispose(*c);
    settle();
    EXPECT_TRUE(buffers.empty()) << buffers.size() << " buffers were not given back";
    for (const auto& stack : stacks) {
      EXPECT_EQ(stack->live_connections(), 0u);
      EXPECT_EQ(stack->live_chunks(), 0u);
    }
  }

  // Services
  bool allocate(Packet&, std::uint32_t) override { return false; }
  void free_buffer(void* buffer) override {
    EXPECT_EQ(buffers.erase(buffer), 1u) << "a buffer was freed twice";
    delete[] static_cast<std::uint8_t*>(buffer);
  }
  bool tell_neighbour(std::uint32_t, std::uint64_t, bool) override { return true; }
  bool tell_path(std::uint32_t, std::uint16_t) override { return true; }
  bool hand_over(nodes::Slot, unsigned, Packet&) override { return false; }

  std::unique_ptr<apps::AppHost> apps;
  std::vector<std::unique_ptr<tcp::Tcp>> stacks;
  std::vector<std::unique_ptr<Core>> cores;
  std::unique_ptr<tcp::Tcp> peer;
  Owners owners;
  unsigned own_shards = ~0u;
  std::set<void*> buffers;
  std::vector<std::unique_ptr<std::string>> texts;
  std::uint64_t now_ns = 1'000'000'000;

 private:
  std::size_t shard_of(const tcp::Tuple& t) const {
    const int owner = owners.of_connection({t.peer.v4(), t.local.v4(), t.peer_port, t.local_port});
    return owner >= 0 ? static_cast<std::size_t>(owner) : t.peer_port % stacks.size();
  }
  bool pass(tcp::Tcp& from, bool to_peer) {
    from.now_ns = now_ns;
    tcp::OutSegment out;
    bool any = false;
    while (from.produce(out)) {
      any = true;
      const std::size_t header = out.header_bytes();
      auto* bytes = new std::uint8_t[header + out.payload.len];
      buffers.insert(bytes);
      tcp::write_header(out, bytes);
      from.copy_payload(out, bytes + header);
      tcp::Segment in;
      in.tuple = {out.tuple.peer, out.tuple.local, out.tuple.peer_port, out.tuple.local_port};
      EXPECT_TRUE(tcp::read_segment({bytes, header + out.payload.len}, in));
      in.buffer = bytes;
      tcp::Tcp& to = to_peer ? *peer : *stacks[shard_of(in.tuple)];
      to.now_ns = now_ns;
      if (!to.arrive(in)) free_buffer(bytes);
    }
    return any;
  }
};

}  // namespace weft::test
