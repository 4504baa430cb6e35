// The C interface of weft_sim.h.
#include "runtime/sim/weft_sim.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>

#include "runtime/sim/host.h"
#include "runtime/sim/sockets.h"

struct weft_sim {
  std::unique_ptr<weft::sim::Host> host;
  std::unique_ptr<weft::sim::Sockets> sockets;

  // After whatever may have had connections do something.
  template <class Result>
  Result settled(Result result) {
    host->settle();
    sockets->take_events();
    host->settle();
    return result;
  }
};

namespace {

weft_sim* refuse(const char* text, char* why, std::uint32_t room) {
  if (why != nullptr && room != 0) {
    std::strncpy(why, text, room - 1);
    why[room - 1] = 0;
  }
  return nullptr;
}

const char* wrong(const weft_sim_config& c) {
  if (c.size != sizeof(c)) return "config.size is not that of this library";
  if (c.address == 0 || c.prefix_length > 32) return "no address, or no such prefix";
  if (c.mtu < 68) return "an MTU below 68 bytes";
  if (c.congestion > WEFT_SIM_CUBIC) return "no such congestion control";
  if (c.offload > WEFT_SIM_LARGE_FRAMES) return "no such offload mode";
  if (c.receive_buffer < 1000 || c.receive_buffer > 1u << 30) return "receive_buffer: 1000 to 2^30";
  if (c.send_buffer == 0 || c.send_buffer > 1u << 30) return "send_buffer: 1 to 2^30";
  if (c.connections == 0 || c.connections > 1'000'000) return "connections: 1 to 1,000,000";
  if (c.pool_size == 0) return "an empty pool";
  if (c.reserved != 0) return "reserved is not 0";
  if (c.delayed_ack >= 500) return "delayed_ack: below 500 ms (RFC 9293 MUST-40)";
  if (c.initial_window > 255) return "initial_window: at most 255 segments";
  return nullptr;
}

}  // namespace

void weft_sim_defaults(struct weft_sim_config* config) {
  *config = {.size = sizeof(*config),
             .address = 0x0a000001,
             .prefix_length = 24,
             .gateway = 0,
             .mac = {2, 0, 0, 0, 0, 1},
             .mtu = 1500,
             .seed = 1,
             .clock_ns = 1'000'000'000,
             .features = WEFT_SIM_SACK | WEFT_SIM_TIMESTAMPS | WEFT_SIM_WINDOW_SCALING |
                         WEFT_SIM_SYN_COOKIES,
             .sequence = 0,
             .timestamp = 0,
             .congestion = WEFT_SIM_CUBIC,
             .receive_buffer = 262144,
             .send_buffer = 262144,
             .offload = WEFT_SIM_SOFTWARE,
             .pool_size = 65536,
             .connections = 64,
             .reserved = 0,
             .fail_allocation_at = 0,
             .rto_initial = 0,
             .rto_min = 0,
             .rto_max = 0,
             .delayed_ack = 0,
             .time_wait = 0,
             .fin_wait_2 = 0,
             .initial_window = 0,
             .transmit_ring = 0};
}

struct weft_sim* weft_sim_create(const struct weft_sim_config* config, char* why,
                                 std::uint32_t room) {
  if (config == nullptr) return refuse("no configuration", why, room);
  if (const char* text = wrong(*config)) return refuse(text, why, room);
  auto host = weft::sim::Host::make(*config);
  if (!host) return refuse(host.error().list.front().message.c_str(), why, room);
  auto made = std::make_unique<weft_sim>();
  made->host = std::move(*host);
  made->sockets = std::make_unique<weft::sim::Sockets>(*made->host);
  return made.release();
}

void weft_sim_destroy(struct weft_sim* sim) {
  if (sim == nullptr) return;
  sim->sockets.reset();
  delete sim;
}

int weft_sim_add_address(struct weft_sim* sim, std::uint32_t address, std::uint32_t prefix_length) {
  return sim->host->add_address(address, prefix_length);
}
int weft_sim_add_neighbour(struct weft_sim* sim, std::uint32_t address, const std::uint8_t mac[6]) {
  return sim->settled(sim->host->add_neighbour(address, mac));
}

int weft_sim_receive(struct weft_sim* sim, const void* frame, std::uint32_t bytes) {
  return sim->settled(sim->host->receive(static_cast<const std::uint8_t*>(frame), bytes));
}
std::uint32_t weft_sim_transmit(struct weft_sim* sim, void* frame, std::uint32_t room) {
  return sim->host->transmit(static_cast<std::uint8_t*>(frame), room);
}
std::uint64_t weft_sim_next_timer(const struct weft_sim* sim) { return sim->host->next_timer_ns(); }
void weft_sim_advance(struct weft_sim* sim, std::uint64_t now_ns) {
  sim->host->advance(now_ns);
  sim->settled(0);
}
std::uint64_t weft_sim_now(const struct weft_sim* sim) { return sim->host->now_ns(); }

