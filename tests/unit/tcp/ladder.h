// Packet ladders: a script says what comes in, what must come out, what the application does, and
// how time passes. One line each:
//
//   << SYN seq=100 win=8000 mss=1000          comes from the peer
//   >> SYN|ACK seq=5000 ack=101 len=0         must come out next; only what is named is compared,
//   >> nothing                                but for flags and len, which always are
//   +40ms                                     time passes, timers run
//   listen | connect | accept | send 100 | read | hold 100 | shutdown | close | abort
//   state established, event new_conn data, error 104, text 100 ...
//
// Numbers are absolute; the stack's own first sequence number is 5000, its port 80, the peer's
// 1234. Text of both directions is a pattern of its place in the stream, and compared.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "stack-nodes/tcp/machine/stack.h"

namespace weft::test {

inline std::uint8_t pattern(std::uint32_t place, bool own) {
  return static_cast<std::uint8_t>((place * 2654435761u >> 13) ^ (own ? 0x5a : 0));
}

// What a line says of a segment.
struct SegmentWords {
  std::uint8_t flags = 0;
  std::map<std::string, std::string> words;

  static std::uint8_t flag(const std::string& name) {
    static const std::map<std::string, std::uint8_t> flags = {
        {"FIN", tcp::fin}, {"SYN", tcp::syn}, {"RST", tcp::rst},
        {"PSH", tcp::psh}, {"ACK", tcp::ack}, {"URG", tcp::urg},
        {"ECE", tcp::ece}, {"CWR", tcp::cwr}, {"NONE", 0}};
    const auto at = flags.find(name);
    if (at == flags.end()) ADD_FAILURE() << "no such flag: " << name;
    return at == flags.end() ? std::uint8_t{0} : at->second;
  }
  explicit SegmentWords(std::istringstream& line) {
    std::string word;
    line >> word;
    std::istringstream names(word);
    for (std::string name; std::getline(names, name, '|');) flags |= flag(name);
    while (line >> word) {
      const auto eq = word.find('=');
      words[word.substr(0, eq)] = eq == std::string::npos ? "" : word.substr(eq + 1);
    }
  }
  bool has(const char* name) const { return words.count(name) != 0; }
  std::uint32_t number(const char* name, std::uint32_t otherwise = 0) const {
    const auto at = words.find(name);
    return at == words.end() ? otherwise
                             : static_cast<std::uint32_t>(std::stoull(at->second, nullptr, 0));
  }
  std::vector<std::uint32_t> numbers(const char* name) const {
    std::vector<std::uint32_t> all;
    const auto at = words.find(name);
    if (at == words.end()) return all;
    std::string text = at->second;
    for (char& ch : text) ch = ch == ',' || ch == '-' ? ' ' : ch;
    std::istringstream in(text);
    for (std::uint64_t n; in >> n;) all.push_back(static_cast<std::uint32_t>(n));
    return all;
  }
};

class Ladder {
 public:
  static constexpr std::uint32_t own_first = 5000;
  static constexpr std::uint64_t second = 1'000'000'000;

  static tcp::Config plain() {
    tcp::Config c;
    c.connections = 64;
    c.chunks = 2048;
    c.sent = 4096;
    c.start_ns = 1000 * second;
    c.initial_sequence = own_first;
    c.ts_origin = 0;
    c.timestamps = false;
    c.window_scaling = false;
    c.receive_buffer = 10000;
    c.congestion = tcp::Congestion::newreno;
    return c;
  }

