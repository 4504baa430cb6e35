// Options of sockets, by Linux's numbers (socket(7), tcp(7), ip(7)). What is chosen before there is
// a connection goes with connect, or with whatever a listener brings.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "runtime/sim/sockets.h"

namespace weft::sim {
namespace {

constexpr std::uint32_t least_buffer = 2048, most_buffer = 1u << 30;

bool lies(int number, int from, int to) { return number >= from && number <= to; }

}  // namespace

int Sockets::set_option(int fd, int level, int option, const void* value, std::uint32_t bytes) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  if (value == nullptr) return -EFAULT;
  int number = 0;
  const bool text = level == IPPROTO_TCP && option == TCP_CONGESTION;
  if (!text) {
    if (bytes < sizeof(number)) return -EINVAL;
    std::memcpy(&number, value, sizeof(number));
  }
  int result = -ENOPROTOOPT;
  if (level == SOL_SOCKET) result = set_of_socket(*s, option, number, value, bytes);
  if (level == IPPROTO_TCP) result = set_of_tcp(*s, option, number, value, bytes);
  if (level == IPPROTO_IP && option == IP_TTL) {
    if (!lies(number, 1, 255) && number != -1) return -EINVAL;
    s->settings.ttl = static_cast<std::uint8_t>(number == -1 ? 0 : number);
    result = 0;
  }
  if (level == IPPROTO_IP && option == IP_TOS) {  // (the ECN field is the connection's own)
    s->settings.dscp = static_cast<std::uint8_t>((number & 0xff) >> 2);
    result = 0;
  }
  if (result == 0) settings_changed(*s);
  return result;
}

// To the connection, or to those that a listener is going to bring.
void Sockets::settings_changed(Socket& s) {
  const std::uint32_t clamp = s.window_clamp != 0 ? s.window_clamp : ~std::uint32_t{0};
  s.settings.receive_buffer = std::min(s.receive_buffer, clamp);
  if (s.kind == Kind::listener) {
    host_.tcp().listen_on(s.local, s.port, s.backlog, s.settings);
  } else if (tcp::Connection* c = s.kind == Kind::connection ? connection(s) : nullptr) {
    host_.tcp().change(*c, s.settings);
    host_.tcp().set_keepalive(*c, s.settings.keepalive);
  }
}

int Sockets::set_of_socket(Socket& s, int option, int number, const void* value,
                           std::uint32_t bytes) {
  switch (option) {
    case SO_REUSEADDR: s.reuse = number != 0; return 0;
    case SO_KEEPALIVE: s.settings.keepalive = number != 0; return 0;
    case SO_LINGER: {
      linger wish;
      if (bytes < sizeof(wish)) return -EINVAL;
      std::memcpy(&wish, value, sizeof(wish));
      s.linger_s = wish.l_onoff != 0 ? std::max(wish.l_linger, 0) : -1;
      return 0;
    }
    case SO_SNDBUF:
      s.send_buffer = std::clamp(static_cast<std::uint32_t>(std::max(number, 0)), 1u, most_buffer);
      return 0;
    case SO_RCVBUF:
      s.receive_buffer =
          std::clamp(static_cast<std::uint32_t>(std::max(number, 0)), least_buffer, most_buffer);
      return 0;
    case SO_RCVLOWAT: s.low_mark = static_cast<std::uint32_t>(std::max(number, 1)); return 0;
    case SO_OOBINLINE: return number != 0 ? 0 : -EINVAL;  // RFC 6093 section 6
    default: return -ENOPROTOOPT;
  }
}

