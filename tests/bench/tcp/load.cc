#include "tests/bench/tcp/load.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/bench/tcp/servers.h"

namespace weft::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Request = std::array<char, request_bytes>;
constexpr unsigned at_a_time = 32, sources = 9;

[[noreturn]] void trouble(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

double since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// In the namespace and on the CPU of the options: a thread goes there for that alone.
Counted there(const LoadOptions& options, const std::function<Counted()>& work) {
  Counted counted;
  std::string wrong;
  std::thread([&] {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(options.cpu, &cpus);
    sched_setaffinity(0, sizeof(cpus), &cpus);
    const int fd = open(("/run/netns/" + options.space).c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) {
      wrong = "no namespace " + options.space;
      return;
    }
    close(fd);
    try {
      counted = work();
    } catch (const std::exception& error) {
      wrong = error.what();
    }
  }).join();
  if (!wrong.empty()) throw std::runtime_error(wrong);
  return counted;
}

// Begins to connect; epoll says when it may be written to. With a number: from that source.
int begin(std::uint16_t port, unsigned source, bool wait) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (wait ? 0 : SOCK_NONBLOCK), 0);
  if (fd < 0) trouble("socket");
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  timeval limit{5, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  if (source != 0) {
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    at.sin_addr.s_addr = htonl(0x0a07000a + source);
    if (bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof(at)) != 0) trouble("bind");
  }
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(stack_address);
  int error = connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof(at)) == 0 ? 0 : errno;
  if (error == EINTR) {  // it goes on by itself
    pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
    socklen_t size = sizeof(error);
    if (poll(&ready, 1, 5000) == 1) getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error != 0 && error != EINPROGRESS) {
    close(fd);
    errno = error;
    trouble("connect");
  }
  return fd;
}

struct Client {
  int fd = -1;
  std::uint32_t number = 0;  // of the request
  unsigned got = 0;          // bytes of the answer
  Clock::time_point sent;

  Request request() const {
    Request r;
    for (unsigned i = 0; i < r.size(); ++i)
      r[i] = static_cast<char>(number * 31 + static_cast<unsigned>(fd) + i);
    return r;
  }
  void ask() {
    ++number;
    got = 0;
    sent = Clock::now();
    const Request r = request();
    if (send(fd, r.data(), r.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(r.size()))
      trouble("a request is not taken");
  }
  // True: the answer is whole.
  bool read() {
    Request r;
    const ssize_t n = recv(fd, r.data(), r.size() - got, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return false;
    if (n <= 0) trouble("a connection has ended");
    if (std::memcmp(r.data(), request().data() + got, static_cast<std::size_t>(n)) != 0)
      throw std::runtime_error("an answer is wrong");
    got += static_cast<unsigned>(n);
    return got == request_bytes;
  }
};

// Several clients and who of them can go on.
class Clients {
 public:
  explicit Clients(std::size_t n) : all(n), epoll_(epoll_create1(EPOLL_CLOEXEC)) {}
  ~Clients() {
    for (const Client& c : all)
      if (c.fd >= 0) close(c.fd);
    close(epoll_);
  }
  void watch(std::size_t i, std::uint32_t events, int how = EPOLL_CTL_ADD) {
    epoll_event e{};
    e.events = events;
    e.data.u64 = i;
    epoll_ctl(epoll_, how, all[i].fd, &e);
  }
  template <class F>
  void each_ready(F&& f) {
    std::array<epoll_event, 256> events;
    const int n = epoll_wait(epoll_, events.data(), events.size(), 3000);
    if (n == 0) throw std::runtime_error("nothing has come for three seconds");
    for (int i = 0; i < n; ++i) {
      const epoll_event& e = events[static_cast<std::size_t>(i)];
      f(static_cast<std::size_t>(e.data.u64), e.events);
    }
  }
  std::vector<Client> all;

 private:
  int epoll_;
};

}  // namespace

Counted requests(const LoadOptions& options, unsigned connections) {
  return there(options, [&] {
    Clients clients(connections);
    for (std::size_t i = 0; i < connections; ++i) {
      clients.all[i].fd = begin(echo_port, 0, true);
      clients.watch(i, EPOLLIN);
    }
    for (Client& c : clients.all) c.ask();
    std::vector<double> trips;
    double done = 0;
    const auto start = Clock::now();
    while (since(start) < options.seconds) {
      clients.each_ready([&](std::size_t i, std::uint32_t) {
        Client& c = clients.all[i];
        if (!c.read()) return;
        ++done;
        if (trips.size() < 1'000'000) trips.push_back(since(c.sent) * 1e9);
        c.ask();
      });
    }
    const double took = since(start);
    const auto middle = trips.begin() + static_cast<std::ptrdiff_t>(trips.size() / 2);
    std::nth_element(trips.begin(), middle, trips.end());
    return Counted{done, took, trips.empty() ? 0 : *middle};
  });
}

Counted connects(const LoadOptions& options) {
  return there(options, [&] {
    Clients clients(at_a_time);
    unsigned source = 0;
    const auto open_one = [&](std::size_t i) {
      clients.all[i].fd = begin(echo_port, source++ % sources, false);
      clients.watch(i, EPOLLOUT);
    };
    for (std::size_t i = 0; i < at_a_time; ++i) open_one(i);
    double done = 0;
    const auto start = Clock::now();
    while (since(start) < options.seconds) {
      clients.each_ready([&](std::size_t i, std::uint32_t events) {
        Client& c = clients.all[i];
        if ((events & EPOLLOUT) != 0) {
          c.ask();
          clients.watch(i, EPOLLIN, EPOLL_CTL_MOD);
          return;
        }
        if (!c.read()) return;
        close(c.fd);
        ++done;
        open_one(i);
      });
    }
    return Counted{done, since(start)};
  });
}

Counted send_bulk(const LoadOptions& options) {
  return there(options, [&] {
    static std::array<char, 262144> text;
    const int fd = begin(discard_port, 0, true);
    double sent = 0;
    const auto start = Clock::now();
    while (since(start) < options.seconds) {
      const ssize_t n = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) trouble("the stream is not taken");
      sent += static_cast<double>(n);
    }
    int waiting = 0;
    ioctl(fd, SIOCOUTQ, &waiting);
    const double took = since(start);
    const linger at_once{1, 0};  // (what waits is not sent any more)
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(fd);
    return Counted{sent - waiting, took};
  });
}

Counted receive_bulk(const LoadOptions& options) {
  return there(options, [&] {
    static std::array<char, 262144> text;
    const int fd = begin(chargen_port, 0, true);
    double got = 0;
    const auto start = Clock::now();
    while (since(start) < options.seconds) {
      const ssize_t n = recv(fd, text.data(), text.size(), 0);
      if (n <= 0) trouble("the stream does not come");
      got += static_cast<double>(n);
    }
    const double took = since(start);
    close(fd);
    return Counted{got, took};
  });
}

}  // namespace weft::bench
