#include "tests/unit/sim/port_ladder.h"

#include <algorithm>
#include <cstring>

#include "tests/unit/sim/port_words.h"

namespace weft::test {
namespace {

std::uint8_t pattern(std::uint32_t place, bool own) {
  return static_cast<std::uint8_t>((place * 2654435761u >> 13) ^ (own ? 0x5a : 0));
}

std::uint32_t address_of(const std::string& text) {
  std::uint32_t address = 0;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, '.');)
    address = address << 8 | static_cast<std::uint32_t>(std::stoul(part));
  return address;
}

std::vector<std::uint32_t> numbers(const std::string& text) {
  std::vector<std::uint32_t> all;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');)
    all.push_back(static_cast<std::uint32_t>(std::stoull(part, nullptr, 0)));
  return all;
}

// name=value words
std::map<std::string, std::string> pairs(std::istringstream& words) {
  std::map<std::string, std::string> all;
  for (std::string word; words >> word;) {
    const auto eq = word.find('=');
    all[word.substr(0, eq)] = eq == std::string::npos ? "" : word.substr(eq + 1);
  }
  return all;
}

}  // namespace

weft_sim_config PortLadder::plain() {
  weft_sim_config c;
  weft_sim_defaults(&c);
  c.clock_ns = 1000'000'000'000;
  c.features =
      WEFT_SIM_SACK | WEFT_SIM_SYN_COOKIES | WEFT_SIM_FIXED_SEQUENCE | WEFT_SIM_FIXED_TIMESTAMP;
  c.sequence = own_first;
  c.timestamp = 0u - 1000'000;  // 0 when the ladder begins
  c.congestion = WEFT_SIM_NEWRENO;
  c.receive_buffer = 10000;
  return c;
}

PortLadder::PortLadder(const weft_sim_config& config) : config_(config) {
  char why[200] = "";
  sim_ = weft_sim_create(&config_, why, sizeof(why));
  if (sim_ == nullptr) {
    ADD_FAILURE() << why;
    return;
  }
  own_text_ = config.sequence + 1;
  for (std::uint32_t i = 2; i < 16; ++i) {
    const std::uint8_t mac[6] = {2, 0, 0, 0, 0, 2};
    weft_sim_add_neighbour(sim_, (config.address & 0xffffff00) | i, mac);
  }
}

PortLadder::~PortLadder() {
  if (sim_ == nullptr) return;
  if (check_fresh && !testing::Test::HasFailure()) fresh_connection();
  drain();
  weft_sim_destroy(sim_);
}

void PortLadder::drain() {
  for (const auto& [name, fd] : fds_) weft_sim_close(sim_, fd);
  fds_.clear();
  collect();
  const std::uint64_t end = weft_sim_now(sim_) + 1200'000'000'000;
  for (unsigned steps = 0; steps < 20000; ++steps) {
    const std::uint64_t next = weft_sim_next_timer(sim_);
    if (next > end) break;
    weft_sim_advance(sim_, next);
    collect();
  }
  const weft_sim_counters c = counters();
  EXPECT_EQ(c.buffers, 0u);
  EXPECT_EQ(c.connections, 0u);
  EXPECT_EQ(c.timers, 0u);
  EXPECT_EQ(c.fragments, 0u);
  EXPECT_EQ(c.waiting, 0u);
  EXPECT_EQ(c.sockets, 0u);
}

PortLadder& PortLadder::run(const std::string& script) {
  std::istringstream lines(script);
  for (std::string line; std::getline(lines, line);) {
    const auto hash = line.find('#');
    if (hash != std::string::npos) line.resize(hash);
    std::istringstream words(line);
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    SCOPED_TRACE(line);
    step(words, line);
    if (testing::Test::HasFailure()) break;
  }
  return *this;
}

PortLadder& PortLadder::established(const std::string& syn_words, const std::string& options,
                                    unsigned rtt_ms) {
  const auto win = syn_words.find("win=");
  std::string window = win == std::string::npos ? "win=8000" : syn_words.substr(win);
  window = window.substr(0, window.find(' '));
  return run("socket L\n opt L SO_REUSEADDR 1\n" + options +
             "\n bind L 80\n listen L 8\n << SYN seq=100 " + syn_words +
             "\n >> SYN|ACK ack=101 len=0\n +" + std::to_string(rtt_ms) +
             "ms\n << ACK seq=101 ack=" + std::to_string(own_text_) + " " + window +
             "\n accept C L");
}

