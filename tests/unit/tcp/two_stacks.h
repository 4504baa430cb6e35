// Two stacks on a simulated wire that loses, doubles, delays and reorders segments, driven by one
// seed: what each application sends must arrive byte by byte, and nothing may be left at the end.
#pragma once

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "stack-nodes/tcp/machine/stack.h"

namespace weft::test {

struct WireFaults {
  unsigned loss = 0;  // of 1,000
  unsigned twice = 0;
  unsigned late = 0;  // ... by up to `late_us`
  std::uint32_t delay_us = 1000;
  std::uint32_t jitter_us = 0;
  std::uint32_t late_us = 10000;
};

class TwoStacks {
 public:
  struct Plan {
    std::uint64_t seed = 1;
    WireFaults faults;
    tcp::Config config[2];
    std::uint32_t bytes[2] = {10000, 10000};  // sent by each side
    bool both_open = false;                   // both connect at once
  };

  explicit TwoStacks(const Plan& plan) : plan_(plan), random_(plan.seed) {
    for (unsigned i = 0; i < 2; ++i) {
      sides_[i].owner = this;
      sides_[i].stack = std::make_unique<tcp::Tcp>(
          plan.config[i],
          tcp::Release{[](void* self, void* buffer) { static_cast<Side*>(self)->free(buffer); },
                       &sides_[i]});
      sides_[i].to_send = plan.bytes[i];
    }
    origin_ns_[0] = plan.config[0].start_ns;
    origin_ns_[1] = plan.config[1].start_ns;
  }

  ~TwoStacks() {
    for (Side& s : sides_)
      for (void* buffer : s.buffers) delete[] static_cast<std::uint8_t*>(buffer);
  }
  TwoStacks(const TwoStacks&) = delete;
  TwoStacks& operator=(const TwoStacks&) = delete;

  // Empty: all is well; else what is wrong.
  std::string run(std::uint64_t limit_s = 3600) {
    tcp::Tuple t{tcp::Address::v4(0x0a000001), tcp::Address::v4(0x0a000002), 4000, 80};
    tcp::Id id;
    if (sides_[0].stack->connect(t, id) != 0) return "connect";
    sides_[0].id = id;
    if (plan_.both_open) {
      const tcp::Tuple back{t.peer, t.local, t.peer_port, t.local_port};
      if (sides_[1].stack->connect(back, sides_[1].id) != 0) return "connect";
    } else if (sides_[1].stack->listen(t.peer, 80, 4, 0) != 0) {
      return "listen";
    }
    const std::uint64_t limit = limit_s * 1'000'000'000;
    for (std::uint64_t steps = 0;; ++steps) {
      for (Side& s : sides_) work(s);
      if (!error_.empty()) return error_;
      const std::uint64_t next = next_event();
      if (next == ~0ull) break;
      if (next > limit) return "does not come to an end in time";
      if (steps > 3'000'000) return "too many steps";
      now_ns_ = std::max(now_ns_, next);
      for (unsigned i = 0; i < 2; ++i) {
        sides_[i].stack->now_ns = origin_ns_[i] + now_ns_;
        sides_[i].stack->advance();
      }
      deliver();
    }
    return check();
  }

  bool trace = false;
  std::uint64_t hash() const { return hash_; }
  std::uint64_t now_ns() const { return now_ns_; }
  tcp::Tcp& stack(unsigned i) { return *sides_[i].stack; }
  std::uint64_t segments() const { return segments_; }

 private:
  struct Side {
    TwoStacks* owner = nullptr;
    std::unique_ptr<tcp::Tcp> stack;
    tcp::Id id;
    std::set<void*> buffers;  // of packets
    std::map<std::uint64_t, std::unique_ptr<std::uint8_t[]>> texts;
    std::uint64_t tokens = 0;
    std::uint32_t to_send = 0, sent = 0, got = 0;
    bool finished = false, peer_finished = false, over = false;
    void free(void* buffer) {
      if (buffers.erase(buffer) != 1) owner->error_ = "a buffer freed twice";
      delete[] static_cast<std::uint8_t*>(buffer);
    }
  };
  struct Flying {
    tcp::OutSegment header;
    std::vector<std::uint8_t> text;
    unsigned to;
    std::uint8_t ecn;
  };

  static std::uint8_t byte(std::uint32_t place, const Side& from, const TwoStacks& all) {
    return static_cast<std::uint8_t>((place * 2654435761u >> 11) ^
                                     (&from == &all.sides_[0] ? 0x5a : 0xc3));
  }
  unsigned index(const Side& s) const { return &s == &sides_[0] ? 0 : 1; }

  void work(Side& s) {
    unsigned rounds = 0;
    do {
      while (tcp::Connection* c = s.stack->next_ready()) events(s, *c);
      if (tcp::Connection* c = s.stack->get(s.id)) application(s, *c);
      transmit(s);
    } while (s.stack->wants_output() && ++rounds < 100);
  }

