#include "tests/fuzz/fuzz_wire.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstring>

#include "runtime/ports/eal.h"
#include "tests/fuzz/input.h"
#include "tests/sim/guarded_wire.h"

namespace weft::fuzz {

void start_dpdk() {
  auto started =
      ports::start_eal({.prefix = fmt::format("weft-fuzz-{}", getpid()), .megabytes = 128});
  if (!started) found(diag::render(started.error(), false));
}

rte_mempool* frames() {
  static rte_mempool* const pool = [] {
    start_dpdk();
    rte_mempool* made = rte_pktmbuf_pool_create("fuzz", 2047, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, -1);
    if (made == nullptr) found("no memory for frames");
    return made;
  }();
  return pool;
}

std::uint16_t FuzzWire::receive(rte_mbuf** out, std::uint16_t n) {
  std::uint16_t got = 0;
  for (; got < n && !in.empty(); in.pop_front()) {
    rte_mbuf* m = rte_pktmbuf_alloc(frames());
    if (m == nullptr) break;
    const auto length = static_cast<std::uint16_t>(in.front().size());
    char* room = rte_pktmbuf_append(m, length);
    if (room == nullptr) found("a frame longer than a buffer");
    std::memcpy(room, in.front().data(), length);
    sim::guard(m);
    out[got++] = m;
  }
  counters_.received += got;
  return got;
}

std::uint16_t FuzzWire::transmit(rte_mbuf** out, std::uint16_t n) {
  std::uint16_t sent = 0;
  std::uint32_t sum = 0;
  for (std::uint16_t i = 0; i < n; ++i) {
    // Every byte that goes out is one that somebody wrote or received.
    for (const rte_mbuf* m = out[i]; m != nullptr; m = m->next)
      for (unsigned at = 0; at < m->data_len; ++at) sum += rte_pktmbuf_mtod(m, std::uint8_t*)[at];
    if (counters_.sent + sent < most_sent) ++sent;
    rte_pktmbuf_free(out[i]);
  }
  static volatile std::uint32_t keep;
  keep = sum;
  counters_.sent += sent;
  counters_.send_failed += static_cast<std::uint64_t>(n - sent);
  return sent;
}

}  // namespace weft::fuzz