int Sockets::set_of_tcp(Socket& s, int option, int number, const void* value, std::uint32_t bytes) {
  tcp::Settings& w = s.settings;
  tcp::Connection* c = s.kind == Kind::connection ? connection(s) : nullptr;
  const auto small = [&](std::uint8_t& to, int from, int most) {
    if (!lies(number, from, most)) return -EINVAL;
    to = static_cast<std::uint8_t>(number);
    return 0;
  };
  switch (option) {
    case TCP_NODELAY:
      w.no_delay = number != 0;
      if (c != nullptr) host_.tcp().set_no_delay(*c, w.no_delay);
      return 0;
    case TCP_CORK:
      w.cork = number != 0;
      if (c != nullptr) host_.tcp().set_cork(*c, w.cork);
      return 0;
    case TCP_QUICKACK:
      s.quick_ack = number != 0 ? 1 : 0;
      if (c != nullptr) host_.tcp().set_quick_ack(*c, number != 0);
      return 0;
    case TCP_MAXSEG:
      if (number != 0 && !lies(number, 88, 32767)) return -EINVAL;
      w.max_segment = static_cast<std::uint16_t>(number);
      return 0;
    case TCP_KEEPIDLE:
      if (!lies(number, 1, 32767)) return -EINVAL;
      w.keepalive_idle_ms = static_cast<std::uint32_t>(number) * 1000;
      return 0;
    case TCP_KEEPINTVL:
      if (!lies(number, 1, 32767)) return -EINVAL;
      w.keepalive_interval_ms = static_cast<std::uint32_t>(number) * 1000;
      return 0;
    case TCP_KEEPCNT: return small(w.keepalive_count, 1, 127);
    case TCP_SYNCNT: return small(w.syn_retries, 1, 127);
    case TCP_USER_TIMEOUT:
      if (number < 0) return -EINVAL;
      w.user_timeout_ms = static_cast<std::uint32_t>(number);
      return 0;
    case TCP_LINGER2:
      w.fin_wait_2_ms = number < 0 ? tcp::Settings::no_fin_wait_2
                                   : static_cast<std::uint32_t>(std::min(number, 120)) * 1000;
      return 0;
    case TCP_DEFER_ACCEPT: s.defer_s = std::max(number, 0); return 0;
    case TCP_WINDOW_CLAMP:
      if (number < 0 || (number == 0 && s.kind != Kind::fresh)) return -EINVAL;
      s.window_clamp =
          number == 0 ? 0 : std::max(static_cast<std::uint32_t>(number), least_buffer / 2);
      return 0;
    case TCP_NOTSENT_LOWAT:
      s.unsent_mark = number != 0 ? static_cast<std::uint32_t>(number) : no_mark;
      return 0;
    case TCP_INQ:
      if (!lies(number, 0, 1)) return -EINVAL;
      s.tells_left = number != 0;
      return 0;
    case TCP_CONGESTION: {
      std::string_view name(static_cast<const char*>(value), bytes);
      name = name.substr(0, name.find('\0'));
      if (name != "reno" && name != "cubic") return -ENOENT;
      w.congestion = name == "reno" ? tcp::Congestion::newreno : tcp::Congestion::cubic;
      return 0;
    }
    default: return -ENOPROTOOPT;
  }
}

int Sockets::get_option(int fd, int level, int option, void* value, std::uint32_t* bytes) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  if (value == nullptr || bytes == nullptr) return -EFAULT;
  const auto give = [&](const void* from, std::size_t size) {
    *bytes = static_cast<std::uint32_t>(std::min<std::size_t>(*bytes, size));
    std::memcpy(value, from, *bytes);
    return 0;
  };
  if (level == SOL_SOCKET && option == SO_LINGER) {
    const linger is{s->linger_s >= 0 ? 1 : 0, std::max(s->linger_s, 0)};
    return give(&is, sizeof(is));
  }
  if (level == IPPROTO_TCP && option == TCP_INFO) {
    weft_sim_tcp_info all{};
    describe(*s, all);
    return give(&all, sizeof(all));
  }
  if (level == IPPROTO_TCP && option == TCP_CONGESTION) {
    char name[16] = "";
    const tcp::Congestion is = s->settings.congestion.value_or(host_.tcp().config().congestion);
    std::strcpy(name, is == tcp::Congestion::cubic ? "cubic" : "reno");
    return give(name, sizeof(name));
  }
  int number = 0;
  int result = -ENOPROTOOPT;
  if (level == SOL_SOCKET) result = get_of_socket(*s, option, number);
  if (level == IPPROTO_TCP) result = get_of_tcp(*s, option, number);
  if (level == IPPROTO_IP && option == IP_TTL) {
    number = s->settings.ttl != 0 ? s->settings.ttl : 64;
    result = 0;
  }
  if (level == IPPROTO_IP && option == IP_TOS) {
    number = s->settings.dscp << 2;
    result = 0;
  }
  if (level == IPPROTO_IP && option == IP_MTU) {
    tcp::Connection* c = s->kind == Kind::connection ? connection(*s) : nullptr;
    if (c == nullptr) return -ENOTCONN;
    number = c->path_mtu != 0 ? c->path_mtu : host_.config().mtu;
    result = 0;
  }
  return result == 0 ? give(&number, sizeof(number)) : result;
}

