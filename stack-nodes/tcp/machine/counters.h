// What a net core's TCP counts. Segments unless the name says otherwise.
#pragma once

#include <cstdint>

namespace weft::tcp {

struct Counters {
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
  std::uint64_t sent_again = 0;
  std::uint64_t resets_sent = 0;
  std::uint64_t resets_heard = 0;   // connections that ended by one
  std::uint64_t opened_active = 0;  // connections
  std::uint64_t opened_passive = 0;
  std::uint64_t timeouts = 0;  // of the retransmission timer
  std::uint64_t tail_probes = 0;
  std::uint64_t undone = 0;      // reductions of the window taken back
  std::uint64_t challenges = 0;  // challenge ACKs
  std::uint64_t cookies_sent = 0;
  std::uint64_t cookies_accepted = 0;
  std::uint64_t black_holes = 0;  // paths that are taken to carry less than they said
  std::uint64_t given_up = 0;     // connections that timed out

  // Not acted upon, by reason.
  std::uint64_t no_connection = 0;    // answered by a reset
  std::uint64_t to_closed_quiet = 0;  // a reset, or nonsense, where nobody is
  std::uint64_t bad_cookie = 0;       // to a listener that has sent cookies, and none of them
  std::uint64_t bad_flags = 0;        // SYN with FIN, none, ...
  std::uint64_t out_of_window = 0;
  std::uint64_t old_timestamp = 0;  // PAWS
  std::uint64_t no_timestamp = 0;
  std::uint64_t bad_ack = 0;
  std::uint64_t bad_reset = 0;  // not at the exact place
  std::uint64_t syn_in_connection = 0;
  std::uint64_t duplicate = 0;     // text that was there already
  std::uint64_t no_room = 0;       // text beyond the records or the buffer
  std::uint64_t backlog_full = 0;  // connections
  std::uint64_t table_full = 0;    // connections
  std::uint64_t after_close = 0;   // text that nobody will read
  std::uint64_t replies_lost = 0;  // resets and the like: too many at once
  std::uint64_t quiet = 0;         // answers held back by a limit

  std::uint64_t closed() const { return no_connection + to_closed_quiet; }
  std::uint64_t refused() const {
    return bad_cookie + bad_flags + out_of_window + old_timestamp + no_timestamp + bad_ack +
           bad_reset + syn_in_connection + duplicate + no_room + backlog_full + table_full +
           after_close;
  }
};

}  // namespace weft::tcp
