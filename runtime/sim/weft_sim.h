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
#define WEFT_SIM_ECN 128u            /* off by default: connections that are opened ask for it */
#define WEFT_SIM_ALWAYS_COOKIES 256u /* off by default: every SYN is answered by a cookie */

/* Who cuts what connections send into segments. Checksums are right in every mode, and frames that
 * hold several segments are taken in every mode. */
#define WEFT_SIM_SOFTWARE 0u /* connections themselves */
#define WEFT_SIM_CUT_LATE \
  1u /* the graph, from packets of up to 64 KiB, as for a card without TSO */
#define WEFT_SIM_LARGE_FRAMES \
  2u /* whoever takes them: frames of up to 64 KiB, as a card with TSO gets */

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
  uint32_t offload;   /* WEFT_SIM_SOFTWARE and so on */
  uint32_t pool_size; /* buffers of packets */
  uint32_t connections;
  uint32_t reserved;           /* 0 */
  uint64_t fail_allocation_at; /* the n-th allocation of a buffer fails, once; 0: none */
  /* 0: what TCP's defaults are, which follow. Milliseconds. */
  uint32_t rto_initial; /* 1000 (RFC 6298 section 2.1) */
  uint32_t
      rto_min; /* 200, above the round trip: RFC 8961 allows less than a second, as others do */
  uint32_t rto_max;        /* 60,000 */
  uint32_t delayed_ack;    /* 40 */
  uint32_t time_wait;      /* 60,000 */
  uint32_t fin_wait_2;     /* 60,000: of connections that nobody reads any more */
  uint32_t initial_window; /* 10 segments (RFC 6928) */
  uint32_t transmit_ring;  /* frames that wait to be taken; more are dropped. No default limit */
};

/* Fills `config`, sizeof(*config) bytes. */
void weft_sim_defaults(struct weft_sim_config* config);

/* Null: what is wrong goes into `why` (at most `room` bytes, with its 0). */
struct weft_sim* weft_sim_create(const struct weft_sim_config* config, char* why, uint32_t room);
/* All connections end; nothing is sent any more. */
void weft_sim_destroy(struct weft_sim* sim);

/* One more address of its own, with the prefix that it lies in. */
int weft_sim_add_address(struct weft_sim* sim, uint32_t address, uint32_t prefix_length);
/* Who is on the link, as if an ARP answer had said so. */
int weft_sim_add_neighbour(struct weft_sim* sim, uint32_t address, const uint8_t mac[6]);

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

/* ---- sockets of TCP, as POSIX and Linux have them, but that none ever waits: -EAGAIN where one
 * would have to. Numbers of levels, options, requests, flags and events are those of Linux's
 * headers (sys/socket.h, netinet/tcp.h, sys/ioctl.h, poll.h): callers may use these. */
int weft_sim_socket(struct weft_sim* sim);
int weft_sim_bind(struct weft_sim* sim, int fd, uint32_t address, uint16_t port);
/* Again: another backlog. Without bind: at a port of the system's choice. */
int weft_sim_listen(struct weft_sim* sim, int fd, int backlog);
/* A new socket, with its listener's options; peer and peer_port may be null. */
int weft_sim_accept(struct weft_sim* sim, int fd, uint32_t* peer, uint16_t* peer_port);
/* -EINPROGRESS; poll says POLLOUT when it is there. Asked again: -EALREADY, then 0 once, -EISCONN.
 */
int weft_sim_connect(struct weft_sim* sim, int fd, uint32_t address, uint16_t port);
/* How many bytes were taken: copied. Flags: MSG_MORE, MSG_OOB (the last byte is urgent),
 * MSG_EOR (segments end there). */
int64_t weft_sim_send(struct weft_sim* sim, int fd, const void* data, uint64_t bytes, int flags);
/* How many bytes were given; 0: the peer has said all. Flags: MSG_PEEK, MSG_TRUNC (`data` may be
 * null: they are thrown away). Urgent text stays in its place (RFC 6093 section 6): reading stops
 * in front of the last urgent byte once (SIOCATMARK), and MSG_OOB is -EINVAL. */
int64_t weft_sim_recv(struct weft_sim* sim, int fd, void* data, uint64_t room, int flags);
/* The same; where TCP_INQ is set, *left becomes how many bytes wait to be read then (one where the
 * peer has said all), else -1. */
int64_t weft_sim_recv_left(struct weft_sim* sim, int fd, void* data, uint64_t room, int flags,
                           int* left);
int weft_sim_shutdown(struct weft_sim* sim, int fd,
                      int how); /* SHUT_RD 0, SHUT_WR 1, SHUT_RDWR 2 */
/* Never waits: where SO_LINGER has a time, the text is sent all the same; with a time of 0, or with
 * text that was not read, the peer gets a reset. */
int weft_sim_close(struct weft_sim* sim, int fd);
int weft_sim_abort(struct weft_sim* sim, int fd); /* close, by a reset */
int weft_sim_getsockname(struct weft_sim* sim, int fd, uint32_t* address, uint16_t* port);
int weft_sim_getpeername(struct weft_sim* sim, int fd, uint32_t* address, uint16_t* port);

