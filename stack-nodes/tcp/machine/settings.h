// What an application chooses for a connection before there is one: of its own for connect, of a
// listener for all that come by it. 0 means what the stack's configuration says.
#pragma once

#include <cstdint>
#include <optional>

#include "stack-nodes/tcp/machine/connection.h"

namespace weft::tcp {

struct Settings {
  static constexpr std::uint32_t no_fin_wait_2 = ~std::uint32_t{0};

  std::uint32_t receive_buffer = 0;  // bytes
  std::uint32_t keepalive_idle_ms = 0;
  std::uint32_t keepalive_interval_ms = 0;
  std::uint32_t user_timeout_ms = 0;
  std::uint32_t fin_wait_2_ms = 0;  // of a connection that nobody reads any more
  std::uint16_t max_segment = 0;    // bytes, both ways
  std::uint8_t keepalive_count = 0;
  std::uint8_t syn_retries = 0;
  std::uint8_t ttl = 0;
  std::uint8_t dscp = 0;
  bool no_delay = false;
  bool cork = false;
  bool keepalive = false;
  bool ecn = false;  // asked for, of connections that are opened
  std::optional<Congestion> congestion;
};

}  // namespace weft::tcp
