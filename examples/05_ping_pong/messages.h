/* What both ends know of the messages. A connection begins with the length of all its messages, in
 * four bytes, high byte first. Then they go back and forth, the first from who has connected. The
 * bytes of message number k are those of a table from place k * 7 % 4096 on, so that none that is
 * lost, doubled or of the wrong message goes unseen. */
#ifndef PING_PONG_MESSAGES_H
#define PING_PONG_MESSAGES_H

#include <stdint.h>

enum { places = 4096, longest_message = 8 << 20 };

struct table {
  uint8_t bytes[longest_message + places];
};

static inline void fill_table(struct table* t) {
  uint32_t x = 2463534242u; /* a xorshift generator */
  for (uint32_t i = 0; i < sizeof(t->bytes); ++i) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    t->bytes[i] = (uint8_t)(x >> 24);
  }
}

static inline const uint8_t* message(const struct table* t, uint64_t number) {
  return t->bytes + number * 7 % places;
}

#endif