int Sockets::get_of_socket(Socket& s, int option, int& number) {
  switch (option) {
    case SO_ERROR: number = std::exchange(s.error, std::uint8_t{0}); return 0;
    case SO_TYPE: number = SOCK_STREAM; return 0;
    case SO_PROTOCOL: number = IPPROTO_TCP; return 0;
    case SO_DOMAIN: number = AF_INET; return 0;
    case SO_ACCEPTCONN: number = s.kind == Kind::listener ? 1 : 0; return 0;
    case SO_REUSEADDR: number = s.reuse ? 1 : 0; return 0;
    case SO_KEEPALIVE: number = s.settings.keepalive ? 1 : 0; return 0;
    case SO_SNDBUF:
      number = static_cast<int>(std::min(s.send_buffer, most_buffer / 2) * 2);
      return 0;
    case SO_RCVBUF:
      number = static_cast<int>(std::min(s.receive_buffer, most_buffer / 2) * 2);
      return 0;
    case SO_RCVLOWAT: number = static_cast<int>(s.low_mark); return 0;
    case SO_OOBINLINE: number = 1; return 0;
    default: return -ENOPROTOOPT;
  }
}

int Sockets::get_of_tcp(Socket& s, int option, int& number) {
  const tcp::Settings& w = s.settings;
  const tcp::Config& d = host_.tcp().config();
  const auto seconds = [](std::uint32_t own, std::uint32_t otherwise) {
    return static_cast<int>((own != 0 ? own : otherwise) / 1000);
  };
  tcp::Connection* c = s.kind == Kind::connection ? connection(s) : nullptr;
  switch (option) {
    case TCP_NODELAY: number = w.no_delay ? 1 : 0; return 0;
    case TCP_CORK: number = w.cork ? 1 : 0; return 0;
    case TCP_QUICKACK: number = s.quick_ack; return 0;
    case TCP_MAXSEG:
      number = w.max_segment != 0 ? w.max_segment : 536;
      if (c != nullptr) number = c->mss;
      return 0;
    case TCP_KEEPIDLE: number = seconds(w.keepalive_idle_ms, d.keepalive_idle); return 0;
    case TCP_KEEPINTVL: number = seconds(w.keepalive_interval_ms, d.keepalive_interval); return 0;
    case TCP_KEEPCNT:
      number = w.keepalive_count != 0 ? w.keepalive_count : d.keepalive_count;
      return 0;
    case TCP_SYNCNT: number = w.syn_retries != 0 ? w.syn_retries : 7; return 0;
    case TCP_USER_TIMEOUT: number = static_cast<int>(w.user_timeout_ms); return 0;
    case TCP_LINGER2:
      number = w.fin_wait_2_ms == tcp::Settings::no_fin_wait_2
                   ? -1
                   : seconds(w.fin_wait_2_ms, d.fin_wait_2);
      return 0;
    case TCP_DEFER_ACCEPT: number = s.defer_s; return 0;
    case TCP_WINDOW_CLAMP: number = static_cast<int>(s.window_clamp); return 0;
    case TCP_INQ: number = s.tells_left ? 1 : 0; return 0;
    case TCP_NOTSENT_LOWAT:
      number = s.unsent_mark == no_mark ? 0 : static_cast<int>(s.unsent_mark);
      return 0;
    default: return -ENOPROTOOPT;
  }
}

int Sockets::ioctl(int fd, unsigned long request, int* value) {
  Socket* s = get(fd);
  if (s == nullptr) return -EBADF;
  if (value == nullptr) return -EFAULT;
  if (s->kind == Kind::listener) return -EINVAL;
  tcp::Connection* c = s->kind == Kind::connection ? connection(*s) : nullptr;
  switch (request) {
    case FIONREAD: *value = static_cast<int>(readable(*s)); return 0;
    case TIOCOUTQ:
      *value = c == nullptr ? 0 : static_cast<int>(host_.tcp().unacked_bytes(*c));
      return 0;
    case SIOCOUTQNSD: *value = c == nullptr ? 0 : static_cast<int>(unsent(*c)); return 0;
    case SIOCATMARK: fetch(*s), *value = mark_in(*s) == 0 ? 1 : 0; return 0;
    default: return -ENOTTY;
  }
}

}  // namespace weft::sim
