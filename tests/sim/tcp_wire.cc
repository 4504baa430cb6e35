#include "tests/sim/tcp_wire.h"

#include <fmt/format.h>
#include <rte_mbuf.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace weft::sim {
namespace {

constexpr std::uint64_t origin_ns = 1'000'000'000, delay_ns = 200'000, late_ns = 3'000'000;
constexpr std::uint32_t own = on_link(1), stack = on_link(2);

}  // namespace

TcpWire::TcpWire(rte_mempool* pool, const ports::VirtualClock& clock, const TcpWireOptions& options)
    : pool_(pool), clock_(clock), options_(options), random_(options.seed) {
  weft_sim_config config;
  weft_sim_defaults(&config);
  config.address = own;
  config.prefix_length = 24;
  for (unsigned i = 0; i < 6; ++i)
    config.mac[i] = static_cast<std::uint8_t>(mac_of(own) >> (40 - 8 * i));
  config.seed = options.seed;
  config.clock_ns = origin_ns;
  config.connections = 2 * options.connections;
  char why[200] = "";
  host_ = weft_sim_create(&config, why, sizeof(why));
  if (host_ == nullptr) wrong_ = why;
  for (unsigned i = 0; wrong_.empty() && i < options.connections; ++i) {
    End e;
    e.fd = weft_sim_socket(host_);
    e.echo = i % 4 != 3;
    e.bytes = static_cast<std::uint32_t>(1 + random_() % options.most_bytes);
    e.seed = static_cast<std::uint32_t>(random_());
    if (weft_sim_connect(host_, e.fd, stack, e.echo ? 7 : 9) != -EINPROGRESS) wrong_ = "connect";
    ends_.push_back(e);
    ++open_;
  }
}

TcpWire::~TcpWire() { weft_sim_destroy(host_); }

unsigned TcpWire::opened(std::uint16_t port) const {
  return static_cast<unsigned>(std::count_if(
      ends_.begin(), ends_.end(), [port](const End& e) { return (e.echo ? 7 : 9) == port; }));
}

void TcpWire::fly(std::multimap<std::uint64_t, Bytes>& way, Bytes frame) {
  const unsigned copies = random_() % 1000 < options_.twice ? 2 : 1;
  for (unsigned i = 0; i < copies; ++i) {
    if (random_() % 1000 < options_.loss) {
      ++lost_;
      continue;
    }
    const bool late = random_() % 1000 < options_.late;
    way.emplace(clock_.now_ns + delay_ns + (late ? random_() % late_ns : 0), frame);
  }
}

bool TcpWire::work() {
  weft_sim_advance(host_, origin_ns + clock_.now_ns);
  bool moved = false;
  while (!to_host_.empty() && to_host_.begin()->first <= clock_.now_ns) {
    const Bytes frame = std::move(to_host_.begin()->second);
    to_host_.erase(to_host_.begin());
    weft_sim_receive(host_, frame.data(), static_cast<std::uint32_t>(frame.size()));
    moved = true;
  }
  for (End& e : ends_)
    while (!e.closed && wrong_.empty() && use(e)) moved = true;
  send_frames();
  return moved;
}

void TcpWire::send_frames() {
  std::array<std::uint8_t, 2000> frame;
  for (std::uint32_t n; (n = weft_sim_transmit(host_, frame.data(), frame.size())) != 0;)
    fly(to_stack_, Bytes(frame.data(), frame.data() + n));
}

bool TcpWire::use(End& e) {
  const bool moved = write(e);
  return read(e) || moved;
}

bool TcpWire::write(End& e) {
  if (e.shut) return false;
  if (e.sent == e.bytes) {
    e.shut = weft_sim_shutdown(host_, e.fd, SHUT_WR) == 0;
    return e.shut;
  }
  std::array<std::uint8_t, 4000> text;
  const auto n = std::min<std::uint32_t>(e.bytes - e.sent, 1 + random_() % text.size());
  for (std::uint32_t i = 0; i < n; ++i) text[i] = e.byte(e.sent + i);
  const auto taken = weft_sim_send(host_, e.fd, text.data(), n, 0);
  if (taken > 0) e.sent += static_cast<std::uint32_t>(taken);
  if (taken < 0 && taken != -EAGAIN && taken != -ENOBUFS && taken != -ENOTCONN)
    wrong_ = fmt::format("send: error {}", -taken);
  return taken > 0;
}

bool TcpWire::read(End& e) {
  std::array<std::uint8_t, 4000> text;
  const auto got = weft_sim_recv(host_, e.fd, text.data(), text.size(), 0);
  if (got < 0) {
    if (got != -EAGAIN && got != -ENOTCONN) wrong_ = fmt::format("receive: error {}", -got);
    return false;
  }
  for (std::int64_t i = 0; i < got; ++i, ++e.got) {
    if (text[static_cast<std::size_t>(i)] == e.byte(e.got) && e.echo) continue;
    wrong_ = fmt::format("a byte is wrong at {} of {}", e.got, e.bytes);
    return false;
  }
  bytes_ += static_cast<std::uint64_t>(got);
  if (got != 0) return true;
  if (!e.shut || e.got != (e.echo ? e.bytes : 0))
    wrong_ = fmt::format("the stream ends after {} of {} bytes", e.got, e.bytes);
  weft_sim_close(host_, e.fd);
  e.closed = true;
  --open_;
  return true;
}

std::uint64_t TcpWire::next_ns() const {
  std::uint64_t next = ~std::uint64_t{0};
  if (const std::uint64_t t = weft_sim_next_timer(host_); t != next)
    next = t > origin_ns ? t - origin_ns : 0;
  for (const auto* way : {&to_stack_, &to_host_})
    if (!way->empty()) next = std::min(next, way->begin()->first);
  return next;
}

std::uint64_t TcpWire::wrong_checksums() const {
  std::uint64_t count = 0;
  weft_sim_drops(
      host_,
      [](void* sum, const char* reason, std::uint64_t n) {
        if (std::strstr(reason, "checksum") != nullptr) *static_cast<std::uint64_t*>(sum) += n;
      },
      &count);
  return count;
}

std::uint16_t TcpWire::receive(rte_mbuf** frames, std::uint16_t n) {
  std::uint16_t made = 0;
  while (made < n && !to_stack_.empty() && to_stack_.begin()->first <= clock_.now_ns) {
    rte_mbuf* m = rte_pktmbuf_alloc(pool_);
    if (m == nullptr) break;
    const Bytes& bytes = to_stack_.begin()->second;
    std::memcpy(rte_pktmbuf_append(m, static_cast<std::uint16_t>(bytes.size())), bytes.data(),
                bytes.size());
    to_stack_.erase(to_stack_.begin());
    frames[made++] = m;
  }
  counters_.received += made;
  return made;
}

std::uint16_t TcpWire::transmit(rte_mbuf** frames, std::uint16_t n) {
  for (unsigned i = 0; i < n; ++i) {
    Bytes bytes(frames[i]->pkt_len);
    std::size_t at = 0;
    for (const rte_mbuf* m = frames[i]; m != nullptr; at += m->data_len, m = m->next)
      std::memcpy(&bytes[at], rte_pktmbuf_mtod(m, const std::uint8_t*), m->data_len);
    if (bytes.size() > 1514) wrong_ = fmt::format("a frame of {} bytes", bytes.size());
    fly(to_host_, std::move(bytes));
    rte_pktmbuf_free(frames[i]);
  }
  counters_.sent += n;
  return n;
}

}  // namespace weft::sim
