/* A weft host in simulated time: one thread, no clock, no randomness and no I/O of its own. The
 * caller gives it frames, takes frames from it, tells it the time, and uses connections by calls in
 * the manner of sockets that never wait. Its frames go through the protocol graph graphs/host_ipv4
 * (runtime/engine's interpreter), its connections are those of stack-nodes/tcp. Two hosts with the
 * same configuration and the same calls do the same, byte for byte.
 *
 * Addresses and ports are numbers in host byte order, times nanoseconds. Calls that return int give
 * a negative number of errno.h where they fail. Structures grow at the end only; `size` is what the
 * writer was compiled with.
 */
#ifndef WEFT_SIM_H
#define WEFT_SIM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weft_sim;

#define WEFT_SIM_NEWRENO 0u
#define WEFT_SIM_CUBIC 1u

/* Features, all on by default (weft_sim_defaults). */
#define WEFT_SIM_SACK 1u
#define WEFT_SIM_TIMESTAMPS 2u
#define WEFT_SIM_WINDOW_SCALING 4u
#define WEFT_SIM_SYN_COOKIES 8u      /* where a backlog is full */
#define WEFT_SIM_NO_DELAY 16u        /* off by default: Nagle's algorithm is on */
#define WEFT_SIM_FIXED_SEQUENCE 32u  /* `sequence` is every connection's first number */
#define WEFT_SIM_FIXED_TIMESTAMP 64u /* `timestamp` is what every connection says at clock 0 */

/* Who computes checksums. */
#define WEFT_SIM_SOFTWARE 0u /* the stack */

struct weft_sim_config {
  uint32_t size;
  uint32_t address; /* 10.0.0.1 is 0x0a000001 */
  uint32_t prefix_length;
  uint32_t gateway; /* 0: none */
  uint8_t mac[6];
  uint16_t mtu;
  uint64_t seed;     /* of everything random */
  uint64_t clock_ns; /* the time at the start */
  uint32_t features;
  uint32_t sequence;
  uint32_t timestamp;
  uint32_t congestion;
  uint32_t receive_buffer;
  uint32_t send_buffer;
  uint32_t offload;   /* WEFT_SIM_SOFTWARE; others are refused */
  uint32_t pool_size; /* buffers of packets */
  uint32_t connections;
  uint32_t reserved;           /* 0 */
  uint64_t fail_allocation_at; /* the n-th allocation of a buffer fails, once; 0: none */
};

/* Fills `config`, sizeof(*config) bytes. */
void weft_sim_defaults(struct weft_sim_config* config);

/* Null: what is wrong goes into `why` (at most `room` bytes, with its 0). */
struct weft_sim* weft_sim_create(const struct weft_sim_config* config, char* why, uint32_t room);
/* All connections end; nothing is sent any more. */
void weft_sim_destroy(struct weft_sim* sim);

/* A frame from the wire. It is copied. -ENOBUFS: dropped, the pool is empty. */
int weft_sim_receive(struct weft_sim* sim, const void* frame, uint32_t bytes);
/* The next frame for the wire: its length, or 0 where there is none. One that is longer than `room`
 * is cut off. */
uint32_t weft_sim_transmit(struct weft_sim* sim, void* frame, uint32_t room);
/* When time is to be advanced next; ~0: nothing waits for time. */
uint64_t weft_sim_next_timer(const struct weft_sim* sim);
/* It is now so late; never earlier than before. */
void weft_sim_advance(struct weft_sim* sim, uint64_t now_ns);
uint64_t weft_sim_now(const struct weft_sim* sim);

/* ---- sockets of TCP. None of these waits: -EAGAIN where one would have to. */
int weft_sim_socket(struct weft_sim* sim);
int weft_sim_bind(struct weft_sim* sim, int fd, uint32_t address, uint16_t port);
int weft_sim_listen(struct weft_sim* sim, int fd, int backlog);
/* A new socket; peer and peer_port may be null. */
int weft_sim_accept(struct weft_sim* sim, int fd, uint32_t* peer, uint16_t* peer_port);
/* -EINPROGRESS; poll says WEFT_SIM_OUT when it is there. */
int weft_sim_connect(struct weft_sim* sim, int fd, uint32_t address, uint16_t port);
/* How many bytes were taken: copied. */
int64_t weft_sim_send(struct weft_sim* sim, int fd, const void* data, uint64_t bytes);
/* How many bytes were given; 0: the peer has said all. */
#define WEFT_SIM_PEEK 1 /* they stay */
int64_t weft_sim_recv(struct weft_sim* sim, int fd, void* data, uint64_t room, int flags);
int weft_sim_shutdown(struct weft_sim* sim, int fd); /* sends no more */
int weft_sim_close(struct weft_sim* sim, int fd);
int weft_sim_abort(struct weft_sim* sim, int fd); /* close, by a reset */