  void events(Side& s, tcp::Connection& c) {
    const std::uint8_t events = std::exchange(c.events, 0);
    if ((events & tcp::event::new_conn) != 0) {
      s.stack->accept(c);
      s.id = s.stack->id_of(c);
    }
    tcp::Chunk chunk;
    while (s.stack->pop_acked(c, chunk)) s.texts.erase(chunk.token);
    if ((events & tcp::event::remote_closed) != 0) s.peer_finished = true;
    if ((events & tcp::event::cleanup) != 0) {
      read(s, c);
      s.over = true;
      // (A last acknowledgement that is lost again and again may find nobody there any more.)
      const Side& other = sides_[1 - index(s)];
      const bool all_there = s.peer_finished && other.peer_finished && other.got == s.to_send;
      if (c.error != tcp::reason::none && !all_there)
        error_ = "ended by error " + std::to_string(c.error);
      s.stack->dispose(c);
    }
  }

  void read(Side& s, tcp::Connection& c) {
    const Side& other = sides_[1 - index(s)];
    tcp::Chunk chunk;
    while (s.stack->pop_text(c, chunk)) {
      for (std::uint32_t i = 0; i < chunk.len; ++i)
        if (chunk.data[i] != byte(s.got + i, other, *this)) {
          error_ = "wrong byte at " + std::to_string(s.got + i);
          break;
        }
      s.got += chunk.len;
      s.free(reinterpret_cast<void*>(chunk.token));
      s.stack->recv_done(c, chunk.len);
    }
  }

  void application(Side& s, tcp::Connection& c) {
    if (random_.below(4) != 0 || c.state >= tcp::State::close_wait) read(s, c);
    if (!c.synchronised()) return;
    while (s.sent < s.to_send && s.stack->unacked_bytes(c) < 200'000) {
      const std::uint32_t n =
          std::min(s.to_send - s.sent, 1 + random_.below(random_.below(3) == 0 ? 50 : 20000));
      auto text = std::make_unique<std::uint8_t[]>(n);
      for (std::uint32_t i = 0; i < n; ++i) text[i] = byte(s.sent + i, s, *this);
      const int r = s.stack->send(c, text.get(), n, ++s.tokens);
      if (r != 0) break;
      s.texts[s.tokens] = std::move(text);
      s.sent += n;
    }
    const Side& other = sides_[1 - index(s)];
    if (s.sent == s.to_send && !s.finished) {
      s.finished = true;
      s.stack->shutdown(c);
    }
    if (s.finished && s.peer_finished && s.got == other.to_send && c.released == 0 &&
        s.stack->unread_first(c) == tcp::none)
      s.stack->close(c);
  }

  void transmit(Side& s) {
    tcp::OutSegment out;
    for (unsigned n = 0; s.stack->produce(out); ++n) {
      if (n > 5000) {
        error_ = "does not stop sending";
        return;
      }
      ++segments_;
      std::vector<std::uint8_t> text(out.payload.len);
      s.stack->copy_payload(out, text.data());
      if (trace) print(s, out);
      mix(out.seq), mix(out.ack_seq), mix(out.flags), mix(out.payload.len), mix(now_ns_);
      const WireFaults& f = plan_.faults;
      const unsigned copies = random_.below(1000) < f.twice ? 2 : 1;
      for (unsigned i = 0; i < copies; ++i) {
        if (random_.below(1000) < f.loss) continue;
        std::uint64_t at = now_ns_ + f.delay_us * 1000ull;
        if (f.jitter_us != 0) at += random_.below(f.jitter_us) * 1000ull;
        if (random_.below(1000) < f.late) at += random_.below(f.late_us) * 1000ull;
        flying_.emplace(at, Flying{out, text, 1 - index(s), out.ecn});
      }
    }
  }

  void print(const Side& s, const tcp::OutSegment& out) const {
    static const char* const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
    std::printf("%12.6f %u ", static_cast<double>(now_ns_) / 1e9, index(s));
    for (unsigned i = 0; i < 8; ++i) std::printf("%s", (out.flags >> i & 1) != 0 ? names[i] : "");
    const auto o = tcp::read_options({out.options.data(), out.option_bytes});
    std::printf(" seq=%u ack=%u len=%u win=%u", out.seq, out.ack_seq, out.payload.len, out.window);
    for (unsigned i = 0; i < o.sack_count; ++i)
      std::printf(" sack=%u-%u", o.sacks[i].begin, o.sacks[i].end);
    if (o.has_timestamps) std::printf(" ts=%u,%u", o.ts_value, o.ts_echo);
    if (const tcp::Connection* c = s.stack->get(s.id))
      std::printf("  cwnd=%u flight=%u srtt=%u rto=%u+%u", c->cwnd, c->in_flight(), c->srtt_us,
                  c->rto_us, c->backoff);
    std::printf("\n");
  }

