/* The application interface, version 1: datagrams and errors about them, connections, timers, and
 * what an application may want changed while the stack runs: flows and endpoints.
 *
 * An application is a shared object with one symbol, weft_app_entry. Every net core has an instance
 * of its own, made by create(); all calls for an instance come from that one thread, and there is
 * no lock anywhere. The same object runs on a net core by direct calls (run to completion) and,
 * later, in a process of its own; it needs no rebuild for that.
 *
 * Ownership. The bytes of a received datagram belong to the application from the event on, until it
 * gives the token back: with recv_done(), or with a send() that names it. A send() that fails
 * leaves the token with the application. Bytes handed to send() that lie elsewhere are copied
 * before it returns.
 *
 * Addresses and ports are numbers in host byte order. Structures grow at the end only; `size` is
 * what the writer of the structure was compiled with, and readers look at no byte behind it.
 */
#ifndef WEFT_APP_H
#define WEFT_APP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEFT_APP_ABI 1u

/* Event: a datagram for one of the application's endpoints. */
struct weft_datagram {
  uint32_t size;
  uint32_t endpoint; /* index, as in weft_app_config */
  uint32_t src;
  uint32_t dst; /* the own address, or a broadcast address */
  uint16_t src_port;
  uint16_t dst_port;
  uint32_t len; /* bytes at data, 0 to 65507 */
  const uint8_t* data;
  uint64_t token; /* never 0 */
};

/* Event: a datagram that one of the application's endpoints sent did not get through, says a host
 * or router on the way by ICMP (RFC 1122 section 4.1.3.3), or the stack itself, when the datagram
 * was not to be cut and its path carries less. A hint, no proof: whoever knows the addresses and
 * the port can forge it. Several datagrams may be lost for each event. */
struct weft_error {
  uint32_t size;
  uint32_t endpoint; /* index, as in weft_app_config */
  uint32_t dst;      /* where the datagram was sent to */
  uint32_t reporter; /* who says so; 0: the stack itself */
  uint16_t dst_port;
  uint8_t icmp_type; /* 3 unreachable, 11 time exceeded, 12 parameter problem */
  uint8_t icmp_code;
  /* The reason as a number of errno.h: ECONNREFUSED (no such port), EHOSTUNREACH, ENETUNREACH,
   * ENOPROTOOPT, EMSGSIZE, EPROTO. */
  int32_t error;
  uint32_t mtu; /* with EMSGSIZE the largest IPv4 datagram (payload + 28) for `dst`, else 0 */
};

struct weft_part {
  const void* data;
  uint32_t len;
};

/* Command: send one datagram made of parts, one behind the other. */
struct weft_send {
  uint32_t size;
  uint32_t endpoint; /* its port is the source port */
  uint32_t dst;
  uint16_t dst_port;
  uint16_t reserved; /* 0 */
  const struct weft_part* parts;
  uint32_t part_count;
  /* 0, or a received datagram that is given back with this send. When the single part lies inside
   * that datagram, its buffer is sent as it is, without a copy. */
  uint64_t token;
  uint32_t flags; /* WEFT_SEND_..., or 0 */
  /* Since this much was added; a shorter structure means 0. The own address and port to send from.
   * 0: those to which the datagram of `token` was sent, where they are the endpoint's own (RFC 1122
   * section 4.1.3.5); else the address that the endpoint is bound to, or that of the way out (RFC
   * 1122 section 3.3.4.3), and the endpoint's first port. */
  uint32_t src;
  uint16_t src_port;
  uint16_t reserved2; /* 0 */
};

/* Command: what the endpoint wants of a group from now on (IPMulticastListen of RFC 3376 section
 * 2). */
#define WEFT_GROUP_ONLY 0u    /* the sources named; with none of them it leaves the group */
#define WEFT_GROUP_ALL_BUT 1u /* all but those named; with none of them it joins for all */
struct weft_group {
  uint32_t size;
  uint32_t endpoint;
  uint32_t group; /* 224.0.0.2 to 239.255.255.255 */
  uint32_t mode;
  const uint32_t* sources; /* at most 32 */
  uint32_t source_count;
};

