/* Three old services over TCP, by the name of the endpoint: `discard` reads and forgets (RFC 863),
 * `chargen` sends without end (RFC 864), any other sends back what it gets (RFC 862). What is sent
 * back is sent from the buffer that it came in. */
#include <stdlib.h>
#include <string.h>

#include "weft_app.h"

enum service { echo, discard, chargen };
enum { line = 74, lines = 95 * 64, pieces = 8 }; /* chargen: what waits to be sent */

struct server {
  enum service service;
  uint8_t text[lines * line];
};

static void* create(const struct weft_app_config* config) {
  struct server* s = calloc(1, sizeof(*s));
  if (s == NULL) return NULL;
  if (strcmp(config->name, "discard") == 0) s->service = discard;
  if (strcmp(config->name, "chargen") == 0) s->service = chargen;
  for (unsigned i = 0; i < sizeof(s->text); ++i) {
    const unsigned at = i % line;
    s->text[i] = at == 72 ? '\r' : at == 73 ? '\n' : (uint8_t)(' ' + (i / line + at) % 95);
  }
  return s;
}

static int send(const struct weft_host* host, uint64_t connection, const void* data, uint32_t len,
                uint64_t token) {
  const struct weft_part part = {.data = data, .len = len};
  const struct weft_tcp_send command = {.size = sizeof(command),
                                        .part_count = 1,
                                        .connection = connection,
                                        .parts = &part,
                                        .token = token};
  return host->tcp_send(host->context, &command);
}

static void tcp(void* self, const struct weft_host* host, const struct weft_tcp_event* event) {
  struct server* s = self;
  switch (event->kind) {
    case WEFT_TCP_NEW:
      /* (Who says nothing for long does not wait in the listener's backlog.) */
      host->tcp_accept(host->context, event->connection);
      for (unsigned i = 0; s->service == chargen && i < pieces; ++i)
        send(host, event->connection, s->text, sizeof(s->text), 1);
      break;
    case WEFT_TCP_DATA:
      /* (The token of what is received serves for what is sent: the buffer is the same.) */
      if (s->service != echo ||
          send(host, event->connection, event->data, event->len, event->token) != 0)
        host->tcp_done(host->context, event->token);
      break;
    case WEFT_TCP_ACKED:
      if (s->service == echo) host->tcp_done(host->context, event->token);
      if (s->service == chargen && event->error == 0)
        send(host, event->connection, s->text, sizeof(s->text), 1);
      break;
    case WEFT_TCP_REMOTE_CLOSED: host->tcp_close(host->context, event->connection); break;
    default: break;
  }
}

static const struct weft_app app = {.abi = WEFT_APP_ABI,
                                    .size = sizeof(app),
                                    .name = "tcp_echo",
                                    .create = create,
                                    .destroy = free,
                                    .tcp = tcp};

const struct weft_app* weft_app_entry(void) { return &app; }