  void deliver() {
    while (!flying_.empty() && flying_.begin()->first <= now_ns_) {
      Flying f = std::move(flying_.begin()->second);
      flying_.erase(flying_.begin());
      Side& s = sides_[f.to];
      const std::size_t header = f.header.header_bytes();
      auto* buffer = new std::uint8_t[header + f.text.size()];
      tcp::write_header(f.header, buffer);
      std::copy(f.text.begin(), f.text.end(), buffer + header);
      tcp::Segment in;
      in.tuple.local = f.header.tuple.peer;
      in.tuple.peer = f.header.tuple.local;
      if (!tcp::read_segment({buffer, header + f.text.size()}, in)) error_ = "bad header";
      in.buffer = buffer;
      in.ecn = f.ecn;
      s.buffers.insert(buffer);
      if (!s.stack->arrive(in)) s.free(buffer);
    }
  }

  std::uint64_t next_event() const {
    std::uint64_t next = flying_.empty() ? ~0ull : flying_.begin()->first;
    for (unsigned i = 0; i < 2; ++i) {
      const std::uint64_t t = sides_[i].stack->next_timer_ns();
      if (t != ~0ull) next = std::min(next, t > origin_ns_[i] ? t - origin_ns_[i] : 0);
    }
    return next;
  }

  std::string check() {
    for (unsigned i = 0; i < 2; ++i) {
      const Side& s = sides_[i];
      const tcp::Tcp& t = *s.stack;
      const std::string who = "side " + std::to_string(i) + ": ";
      if (s.got != sides_[1 - i].to_send) return who + "got " + std::to_string(s.got);
      if (!s.peer_finished) return who + "was not told of the end";
      if (!s.over) return who + "was not told that it is over";
      if (t.live_connections() != 0) return who + "a connection is left";
      if (t.live_chunks() != 0) return who + "a chunk is left";
      if (t.live_sent() != 0 || t.live_holes() != 0) return who + "a record is left";
      if (t.live_timers() != 0) return who + "a timer is left";
      if (!s.buffers.empty()) return who + "a packet's buffer is left";
      if (!s.texts.empty()) return who + "a buffer of the application is left";
    }
    return {};
  }
  void mix(std::uint64_t v) { hash_ = (hash_ ^ v) * 0x100000001b3; }

  Plan plan_;
  Random random_;
  Side sides_[2];
  std::uint64_t origin_ns_[2];
  std::multimap<std::uint64_t, Flying> flying_;
  std::uint64_t now_ns_ = 0;
  std::uint64_t hash_ = 0xcbf29ce484222325;
  std::uint64_t segments_ = 0;
  std::string error_;
};

// Everything that a seed decides.
inline TwoStacks::Plan plan_of(std::uint64_t seed) {
  Random r(seed * 7919 + 1);
  TwoStacks::Plan p;
  p.seed = seed;
  p.faults = {.loss = r.below(4) == 0 ? 0 : r.below(r.below(3) == 0 ? 200 : 30),
              .twice = r.below(3) == 0 ? r.below(100) : 0,
              .late = r.below(2) == 0 ? r.below(200) : 0,
              .delay_us = 10 + r.below(50000),
              .jitter_us = r.below(2) == 0 ? r.below(5000) : 0,
              .late_us = 1 + r.below(100000)};
  for (auto& c : p.config) {
    c.connections = 4;
    c.listeners = 2;
    c.chunks = 4096;
    c.sent = 1024;
    c.reorders = 2;
    c.seed = r.next();
    c.secret = {r.next(), r.next()};
    c.start_ns = 1 + r.below(1000) * 1'000'000'000ull;
    c.sack = r.below(4) != 0;
    c.timestamps = r.below(3) != 0;
    c.window_scaling = r.below(3) != 0;
    c.ecn = r.below(4) == 0;
    c.no_delay = r.below(2) == 0;
    c.always_cookies = r.below(6) == 0;
    c.mtu = static_cast<std::uint16_t>(r.below(3) == 0 ? 576 + r.below(1000) : 1500);
    c.receive_buffer = 2000 + r.below(r.below(2) == 0 ? 6000 : 400'000);
    c.congestion = r.below(2) == 0 ? tcp::Congestion::newreno : tcp::Congestion::cubic;
    // Sequence numbers and timestamps that wrap.
    if (r.below(2) == 0) c.initial_sequence = 0u - r.below(r.below(2) == 0 ? 3000 : 60000);
    if (r.below(2) == 0)
      c.ts_origin = 0u - static_cast<std::uint32_t>(c.start_ns / 1'000'000) - r.below(10000);
  }
  for (auto& b : p.bytes) b = r.below(6) == 0 ? 0 : r.below(r.below(3) == 0 ? 300'000 : 20'000);
  p.both_open = r.below(10) == 0;
  return p;
}

}  // namespace weft::test