  explicit Ladder(const tcp::Config& config = plain())
      : stack_(std::make_unique<tcp::Tcp>(config, tcp::Release{released, this})) {
    tuple_.local = tcp::Address::v4(0x0a000001);
    tuple_.peer = tcp::Address::v4(0x0a000002);
    tuple_.local_port = 80;
    tuple_.peer_port = 1234;
  }
  // Nothing may be left when both sides are gone.
  ~Ladder() {
    fetch_events();
    if (tcp::Connection* c = connection()) {
      stack_->abort(*c);
      if ((c = connection()) != nullptr) stack_->dispose(*c);
    }
    if (listening_) stack_->unlisten(tuple_.local, tuple_.local_port);
    collect();
    fetch_events();
    for (std::uint64_t t;
         (t = stack_->next_timer_ns()) != ~0ull && t < stack_->now_ns + 400 * second;) {
      stack_->now_ns = t;
      stack_->advance();
    }
    collect();
    fetch_events();
    EXPECT_EQ(stack_->live_connections(), 0u);
    EXPECT_EQ(stack_->live_chunks(), 0u);
    EXPECT_EQ(stack_->live_sent(), 0u);
    EXPECT_EQ(stack_->live_holes(), 0u);
    EXPECT_EQ(stack_->live_timers(), 0u);
    EXPECT_TRUE(buffers_.empty()) << buffers_.size() << " buffers of packets were not given back";
  }

  Ladder& run(const std::string& script) {
    std::istringstream lines(script);
    for (std::string line; std::getline(lines, line);) {
      const auto hash = line.find('#');
      if (hash != std::string::npos) line.resize(hash);
      std::istringstream words(line);
      std::string first;
      if (!(words >> first)) continue;
      SCOPED_TRACE(line);
      step(first, words);
      if (testing::Test::HasFatalFailure()) break;
    }
    return *this;
  }

  tcp::Tcp& stack() { return *stack_; }
  tcp::Connection* connection() { return stack_->get(id_); }
  tcp::Tuple tuple_;

 private:
  static void released(void* self, void* buffer) { static_cast<Ladder*>(self)->free(buffer); }
  void free(void* buffer) {
    EXPECT_EQ(buffers_.erase(buffer), 1u) << "a buffer freed twice, or never given";
  }

  void step(const std::string& first, std::istringstream& words) {
    if (first == "<<") return incoming(SegmentWords(words));
    if (first == ">>") return expect(words);
    if (first[0] == '+') return pass(first);
    if (first == "listen") {
      std::uint32_t backlog = 8;
      words >> backlog;
      listening_ = true;
      EXPECT_EQ(stack_->listen(tuple_.local, tuple_.local_port, backlog, 7), 0);
    } else if (first == "unlisten") {
      listening_ = false;
      EXPECT_EQ(stack_->unlisten(tuple_.local, tuple_.local_port), 0);
      collect();
    } else if (first == "port") {  // of the peer, from now on
      words >> tuple_.peer_port;
    } else if (first == "connect") {
      tcp::Id id;
      EXPECT_EQ(stack_->connect(tuple_, id), 0);
      id_ = {id};
      collect();
    } else {
      fetch_events();
      on_connection(first, words);
      collect();
    }
  }