/* SOL_SOCKET: SO_ERROR, SO_TYPE, SO_ACCEPTCONN (get), SO_REUSEADDR, SO_KEEPALIVE, SO_LINGER,
 * SO_SNDBUF, SO_RCVBUF (get: twice what was set, as on Linux), SO_RCVLOWAT, SO_OOBINLINE (always
 * 1). IPPROTO_TCP: TCP_NODELAY, TCP_CORK, TCP_QUICKACK, TCP_MAXSEG, TCP_KEEPIDLE, TCP_KEEPINTVL,
 * TCP_KEEPCNT, TCP_USER_TIMEOUT, TCP_SYNCNT, TCP_LINGER2, TCP_DEFER_ACCEPT (accept shows a
 * connection when it has text, or after so many seconds), TCP_WINDOW_CLAMP, TCP_NOTSENT_LOWAT,
 * TCP_INQ (weft_sim_recv_left), TCP_CONGESTION ("reno", "cubic"), TCP_INFO (get). IPPROTO_IP:
 * IP_TTL, IP_TOS, IP_MTU (get). Values are int, but for SO_LINGER (two int), TCP_CONGESTION (text),
 * TCP_INFO. */
int weft_sim_setsockopt(struct weft_sim* sim, int fd, int level, int option, const void* value,
                        uint32_t bytes);
int weft_sim_getsockopt(struct weft_sim* sim, int fd, int level, int option, void* value,
                        uint32_t* bytes);
/* FIONREAD (SIOCINQ), TIOCOUTQ (SIOCOUTQ), SIOCOUTQNSD, SIOCATMARK. */
int weft_sim_ioctl(struct weft_sim* sim, int fd, unsigned long request, int* value);
/* POLLIN 1, POLLPRI 2, POLLOUT 4, POLLERR 8, POLLHUP 16, POLLRDHUP 0x2000. */
int weft_sim_poll(struct weft_sim* sim, int fd);

/* Linux's struct tcp_info, field by field, in its layout (linux/tcp.h of 6.7). Always 0 are: the
 * rates of pacing and delivery, rehash, and what only Fast Open has. */
struct weft_sim_tcp_info {
  uint8_t tcpi_state; /* 1 established, 2 SYN sent, 3 SYN received, 4 and 5 FIN wait, 6 TIME-WAIT,
                       * 7 closed, 8 close wait, 9 last ACK, 10 listen, 11 closing */
  uint8_t tcpi_ca_state; /* 0 open, 1 disorder, 2 CWR, 3 recovery, 4 loss */
  uint8_t tcpi_retransmits;
  uint8_t tcpi_probes;
  uint8_t tcpi_backoff;
  uint8_t tcpi_options; /* 1 timestamps, 2 SACK, 4 window scale, 8 ECN agreed on, 16 ECN seen */
  uint8_t tcpi_snd_wscale : 4, tcpi_rcv_wscale : 4;
  uint8_t tcpi_delivery_rate_app_limited : 1, tcpi_fastopen_client_fail : 2;
  uint32_t tcpi_rto; /* microseconds; so are ato, rtt, rttvar, rcv_rtt, min_rtt */
  uint32_t tcpi_ato;
  uint32_t tcpi_snd_mss;
  uint32_t tcpi_rcv_mss;
  uint32_t tcpi_unacked; /* segments; of a listener: connections to be accepted */
  uint32_t tcpi_sacked;  /* ... of a listener: its backlog */
  uint32_t tcpi_lost;
  uint32_t tcpi_retrans;
  uint32_t tcpi_fackets;
  uint32_t tcpi_last_data_sent; /* milliseconds ago */
  uint32_t tcpi_last_ack_sent;  /* 0, as on Linux */
  uint32_t tcpi_last_data_recv;
  uint32_t tcpi_last_ack_recv;
  uint32_t tcpi_pmtu;
  uint32_t tcpi_rcv_ssthresh;
  uint32_t tcpi_rtt;
  uint32_t tcpi_rttvar;
  uint32_t tcpi_snd_ssthresh; /* segments */
  uint32_t tcpi_snd_cwnd;     /* segments */
  uint32_t tcpi_advmss;
  uint32_t tcpi_reordering;
  uint32_t tcpi_rcv_rtt;
  uint32_t tcpi_rcv_space;
  uint32_t tcpi_total_retrans;
  uint64_t tcpi_pacing_rate;
  uint64_t tcpi_max_pacing_rate;
  uint64_t tcpi_bytes_acked;
  uint64_t tcpi_bytes_received;
  uint32_t tcpi_segs_out;
  uint32_t tcpi_segs_in;
  uint32_t tcpi_notsent_bytes;
  uint32_t tcpi_min_rtt;
  uint32_t tcpi_data_segs_in;
  uint32_t tcpi_data_segs_out;
  uint64_t tcpi_delivery_rate;
  uint64_t tcpi_busy_time;
  uint64_t tcpi_rwnd_limited;
  uint64_t tcpi_sndbuf_limited;
  uint32_t tcpi_delivered;
  uint32_t tcpi_delivered_ce;
  uint64_t tcpi_bytes_sent;
  uint64_t tcpi_bytes_retrans;
  uint32_t tcpi_dsack_dups;
  uint32_t tcpi_reord_seen;
  uint32_t tcpi_rcv_ooopack;
  uint32_t tcpi_snd_wnd; /* bytes */
  uint32_t tcpi_rcv_wnd; /* bytes */
  uint32_t tcpi_rehash;
  uint16_t tcpi_total_rto;
  uint16_t tcpi_total_rto_recoveries;
  uint32_t tcpi_total_rto_time;
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
  uint64_t ring_full; /* frames that found no room in the ring */
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
