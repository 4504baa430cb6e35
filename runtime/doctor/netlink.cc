#include "runtime/doctor/netlink.h"

#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace weft::doctor {
namespace {

// A request of one fixed header and one attribute of 4 bytes.
template <class Header>
struct Request {
  nlmsghdr message{};
  Header header{};
  rtattr attribute{};
  std::uint32_t value = 0;

  Request(std::uint16_t type, unsigned attribute_type, std::uint32_t its_value) : value(its_value) {
    message.nlmsg_len = sizeof(*this);
    message.nlmsg_type = type;
    message.nlmsg_flags = NLM_F_REQUEST;
    attribute.rta_len = RTA_LENGTH(sizeof(value));
    attribute.rta_type = static_cast<unsigned short>(attribute_type);
  }
};

// The 32 bits of one attribute in the answer, or `same_namespace`.
template <class Header>
int ask(const Request<Header>& request, unsigned wanted) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return same_namespace;
  alignas(nlmsghdr) std::array<char, 16384> answer{};
  ssize_t size = -1;
  if (send(fd, &request, sizeof(request), 0) == static_cast<ssize_t>(sizeof(request)))
    size = recv(fd, answer.data(), answer.size(), 0);
  close(fd);
  const auto* message = reinterpret_cast<const nlmsghdr*>(answer.data());
  if (size < static_cast<ssize_t>(NLMSG_SPACE(sizeof(Header))) ||
      message->nlmsg_type == NLMSG_ERROR || message->nlmsg_len > static_cast<std::size_t>(size))
    return same_namespace;
  std::size_t at = NLMSG_SPACE(sizeof(Header));
  while (at + sizeof(rtattr) <= message->nlmsg_len) {
    const auto* attribute = reinterpret_cast<const rtattr*>(answer.data() + at);
    if (attribute->rta_len < sizeof(rtattr) || at + attribute->rta_len > message->nlmsg_len) break;
    if ((attribute->rta_type & NLA_TYPE_MASK) == wanted &&
        attribute->rta_len == RTA_LENGTH(sizeof(int))) {
      int value = 0;
      std::memcpy(&value, RTA_DATA(attribute), sizeof(value));
      return value;
    }
    at += RTA_ALIGN(attribute->rta_len);
  }
  return same_namespace;
}

}  // namespace

int namespace_of_link(const std::string& interface) {
  // The attribute only asks for a short answer, without statistics.
  Request<ifinfomsg> request(RTM_GETLINK, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  request.header.ifi_index = static_cast<int>(if_nametoindex(interface.c_str()));
  return request.header.ifi_index == 0 ? same_namespace : ask(request, IFLA_LINK_NETNSID);
}

int namespace_number(int fd) {
  struct Padded {  // rtgenmsg is one byte; attributes begin at 4
    rtgenmsg header;
    char padding[3];
  };
  const Request<Padded> request(RTM_GETNSID, NETNSA_FD, static_cast<std::uint32_t>(fd));
  return ask(request, NETNSA_NSID);
}

}  // namespace weft::doctor