  void on_connection(const std::string& first, std::istringstream& words) {
    std::string word;
    if (first == "event") {
      std::set<std::string> wanted;
      while (words >> word) wanted.insert(word);
      EXPECT_EQ(events_, wanted);
      events_.clear();
      return;
    }
    if (first == "no") {  // no connection
      EXPECT_EQ(connection(), nullptr);
      return;
    }
    tcp::Connection* c = connection();
    ASSERT_NE(c, nullptr) << "there is no connection";
    std::uint32_t n = 0;
    if (first == "state") {
      words >> word;
      EXPECT_EQ(name(c->state), word);
    } else if (first == "error") {
      words >> n;
      EXPECT_EQ(c->error, n);
    } else if (first == "accept") {
      stack_->accept(*c);
    } else if (first == "send") {
      words >> n;
      int wanted = 0;
      words >> wanted;
      auto text = std::make_unique<std::uint8_t[]>(n + 1);
      for (std::uint32_t i = 0; i < n; ++i) text[i] = pattern(written_ + i, true);
      const std::uint64_t token = ++tokens_;
      EXPECT_EQ(stack_->send(*c, text.get(), n, token), wanted);
      if (wanted == 0) {
        written_ += n;
        texts_[token] = std::move(text);
      }
    } else if (first == "read") {  // all that there is, and gives it back
      read(*c, true);
    } else if (first == "hold") {  // all that there is, and keeps it
      read(*c, false);
    } else if (first == "done") {
      words >> n;
      stack_->recv_done(*c, n);
    } else if (first == "text") {  // so much was read since the last time
      words >> n;
      EXPECT_EQ(read_bytes_, n);
      read_bytes_ = 0;
    } else if (first == "unacked") {
      words >> n;
      EXPECT_EQ(stack_->unacked_bytes(*c), n);
    } else if (first == "texts") {  // buffers of the application that the stack has
      words >> n;
      EXPECT_EQ(texts_.size(), n);
    } else if (first == "shutdown") {
      EXPECT_EQ(stack_->shutdown(*c), 0);
    } else if (first == "close") {
      stack_->close(*c);
    } else if (first == "abort") {
      stack_->abort(*c);
    } else if (first == "dispose") {
      stack_->dispose(*c);
      texts_.clear();
    } else if (first == "no_delay") {
      stack_->set_no_delay(*c, true);
    } else if (first == "cork") {
      words >> n;
      stack_->set_cork(*c, n != 0);
    } else if (first == "urgent") {
      stack_->send_urgent(*c);
    } else if (first == "quick_acks") {
      words >> n;
      c->quick_acks = static_cast<std::uint8_t>(n);
    } else if (first == "keepalive") {
      stack_->set_keepalive(*c, true);
    } else if (first == "user_timeout") {
      words >> c->user_timeout_ms;
    } else if (first == "cwnd") {
      words >> n;
      EXPECT_EQ(c->cwnd, n);
    } else if (first == "ssthresh") {
      words >> n;
      EXPECT_EQ(c->ssthresh, n);
    } else if (first == "set_cwnd") {
      words >> c->cwnd;
    } else if (first == "mss") {
      words >> n;
      EXPECT_EQ(c->mss, n);
    } else {
      FAIL() << "no such step: " << first;
    }
  }

  void incoming(const SegmentWords& w) {
    if (w.flags & tcp::syn) peer_first_ = w.number("seq");
    tcp::Segment s;
    s.tuple = tuple_;
    s.flags = w.flags;
    s.seq = w.number("seq");
    s.ack_seq = w.number("ack");
    s.window = static_cast<std::uint16_t>(w.number("win", 8000));
    s.urgent = static_cast<std::uint16_t>(w.number("urg"));
    s.ecn = w.has("ce") ? tcp::ecn_congested : tcp::ecn_none;
    s.len = w.number("len");
    if (w.has("mss")) {
      s.options.has_mss = true;
      s.options.mss = static_cast<std::uint16_t>(w.number("mss"));
    }
    if (w.has("ws")) {
      s.options.has_scale = true;
      s.options.scale = static_cast<std::uint8_t>(w.number("ws"));
    }
    s.options.sack_permitted = w.has("sackok");
    if (w.has("ts")) {
      s.options.has_timestamps = true;
      s.options.ts_value = w.numbers("ts")[0];
      s.options.ts_echo = w.numbers("ts")[1];
    }
    if (w.has("sack")) {
      const auto edges = w.numbers("sack");
      for (std::size_t i = 0; i + 1 < edges.size(); i += 2)
        s.options.sacks[s.options.sack_count++] = {edges[i], edges[i + 1]};
    }
    auto bytes = std::make_unique<std::uint8_t[]>(s.len + 1);
    const std::uint32_t begin = s.seq + ((w.flags & tcp::syn) != 0 ? 1 : 0);
    for (std::uint32_t i = 0; i < s.len; ++i) bytes[i] = pattern(begin + i - peer_first_, false);
    s.data = bytes.get();
    s.buffer = bytes.get();
    void* const buffer = s.buffer;
    buffers_[buffer] = std::move(bytes);
    if (!stack_->arrive(s)) free(buffer);
    collect();
  }

