// Two hosts of the simulation port on a wire that loses, doubles, delays, reorders and corrupts
// frames, driven by one seed through the C interface alone. What each application sends must arrive
// byte by byte, and nothing may be left at the end.
#pragma once

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "runtime/sim/weft_sim.h"
#include "stack-nodes/table/random.h"

namespace weft::test {

struct Faults {
  unsigned loss = 0, twice = 0, late = 0, corrupt = 0;  // of 1,000
  std::uint32_t delay_us = 1000, late_us = 10000;
};

class TwoHosts {
 public:
  struct Plan {
    std::uint64_t seed = 1;
    Faults faults;
    weft_sim_config config[2];
    std::uint32_t connections = 1;
    std::uint32_t bytes[2] = {10000, 10000};  // of each connection
  };

  explicit TwoHosts(const Plan& plan) : plan_(plan), random_(plan.seed) {
    for (unsigned i = 0; i < 2; ++i) {
      char why[200] = "";
      host_[i] = weft_sim_create(&plan.config[i], why, sizeof(why));
      if (host_[i] == nullptr) error_ = why;
      origin_ns_[i] = plan.config[i].clock_ns;
    }
  }
  ~TwoHosts() {
    for (weft_sim* h : host_) weft_sim_destroy(h);
  }
  TwoHosts(const TwoHosts&) = delete;
  TwoHosts& operator=(const TwoHosts&) = delete;

