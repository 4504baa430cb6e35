#include "tests/sim/echo.h"

#include <cstring>

#include "tests/sim/frames.h"

namespace weft::sim {
namespace {

// Sends every datagram back, uncut from port 9; stateless, so that what it does depends on nothing
// but the datagram. One that says so (frames.h) is sent on to the host itself, so often as it says,
// to the port it names; what comes from there is not sent back again.
void echo(void*, const weft_host* host, const weft_datagram* event) {
  if (event->src == event->dst) {
    host->recv_done(host->context, event->token);
    return;
  }
  if (event->len >= loop_bytes && std::memcmp(event->data + 4, loop_word, 4) == 0) {
    const weft_part part = {.data = event->data, .len = event->len};
    for (unsigned i = 0; i < event->data[8]; ++i) {
      const weft_send own = {.size = sizeof(own),
                             .endpoint = event->endpoint,
                             .dst = event->dst,
                             .dst_port = event->data[9],
                             .reserved = 0,
                             .parts = &part,
                             .part_count = 1,
                             .token = 0,
                             .flags = 0,
                             .src = event->dst,
                             .src_port = 0,
                             .reserved2 = 0};
      host->send(host->context, &own);
    }
  }
  const weft_part part = {.data = event->data, .len = event->len};
  const weft_send answer = {.size = sizeof(answer),
                            .endpoint = event->endpoint,
                            .dst = event->src,
                            .dst_port = event->src_port,
                            .reserved = 0,
                            .parts = &part,
                            .part_count = 1,
                            .token = event->token,
                            .flags = event->dst_port == 9 ? WEFT_SEND_DONT_FRAGMENT : 0};
  if (host->send(host->context, &answer) != 0) host->recv_done(host->context, event->token);
}

void* create(const weft_app_config*) {
  static int nothing;
  return &nothing;
}
void destroy(void*) {}

}  // namespace

const weft_app echo_app = {.abi = WEFT_APP_ABI,
                           .size = sizeof(echo_app),
                           .name = "echo",
                           .create = create,
                           .destroy = destroy,
                           .datagram = echo,
                           .tick = nullptr};

}  // namespace weft::sim