  void collect() {
    tcp::OutSegment s;
    for (unsigned most = 0; stack_->produce(s); ++most) {
      if (most > 10000) {
        ADD_FAILURE() << "the stack does not stop sending";
        break;
      }
      if (s.payload.len != 0) {
        std::vector<std::uint8_t> text(s.payload.len);
        stack_->copy_payload(s, text.data());
        const std::uint32_t place = s.seq - own_iss() - 1;
        for (std::uint32_t i = 0; i < text.size(); ++i)
          if (text[i] != pattern(place + i, true)) {
            ADD_FAILURE() << "wrong text at " << s.seq + i;
            break;
          }
      }
      out_.push_back(s);
    }
  }
  std::uint32_t own_iss() const { return stack_->config().initial_sequence.value_or(own_first); }

  void pass(const std::string& amount) {
    std::size_t digits = 0;
    std::uint64_t ns = std::stoull(amount.substr(1), &digits);
    const std::string unit = amount.substr(1 + digits);
    ns *= unit == "s" ? second : unit == "us" ? 1000 : 1'000'000;
    const std::uint64_t until = stack_->now_ns + ns;
    for (std::uint64_t t; (t = stack_->next_timer_ns()) <= until;) {
      stack_->now_ns = std::max(t, stack_->now_ns);
      stack_->advance();
      collect();
    }
    stack_->now_ns = until;
    stack_->advance();
    collect();
  }

  void expect(std::istringstream& words) {
    const auto place = words.tellg();
    std::string first;
    words >> first;
    if (first == "nothing") {
      EXPECT_TRUE(out_.empty()) << "there is " << text(out_.front());
      out_.clear();
      return;
    }
    if (first == "anything") return out_.clear();
    words.seekg(place);
    const SegmentWords w(words);
    ASSERT_FALSE(out_.empty()) << "nothing comes out";
    const tcp::OutSegment s = out_.front();
    out_.pop_front();
    const std::string is = "it is " + text(s);
    // (PSH is compared where it is named.)
    const std::uint8_t flags = (w.flags & tcp::psh) != 0 ? s.flags : s.flags & ~tcp::psh;
    EXPECT_EQ(w.flags, flags) << is;
    EXPECT_EQ(w.number("len"), s.payload.len) << is;
    if (w.has("seq")) {
      EXPECT_EQ(w.number("seq"), s.seq) << is;
    }
    if (w.has("ack")) {
      EXPECT_EQ(w.number("ack"), s.ack_seq) << is;
    }
    if (w.has("win")) {
      EXPECT_EQ(w.number("win"), s.window) << is;
    }
    if (w.has("urg")) {
      EXPECT_EQ(w.number("urg"), s.urgent) << is;
    }
    if (w.has("ecn")) {
      EXPECT_EQ(w.number("ecn"), s.ecn) << is;
    }
    const tcp::Options o = tcp::read_options({s.options.data(), s.option_bytes});
    if (w.has("mss")) {
      EXPECT_EQ(w.number("mss"), o.mss) << is;
    }
    if (w.has("ws")) {
      EXPECT_EQ(w.number("ws"), o.has_scale ? o.scale : 99u) << is;
    }
    if (w.has("no_ws")) {
      EXPECT_FALSE(o.has_scale) << is;
    }
    if (w.has("sackok")) {
      EXPECT_TRUE(o.sack_permitted) << is;
    }
    if (w.has("no_sackok")) {
      EXPECT_FALSE(o.sack_permitted) << is;
    }
    if (w.has("no_ts")) {
      EXPECT_FALSE(o.has_timestamps) << is;
    }
    if (w.has("ts")) {
      EXPECT_TRUE(o.has_timestamps) << is;
      EXPECT_EQ(w.numbers("ts"), (std::vector<std::uint32_t>{o.ts_value, o.ts_echo})) << is;
    }
    if (w.has("sack")) {
      std::vector<std::uint32_t> edges;
      for (unsigned i = 0; i < o.sack_count; ++i) {
        edges.push_back(o.sacks[i].begin);
        edges.push_back(o.sacks[i].end);
      }
      EXPECT_EQ(w.numbers("sack"), edges) << is;
    }
  }

