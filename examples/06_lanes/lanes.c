/* Who says "gold" gets a lane of his own: a rule of the card, by which his datagrams come to queues
 * that nobody else's wait in. Who says "normal" gives it back. What the planner answered is told in
 * a line; all else is sent back as it came. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weft_app.h"

/* Of an instance at most 16 requests wait; the slot's index is the request's cookie. */
#define WAITING 16

struct asker {
  uint32_t address;
  uint16_t port;
  uint8_t adds, waits; /* waits: else the slot is free */
};

struct lanes {
  uint32_t endpoint;
  struct asker asked[WAITING];
};

static void* create(const struct weft_app_config* config) {
  struct lanes* lanes = calloc(1, sizeof(*lanes));
  if (lanes != NULL) lanes->endpoint = config->endpoint;
  return lanes;
}

static int answer_with(struct lanes* lanes, const struct weft_host* host, uint32_t to,
                       uint16_t port, const void* text, size_t len, uint64_t token) {
  const struct weft_part part = {.data = text, .len = (uint32_t)len};
  const struct weft_send send = {.size = sizeof(send),
                                 .endpoint = lanes->endpoint,
                                 .dst = to,
                                 .dst_port = port,
                                 .parts = &part,
                                 .part_count = 1,
                                 .token = token};
  return host->send(host->context, &send);
}

/* (A line is copied by the stack: it has no token.) */
static void say(struct lanes* lanes, const struct weft_host* host, const struct asker* to,
                const char* line) {
  (void)answer_with(lanes, host, to->address, to->port, line, strlen(line), 0);
}

/* The planner needs milliseconds: its answer is an event, and datagrams come on meanwhile. */
static void ask(struct lanes* lanes, const struct weft_host* host, const struct asker* who) {
  uint64_t slot = 0;
  while (slot < WAITING && lanes->asked[slot].waits) ++slot;
  const struct weft_flow flow = {.size = sizeof(flow),
                                 .endpoint = lanes->endpoint,
                                 .src = who->address,
                                 .src_port = who->port,
                                 .flags = who->adds ? WEFT_FLOW_GOLD : 0,
                                 .cookie = slot};
  const int error = slot == WAITING ? -ENOBUFS
                    : who->adds     ? host->flow_add(host->context, &flow)
                                    : host->flow_remove(host->context, &flow);
  if (error == 0) {
    lanes->asked[slot] = *who;
    lanes->asked[slot].waits = 1;
  } else {
    char line[80];
    snprintf(line, sizeof(line), "not now: %s\n", strerror(-error));
    say(lanes, host, who, line);
  }
}

static int says(const struct weft_datagram* event, const char* word) {
  const size_t n = strlen(word);
  return event->len >= n && event->len <= n + 1 && memcmp(event->data, word, n) == 0;
}

static void datagram(void* self, const struct weft_host* host, const struct weft_datagram* event) {
  struct lanes* lanes = self;
  const struct asker who = {
      .address = event->src, .port = event->src_port, .adds = (uint8_t)says(event, "gold")};
  if (who.adds || says(event, "normal")) {
    host->recv_done(host->context, event->token);
    ask(lanes, host, &who);
  } else if (answer_with(lanes, host, who.address, who.port, event->data, event->len,
                         event->token) != 0) {
    host->recv_done(host->context, event->token);
  }
}

/* Refused is an answer, too: in the planner's words, with what to do. */
static void answer(void* self, const struct weft_host* host, const struct weft_answer* event) {
  struct lanes* lanes = self;
  struct asker* to = &lanes->asked[event->cookie];
  char line[1024];
  if (event->outcome != WEFT_ANSWER_DONE) {
    snprintf(line, sizeof(line), "no: %s\n", event->reason);
  } else if (to->adds) {
    snprintf(line, sizeof(line), "gold, on queue %u\n", event->queue);
  } else {
    snprintf(line, sizeof(line), "normal\n");
  }
  say(lanes, host, to, line);
  to->waits = 0;
}

static const struct weft_app app = {.abi = WEFT_APP_ABI,
                                    .size = sizeof(app),
                                    .name = "lanes",
                                    .create = create,
                                    .destroy = free,
                                    .datagram = datagram,
                                    .answer = answer};

const struct weft_app* weft_app_entry(void) { return &app; }
