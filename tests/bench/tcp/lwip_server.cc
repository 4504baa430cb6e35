// lwIP as Debian builds it (liblwip), by its raw interface and in one thread; its frames go over
// the same DPDK drivers as weft's. A received frame stays in its mbuf (a custom pbuf); what is sent
// is copied into one.
#include <fmt/format.h>
#include <lwip/etharp.h>
#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>
#include <netif/ethernet.h>
#include <poll.h>
#include <rte_mbuf.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <stdexcept>

#include "compiler/diag/diagnostic.h"
#include "runtime/ports/eal.h"
#include "runtime/ports/ethdev_wire.h"
#include "tests/bench/tcp/servers.h"

namespace weft::bench {
namespace {

constexpr unsigned burst = 32;
constexpr std::uint64_t own_mac = 0x027765667402;

struct Device {
  ports::Wire* wire = nullptr;
  rte_mempool* pool = nullptr;
  std::uint64_t mac = 0;
  netif interface {};
  std::array<rte_mbuf*, burst> out{};
  std::uint16_t waiting = 0;
};
Device device;

// In front of each frame, in the mbuf's private part.
struct Frame {
  pbuf_custom custom;
  rte_mbuf* mbuf;
};

void free_frame(pbuf* p) { rte_pktmbuf_free(reinterpret_cast<Frame*>(p)->mbuf); }

void flush() {
  if (device.waiting != 0) device.wire->transmit(device.out.data(), device.waiting);
  device.waiting = 0;
}

err_t transmit(netif*, pbuf* p) {
  rte_mbuf* m = rte_pktmbuf_alloc(device.pool);
  if (m == nullptr) return ERR_MEM;
  pbuf_copy_partial(p, rte_pktmbuf_append(m, p->tot_len), p->tot_len, 0);
  device.out[device.waiting++] = m;
  if (device.waiting == burst) flush();
  return ERR_OK;
}

err_t open_interface(netif* n) {
  n->name[0] = 'w';
  n->name[1] = 'f';
  n->output = etharp_output;
  n->linkoutput = transmit;
  n->mtu = 1500;
  n->hwaddr_len = 6;
  for (int i = 0; i < 6; ++i) n->hwaddr[i] = static_cast<u8_t>(device.mac >> (40 - 8 * i));
  n->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
  return ERR_OK;
}

// ---- the services

std::array<char, 32768> text;

err_t fill(void*, tcp_pcb* c, u16_t) {
  while (tcp_sndbuf(c) != 0 && tcp_sndqueuelen(c) < TCP_SND_QUEUELEN - 2) {
    const auto n =
        static_cast<u16_t>(LWIP_MIN(static_cast<std::size_t>(tcp_sndbuf(c)), text.size()));
    if (tcp_write(c, text.data(), n, 0) != ERR_OK) break;
  }
  tcp_output(c);
  return ERR_OK;
}

err_t received(void* kind, tcp_pcb* c, pbuf* p, err_t) {
  if (p == nullptr) {
    if (tcp_close(c) == ERR_OK) return ERR_OK;
    tcp_abort(c);
    return ERR_ABRT;
  }
  bool sent = true;
  if (kind != nullptr) {
    for (pbuf* q = p; q != nullptr && sent; q = q->next)
      sent = tcp_write(c, q->payload, q->len, TCP_WRITE_FLAG_COPY) == ERR_OK;
    tcp_output(c);
  }
  tcp_recved(c, p->tot_len);
  pbuf_free(p);
  if (sent) return ERR_OK;
  tcp_abort(c);
  return ERR_ABRT;
}

err_t accepted(void* port, tcp_pcb* c, err_t error) {
  if (error != ERR_OK || c == nullptr) return ERR_VAL;
  tcp_nagle_disable(c);
  tcp_arg(c, port == &text ? &text : nullptr);
  tcp_recv(c, received);
  return ERR_OK;
}

err_t accepted_chargen(void*, tcp_pcb* c, err_t error) {
  if (error != ERR_OK || c == nullptr) return ERR_VAL;
  tcp_recv(c, received);
  tcp_sent(c, fill);
  return fill(nullptr, c, 0);
}

void listen_at(std::uint16_t port, tcp_accept_fn accept, void* argument) {
  tcp_pcb* c = tcp_new();
  if (c == nullptr || tcp_bind(c, IP4_ADDR_ANY, port) != ERR_OK)
    throw std::runtime_error("lwIP does not listen");
  c = tcp_listen(c);
  tcp_arg(c, argument);
  tcp_accept(c, accept);
}

}  // namespace

rte_mempool* LwipHost::make_pool() {
  return rte_pktmbuf_pool_create("lwip", 8191, 256, RTE_ALIGN(sizeof(Frame), RTE_MBUF_PRIV_ALIGN),
                                 RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
}

LwipHost::LwipHost(ports::Wire& wire, rte_mempool* pool, std::uint64_t mac) {
  device.wire = &wire;
  device.pool = pool;
  device.mac = mac;
  lwip_init();
  ip4_addr_t address, mask, gateway;
  address.addr = lwip_htonl(stack_address);
  mask.addr = lwip_htonl(0xffffff00);
  gateway.addr = lwip_htonl(0x0a070001);
  netif_add(&device.interface, &address, &mask, &gateway, nullptr, open_interface, ethernet_input);
  netif_set_default(&device.interface);
  netif_set_up(&device.interface);
  listen_at(echo_port, accepted, &text);
  listen_at(discard_port, accepted, nullptr);
  listen_at(chargen_port, accepted_chargen, nullptr);
}

unsigned LwipHost::round() {
  std::array<rte_mbuf*, burst> frames;
  const unsigned n = device.wire->receive(frames.data(), burst);
  for (unsigned i = 0; i < n; ++i) {
    rte_mbuf* m = frames[i];
    auto* f = static_cast<Frame*>(rte_mbuf_to_priv(m));
    f->mbuf = m;
    f->custom.custom_free_function = free_frame;
    pbuf* p = pbuf_alloced_custom(PBUF_RAW, m->data_len, PBUF_REF, &f->custom,
                                  rte_pktmbuf_mtod(m, void*), m->data_len);
    if (p == nullptr) {
      rte_pktmbuf_free(m);
    } else if (device.interface.input(p, &device.interface) != ERR_OK) {
      pbuf_free(p);
    }
  }
  sys_check_timeouts();
  flush();
  return n;
}

unsigned LwipHost::milliseconds_to_timer() const {
  return LWIP_MIN(sys_timeouts_sleeptime(), 1000U);
}

int serve_lwip(const std::string& wire_text, unsigned cpu) {
  const auto fail = [](const diag::Error& why) {
    fmt::print(stderr, "{}", diag::render(why, false));
    return 1;
  };
  auto name = ports::wire_name(wire_text);
  if (!name) return fail(name.error());
  const auto started = ports::start_eal(
      {.prefix = fmt::format("wblwip{}", getpid()), .megabytes = 128, .cpus = {cpu}});
  if (!started) return fail(started.error());
  rte_mempool* pool = LwipHost::make_pool();
  if (pool == nullptr) throw std::runtime_error("no memory for frames");
  auto wire = ports::EthdevWire::make(*name, pool, {.own_mac = own_mac});
  if (!wire) return fail(wire.error());
  LwipHost host(**wire, pool, own_mac);
  fmt::print("lwIP runs on {}\n", wire_text);
  std::fflush(stdout);
  // As weft's net cores: polls, and lies down when nothing has come for 100 us and the wire can
  // wake it.
  auto last = std::chrono::steady_clock::now();
  for (;;) {
    const auto now = std::chrono::steady_clock::now();
    if (host.round() != 0) {
      last = now;
    } else if (now - last > std::chrono::microseconds(100)) {
      const auto descriptors = (*wire)->wait_for();
      if (!descriptors || descriptors->empty()) {
        usleep(50);
        continue;
      }
      pollfd wait = {descriptors->front(), POLLIN, 0};
      poll(&wait, 1, static_cast<int>(host.milliseconds_to_timer()));
    }
  }
}

}  // namespace weft::bench
