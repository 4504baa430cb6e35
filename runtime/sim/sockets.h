// Sockets over the connections of a host: numbers, queues of those who want to be accepted, copies
// of what is sent until it has been acknowledged.
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
  std::int64_t send(int fd, const std::uint8_t* data, std::uint64_t bytes);
  std::int64_t recv(int fd, std::uint8_t* data, std::uint64_t room, bool peek);
  int shutdown(int fd);
  int close(int fd, bool reset);
  int set_option(int fd, int option, std::int64_t value);
  int poll(int fd);
  int error(int fd);
  int info(int fd, weft_sim_tcp_info& info);
  // What the stack has to tell. After each call of the host that may have changed something.
  void take_events();
  std::uint32_t open() const;
  std::uint32_t texts() const { return static_cast<std::uint32_t>(texts_.size()); }

 private:
  enum class Kind { none, fresh, listener, connection };
  struct Socket {
    Kind kind = Kind::none;
    tcp::Address local = tcp::Address::v4(0);
    std::uint16_t port = 0;
    tcp::Id id;
    std::deque<tcp::Id> waiting;  // of a listener: not yet accepted
    std::deque<tcp::Chunk> text;  // taken from the connection, the first read up to `read`
    std::uint32_t read = 0;
    std::uint32_t send_buffer = 0;
    bool connected = false, remote_closed = false, over = false;
    std::uint8_t error = 0;
  };
  Socket* get(int fd);
  tcp::Connection* connection(Socket& s) { return s.over ? nullptr : host_.tcp().get(s.id); }
  int made(Kind kind);
  Socket* owner(tcp::Connection& c);
  void take_event(tcp::Connection& c);
  void drop_text(Socket& s);

  Host& host_;
  std::vector<Socket> sockets_;
  std::map<std::uint64_t, std::unique_ptr<std::uint8_t[]>> texts_;  // being sent, by token
  std::uint64_t tokens_ = 0;
};

}  // namespace weft::sim