  static std::string text(const tcp::OutSegment& s) {
    static const char* const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
    std::ostringstream out;
    for (unsigned i = 0; i < 8; ++i)
      if ((s.flags >> i & 1) != 0) out << names[i] << ' ';
    out << "seq=" << s.seq << " ack=" << s.ack_seq << " len=" << s.payload.len
        << " win=" << s.window;
    return out.str();
  }
  static std::string name(tcp::State s) {
    static const char* const names[] = {"closed",     "syn_sent",   "syn_received", "established",
                                        "fin_wait_1", "fin_wait_2", "close_wait",   "closing",
                                        "last_ack",   "time_wait"};
    return names[static_cast<unsigned>(s)];
  }

  void fetch_events() {
    while (tcp::Connection* c = stack_->next_ready()) {
      namespace e = tcp::event;
      static const std::map<std::uint8_t, const char*> names = {{e::new_conn, "new_conn"},
                                                                {e::connected, "connected"},
                                                                {e::data, "data"},
                                                                {e::acked, "acked"},
                                                                {e::remote_closed, "remote_closed"},
                                                                {e::cleanup, "cleanup"},
                                                                {e::urgent, "urgent"},
                                                                {e::stuck, "stuck"}};
      for (const auto& [bit, name] : names)
        if ((c->events & bit) != 0) events_.insert(name);
      if ((c->events & e::new_conn) != 0) id_ = {stack_->id_of(*c)};
      c->events = 0;
      tcp::Chunk chunk;
      while (stack_->pop_acked(*c, chunk)) texts_.erase(chunk.token);
    }
  }

  void read(tcp::Connection& c, bool give_back) {
    tcp::Chunk chunk;
    while (stack_->pop_text(c, chunk)) {
      for (std::uint32_t i = 0; i < chunk.len; ++i) {
        if (chunk.data[i] == pattern(read_place_ + 1 + i, false)) continue;
        ADD_FAILURE() << "wrong text at " << read_place_ + i << " of the peer's stream";
        break;
      }
      read_place_ += chunk.len;
      read_bytes_ += chunk.len;
      free(reinterpret_cast<void*>(chunk.token));
      if (give_back) stack_->recv_done(c, chunk.len);
    }
  }

  std::map<void*, std::unique_ptr<std::uint8_t[]>> buffers_;        // of packets
  std::map<std::uint64_t, std::unique_ptr<std::uint8_t[]>> texts_;  // of the application
  std::unique_ptr<tcp::Tcp> stack_;
  std::deque<tcp::OutSegment> out_;
  std::set<std::string> events_;
  tcp::Id id_;
  bool listening_ = false;
  std::uint64_t tokens_ = 0;
  std::uint32_t written_ = 0;
  std::uint32_t read_place_ = 0;
  std::uint32_t read_bytes_ = 0;
  std::uint32_t peer_first_ = 0;
};

// Both sides have shaken hands: the peer is at 101, the stack at 5001, the peer's window is 8000.
struct Opened : Ladder {
  explicit Opened(const tcp::Config& config = plain(), const std::string& options = "mss=1000",
                  unsigned rtt_ms = 0)
      : Ladder(config) {
    run("listen\n<< SYN seq=100 win=8000 " + options + "\n>> SYN|ACK seq=5000 ack=101\n+" +
        std::to_string(rtt_ms) +
        "ms\n<< ACK seq=101 ack=5001 win=8000\n>> nothing\n"
        "event new_conn\naccept\nquick_acks 0\n");
  }
};

}  // namespace weft::test
