// Packet ladders through the simulation port, by its C header alone: a script says what comes from
// the wire, what must go out, what the application calls and what these calls return, and how time
// passes. One step in a line:
//
//   socket L | bind L 80 | listen L 4 | accept C L | connect C 10.0.0.2 80 | send C 100 MORE
//   recv C 1000 PEEK | shutdown C WR | close C | abort C | opt C TCP_NODELAY 1 | get C SO_ERROR
//   poll C | ioctl C SIOCINQ                              sockets have names
//   ... = 100        what the call returns: a number, the name of an error; for poll IN|OUT
//   << SYN seq=100 win=8000 mss=1000 ws=2 sack_ok ts=5,0 sack=1,2 len=10 urg=3 ecn=3
//   >> SYN|ACK seq=5000 ack=101 len=0 ...                 must go out next; what is named is
//   >> nothing                                            compared, flags and len always are
//   +40ms                                                 time passes, timers run
//   info C state=1 snd_cwnd=10                            of tcp_info
//   peer 10.0.0.9 4000                                    who sends from now on
//
// Numbers are absolute: the stack's own first is 5000. Text is a pattern of its place in the stream
// (counted from the first text), in both directions, and compared. When the ladder ends, a fresh
// connection must work, and when that is over nothing may be left.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "runtime/sim/weft_sim.h"
#include "tests/unit/sim/peer_frames.h"

namespace weft::test {

class PortLadder {
 public:
  static constexpr std::uint32_t own_first = 5000;
  static weft_sim_config plain();  // no timestamps, no window scale, NewReno, 10,000 bytes

  explicit PortLadder(const weft_sim_config& config = plain());
  ~PortLadder();
  PortLadder(const PortLadder&) = delete;
  PortLadder& operator=(const PortLadder&) = delete;

  PortLadder& run(const std::string& script);
  // A passive connection C on port 80, from 1234: own 5001, peer 101; and its listener L.
  // A round trip took `rtt_ms`.
  PortLadder& established(const std::string& syn_words = "win=8000 mss=1000",
                          const std::string& options = "", unsigned rtt_ms = 20);

  weft_sim* sim() { return sim_; }
  weft_sim_config& config() { return config_; }
  TcpFrame from_peer() const;  // with addresses and ports of the peer that speaks now
  void give(const Bytes& frame);
  std::vector<SeenFrame> taken();  // all that waits on the wire
  void pass(std::uint64_t ns);
  weft_sim_counters counters() const;
  std::uint64_t drops(const std::string& reason) const;
  int fd(const std::string& name) const;
  // A connection that another peer opens, with an answer and an orderly end: it must work.
  void fresh_connection();
  bool check_fresh = true;  // at the end
  bool answers_arp = true;

 private:
  void step(std::istringstream& words, const std::string& line);
  void incoming(std::istringstream& words);
  void outgoing(std::istringstream& words);
  void information(std::istringstream& words);
  std::int64_t call(const std::string& what, std::istringstream& words);
  std::int64_t option(const std::string& what, std::istringstream& words);
  void collect();
  void drain();

  weft_sim_config config_;
  weft_sim* sim_ = nullptr;
  std::map<std::string, int> fds_;
  std::map<int, std::uint32_t> sent_, got_;  // places in streams, by fd
  std::deque<Bytes> out_;
  std::uint32_t peer_ = 0x0a000002;
  std::uint16_t peer_port_ = 1234, own_port_ = 80;
  std::uint32_t peer_first_ = 101, own_text_ = own_first + 1;  // numbers of the first text
  std::uint32_t fresh_ = 0;
};

}  // namespace weft::test
