/* An application that keeps its core busy for 300 us with every datagram and then sends it back: so
 * a few thousand packets a second are more than a core can do. (Of the thread's own time: while
 * somebody else has the processor, nothing is done.) */
#include <time.h>

#include "weft_app.h"

enum { busy_ns = 300000 };

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void* create(const struct weft_app_config* config) {
  (void)config;
  static int nothing;
  return &nothing;
}
static void destroy(void* self) { (void)self; }

static void datagram(void* self, const struct weft_host* host, const struct weft_datagram* event) {
  (void)self;
  for (const uint64_t until = now_ns() + busy_ns; now_ns() < until;) {
  }
  const struct weft_part part = {.data = event->data, .len = event->len};
  const struct weft_send answer = {.size = sizeof(answer),
                                   .endpoint = event->endpoint,
                                   .dst = event->src,
                                   .dst_port = event->src_port,
                                   .parts = &part,
                                   .part_count = 1,
                                   .token = event->token};
  if (host->send(host->context, &answer) != 0) host->recv_done(host->context, event->token);
}

static const struct weft_app app = {.abi = WEFT_APP_ABI,
                                    .size = sizeof(app),
                                    .name = "slow",
                                    .create = create,
                                    .destroy = destroy,
                                    .datagram = datagram};

const struct weft_app* weft_app_entry(void) { return &app; }