/* The datagram may not be cut into pieces, here or on its way. One that is larger than the path
 * carries, as far as is known, is not sent; the application gets an error event with EMSGSIZE. */
#define WEFT_SEND_DONT_FRAGMENT 1u

/* ---- TCP. A connection is a number that is never used twice. */

#define WEFT_TCP_NEW 1u           /* somebody has connected; accept, reject, or just use it */
#define WEFT_TCP_CONNECTED 2u     /* what tcp_connect asked for */
#define WEFT_TCP_DATA 3u          /* len bytes at data, the application's until tcp_done(token) */
#define WEFT_TCP_ACKED 4u         /* all that was sent with `token` has arrived: it is free again */
#define WEFT_TCP_REMOTE_CLOSED 5u /* the peer sends no more */
/* The connection is over, by `error` (errno.h) where that is not 0; its number means nothing any
 * more. Tokens of what was sent and not acknowledged come before it, as WEFT_TCP_ACKED with the
 * error. */
#define WEFT_TCP_CLEANUP 6u
#define WEFT_TCP_URGENT 7u /* urgent text is in the stream */
#define WEFT_TCP_CREDIT 8u /* a send failed with -ENOBUFS; now there is room for it */
/* Nothing gets through just now, and the stack goes on trying: `error` is what a router or the peer
 * said by ICMP, or ETIMEDOUT when three retransmissions came to nothing. May be ignored. */
#define WEFT_TCP_TROUBLE 9u

struct weft_tcp_event {
  uint32_t size;
  uint32_t endpoint; /* index, as in weft_app_config */
  uint64_t connection;
  uint32_t kind; /* WEFT_TCP_... */
  int32_t error;
  uint32_t peer;
  uint32_t own;
  uint16_t peer_port;
  uint16_t own_port;
  uint32_t len;
  const uint8_t* data;
  uint64_t token;
  uint64_t cookie; /* of tcp_connect or tcp_mark; else 0 */
};

/* Command: send bytes made of parts. They stay where they are and as they are until WEFT_TCP_ACKED
 * brings back `token` (any number but 0). */
struct weft_tcp_send {
  uint32_t size;
  uint32_t part_count;
  uint64_t connection;
  const struct weft_part* parts;
  uint64_t token;
};

/* Command: open a connection. */
struct weft_tcp_connect {
  uint32_t size;
  uint32_t endpoint; /* whose events tell of it */
  uint32_t dst;
  uint32_t src; /* an own address; 0: that of the way out */
  uint16_t dst_port;
  uint16_t src_port; /* 0: picked */
  uint32_t reserved; /* 0 */
  uint64_t cookie;   /* below 2^48, as in tcp_mark */
};

/* ---- Timers. */

/* Event: a timer that timer_set made is due. It is over. */
struct weft_timer {
  uint32_t size;
  uint32_t endpoint;
  uint64_t timer; /* its number, never used twice */
  uint64_t cookie;
  uint64_t due_ns; /* when it was to be; up to 0.3 ms ago where the core is not busy */
};

/* ---- Flows: known to the stack one by one, with a queue of the plan and, where the card has room,
 * a rule that brings them there. The planner beside the stack (`weft plan --serve`) decides and
 * proves the change, and the stack makes it while packets flow; that takes milliseconds to seconds,
 * and the core does not wait for it. */

#define WEFT_FLOW_GOLD 1u   /* priority class; neither: that of the endpoint */
#define WEFT_FLOW_NORMAL 2u /* (not both) */
#define WEFT_FLOW_QUEUE 4u  /* it must arrive on `queue`; else the planner chooses */

/* Command: a flow to one of the application's own endpoints. */
struct weft_flow {
  uint32_t size;
  uint32_t endpoint;
  uint32_t src; /* where its packets come from */
  uint32_t dst; /* the own address that they go to; 0: the endpoint's, or the host's first */
  uint16_t src_port;
  uint16_t dst_port; /* 0: the endpoint's first */
  uint32_t flags;    /* WEFT_FLOW_..., or 0 */
  uint32_t queue;    /* with WEFT_FLOW_QUEUE, else 0 */
  uint32_t reserved; /* 0 */
  uint64_t rate;     /* packets per second that are expected, below 10^12; 0: not known */
  uint64_t cookie;   /* the event brings it */
};

