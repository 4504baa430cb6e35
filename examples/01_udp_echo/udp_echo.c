/* Sends every datagram back to where it came from, in the buffer that it came in. */
#include <stddef.h>
#include <stdlib.h>

#include "weft_app.h"

struct echo {
  uint64_t echoed;
  uint64_t refused; /* by the stack: no buffer */
};

static void* create(const struct weft_app_config* config) {
  (void)config;
  return calloc(1, sizeof(struct echo));
}

static void datagram(void* self, const struct weft_host* host, const struct weft_datagram* event) {
  struct echo* echo = self;
  const struct weft_part part = {.data = event->data, .len = event->len};
  const struct weft_send answer = {.size = sizeof(answer),
                                   .endpoint = event->endpoint,
                                   .dst = event->src,
                                   .dst_port = event->src_port,
                                   .parts = &part,
                                   .part_count = 1,
                                   .token = event->token};
  if (host->send(host->context, &answer) == 0) {
    ++echo->echoed;
  } else { /* a send that fails leaves the buffer with us */
    ++echo->refused;
    host->recv_done(host->context, event->token);
  }
}

static const struct weft_app app = {.abi = WEFT_APP_ABI,
                                    .size = sizeof(app),
                                    .name = "udp_echo",
                                    .create = create,
                                    .destroy = free,
                                    .datagram = datagram,
                                    .tick = NULL};

const struct weft_app* weft_app_entry(void) { return &app; }
