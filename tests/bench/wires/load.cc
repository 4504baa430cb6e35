#include "tests/bench/wires/load.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "tests/bench/bytes.h"

namespace weft::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned burst = 64;
constexpr unsigned longest = 2048;
constexpr std::uint8_t stack_mac[6] = {0x02, 0x77, 0x65, 0x66, 0x74, 0x02};
constexpr std::uint32_t our_ip = 0x0a070001, stack_ip = 0x0a070002;
constexpr std::uint16_t echo_port = 7, first_port = 40000, ports = 40;  // quickstart.yaml's flows

// A datagram from one of the known flows, with both checksums right.
void build(std::uint8_t* f, unsigned length, const std::uint8_t* mac, unsigned port) {
  std::memset(f, 0, length);
  std::memcpy(f, stack_mac, 6);
  std::memcpy(f + 6, mac, 6);
  store16(f + 12, ETH_P_IP);
  std::uint8_t* ip = f + 14;
  ip[0] = 0x45;
  store16(ip + 2, length - 14);
  ip[8] = 64;
  ip[9] = IPPROTO_UDP;
  store32(ip + 12, our_ip);
  store32(ip + 16, stack_ip);
  store16(ip + 10, fold(add_up(ip, 20, 0)));
  std::uint8_t* udp = ip + 20;
  const unsigned size = length - 34;
  store16(udp, port);
  store16(udp + 2, echo_port);
  store16(udp + 4, size);
  store16(udp + 6, fold(add_up(udp, size, add_up(ip + 12, 8, IPPROTO_UDP + size))));
}

void arp(std::uint8_t* f, const std::uint8_t* mac, unsigned operation, const std::uint8_t* to) {
  std::memset(f, 0, 60);
  std::memset(f, 0xff, 6);
  if (to != nullptr) std::memcpy(f, to, 6);
  std::memcpy(f + 6, mac, 6);
  store16(f + 12, ETH_P_ARP);
  static constexpr std::uint8_t kind[6] = {0, 1, 8, 0, 6, 4};
  std::memcpy(f + 14, kind, 6);
  store16(f + 20, operation);
  std::memcpy(f + 22, mac, 6);
  store32(f + 28, our_ip);
  if (to != nullptr) std::memcpy(f + 32, to, 6);
  store32(f + 38, stack_ip);
}

int packet_socket(const std::string& interface, std::uint16_t protocol) {
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1, room = 8 << 20;
  setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
  setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
  sockaddr_ll at{};
  at.sll_family = AF_PACKET;
  at.sll_protocol = htons(protocol);
  at.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  if (fd < 0 || at.sll_ifindex == 0 || bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof(at)) != 0)
    throw std::runtime_error("no packet socket on " + interface + ": " + std::strerror(errno));
  return fd;
}

}  // namespace

// Sockets belong to the namespace that they are made in: a thread goes there for that alone.
Load::Load(const LoadOptions& options) : options_(options) {
  std::string trouble;
  std::thread([&] {
    if (!options_.space.empty()) {
      const int fd = open(("/run/netns/" + options_.space).c_str(), O_RDONLY | O_CLOEXEC);
      if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) trouble = "no namespace " + options_.space;
      if (fd >= 0) close(fd);
    }
    try {
      if (!trouble.empty()) return;
      in_ = packet_socket(options_.interface, ETH_P_ALL);
      out_ = packet_socket(options_.interface, 0);
      const int on = 1;
      setsockopt(out_, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on));
      ifreq request{};
      std::strncpy(request.ifr_name, options_.interface.c_str(), sizeof(request.ifr_name) - 1);
      ioctl(out_, SIOCGIFHWADDR, &request);
      std::memcpy(mac_, request.ifr_hwaddr.sa_data, 6);
    } catch (const std::exception& error) {
      trouble = error.what();
    }
  }).join();
  if (!trouble.empty()) throw std::runtime_error(trouble);
}

Load::~Load() {
  if (in_ >= 0) close(in_);
  if (out_ >= 0) close(out_);
}

void Load::answer_arp(const std::uint8_t* frame) {
  std::uint8_t answer[60];
  if (load16(frame + 20) != 1) return;
  arp(answer, mac_, 2, frame + 6);
  (void)!send(out_, answer, sizeof(answer), 0);
}

unsigned Load::send_some(unsigned n) {
  static thread_local std::array<std::array<std::uint8_t, longest>, burst> frames;
  std::array<mmsghdr, burst> messages{};
  std::array<iovec, burst> parts{};
  n = std::min(n, burst);
  for (unsigned i = 0; i < n; ++i) {
    next_port_ = static_cast<std::uint16_t>((next_port_ + 1) % ports);
    build(frames[i].data(), options_.frame, mac_, first_port + next_port_);
    parts[i] = {frames[i].data(), options_.frame};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const int sent = sendmmsg(out_, messages.data(), n, 0);
  return sent > 0 ? static_cast<unsigned>(sent) : 0;
}

// Echoes that came; frames of 14 bytes of the header and the ports are enough to know one.
unsigned Load::receive_some() {
  static thread_local std::array<std::array<std::uint8_t, 64>, burst> heads;
  std::array<mmsghdr, burst> messages{};
  std::array<iovec, burst> parts{};
  for (unsigned i = 0; i < burst; ++i) {
    parts[i] = {heads[i].data(), heads[i].size()};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const int got = recvmmsg(in_, messages.data(), burst, MSG_DONTWAIT, nullptr);
  unsigned echoes = 0;
  for (int i = 0; i < got; ++i) {
    const std::uint8_t* f = heads[static_cast<unsigned>(i)].data();
    if (messages[static_cast<unsigned>(i)].msg_len < 42) continue;
    if (load16(f + 12) == ETH_P_ARP) answer_arp(f);
    if (load16(f + 12) == ETH_P_IP && f[23] == IPPROTO_UDP && load16(f + 34) == echo_port) ++echoes;
  }
  return echoes;
}

LoadResult Load::run(double seconds) {
  cpu_set_t cpus, before;  // (programs started later inherit what this thread may use)
  sched_getaffinity(0, sizeof(before), &before);
  CPU_ZERO(&cpus);
  CPU_SET(options_.cpu, &cpus);
  sched_setaffinity(0, sizeof(cpus), &cpus);
  std::uint8_t hello[60];
  arp(hello, mac_, 1, nullptr);
  (void)!send(out_, hello, sizeof(hello), 0);  // so that a stack need not ask

  LoadResult result;
  const auto start = Clock::now();
  const auto end = start + std::chrono::duration<double>(seconds);
  auto last = start;  // that one came back
  unsigned under_way = 0;
  for (auto now = start; now < end; now = Clock::now()) {
    if (const unsigned echoes = receive_some(); echoes != 0) {
      result.echoed += echoes;
      under_way -= std::min(under_way, echoes);
      last = now;
    }
    if (now - last > std::chrono::milliseconds(20)) under_way = 0, last = now;
    const unsigned room = options_.window - under_way;
    if (room >= burst / 2 || (room != 0 && under_way == 0)) {
      const unsigned sent = send_some(room);
      result.sent += sent;
      under_way += sent;
    } else {
      pollfd wait = {in_, POLLIN, 0};
      poll(&wait, 1, 1);
    }
  }
  sched_setaffinity(0, sizeof(before), &before);
  result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return result;
}

}  // namespace weft::bench
