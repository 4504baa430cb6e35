/* Who asks, on the kernel's sockets: messages of 1 byte to 8 MiB, each length and its neighbours 3
 * bytes away, back and forth for a while. Prints a line for each length: bytes, messages, half of a
 * round trip in microseconds (the median), bits in a second. Every byte is looked at.
 *
 *   ping ADDRESS PORT [MOST_BYTES [SECONDS_FOR_EACH]]
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "messages.h"

enum { most_trips = 100000, fewest_trips = 3 };

static struct table table;
static uint8_t received[longest_message];
static double trips[most_trips];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static void send_all(int fd, const uint8_t* data, size_t len) {
  while (len != 0) {
    const ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
    if (n <= 0) fail("send");
    data += n;
    len -= (size_t)n;
  }
}

static int opened(const struct sockaddr_in* to, uint32_t length) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  const struct timeval limit = {.tv_sec = 20};
  if (fd < 0) fail("socket");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  if (connect(fd, (const struct sockaddr*)to, sizeof(*to)) != 0) fail("connect");
  const uint32_t wire = htonl(length);
  send_all(fd, (const uint8_t*)&wire, sizeof(wire));
  return fd;
}

static int by_time(const void* a, const void* b) {
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

static void play(const struct sockaddr_in* to, uint32_t length, double seconds) {
  const int fd = opened(to, length);
  const double end = now() + seconds;
  int n = 0;
  for (uint64_t number = 0; n < most_trips && (n < fewest_trips || now() < end); number += 2, ++n) {
    const double begin = now();
    send_all(fd, message(&table, number), length);
    for (size_t got = 0; got < length;) {
      const ssize_t some = recv(fd, received + got, length - got, 0);
      if (some <= 0) fail("recv");
      got += (size_t)some;
    }
    trips[n] = now() - begin;
    if (memcmp(received, message(&table, number + 1), length) != 0) {
      fprintf(stderr, "%u bytes: answer %d is wrong\n", length, n);
      exit(1);
    }
  }
  close(fd);
  qsort(trips, (size_t)n, sizeof(trips[0]), by_time);
  const double half = trips[n / 2] / 2;
  printf("%8u %7d %12.2f us %12.3f Mbit/s\n", length, n, half * 1e6, length * 8e-6 / half);
  fflush(stdout);
}

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: ping ADDRESS PORT [MOST_BYTES [SECONDS_FOR_EACH]]\n");
    return 64;
  }
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
  if (inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) return 64;
  const long most = argc > 3 ? atol(argv[3]) : longest_message;
  const double seconds = argc > 4 ? atof(argv[4]) : 0.1;
  fill_table(&table);
  for (long length = 1; length <= most && length <= longest_message; length *= 2) {
    for (long near = -3; near <= 3; near += 3) {
      const long l = length + near;
      if (near != 0 && length < 8) continue; /* they are there already */
      if (l <= most && l <= longest_message) play(&to, (uint32_t)l, seconds);
    }
  }
  return 0;
}