#define WEFT_ENDPOINT_TCP 1u /* else UDP */

/* Command: one more endpoint of the application, as a workload would declare it: every net core
 * gets an instance for it, by create(). */
struct weft_endpoint {
  uint32_t size;
  uint32_t endpoint; /* one of the application's, which serves the new one, too */
  const char* name;  /* of the new one: letters, digits, `_`, at most 64; nobody else's */
  uint16_t port;
  uint16_t reserved; /* 0 */
  uint32_t flags;    /* WEFT_ENDPOINT_..., or 0 */
  uint64_t cookie;   /* the event brings it */
};

#define WEFT_ANSWER_DONE 1u       /* the stack runs so now */
#define WEFT_ANSWER_REFUSED 2u    /* it cannot be; nothing was touched */
#define WEFT_ANSWER_TAKEN_BACK 3u /* the card or a core said no; all is as it was before */
#define WEFT_ANSWER_NO_PLANNER 4u /* there is nobody who decides; ask again when there is */
/* The planner ended, or fell silent, before it had an answer; or what was begun could not be taken
 * back whole. It may be done or not: what was asked for may be asked for again. */
#define WEFT_ANSWER_UNKNOWN 5u

/* Event: what became of flow_add, flow_remove, endpoint_add or endpoint_remove. Each that returned
 * 0 has one, told to the instance in whose event it was given, unless that or the stack ends
 * before. */
struct weft_answer {
  uint32_t size;
  uint32_t endpoint; /* that has asked */
  uint64_t cookie;   /* of the command */
  uint32_t outcome;  /* WEFT_ANSWER_... */
  uint32_t queue;    /* of a flow that was added: where its packets arrive now */
  /* What `weft flow` would print of it: an error with its code, and what to do; "" when it is done.
   * Ends with a zero; valid during the call. */
  const char* reason;
  /* Since this much was added. The index of the endpoint that was added. */
  uint32_t added;
};

