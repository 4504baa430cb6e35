// Connections that applications open (RFC 9293 section 3.10.1): the source port, and the SYN.
#include "stack-nodes/tcp/machine/stack.h"

namespace weft::tcp {
namespace {

constexpr int e_elsewhere = 18, e_invalid = 22, e_in_use = 98, e_not_available = 99,
              e_no_buffers = 105;

}  // namespace

// RFC 6056 section 3.3.3: a place in the range for each destination that nobody else can guess, and
// from there on the next that is free, of those whose answers come here.
int Tcp::pick_port(Tuple& tuple, const PortTest& may_be) {
  const std::uint32_t range = config_.last_port - config_.first_port + 1u;
  const auto start = static_cast<std::uint32_t>(keyed_hash(config_.secret, tuple, 4));
  int result = -e_elsewhere;
  Tuple t = tuple;
  for (std::uint32_t i = 0; i < range; ++i) {
    t.local_port =
        static_cast<std::uint16_t>(config_.first_port + (start + next_port_ + i) % range);
    if (may_be && !may_be(t)) continue;
    result = -e_not_available;
    if (find(t) != none || find_listener(t) != none) continue;
    next_port_ += i + 1 + random_.below(500);  // (section 3.3.5: nobody counts them)
    tuple = t;
    return 0;
  }
  return result;
}

int Tcp::connect(Tuple tuple, Id& id, const Settings& settings, const PortTest& may_be) {
  if (tuple.local.any() || tuple.peer.any() || tuple.peer_port == 0) return -e_invalid;
  if (tuple.local_port == 0) {
    if (const int result = pick_port(tuple, may_be); result != 0) return result;
  } else if (find(tuple) != none) {
    return -e_in_use;
  }
  const std::uint32_t at = make_connection(tuple, settings);
  if (at == none) return -e_no_buffers;
  Connection& c = connections_[at];
  c.state = State::syn_sent;
  c.iss = c.snd_una = c.snd_nxt = initial_sequence(tuple);
  c.snd_end = c.small_end = c.rack_fack = c.rack_round = c.flight_end = c.iss + 1;
  c.told = 1;
  id = id_of(c);
  want_output(c);
  return 0;
}

}  // namespace weft::tcp