int weft_sim_socket(struct weft_sim* sim) { return sim->sockets->socket(); }
int weft_sim_bind(struct weft_sim* sim, int fd, std::uint32_t address, std::uint16_t port) {
  return sim->sockets->bind(fd, address, port);
}
int weft_sim_listen(struct weft_sim* sim, int fd, int backlog) {
  return sim->sockets->listen(fd, backlog);
}
int weft_sim_accept(struct weft_sim* sim, int fd, std::uint32_t* peer, std::uint16_t* peer_port) {
  return sim->settled(sim->sockets->accept(fd, peer, peer_port));
}
int weft_sim_connect(struct weft_sim* sim, int fd, std::uint32_t address, std::uint16_t port) {
  return sim->settled(sim->sockets->connect(fd, address, port));
}
std::int64_t weft_sim_send(struct weft_sim* sim, int fd, const void* data, std::uint64_t bytes,
                           int flags) {
  return sim->settled(sim->sockets->send(fd, static_cast<const std::uint8_t*>(data), bytes, flags));
}
std::int64_t weft_sim_recv(struct weft_sim* sim, int fd, void* data, std::uint64_t room,
                           int flags) {
  return sim->settled(sim->sockets->recv(fd, static_cast<std::uint8_t*>(data), room, flags));
}
std::int64_t weft_sim_recv_left(struct weft_sim* sim, int fd, void* data, std::uint64_t room,
                                int flags, int* left) {
  const std::int64_t result = weft_sim_recv(sim, fd, data, room, flags);
  *left = sim->sockets->left(fd);
  return result;
}
int weft_sim_shutdown(struct weft_sim* sim, int fd, int how) {
  return sim->settled(sim->sockets->shutdown(fd, how));
}
int weft_sim_close(struct weft_sim* sim, int fd) {
  return sim->settled(sim->sockets->close(fd, false));
}
int weft_sim_abort(struct weft_sim* sim, int fd) {
  return sim->settled(sim->sockets->close(fd, true));
}
int weft_sim_getsockname(struct weft_sim* sim, int fd, std::uint32_t* address,
                         std::uint16_t* port) {
  return sim->sockets->name(fd, false, address, port);
}
int weft_sim_getpeername(struct weft_sim* sim, int fd, std::uint32_t* address,
                         std::uint16_t* port) {
  return sim->sockets->name(fd, true, address, port);
}
int weft_sim_setsockopt(struct weft_sim* sim, int fd, int level, int option, const void* value,
                        std::uint32_t bytes) {
  return sim->settled(sim->sockets->set_option(fd, level, option, value, bytes));
}
int weft_sim_getsockopt(struct weft_sim* sim, int fd, int level, int option, void* value,
                        std::uint32_t* bytes) {
  return sim->sockets->get_option(fd, level, option, value, bytes);
}
int weft_sim_ioctl(struct weft_sim* sim, int fd, unsigned long request, int* value) {
  return sim->sockets->ioctl(fd, request, value);
}
int weft_sim_poll(struct weft_sim* sim, int fd) { return sim->sockets->poll(fd); }
int weft_sim_info(struct weft_sim* sim, int fd, struct weft_sim_tcp_info* info) {
  return sim->sockets->info(fd, *info);
}

void weft_sim_count(const struct weft_sim* sim, struct weft_sim_counters* counters) {
  const weft::sim::Host& h = *sim->host;
  *counters = {.size = sizeof(*counters),
               .buffers = h.live_buffers() + sim->sockets->texts(),
               .connections = h.tcp().live_connections(),
               .timers = h.tcp().live_timers(),
               .fragments = static_cast<std::uint32_t>(h.core().reassembly.size()),
               .neighbours = static_cast<std::uint32_t>(h.core().neighbours.size()),
               .waiting = static_cast<std::uint32_t>(h.core().neighbours.held()),
               .sockets = sim->sockets->open(),
               .received = h.received,
               .transmitted = h.transmitted,
               .no_buffer = h.no_buffer,
               .ring_full = h.ring_full};
}

void weft_sim_drops(const struct weft_sim* sim, void (*each)(void*, const char*, std::uint64_t),
                    void* context) {
  for (const auto& [name, count] : sim->host->drops()) each(context, name.c_str(), count);
  const weft::tcp::Counters& t = sim->host->tcp().counters();
  const std::pair<const char*, std::uint64_t> reasons[] = {
      {"tcp.no_connection", t.no_connection}, {"tcp.to_closed_quiet", t.to_closed_quiet},
      {"tcp.bad_cookie", t.bad_cookie},       {"tcp.bad_flags", t.bad_flags},
      {"tcp.out_of_window", t.out_of_window}, {"tcp.old_timestamp", t.old_timestamp},
      {"tcp.no_timestamp", t.no_timestamp},   {"tcp.bad_ack", t.bad_ack},
      {"tcp.bad_reset", t.bad_reset},         {"tcp.syn_in_connection", t.syn_in_connection},
      {"tcp.duplicate", t.duplicate},         {"tcp.no_room", t.no_room},
      {"tcp.backlog_full", t.backlog_full},   {"tcp.table_full", t.table_full},
      {"tcp.after_close", t.after_close},     {"tcp.replies_lost", t.replies_lost}};
  for (const auto& [name, count] : reasons) {
    if (count != 0) each(context, name, count);
  }
}