  // Empty: all is well; else what is wrong.
  std::string run(std::uint64_t limit_s = 3600) {
    if (!error_.empty()) return error_;
    const int listener = weft_sim_socket(host_[1]);
    if (weft_sim_bind(host_[1], listener, 0, 80) != 0) return "bind";
    if (weft_sim_listen(host_[1], listener, 16) != 0) return "listen";
    for (unsigned i = 0; i < plan_.connections; ++i) {
      const int fd = weft_sim_socket(host_[0]);
      const int r = weft_sim_connect(host_[0], fd, plan_.config[1].address, 80);
      if (r != -EINPROGRESS) return "connect: " + std::to_string(r);
      ends_[0].push_back({.fd = fd});
    }
    for (std::uint64_t steps = 0; error_.empty(); ++steps) {
      bool busy = true;
      for (unsigned rounds = 0; busy && rounds < 100; ++rounds) busy = work(listener);
      const std::uint64_t next = next_event();
      // (Applications are lazy at times: they are asked some times more.)
      if (next == ~0ull && ++idle_ > 200) break;
      if (next == ~0ull) continue;
      if (next > limit_s * 1'000'000'000) return "does not come to an end in time";
      if (steps > 1'000'000) return "too many steps";
      now_ns_ = std::max(now_ns_, next);
      for (unsigned i = 0; i < 2; ++i) weft_sim_advance(host_[i], origin_ns_[i] + now_ns_);
      while (!flying_.empty() && flying_.begin()->first <= now_ns_) {
        const Flying f = std::move(flying_.begin()->second);
        flying_.erase(flying_.begin());
        weft_sim_receive(host_[f.to], f.bytes.data(), static_cast<std::uint32_t>(f.bytes.size()));
      }
    }
    if (!error_.empty()) return error_;
    weft_sim_close(host_[1], listener);
    return check();
  }
  bool trace = false;
  std::uint64_t hash() const { return hash_; }
  std::uint64_t frames() const { return frames_; }
  std::uint64_t now_ns() const { return now_ns_; }
  weft_sim* host(unsigned i) { return host_[i]; }

 private:
  struct End {
    int fd = -1;
    std::uint32_t sent = 0, got = 0;
    std::uint32_t stream = ~0u;  // which; its first four bytes say so
    bool shut = false, ended = false, closed = false;
  };
  struct Flying {
    std::vector<std::uint8_t> bytes;
    unsigned to;
  };

  // Each stream begins with its number.
  static std::uint8_t byte(std::uint32_t stream, std::uint32_t place, unsigned from) {
    if (place < 4) return static_cast<std::uint8_t>(stream >> (8 * place));
    return static_cast<std::uint8_t>(((place + stream * 977) * 2654435761u >> 11) ^
                                     (from == 0 ? 0x5a : 0xc3));
  }

  bool work(int listener) {
    bool busy = false;
    for (int fd; (fd = weft_sim_accept(host_[1], listener, nullptr, nullptr)) >= 0; busy = true)
      ends_[1].push_back({.fd = fd});
    for (unsigned i = 0; i < 2; ++i) {
      for (std::size_t n = 0; n < ends_[i].size(); ++n) busy = use(i, n) || busy;
      std::array<std::uint8_t, 2000> frame;
      for (std::uint32_t bytes;
           (bytes = weft_sim_transmit(host_[i], frame.data(), frame.size())) != 0;) {
        busy = true;
        put({frame.begin(), frame.begin() + bytes}, 1 - i);
      }
    }
    return busy;
  }

  bool use(unsigned i, std::size_t n) {
    End& e = ends_[i][n];
    if (e.closed) return false;
    if (i == 0) e.stream = static_cast<std::uint32_t>(n);
    bool busy = false;
    std::array<std::uint8_t, 3000> text;
    const std::uint64_t most = 1 + random_.below(static_cast<std::uint32_t>(text.size()));
    if (random_.below(4) != 0) {
      std::array<std::uint8_t, 3000> peeked;
      const bool peek = random_.below(8) == 0;
      const auto first = peek ? weft_sim_recv(host_[i], e.fd, peeked.data(), most, MSG_PEEK) : 0;
      // (An error is told once.)
      const auto got = first < 0 ? first : weft_sim_recv(host_[i], e.fd, text.data(), most, 0);
      if (peek && first >= 0 &&
          (first != got ||
           (got > 0 && !std::equal(text.begin(), text.begin() + got, peeked.begin()))))
        error_ = "peek differs";
      for (std::int64_t k = 0; k < got; ++k, ++e.got) {
        if (i == 1 && e.got < 4) {
          if (e.got == 0) e.stream = 0;
          e.stream |= std::uint32_t{text[static_cast<std::size_t>(k)]} << (8 * e.got);
        }
        if (text[static_cast<std::size_t>(k)] != byte(e.stream, e.got, 1 - i)) {
          error_ = "wrong byte at " + std::to_string(e.got);
          return false;
        }
      }
      if (got > 0) busy = true;
      if (got == 0) e.ended = true;
      if (got < 0 && got != -EAGAIN && got != -ENOTCONN) return fail(i, e, static_cast<int>(-got));
    }
    // The server answers when it knows which stream it is.
    const bool may_send = i == 0 || e.got >= 4;
    while (may_send && e.sent < plan_.bytes[i]) {
      std::array<std::uint8_t, 5000> out;
      std::uint32_t bytes =
          std::min(plan_.bytes[i] - e.sent, 1 + random_.below(random_.below(3) == 0 ? 40 : 5000));
      // (No more is made up than there is room for.)
      int queued = 0;
      weft_sim_ioctl(host_[i], e.fd, TIOCOUTQ, &queued);
      const std::uint32_t room = plan_.config[i].send_buffer - static_cast<std::uint32_t>(queued);
      bytes = std::min(bytes, std::max(room, 1u));
      for (std::uint32_t k = 0; k < bytes; ++k) out[k] = byte(e.stream, e.sent + k, i);
      const auto r = weft_sim_send(host_[i], e.fd, out.data(), bytes, 0);
      if (r == -EAGAIN || r == -ENOBUFS) break;
      if (r < 0) return fail(i, e, static_cast<int>(-r));
      e.sent += static_cast<std::uint32_t>(r);
      busy = true;
    }
    if (e.sent == plan_.bytes[i] && !e.shut && weft_sim_shutdown(host_[i], e.fd, SHUT_WR) == 0) {
      e.shut = true;
      busy = true;
    }
    if (e.shut && e.ended) {
      e.closed = true;
      weft_sim_close(host_[i], e.fd);
      busy = true;
    }
    return busy;
  }

  // (The last acknowledgement may be lost for so long that nobody is there any more.)
  bool fail(unsigned i, End& e, int error) {
    // (ARP has been lost as often as it is tried: once more.)
    if (i == 0 && error == EHOSTUNREACH && e.sent == 0 && e.got == 0) {
      weft_sim_connect(host_[0], e.fd, plan_.config[1].address, 80);
      return true;
    }
    const bool done = e.shut && e.got == plan_.bytes[1 - i];
    if (!done) error_ = "host " + std::to_string(i) + ": error " + std::to_string(error);
    e.closed = e.ended = true;
    weft_sim_close(host_[i], e.fd);
    return true;
  }

  static std::uint32_t word(const std::vector<std::uint8_t>& b, std::size_t at) {
    return static_cast<std::uint32_t>(b[at]) << 24 | b[at + 1] << 16 | b[at + 2] << 8 | b[at + 3];
  }
  void print(const std::vector<std::uint8_t>& b, unsigned from) const {
    std::printf("%12.6f %u ", static_cast<double>(now_ns_) / 1e9, from);
    if (b.size() < 54 || b[12] != 8 || b[13] != 0) {
      std::printf("%zu bytes\n", b.size());
      return;
    }
    static const char* const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
    for (unsigned i = 0; i < 8; ++i) std::printf("%s", (b[47] >> i & 1) != 0 ? names[i] : "");
    std::printf(" %u>%u seq=%u ack=%u len=%zu win=%u\n", word(b, 34) >> 16, word(b, 34) & 0xffff,
                word(b, 38), word(b, 42), b.size() - 34 - (b[46] >> 4 << 2), word(b, 46) & 0xffff);
  }

  void put(std::vector<std::uint8_t> bytes, unsigned to) {
    ++frames_;
    if (trace) print(bytes, 1 - to);
    for (const std::uint8_t b : bytes) mix(b);
    mix(now_ns_);
    const Faults& f = plan_.faults;
    const unsigned copies = random_.below(1000) < f.twice ? 2 : 1;
    for (unsigned i = 0; i < copies; ++i) {
      if (random_.below(1000) < f.loss) continue;
      auto copy = bytes;
      // (Of what has a checksum of its own: Ethernet's is not here, and ARP has none.)
      const bool ip = copy.size() > 20 && copy[12] == 8 && copy[13] == 0;
      if (random_.below(1000) < f.corrupt && copy.size() > 20) {
        const std::uint32_t place = random_.below(static_cast<std::uint32_t>(copy.size() - 14));
        const auto bit = static_cast<std::uint8_t>(1u << random_.below(8));
        if (ip) copy[14 + place] ^= bit;
      }
      std::uint64_t at = now_ns_ + f.delay_us * 1000ull;
      if (random_.below(1000) < f.late) at += random_.below(f.late_us) * 1000ull;
      flying_.emplace(at, Flying{std::move(copy), to});
    }
  }

  std::uint64_t next_event() const {
    std::uint64_t next = flying_.empty() ? ~0ull : flying_.begin()->first;
    for (unsigned i = 0; i < 2; ++i) {
      const std::uint64_t t = weft_sim_next_timer(host_[i]);
      if (t != ~0ull) next = std::min(next, t > origin_ns_[i] ? t - origin_ns_[i] : 0);
    }
    return next;
  }

  std::string check() {
    for (unsigned i = 0; i < 2; ++i) {
      const std::string who = "host " + std::to_string(i) + ": ";
      if (ends_[i].size() != plan_.connections) return who + "connections are missing";
      for (const End& e : ends_[i]) {
        if (e.got != plan_.bytes[1 - i]) return who + "got " + std::to_string(e.got);
        if (!e.closed) return who + "is not told of the end";
      }
      weft_sim_counters c;
      weft_sim_count(host_[i], &c);
      if (c.connections != 0) return who + "a connection is left";
      if (c.buffers != 0) return who + std::to_string(c.buffers) + " buffers are left";
      if (c.timers != 0 || c.fragments != 0 || c.waiting != 0) return who + "a record is left";
      if (c.sockets != 0) return who + "a socket is left";
    }
    return {};
  }
  void mix(std::uint64_t v) { hash_ = (hash_ ^ v) * 0x100000001b3; }

  Plan plan_;
  Random random_;
  weft_sim* host_[2] = {};
  std::uint64_t origin_ns_[2] = {};
  std::vector<End> ends_[2];
  std::multimap<std::uint64_t, Flying> flying_;
  std::uint64_t now_ns_ = 0;
  std::uint64_t hash_ = 0xcbf29ce484222325;
  std::uint64_t frames_ = 0;
  unsigned idle_ = 0;
  std::string error_;
};

// Everything that a seed decides.
inline TwoHosts::Plan hosts_of(std::uint64_t seed) {
  Random r(seed * 7919 + 3);
  TwoHosts::Plan p;
  p.seed = seed;
  p.faults = {.loss = r.below(4) == 0 ? 0 : r.below(r.below(3) == 0 ? 200 : 30),
              .twice = r.below(3) == 0 ? r.below(100) : 0,
              .late = r.below(2) == 0 ? r.below(200) : 0,
              .corrupt = r.below(2) == 0 ? r.below(30) : 0,
              .delay_us = 10 + r.below(30000),
              .late_us = 1 + r.below(60000)};
  for (unsigned i = 0; i < 2; ++i) {
    weft_sim_config& c = p.config[i];
    weft_sim_defaults(&c);
    c.address = 0x0a000001 + i;
    c.mac[5] = static_cast<std::uint8_t>(1 + i);
    c.seed = r.next();
    c.clock_ns = 1'000'000'000ull * (1 + r.below(1000));
    c.mtu = static_cast<std::uint16_t>(r.below(3) == 0 ? 576 + r.below(900) : 1500);
    c.congestion = r.below(2);
    c.receive_buffer = 2000 + r.below(r.below(2) == 0 ? 6000 : 400'000);
    c.send_buffer = 600 + r.below(r.below(4) == 0 ? 3000 : 200'000);
    c.connections = 8;
    c.pool_size = r.below(4) == 0 ? 300 : 65536;
    if (r.below(4) == 0) c.features &= ~WEFT_SIM_SACK;
    if (r.below(3) == 0) c.features &= ~WEFT_SIM_TIMESTAMPS;
    if (r.below(3) == 0) c.features &= ~WEFT_SIM_WINDOW_SCALING;
    if (r.below(2) == 0) c.features |= WEFT_SIM_NO_DELAY;
    if (r.below(4) == 0) c.fail_allocation_at = 1 + r.below(200);
    // Sequence numbers and timestamps that wrap.
    if (r.below(2) == 0) {
      c.features |= WEFT_SIM_FIXED_SEQUENCE;
      c.sequence = 0u - r.below(r.below(2) == 0 ? 3000 : 60000);
    }
    if (r.below(2) == 0) {
      c.features |= WEFT_SIM_FIXED_TIMESTAMP;
      c.timestamp = 0u - static_cast<std::uint32_t>(c.clock_ns / 1'000'000) - r.below(10000);
    }
  }
  p.connections = 1 + r.below(3);
  p.bytes[0] = 4 + r.below(r.below(4) == 0 ? 200'000 : 20'000);
  p.bytes[1] = r.below(5) == 0 ? 0 : r.below(r.below(4) == 0 ? 200'000 : 20'000);
  return p;
}

}  // namespace weft::test
