// Sockets over the connections of a host: numbers, queues of those who want to be accepted, copies
// of what is sent until it has been acknowledged.
//
// A socket lives from the moment that there is something to remember for it: one that waits to be
// accepted has no number for the user yet, but takes what its connection has to say.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "runtime/sim/host.h"

namespace weft::sim {

class Sockets {
 public:
  explicit Sockets(Host& host) : host_(host) {}
  ~Sockets();

  int socket();
  int bind(int fd, std::uint32_t address, std::uint16_t port);
  int listen(int fd, int backlog);
  int accept(int fd, std::uint32_t* peer, std::uint16_t* peer_port);
  int connect(int fd, std::uint32_t address, std::uint16_t port);
  std::int64_t send(int fd, const std::uint8_t* data, std::uint64_t bytes, int flags);
  std::int64_t recv(int fd, std::uint8_t* data, std::uint64_t room, int flags);
  int left(int fd);  // TCP_INQ: bytes to be read, 1 where the peer has said all; -1: not asked for
  int shutdown(int fd, int how);
  int close(int fd, bool reset);
  int name(int fd, bool of_peer, std::uint32_t* address, std::uint16_t* port);
  int poll(int fd);
  // socket_options.cc
  int set_option(int fd, int level, int option, const void* value, std::uint32_t bytes);
  int get_option(int fd, int level, int option, void* value, std::uint32_t* bytes);
  int ioctl(int fd, unsigned long request, int* value);
  // socket_info.cc
  int info(int fd, weft_sim_tcp_info& info);
  // What the stack has to tell. After each call of the host that may have changed something.
  void take_events();
  std::uint32_t open() const;
  std::uint32_t texts() const { return static_cast<std::uint32_t>(texts_.size()); }

 private:
  enum class Kind { fresh, listener, connection };
  static constexpr std::uint32_t no_mark = ~std::uint32_t{0};
  static std::uint32_t unsent(const tcp::Connection& c) {
    return c.snd_end - tcp::earlier(c.snd_nxt, c.snd_end);
  }
  struct Socket {
    Kind kind = Kind::fresh;
    std::uint64_t number = 0;  // the cookie of its connection, or of those that it listens for
    tcp::Address local = tcp::Address::v4(0);
    tcp::Address peer = tcp::Address::v4(0);
    std::uint16_t port = 0, peer_port = 0;
    tcp::Id id;
    std::deque<std::uint64_t> waiting;  // of a listener: sockets not yet accepted
    std::uint32_t backlog = 0;
    std::deque<tcp::Chunk> text;  // taken from the connection, the first read up to `read`
    std::uint32_t read = 0;
    tcp::Seq read_to = 0;  // the place of the next byte to be read
    bool connected = false, told_connected = false, remote_closed = false, over = false;
    bool no_more_reading = false, no_more_sending = false;
    std::uint8_t error = 0;
    std::uint64_t since_ns = 0;  // connected
    bool starved = false;        // a call found no room in the send buffer
    std::uint64_t starved_from_ns = 0, starved_ns = 0;
    // Options. Those of `settings` are the connection's own.
    tcp::Settings settings;
    std::uint32_t send_buffer = 0, receive_buffer = 0, window_clamp = 0;
    std::uint32_t low_mark = 1, unsent_mark = no_mark;
    int linger_s = -1;  // -1: off
    int defer_s = 0, quick_ack = 1;
    bool reuse = false, tells_left = false;
  };
  Socket* get(int fd);
  Socket* of(std::uint64_t number);
  Socket& make();
  int give_number(Socket& s);
  tcp::Connection* connection(Socket& s) { return s.over ? nullptr : host_.tcp().get(s.id); }
  bool acceptable(Socket& s);
  bool taken(const Socket& s, std::uint32_t address, std::uint16_t port) const;
  int pick_port(Socket& s);
  std::uint32_t readable(Socket& s);
  std::uint32_t mark_in(Socket& s) const;
  bool may_send(Socket& s);
  bool may_send_more(Socket& s);
  void starve(Socket& s);
  std::uint64_t starved_ns(const Socket& s, const tcp::Connection& c) const;
  std::int64_t queue(Socket& s, const std::uint8_t* data, std::uint64_t bytes);
  void fetch(Socket& s);
  void disconnect(Socket& s);
  void stop_listening(Socket& s);
  void take_event(tcp::Connection& c);
  void drop_text(Socket& s);
  int set_of_socket(Socket& s, int option, int number, const void* value, std::uint32_t bytes);
  int set_of_tcp(Socket& s, int option, int number, const void* value, std::uint32_t bytes);
  int get_of_socket(Socket& s, int option, int& number);
  int get_of_tcp(Socket& s, int option, int& number);
  void settings_changed(Socket& s);
  void describe(Socket& s, weft_sim_tcp_info& info);

  Host& host_;
  std::map<std::uint64_t, Socket> sockets_;
  std::vector<std::uint64_t> numbers_;                              // by fd; 0: free
  std::map<std::uint64_t, std::unique_ptr<std::uint8_t[]>> texts_;  // being sent, by token
  std::uint64_t made_ = 0, tokens_ = 0;
};

}  // namespace weft::sim