void PortLadder::step(std::istringstream& words, const std::string& line) {
  std::string first;
  words >> first;
  if (first == "<<") return incoming(words);
  if (first == ">>") return outgoing(words);
  if (first == "info") return information(words);
  if (first[0] == '+') {
    std::size_t used = 0;
    const double amount = std::stod(first.substr(1), &used);
    const std::string unit = first.substr(1 + used);
    return pass(static_cast<std::uint64_t>(amount * (unit == "ms"   ? 1e6
                                                     : unit == "us" ? 1e3
                                                                    : 1e9)));
  }
  if (first == "peer") {
    std::string address;
    words >> address >> peer_port_;
    peer_ = address_of(address);
    return;
  }
  if (first == "port") {  // of the stack, to which the peer speaks
    words >> own_port_;
    return;
  }
  if (first == "first") {  // number of the peer's first text
    words >> peer_first_;
    return;
  }
  const auto eq = line.find(" = ");
  std::istringstream arguments(line.substr(0, eq));
  arguments >> first;
  const std::int64_t result = call(first, arguments);
  collect();
  if (eq == std::string::npos) {
    EXPECT_GE(result, 0) << strerrorname_np(static_cast<int>(-result));
    return;
  }
  std::string wanted = line.substr(eq + 3);
  wanted.erase(wanted.find_last_not_of(' ') + 1);
  EXPECT_EQ(result, result_of(wanted)) << "wanted: " << wanted;
}

std::int64_t PortLadder::call(const std::string& what, std::istringstream& words) {
  std::string name;
  words >> name;
  if (what == "socket") return fds_[name] = weft_sim_socket(sim_);
  if (what == "accept") {
    std::string listener;
    words >> listener;
    const int made = weft_sim_accept(sim_, fds_.at(listener), nullptr, nullptr);
    if (made >= 0) fds_[name] = made;
    return made < 0 ? made : 0;
  }
  if (fds_.count(name) == 0) {
    ADD_FAILURE() << "no socket " << name;
    return 0;
  }
  const int fd = fds_.at(name);
  if (what == "opt" || what == "get") {
    words.seekg(0);
    return option(what, words);
  }
  std::string word;
  if (what == "bind") {
    int port = 0;
    words >> port >> word;
    return weft_sim_bind(sim_, fd, word.empty() ? 0 : address_of(word),
                         static_cast<std::uint16_t>(port));
  }
  if (what == "connect") {
    int port = 0;
    words >> word >> port;
    const int r = weft_sim_connect(sim_, fd, address_of(word), static_cast<std::uint16_t>(port));
    std::uint16_t own = 0;
    weft_sim_getsockname(sim_, fd, nullptr, &own);
    if (r == -EINPROGRESS) {
      own_port_ = own;
      peer_ = address_of(word);
      peer_port_ = static_cast<std::uint16_t>(port);
    }
    return r;
  }
  if (what == "poll") return weft_sim_poll(sim_, fd);
  if (what == "abort" || what == "close") {
    fds_.erase(name);
    return what == "close" ? weft_sim_close(sim_, fd) : weft_sim_abort(sim_, fd);
  }
  if (what == "shutdown" || what == "ioctl") {
    words >> word;
    const int number = sum_of(flag_names, word);
    if (what == "shutdown") return weft_sim_shutdown(sim_, fd, number);
    int value = 0;
    const int r = weft_sim_ioctl(sim_, fd, static_cast<unsigned long>(number), &value);
    return r < 0 ? r : value;
  }
  std::uint64_t bytes = 0;
  words >> bytes;
  words >> word;
  const int flags = word.empty() ? 0 : sum_of(flag_names, word);
  if (what == "listen") return weft_sim_listen(sim_, fd, static_cast<int>(bytes));
  Bytes text(bytes);
  if (what == "send") {
    std::uint32_t& at = sent_[fd];
    for (std::uint32_t i = 0; i < bytes; ++i) text[i] = pattern(at + i, true);
    const std::int64_t n = weft_sim_send(sim_, fd, text.data(), bytes, flags);
    if (n > 0) at += static_cast<std::uint32_t>(n);
    return n;
  }
  if (what == "recv") {
    std::uint32_t& at = got_[fd];
    const std::int64_t n = weft_sim_recv(sim_, fd, text.data(), bytes, flags);
    for (std::uint32_t i = 0; n > 0 && (flags & MSG_TRUNC) == 0 && i < n; ++i)
      EXPECT_EQ(text[i], pattern(at + i, false)) << "text at " << at + i;
    if (n > 0 && (flags & MSG_PEEK) == 0) at += static_cast<std::uint32_t>(n);
    return n;
  }
  if (what == "listen") return weft_sim_listen(sim_, fd, static_cast<int>(bytes));
  ADD_FAILURE() << "no such call: " << what;
  return 0;
}

