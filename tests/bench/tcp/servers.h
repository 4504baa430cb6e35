// What answers: the three services of examples/02_tcp_echo (echo, discard, chargen) on the kernel's
// sockets and on lwIP. Each is a program of its own that runs until it is interrupted.
#pragma once

#include <rte_mempool.h>

#include <cstdint>
#include <string>

#include "runtime/ports/wire.h"

namespace weft::bench {

constexpr std::uint16_t echo_port = 7, discard_port = 9, chargen_port = 19;
constexpr unsigned request_bytes = 64;
constexpr std::uint32_t stack_address = 0x0a070002;

// Prints " runs on " when it is ready. Never returns but by a failure.
int serve_kernel();

// `wire`: as `weft run --wire` takes it; it is driven through DPDK as weft drives it.
int serve_lwip(const std::string& wire, unsigned cpu);

// lwIP on a wire that somebody made; one for each process. `mac` is 48 bits as a number.
class LwipHost {
 public:
  static rte_mempool* make_pool();
  LwipHost(ports::Wire& wire, rte_mempool* pool, std::uint64_t mac);
  // Takes what has come, does what is due, sends. Returns how many frames came.
  unsigned round();
  unsigned milliseconds_to_timer() const;
};

}  // namespace weft::bench