#define WEFT_SIM_OPTION_NO_DELAY 1
#define WEFT_SIM_OPTION_CORK 2
#define WEFT_SIM_OPTION_QUICK_ACK 3
#define WEFT_SIM_OPTION_KEEPALIVE 4
#define WEFT_SIM_OPTION_KEEPALIVE_IDLE 5     /* seconds */
#define WEFT_SIM_OPTION_KEEPALIVE_INTERVAL 6 /* seconds */
#define WEFT_SIM_OPTION_KEEPALIVE_COUNT 7
#define WEFT_SIM_OPTION_USER_TIMEOUT 8 /* milliseconds */
#define WEFT_SIM_OPTION_SEND_BUFFER 9
int weft_sim_set_option(struct weft_sim* sim, int fd, int option, int64_t value);

#define WEFT_SIM_IN 1   /* recv gives something, or accept */
#define WEFT_SIM_OUT 4  /* send takes something */
#define WEFT_SIM_ERR 8  /* the connection ended by an error (weft_sim_error) */
#define WEFT_SIM_HUP 16 /* nothing goes either way any more */
int weft_sim_poll(struct weft_sim* sim, int fd);
int weft_sim_error(struct weft_sim* sim, int fd); /* errno.h; 0: none */

/* As Linux's struct tcp_info has it: times in microseconds, states by its numbers. */
struct weft_sim_tcp_info {
  uint32_t size;
  uint8_t state;    /* 1 established, 2 SYN sent, 3 SYN received, 4 and 5 FIN wait, 6 TIME-WAIT,
                     * 7 closed, 8 close wait, 9 last ACK, 10 listen, 11 closing */
  uint8_t ca_state; /* 0 open, 2 CWR, 3 recovery, 4 loss */
  uint8_t retransmits;
  uint8_t backoff;
  uint8_t options; /* 1 timestamps, 2 SACK, 4 window scale, 8 ECN */
  uint8_t snd_wscale;
  uint8_t rcv_wscale;
  uint8_t reserved;
  uint32_t rto;
  uint32_t snd_mss;
  uint32_t rcv_mss;
  uint32_t unacked; /* segments; so are the next three */
  uint32_t sacked;
  uint32_t lost;
  uint32_t retrans;
  uint32_t pmtu;
  uint32_t rtt;
  uint32_t rttvar;
  uint32_t min_rtt;
  uint32_t snd_ssthresh; /* segments */
  uint32_t snd_cwnd;     /* segments */
  uint32_t snd_wnd;      /* bytes */
  uint32_t rcv_wnd;      /* bytes */
  uint32_t total_retrans;
  uint32_t segs_out;
  uint32_t segs_in;
  uint32_t notsent_bytes;
  uint64_t bytes_acked;
  uint64_t bytes_received;
};
int weft_sim_info(struct weft_sim* sim, int fd, struct weft_sim_tcp_info* info);

/* What is alive now, and what was dropped. */
struct weft_sim_counters {
  uint32_t size;
  uint32_t buffers;     /* of packets, and of text to be sent */
  uint32_t connections; /* of any state */
  uint32_t timers;
  uint32_t fragments;  /* datagrams in pieces */
  uint32_t neighbours; /* known, or asked for */
  uint32_t waiting;    /* packets that wait for a neighbour's answer */
  uint32_t sockets;
  uint64_t received; /* frames */
  uint64_t transmitted;
  uint64_t no_buffer; /* allocations that failed */
};
void weft_sim_count(const struct weft_sim* sim, struct weft_sim_counters* counters);
/* Calls back with each reason for which packets were dropped, and how many: those of the graph by
 * the names that it has there, those of connections as "tcp.REASON". */
void weft_sim_drops(const struct weft_sim* sim, void (*each)(void*, const char*, uint64_t),
                    void* context);

#ifdef __cplusplus
}
#endif
#endif