std::int64_t PortLadder::option(const std::string& what, std::istringstream& words) {
  std::string ignore, name, option;
  words >> ignore >> name >> option;
  const auto* const at = std::find_if(std::begin(option_names), std::end(option_names),
                                      [&](const OptionName& n) { return option == n.text; });
  if (at == std::end(option_names)) {
    ADD_FAILURE() << "no such option: " << option;
    return 0;
  }
  const int fd = fds_.at(name);
  if (what == "opt" && at->number == TCP_CONGESTION && at->level == IPPROTO_TCP) {
    std::string value;
    words >> value;
    return weft_sim_setsockopt(sim_, fd, at->level, at->number, value.data(),
                               static_cast<std::uint32_t>(value.size()));
  }
  int value[2] = {0, 0};
  std::uint32_t bytes = sizeof(int);
  if (at->level == SOL_SOCKET && at->number == SO_LINGER) bytes = sizeof(value);
  if (what == "opt") {
    words >> value[0] >> value[1];
    return weft_sim_setsockopt(sim_, fd, at->level, at->number, value, bytes);
  }
  const int r = weft_sim_getsockopt(sim_, fd, at->level, at->number, value, &bytes);
  return r < 0 ? r : value[0];
}

TcpFrame PortLadder::from_peer() const {
  TcpFrame f;
  f.ip.from = peer_;
  f.ip.to = config_.address;
  f.from_port = peer_port_;
  f.to_port = own_port_;
  return f;
}

void PortLadder::incoming(std::istringstream& words) {
  std::string flags;
  words >> flags;
  TcpFrame f = from_peer();
  f.flags = static_cast<std::uint8_t>(sum_of(tcp_flags, flags));
  const auto said = pairs(words);
  const auto number = [&](const char* name, std::uint32_t otherwise) {
    const auto at = said.find(name);
    return at == said.end() ? otherwise : numbers(at->second).front();
  };
  f.seq = number("seq", 0);
  f.ack_seq = number("ack", 0);
  f.window = number("win", 8000);
  f.urgent = number("urg", 0);
  f.ip.tos = static_cast<std::uint8_t>(number("ecn", 0));
  if (said.count("mss") != 0) {
    f.options.insert(f.options.end(), {2, 4});
    put16(f.options, number("mss", 0));
  }
  if (said.count("ws") != 0)
    f.options.insert(f.options.end(), {1, 3, 3, static_cast<std::uint8_t>(number("ws", 0))});
  if (said.count("sack_ok") != 0) f.options.insert(f.options.end(), {1, 1, 4, 2});
  if (said.count("ts") != 0) {
    f.options.insert(f.options.end(), {1, 1, 8, 10});
    for (const std::uint32_t n : numbers(said.at("ts"))) put32(f.options, n);
  }
  if (said.count("sack") != 0) {
    const auto edges = numbers(said.at("sack"));
    f.options.insert(f.options.end(), {1, 1, 5, static_cast<std::uint8_t>(2 + 4 * edges.size())});
    for (const std::uint32_t n : edges) put32(f.options, n);
  }
  const std::uint32_t len = number("len", 0);
  for (std::uint32_t i = 0; i < len; ++i) f.text.push_back(pattern(f.seq - peer_first_ + i, false));
  give(f.frame());
}

void PortLadder::give(const Bytes& frame) {
  weft_sim_receive(sim_, frame.data(), static_cast<std::uint32_t>(frame.size()));
  collect();
}

// (Who is asked for on the link answers.)
void PortLadder::collect() {
  Bytes frame(70000);
  std::vector<Bytes> asked;
  for (std::uint32_t n; (n = weft_sim_transmit(sim_, frame.data(), 70000)) != 0;) {
    Bytes b(frame.begin(), frame.begin() + n);
    const bool arp = get16(b, 12) == 0x0806 && get16(b, 20) == 1;
    if (arp && answers_arp) {
      asked.push_back(std::move(b));
    } else {
      out_.push_back(std::move(b));
    }
  }
  for (const Bytes& b : asked) {
    const Bytes answer = arp_answer(b);
    weft_sim_receive(sim_, answer.data(), static_cast<std::uint32_t>(answer.size()));
  }
  if (!asked.empty()) collect();
}

