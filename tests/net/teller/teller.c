/* An application that does what a datagram tells it, and tells of the errors that it hears:
 *
 *   send N [df] [port P]   sends N bytes to where the command came from, or to its port P; with df
 *                          they may not be cut. The bytes are 0, 1, ... 250, 0, 1, ...
 *   errors                 sends one line for each error event: "REASON type T code C mtu M from A"
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weft_app.h"

enum { largest = 65507, most_text = 1400 };

struct teller {
  uint8_t pattern[largest];
  char heard[most_text];
  size_t heard_bytes;
};

static void* create(const struct weft_app_config* config) {
  (void)config;
  struct teller* teller = calloc(1, sizeof(*teller));
  for (size_t i = 0; teller != NULL && i < largest; ++i) teller->pattern[i] = (uint8_t)(i % 251);
  return teller;
}

static int send(const struct weft_host* host, const struct weft_datagram* to, uint16_t port,
                const void* data, uint32_t len, uint32_t flags) {
  const struct weft_part part = {.data = data, .len = len};
  const struct weft_send command = {.size = sizeof(command),
                                    .endpoint = to->endpoint,
                                    .dst = to->src,
                                    .dst_port = port,
                                    .parts = &part,
                                    .part_count = 1,
                                    .flags = flags};
  return host->send(host->context, &command);
}

static void datagram(void* self, const struct weft_host* host, const struct weft_datagram* event) {
  struct teller* teller = self;
  char text[64] = {0};
  unsigned len = 0, port = event->src_port;
  memcpy(text, event->data, event->len < sizeof(text) ? event->len : sizeof(text) - 1);
  const char* named = strstr(text, "port ");
  if (named != NULL) sscanf(named, "port %u", &port);
  if (strcmp(text, "errors") == 0) {
    send(host, event, event->src_port, teller->heard, (uint32_t)teller->heard_bytes, 0);
    teller->heard_bytes = 0;
  } else if (sscanf(text, "send %u", &len) == 1 && len <= largest) {
    const uint32_t flags = strstr(text, " df") != NULL ? WEFT_SEND_DONT_FRAGMENT : 0;
    send(host, event, (uint16_t)port, teller->pattern, len, flags);
  }
  host->recv_done(host->context, event->token);
}

static const char* reason(int number) {
  switch (number) {
    case ECONNREFUSED: return "ECONNREFUSED";
    case EHOSTUNREACH: return "EHOSTUNREACH";
    case ENETUNREACH: return "ENETUNREACH";
    case ENOPROTOOPT: return "ENOPROTOOPT";
    case EMSGSIZE: return "EMSGSIZE";
    case EPROTO: return "EPROTO";
    default: return "?";
  }
}

static void error(void* self, const struct weft_host* host, const struct weft_error* event) {
  (void)host;
  struct teller* teller = self;
  const uint32_t a = event->reporter;
  const int bytes = snprintf(teller->heard + teller->heard_bytes, most_text - teller->heard_bytes,
                             "%s type %u code %u mtu %u from %u.%u.%u.%u\n", reason(event->error),
                             event->icmp_type, event->icmp_code, event->mtu, a >> 24, a >> 16 & 255,
                             a >> 8 & 255, a & 255);
  if (bytes > 0 && teller->heard_bytes + (size_t)bytes < most_text)
    teller->heard_bytes += (size_t)bytes;
}

static const struct weft_app app = {.abi = WEFT_APP_ABI,
                                    .size = sizeof(app),
                                    .name = "teller",
                                    .create = create,
                                    .destroy = free,
                                    .datagram = datagram,
                                    .tick = NULL,
                                    .error = error};

const struct weft_app* weft_app_entry(void) { return &app; }
