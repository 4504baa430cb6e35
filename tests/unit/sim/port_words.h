// The names that scripts use for Linux's numbers.
#pragma once

#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <sstream>
#include <string>
#include <utility>

#include "tests/unit/sim/peer_frames.h"

namespace weft::test {

struct OptionName {
  const char* text;
  int level, number;
};
inline constexpr OptionName option_names[] = {
    {"SO_ERROR", SOL_SOCKET, SO_ERROR},
    {"SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR},
    {"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE},
    {"SO_SNDBUF", SOL_SOCKET, SO_SNDBUF},
    {"SO_RCVBUF", SOL_SOCKET, SO_RCVBUF},
    {"SO_RCVLOWAT", SOL_SOCKET, SO_RCVLOWAT},
    {"SO_LINGER", SOL_SOCKET, SO_LINGER},
    {"SO_ACCEPTCONN", SOL_SOCKET, SO_ACCEPTCONN},
    {"SO_OOBINLINE", SOL_SOCKET, SO_OOBINLINE},
    {"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY},
    {"TCP_CORK", IPPROTO_TCP, TCP_CORK},
    {"TCP_QUICKACK", IPPROTO_TCP, TCP_QUICKACK},
    {"TCP_MAXSEG", IPPROTO_TCP, TCP_MAXSEG},
    {"TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE},
    {"TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL},
    {"TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT},
    {"TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT},
    {"TCP_SYNCNT", IPPROTO_TCP, TCP_SYNCNT},
    {"TCP_LINGER2", IPPROTO_TCP, TCP_LINGER2},
    {"TCP_DEFER_ACCEPT", IPPROTO_TCP, TCP_DEFER_ACCEPT},
    {"TCP_WINDOW_CLAMP", IPPROTO_TCP, TCP_WINDOW_CLAMP},
    {"TCP_NOTSENT_LOWAT", IPPROTO_TCP, TCP_NOTSENT_LOWAT},
    {"TCP_CONGESTION", IPPROTO_TCP, TCP_CONGESTION},
    {"TCP_FASTOPEN", IPPROTO_TCP, TCP_FASTOPEN},
    {"TCP_INQ", IPPROTO_TCP, TCP_INQ},
    {"IP_TTL", IPPROTO_IP, IP_TTL},
    {"IP_TOS", IPPROTO_IP, IP_TOS},
    {"IP_MTU", IPPROTO_IP, IP_MTU},
};
inline constexpr std::pair<const char*, int> flag_names[] = {{"PEEK", MSG_PEEK},
                                                             {"MORE", MSG_MORE},
                                                             {"OOB", MSG_OOB},
                                                             {"EOR", MSG_EOR},
                                                             {"TRUNC", MSG_TRUNC},
                                                             {"SIOCINQ", FIONREAD},
                                                             {"SIOCOUTQ", TIOCOUTQ},
                                                             {"SIOCOUTQNSD", SIOCOUTQNSD},
                                                             {"SIOCATMARK", SIOCATMARK},
                                                             {"RD", SHUT_RD},
                                                             {"WR", SHUT_WR},
                                                             {"RDWR", SHUT_RDWR},
                                                             {"IN", POLLIN},
                                                             {"PRI", POLLPRI},
                                                             {"OUT", POLLOUT},
                                                             {"ERR", POLLERR},
                                                             {"HUP", POLLHUP},
                                                             {"RDHUP", 0x2000},
                                                             {"NONE", 0}};
inline constexpr std::pair<const char*, int> tcp_flags[] = {
    {"FIN", TcpFrame::fin}, {"SYN", TcpFrame::syn}, {"RST", TcpFrame::rst},
    {"PSH", TcpFrame::psh}, {"ACK", TcpFrame::ack}, {"URG", TcpFrame::urg},
    {"ECE", TcpFrame::ece}, {"CWR", TcpFrame::cwr}, {"NONE", 0}};

template <class Table>
int sum_of(const Table& table, const std::string& text) {
  int sum = 0;
  std::istringstream names(text);
  for (std::string name; std::getline(names, name, '|');) {
    const auto* const at = std::find_if(std::begin(table), std::end(table),
                                        [&](const auto& entry) { return name == entry.first; });
    if (at == std::end(table)) {
      ADD_FAILURE() << "no such name: " << name;
      return 0;
    }
    sum |= at->second;
  }
  return sum;
}

// What a step returns, as a script writes it.
inline std::int64_t result_of(const std::string& text) {
  if (text[0] == 'E') {
    for (int e = 1; e < 140; ++e) {
      const char* const name = strerrorname_np(e);
      if (name != nullptr && text == name) return -e;
    }
    ADD_FAILURE() << "no such error: " << text;
  }
  if (std::isalpha(text[0]) != 0) return sum_of(flag_names, text);
  return std::stoll(text, nullptr, 0);
}

}  // namespace weft::test