std::vector<SeenFrame> PortLadder::taken() {
  collect();
  std::vector<SeenFrame> all;
  for (const Bytes& b : out_) all.emplace_back(b);
  out_.clear();
  return all;
}

void PortLadder::outgoing(std::istringstream& words) {
  std::string flags;
  words >> flags;
  if (flags == "nothing") {
    std::string seen;
    for (const SeenFrame& f : taken()) seen += "\n  " + f.words();
    EXPECT_TRUE(seen.empty()) << "went out:" << seen;
    return;
  }
  if (out_.empty()) {
    ADD_FAILURE() << "nothing went out";
    return;
  }
  const SeenFrame f(out_.front());
  out_.pop_front();
  SCOPED_TRACE("went out: " + f.words());
  ASSERT_TRUE(f.tcp);
  EXPECT_TRUE(f.sums_right);
  EXPECT_EQ(f.peer, peer_);
  EXPECT_EQ(f.peer_port, peer_port_);
  EXPECT_EQ(f.own_port, own_port_);
  // (PSH is compared where the script names it.)
  const int wanted = sum_of(tcp_flags, flags);
  const int care = (wanted & TcpFrame::psh) != 0 ? 0xff : 0xff & ~TcpFrame::psh;
  EXPECT_EQ(f.flags & care, wanted & care);
  auto said = pairs(words);
  EXPECT_EQ(f.text.size(), said.count("len") != 0 ? numbers(said["len"]).front() : 0u);
  for (std::uint32_t i = 0; i < f.text.size(); ++i) {
    if (f.text[i] == pattern(f.seq - own_text_ + i, true)) continue;
    ADD_FAILURE() << "wrong text at " << f.seq + i;
    break;
  }
  const std::map<std::string, std::uint32_t> fields = {
      {"seq", f.seq},      {"ack", f.ack_seq},
      {"win", f.window},   {"urg", f.urgent},
      {"ecn", f.tos & 3u}, {"ttl", f.ttl},
      {"tos", f.tos},      {"df", f.dont_fragment ? 1u : 0u}};
  for (const auto& [name, value] : said) {
    if (name == "len") continue;
    if (const auto at = fields.find(name); at != fields.end()) {
      EXPECT_EQ(at->second, numbers(value).front()) << name;
    } else if (name == "sack_ok") {
      EXPECT_TRUE(f.sack_ok);
    } else if (name == "no") {  // an option that must not be there
      EXPECT_TRUE(value == "sack_ok" ? !f.sack_ok : f.options.count(value) == 0) << value;
    } else {
      const auto option = f.options.find(name);
      if (option == f.options.end()) {
        ADD_FAILURE() << "no option " << name;
      } else if (!value.empty()) {
        EXPECT_EQ(option->second, numbers(value)) << name;
      }
    }
  }
}

void PortLadder::information(std::istringstream& words) {
  std::string name;
  words >> name;
  weft_sim_tcp_info i;
  ASSERT_EQ(weft_sim_info(sim_, fds_.at(name), &i), 0);
  const std::map<std::string, std::uint64_t> fields = {
      {"state", i.tcpi_state},
      {"ca_state", i.tcpi_ca_state},
      {"retransmits", i.tcpi_retransmits},
      {"probes", i.tcpi_probes},
      {"backoff", i.tcpi_backoff},
      {"options", i.tcpi_options},
      {"snd_wscale", std::uint64_t{i.tcpi_snd_wscale}},
      {"rcv_wscale", std::uint64_t{i.tcpi_rcv_wscale}},
      {"rto", i.tcpi_rto},
      {"snd_mss", i.tcpi_snd_mss},
      {"unacked", i.tcpi_unacked},
      {"sacked", i.tcpi_sacked},
      {"lost", i.tcpi_lost},
      {"retrans", i.tcpi_retrans},
      {"pmtu", i.tcpi_pmtu},
      {"rcv_ooopack", i.tcpi_rcv_ooopack},
      {"rcv_rtt", i.tcpi_rcv_rtt},
      {"delivered_ce", i.tcpi_delivered_ce},
      {"sndbuf_limited", i.tcpi_sndbuf_limited},
      {"total_rto_recoveries", i.tcpi_total_rto_recoveries},
      {"total_rto_time", i.tcpi_total_rto_time},
      {"reord_seen", i.tcpi_reord_seen},
      {"reordering", i.tcpi_reordering},
      {"rtt", i.tcpi_rtt},
      {"rttvar", i.tcpi_rttvar},
      {"snd_ssthresh", i.tcpi_snd_ssthresh},
      {"snd_cwnd", i.tcpi_snd_cwnd},
      {"snd_wnd", i.tcpi_snd_wnd},
      {"rcv_wnd", i.tcpi_rcv_wnd},
      {"total_retrans", i.tcpi_total_retrans},
      {"bytes_acked", i.tcpi_bytes_acked},
      {"bytes_received", i.tcpi_bytes_received},
      {"bytes_sent", i.tcpi_bytes_sent},
      {"bytes_retrans", i.tcpi_bytes_retrans},
      {"notsent_bytes", i.tcpi_notsent_bytes},
      {"data_segs_in", i.tcpi_data_segs_in},
      {"data_segs_out", i.tcpi_data_segs_out},
      {"delivered", i.tcpi_delivered},
      {"dsack_dups", i.tcpi_dsack_dups},
      {"total_rto", i.tcpi_total_rto}};
  for (const auto& [field, value] : pairs(words)) {
    const auto at = fields.find(field);
    if (at == fields.end()) {
      ADD_FAILURE() << "no such field: " << field;
    } else {
      EXPECT_EQ(at->second, std::stoull(value, nullptr, 0)) << field;
    }
  }
}

