#include "tests/sim/echo.h"

namespace weft::sim {
namespace {

// Sends every datagram back, uncut from port 9; stateless, so that what it does depends on nothing
// but the datagram.
void echo(void*, const weft_host* host, const weft_datagram* event) {
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
