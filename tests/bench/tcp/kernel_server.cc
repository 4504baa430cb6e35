#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include "tests/bench/tcp/servers.h"

namespace weft::bench {
namespace {

struct Kind {
  std::uint16_t port = 0;
  bool listens = false;
};

void watch(int epoll, int fd, std::uint32_t events) {
  epoll_event e{};
  e.events = events;
  e.data.fd = fd;
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
}

int listener(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof(at)) != 0 ||
      listen(fd, 4096) != 0) {
    fmt::print(stderr, "port {}: {}\n", port, std::strerror(errno));
    return -1;
  }
  return fd;
}

// False: the connection is over.
bool serve(int fd, std::uint16_t port, std::uint32_t events) {
  static std::array<char, 262144> text;
  if (port == chargen_port) {
    while (send(fd, text.data(), text.size(), MSG_NOSIGNAL) > 0) {
    }
    return (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) == 0;
  }
  for (;;) {
    const ssize_t got = recv(fd, text.data(), text.size(), 0);
    if (got < 0) return errno == EAGAIN;
    if (got == 0) return false;
    // (Requests are short and wait for their answers: there is always room.)
    if (port == echo_port &&
        send(fd, text.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL) != got)
      return false;
    if (static_cast<std::size_t>(got) < text.size()) return true;
  }
}

}  // namespace

int serve_kernel() {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  std::vector<Kind> kinds(65536);
  for (const std::uint16_t port : {echo_port, discard_port, chargen_port}) {
    const int fd = listener(port);
    if (fd < 0) return 1;
    kinds[static_cast<std::size_t>(fd)] = {port, true};
    watch(epoll, fd, EPOLLIN);
  }
  fmt::print("kernel runs on its sockets\n");
  std::fflush(stdout);
  std::array<epoll_event, 256> events;
  for (;;) {
    const int n = epoll_wait(epoll, events.data(), events.size(), -1);
    for (int i = 0; i < n; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      const Kind kind = kinds[static_cast<std::size_t>(fd)];
      if (!kind.listens) {
        if (!serve(fd, kind.port, events[static_cast<std::size_t>(i)].events)) close(fd);
        continue;
      }
      for (int c; (c = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        const int on = 1;
        setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        kinds[static_cast<std::size_t>(c)] = {kind.port, false};
        watch(epoll, c,
              kind.port == chargen_port ? EPOLLOUT | EPOLLRDHUP | EPOLLET : EPOLLIN | EPOLLRDHUP);
      }
    }
  }
}

}  // namespace weft::bench