void PortLadder::pass(std::uint64_t ns) {
  const std::uint64_t end = weft_sim_now(sim_) + ns;
  for (unsigned steps = 0; steps < 100000; ++steps) {
    const std::uint64_t next = weft_sim_next_timer(sim_);
    if (next > end) break;
    weft_sim_advance(sim_, next);
    collect();
  }
  weft_sim_advance(sim_, end);
  collect();
}

weft_sim_counters PortLadder::counters() const {
  weft_sim_counters c;
  weft_sim_count(sim_, &c);
  return c;
}

std::uint64_t PortLadder::drops(const std::string& reason) const {
  std::pair<const std::string&, std::uint64_t> wanted{reason, 0};
  weft_sim_drops(
      sim_,
      [](void* to, const char* name, std::uint64_t count) {
        auto& w = *static_cast<std::pair<const std::string&, std::uint64_t>*>(to);
        if (w.first == name) w.second = count;
      },
      &wanted);
  return wanted.second;
}

int PortLadder::fd(const std::string& name) const { return fds_.at(name); }

void PortLadder::fresh_connection() {
  SCOPED_TRACE("a fresh connection");
  taken();
  const int listener = weft_sim_socket(sim_);
  const auto port = static_cast<std::uint16_t>(7000 + fresh_++);
  ASSERT_EQ(weft_sim_bind(sim_, listener, 0, port), 0);
  ASSERT_EQ(weft_sim_listen(sim_, listener, 4), 0);
  TcpFrame f = from_peer();
  f.ip.from = 0x0a00000e;
  f.from_port = static_cast<std::uint16_t>(20000 + fresh_);
  f.to_port = port;
  f.seq = 0xfffffff0;
  f.flags = TcpFrame::syn;
  const auto answer = [&](std::uint8_t flags) {
    give(f.frame());
    SeenFrame last({});
    for (const SeenFrame& s : taken()) {
      if (s.tcp && s.own_port == port && (s.flags & flags) == flags) last = s;
    }
    EXPECT_TRUE(last.tcp) << "no answer";
    return last;
  };
  const SeenFrame opened = answer(TcpFrame::syn | TcpFrame::ack);
  f.flags = TcpFrame::ack;
  ++f.seq;
  f.ack_seq = opened.seq + 1;
  give(f.frame());
  const int fd = weft_sim_accept(sim_, listener, nullptr, nullptr);
  ASSERT_GE(fd, 0);
  f.text.assign(100, 7);
  give(f.frame());
  Bytes text(200);
  EXPECT_EQ(weft_sim_recv(sim_, fd, text.data(), text.size(), 0), 100);
  EXPECT_EQ(weft_sim_send(sim_, fd, text.data(), 50, 0), 50);
  f.seq += 100;
  f.text.clear();
  f.flags = TcpFrame::fin | TcpFrame::ack;
  f.ack_seq += 50;
  const SeenFrame last = answer(TcpFrame::ack);
  EXPECT_EQ(last.ack_seq, f.seq + 1);
  weft_sim_close(sim_, fd);
  ++f.seq;
  ++f.ack_seq;
  f.flags = TcpFrame::ack;
  give(f.frame());
  weft_sim_close(sim_, listener);
  taken();
}

}  // namespace weft::test
