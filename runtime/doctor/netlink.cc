#include "runtime/doctor/netlink.h"

#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

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

// What one attribute in a row of them holds.
std::optional<std::span<const char>> find(std::span<const char> row, unsigned wanted) {
  while (row.size() >= sizeof(rtattr)) {
    const auto* attribute = reinterpret_cast<const rtattr*>(row.data());
    if (attribute->rta_len < sizeof(rtattr) || attribute->rta_len > row.size()) break;
    if ((attribute->rta_type & NLA_TYPE_MASK) == wanted)
      return row.subspan(RTA_LENGTH(0), attribute->rta_len - RTA_LENGTH(0));
    row = row.subspan(std::min<std::size_t>(RTA_ALIGN(attribute->rta_len), row.size()));
  }
  return std::nullopt;
}

std::optional<int> number(std::optional<std::span<const char>> bytes) {
  if (!bytes || bytes->size() != sizeof(int)) return std::nullopt;
  int value = 0;
  std::memcpy(&value, bytes->data(), sizeof(value));
  return value;
}

// The attributes of the answer.
class Answer {
 public:
  template <class Header>
  explicit Answer(const Request<Header>& request) {
    const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) return;
    ssize_t size = -1;
    if (send(fd, &request, sizeof(request), 0) == static_cast<ssize_t>(sizeof(request)))
      size = recv(fd, bytes_.data(), bytes_.size(), 0);
    close(fd);
    const auto* message = reinterpret_cast<const nlmsghdr*>(bytes_.data());
    const std::size_t header = NLMSG_SPACE(sizeof(Header));
    if (size < static_cast<ssize_t>(header) || message->nlmsg_type == NLMSG_ERROR ||
        message->nlmsg_len > static_cast<std::size_t>(size) || message->nlmsg_len < header)
      return;
    row_ = std::span<const char>(bytes_).subspan(header, message->nlmsg_len - header);
  }
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  std::span<const char> row() const { return row_; }

 private:
  alignas(nlmsghdr) std::array<char, 16384> bytes_{};
  std::span<const char> row_;
};

// The attribute only asks for a short answer, without statistics.
Request<ifinfomsg> about(const std::string& interface) {
  Request<ifinfomsg> request(RTM_GETLINK, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  request.header.ifi_index = static_cast<int>(if_nametoindex(interface.c_str()));
  return request;
}

}  // namespace

int namespace_of_link(const std::string& interface) {
  const auto request = about(interface);
  if (request.header.ifi_index == 0) return same_namespace;
  const Answer answer(request);
  return number(find(answer.row(), IFLA_LINK_NETNSID)).value_or(same_namespace);
}

int namespace_number(int fd) {
  struct Padded {  // rtgenmsg is one byte; attributes begin at 4
    rtgenmsg header;
    char padding[3];
  };
  const Answer answer(Request<Padded>(RTM_GETNSID, NETNSA_FD, static_cast<std::uint32_t>(fd)));
  return number(find(answer.row(), NETNSA_NSID)).value_or(same_namespace);
}

unsigned xdp_program_of(const std::string& interface) {
  const auto request = about(interface);
  if (request.header.ifi_index == 0) return 0;
  const Answer answer(request);
  const auto nested = find(answer.row(), IFLA_XDP);
  if (!nested) return 0;
  return static_cast<unsigned>(number(find(*nested, IFLA_XDP_PROG_ID)).value_or(0));
}

}  // namespace weft::doctor