/* What an application may ask for; all functions take `context`. */
struct weft_host {
  uint32_t size;
  uint32_t abi;
  void* context;
  /* 0; or -EINVAL (no such endpoint or token, no parts, a part that lies nowhere, an unknown flag,
   * to 127.0.0.0/8), -EMSGSIZE (over 65507 bytes), -ENOBUFS, -EADDRNOTAVAIL (src or src_port is not
   * the endpoint's). 0 means that the stack took the datagram; what becomes of it is in the stack's
   * counters. */
  int (*send)(void* context, const struct weft_send* command);
  /* 0, or -EINVAL for a token that is not the application's (any more). */
  int (*recv_done)(void* context, uint64_t token);
  uint64_t (*now_ns)(void* context); /* may be simulated time */
  /* Since this much was added. 0; or -EINVAL (no such endpoint, no group, too many sources),
   * -EOPNOTSUPP (the host takes no part in multicast), -ENOBUFS (1,024 groups are joined). */
  int (*listen_group)(void* context, const struct weft_group* command);
  /* Since this much was added: TCP. All return 0, or -EBADF (no such connection), -EINVAL. */
  int (*tcp_accept)(void* context, uint64_t connection);
  int (*tcp_reject)(void* context, uint64_t connection); /* reset */
  /* Also -EPIPE (closed for sending), -ENOBUFS (WEFT_TCP_CREDIT comes when there is room), or the
   * error that ended the connection. What fails has taken nothing. */
  int (*tcp_send)(void* context, const struct weft_tcp_send* command);
  int (*tcp_done)(void* context, uint64_t token);          /* of WEFT_TCP_DATA */
  int (*tcp_shutdown)(void* context, uint64_t connection); /* sends no more */
  int (*tcp_close)(void* context, uint64_t connection);    /* nor wants to receive any more */
  int (*tcp_abort)(void* context, uint64_t connection);
  /* The connection is this net core's: a source port is picked whose answers reach one of its
   * queues. Also -EADDRINUSE (src_port, to this peer), -EADDRNOTAVAIL (src is no own address, or
   * all source ports to this peer are in use), -EXDEV (with this src_port, or with any, answers
   * would reach another net core), -ENETUNREACH (no route), -ENOBUFS (no room for one more). What
   * the network says comes as the error of WEFT_TCP_CLEANUP. */
  int (*tcp_connect)(void* context, const struct weft_tcp_connect* command, uint64_t* connection);
  int (*tcp_no_delay)(void* context, uint64_t connection, int on);
  /* Since this much was added. From now on the connection's events bring `cookie`, a number below
   * 2^48 that means nothing to the stack: where the application keeps what it knows of it. */
  int (*tcp_mark)(void* context, uint64_t connection, uint64_t cookie);
  /* Since this much was added. An event at `due_ns` (of now_ns; at once, when that is over), which
   * brings `cookie`. -EINVAL (no such endpoint), -ENOBUFS (65,536 are set). */
  int (*timer_set)(void* context, uint32_t endpoint, uint64_t due_ns, uint64_t cookie,
                   uint64_t* timer);
  /* -EINVAL: it is not set (any more). */
  int (*timer_cancel)(void* context, uint64_t timer);
  /* Since this much was added. 0: the event `answer` will tell. -EINVAL (no such endpoint, unknown
   * or contradicting flags, no source, the application has no `answer`), -EPERM (another
   * application's endpoint), -EADDRNOTAVAIL (the endpoint does not listen there, or another one is
   * found first), -ENOBUFS (16 of this instance wait for an answer), -EOPNOTSUPP (in
   * simulated time nothing is decided while it runs). flow_remove looks at endpoint, src, dst and
   * ports alone. */
  int (*flow_add)(void* context, const struct weft_flow* command);
  int (*flow_remove)(void* context, const struct weft_flow* command);
  /* Since this much was added. As flow_add. -EINVAL: also no name or port, or not such a one;
   * -EPERM (endpoint_remove alone): the endpoint of this name is another application's.
   * endpoint_remove looks at endpoint and name alone; one that removes itself gets no answer. */
  int (*endpoint_add)(void* context, const struct weft_endpoint* command);
  int (*endpoint_remove)(void* context, const struct weft_endpoint* command);
};

struct weft_app_config {
  uint32_t size;
  uint32_t endpoint; /* index of the endpoint that this instance serves */
  const char* name;  /* of the endpoint */
  uint16_t port;
  uint16_t reserved;
  uint32_t core;      /* net core, 0, 1, ... */
  uint32_t ports;     /* how many, from `port` on */
  uint32_t address;   /* the own address that the endpoint is bound to; 0: all of the host's */
  uint32_t addresses; /* how many, from `address` on */
};

struct weft_app {
  uint32_t abi;  /* WEFT_APP_ABI */
  uint32_t size; /* sizeof(struct weft_app) */
  const char* name;
  /* Null: refused, the stack does not start. */
  void* (*create)(const struct weft_app_config* config);
  void (*destroy)(void* self);
  void (*datagram)(void* self, const struct weft_host* host, const struct weft_datagram* event);
  /* Every 100 ms; may be null. */
  void (*tick)(void* self, const struct weft_host* host, uint64_t now_ns);
  /* May be null, and is absent where `size` ends before it. */
  void (*error)(void* self, const struct weft_host* host, const struct weft_error* event);
  /* May be null, and is absent where `size` ends before it: it serves no TCP endpoints then. One
   * that is there makes `datagram` optional. */
  void (*tcp)(void* self, const struct weft_host* host, const struct weft_tcp_event* event);
  /* May be null, and is absent where `size` ends before it: timer_set is refused then. */
  void (*timer)(void* self, const struct weft_host* host, const struct weft_timer* event);
  /* May be null, and is absent where `size` ends before it: flow_add, flow_remove, endpoint_add and
   * endpoint_remove are refused then. */
  void (*answer)(void* self, const struct weft_host* host, const struct weft_answer* event);
};

/* The one symbol of an application. */
typedef const struct weft_app* (*weft_app_entry_function)(void);
const struct weft_app* weft_app_entry(void);

#ifdef __cplusplus
}
#endif
#endif
