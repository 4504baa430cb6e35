#include "tests/bench/graph/traffic.h"

#include <fmt/format.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include <cstdlib>
#include <cstring>

#include "stack-nodes/wire/bytes.h"
#include "stack-nodes/wire/checksum.h"

namespace weft::bench {
namespace {

constexpr unsigned frame_bytes = 60, payload_bytes = frame_bytes - 42;

[[noreturn]] void wrong(const char* what) {
  fmt::print(stderr, "bench graph: a reply is wrong: {}\n", what);
  std::exit(70);
}

// Checksums, or the requests that the card makes them.
void check_sums(const rte_mbuf* m, const std::uint8_t* f) {
  const bool card_ip = (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0;
  const bool card_udp = (m->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_UDP_CKSUM;
  if (!card_ip && wire::sum_ipv4_20(f + 14).folded() != 0xffff) wrong("IPv4 checksum");
  const auto* ip = reinterpret_cast<const rte_ipv4_hdr*>(f + 14);
  const auto* udp = reinterpret_cast<const rte_udp_hdr*>(f + 34);
  if (card_udp) {
    if (udp->dgram_cksum != rte_ipv4_phdr_cksum(ip, m->ol_flags)) wrong("pseudo header's sum");
  } else if (rte_ipv4_udptcp_cksum_verify(ip, udp) != 0) {
    wrong("UDP checksum");
  }
}

void check_reply(const rte_mbuf* m) {
  const auto* f = rte_pktmbuf_mtod(m, const std::uint8_t*);
  if (m->data_len != frame_bytes) wrong("length");
  if (wire::load48(f) != peer_mac || wire::load48(f + 6) != host_mac) wrong("Ethernet addresses");
  if (wire::load32(f + 26) != host_address || f[22] != 64) wrong("IPv4 source or time to live");
  // The payload says which flow asked.
  if (wire::load32(f + 30) != wire::load32(f + 42)) wrong("IPv4 destination");
  if (wire::load16(f + 34) != echo_port || wire::load16(f + 36) != wire::load16(f + 46)) {
    wrong("ports");
  }
  check_sums(m, f);
}

}  // namespace

std::unique_ptr<Traffic> Traffic::make(unsigned frames_per_round) {
  std::unique_ptr<Traffic> t(new Traffic);
  t->frames_ = frames_per_round;
  t->pool_ = rte_pktmbuf_pool_create("bench", 2 * frames_per_round - 1, 0, 0,
                                     RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  t->in = rte_ring_create("bench_in", 2 * frames_per_round, SOCKET_ID_ANY,
                          RING_F_SP_ENQ | RING_F_SC_DEQ);
  t->out = rte_ring_create("bench_out", 2 * frames_per_round, SOCKET_ID_ANY,
                           RING_F_SP_ENQ | RING_F_SC_DEQ);
  if (t->pool_ == nullptr || t->in == nullptr || t->out == nullptr) {
    fmt::print(stderr, "bench graph: DPDK has no memory for rings and mbufs\n");
    return nullptr;
  }
  return t;
}

Traffic::~Traffic() {
  for (auto* m : idle_) rte_pktmbuf_free(m);
  rte_ring_free(in);
  rte_ring_free(out);
  rte_mempool_free(pool_);
}

void Traffic::set_flows(std::uint64_t flows, CardSays says) {
  flows_ = flows;
  says_ = says;
  sent_ = 0;
  random_.seed(1);
}

void Traffic::write(rte_mbuf* m, std::uint64_t flow) {
  m->data_off = RTE_PKTMBUF_HEADROOM;
  m->data_len = frame_bytes;
  m->pkt_len = frame_bytes;
  auto* f = rte_pktmbuf_mtod(m, std::uint8_t*);
  wire::store48(f, host_mac);
  wire::store48(f + 6, peer_mac);
  wire::store16(f + 12, 0x0800);
  const std::uint8_t ip[] = {0x45, 0, 0, frame_bytes - 14, 0, 0, 0x40, 0, 64, 17, 0, 0};
  std::memcpy(f + 14, ip, sizeof ip);
  wire::store16(f + 18, static_cast<std::uint16_t>(sent_));
  wire::store32(f + 26, flow_address(flow));
  wire::store32(f + 30, host_address);
  wire::store16(f + 24, wire::sum_ipv4_20(f + 14).checksum());
  wire::store16(f + 34, flow_port(flow));
  wire::store16(f + 36, echo_port);
  wire::store16(f + 38, 8 + payload_bytes);
  wire::store16(f + 40, 0);
  std::memset(f + 42, 'w', payload_bytes);
  wire::store32(f + 42, flow_address(flow));
  wire::store16(f + 46, flow_port(flow));
  auto sum = wire::sum_pseudo(f + 26, 17, 8 + payload_bytes);
  sum.add(f + 34, 8 + payload_bytes);
  wire::store16(f + 40, sum.checksum());

  m->ol_flags = 0;
  const bool odd = sent_ % 64 == 63;
  if (says_.checksums) {
    const auto good = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    const auto bad = RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_BAD;
    m->ol_flags = !odd ? good : sent_ % 128 == 127 ? bad : 0;
  }
  if (says_.marks) {
    m->ol_flags |= RTE_MBUF_F_RX_FDIR | RTE_MBUF_F_RX_FDIR_ID;
    m->hash.fdir.hi = 1;  // endpoint 0
  }
  ++sent_;
}

void Traffic::fill() {
  while (idle_.size() < frames_) idle_.push_back(rte_pktmbuf_alloc(pool_));
  for (unsigned i = 0; i < frames_; ++i) write(idle_[i], random_() % flows_);
  rte_ring_enqueue_bulk(in, reinterpret_cast<void**>(idle_.data()), frames_, nullptr);
  idle_.erase(idle_.begin(), idle_.begin() + frames_);
}

unsigned Traffic::drain(bool check) {
  rte_mbuf* m[batch_size];
  unsigned total = 0;
  while (const unsigned n =
             rte_ring_dequeue_burst(out, reinterpret_cast<void**>(m), batch_size, nullptr)) {
    for (unsigned i = 0; i < n; ++i) {
      if (check) check_reply(m[i]);
      idle_.push_back(m[i]);
    }
    total += n;
  }
  return total;
}

std::unique_ptr<Core> make_core(std::uint64_t flows, Services& services) {
  auto core = std::make_unique<Core>();
  core->host = {.mac = host_mac, .address = host_address, .broadcast = host_address | 0xffff};
  core->addresses.add(host_address, 16);
  core->now_ns = 1'000'000'000;
  core->services = &services;
  core->udp_flows.reserve(flows);
  for (std::uint64_t f = 0; f < flows; ++f) {
    core->udp_flows.insert({flow_address(f), host_address, flow_port(f), echo_port}, 0);
  }
  core->udp_ports.insert(echo_port, 0);
  core->routes.add(host_address, 16, 0);
  core->routes.add(0, 0, peer_address);
  const std::uint64_t peers = std::min<std::uint64_t>(1000, (flows >> 15) + 1);
  for (std::uint64_t f = 0; f < peers; ++f) {
    core->neighbours.learn(*core, flow_address(f << 15), peer_mac, true);
  }
  return core;
}

}  // namespace weft::bench
