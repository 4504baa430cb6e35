#include "runtime/doctor/interfaces.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>
#include <thread>

#include "runtime/doctor/netlink.h"

namespace weft::doctor {
namespace {

namespace fs = std::filesystem;

// A socket for ioctls in the namespace of the calling thread.
class Control {
 public:
  Control() : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}
  ~Control() {
    if (fd_ >= 0) close(fd_);
  }
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  bool ask(unsigned long request, const std::string& name, ifreq& answer) const {
    answer = {};
    if (name.size() >= sizeof(answer.ifr_name)) return false;
    std::memcpy(answer.ifr_name, name.c_str(), name.size() + 1);
    return ioctl(fd_, request, &answer) == 0;
  }
  bool ethtool(const std::string& name, void* command) const {
    ifreq request{};
    if (name.size() >= sizeof(request.ifr_name)) return false;
    std::memcpy(request.ifr_name, name.c_str(), name.size() + 1);
    request.ifr_data = static_cast<char*>(command);
    return ioctl(fd_, SIOCETHTOOL, &request) == 0;
  }

 private:
  int fd_;
};

std::string driver_of(const Control& control, const std::string& name) {
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  return control.ethtool(name, &info) ? info.driver : "";
}

// A veth says which interface is its other end as a statistic (drivers/net/veth.c).
unsigned peer_index(const Control& control, const std::string& name) {
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  if (!control.ethtool(name, &info) || std::strcmp(info.driver, "veth") != 0 || info.n_stats == 0)
    return 0;
  std::vector<std::uint8_t> names(sizeof(ethtool_gstrings) + info.n_stats * ETH_GSTRING_LEN);
  auto* strings = reinterpret_cast<ethtool_gstrings*>(names.data());
  strings->cmd = ETHTOOL_GSTRINGS;
  strings->string_set = ETH_SS_STATS;
  strings->len = info.n_stats;
  std::vector<std::uint64_t> values(info.n_stats + sizeof(ethtool_stats) / 8 + 1);
  auto* stats = reinterpret_cast<ethtool_stats*>(values.data());
  stats->cmd = ETHTOOL_GSTATS;
  stats->n_stats = info.n_stats;
  if (!control.ethtool(name, strings) || !control.ethtool(name, stats)) return 0;
  for (unsigned i = 0; i < info.n_stats; ++i) {
    const char* label = reinterpret_cast<const char*>(strings->data) + i * ETH_GSTRING_LEN;
    if (std::strncmp(label, "peer_ifindex", ETH_GSTRING_LEN) == 0)
      return static_cast<unsigned>(stats->data[i]);
  }
  return 0;
}

std::optional<bool> unfinished(const Control& control, const std::string& name) {
  ethtool_value value{};
  value.cmd = ETHTOOL_GTXCSUM;
  if (!control.ethtool(name, &value)) return std::nullopt;
  return value.data != 0;
}

// Looks for the other end in the namespace of the calling thread.
bool look(unsigned index, unsigned our_index, Peer& peer) {
  char name[IF_NAMESIZE] = "";
  if (if_indextoname(index, name) == nullptr) return false;
  const Control control;
  if (peer_index(control, name) != our_index) return false;
  peer.name = name;
  peer.unfinished = unfinished(control, name).value_or(false);
  return true;
}

// Namespaces by file, each once, with the words that run a command there.
std::vector<std::pair<std::string, std::string>> namespaces() {
  std::vector<std::pair<std::string, std::string>> found;
  std::set<std::pair<dev_t, ino_t>> seen;
  struct stat s {};
  if (stat("/proc/self/ns/net", &s) == 0) seen.emplace(s.st_dev, s.st_ino);
  const auto add = [&](const std::string& path, const std::string& enter) {
    if (stat(path.c_str(), &s) == 0 && seen.emplace(s.st_dev, s.st_ino).second)
      found.emplace_back(path, enter);
  };
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/run/netns", ignored))
    add(entry.path().string(), "ip netns exec " + entry.path().filename().string() + " ");
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const std::string pid = entry.path().filename().string();
    if (pid.find_first_not_of("0123456789") == std::string::npos)
      add("/proc/" + pid + "/ns/net", "nsenter -n -t " + pid + " ");
  }
  return found;
}

}  // namespace

std::optional<Interface> interface_of(const std::string& name) {
  Interface found;
  found.index = if_nametoindex(name.c_str());
  if (found.index == 0) return std::nullopt;
  const Control control;
  ifreq answer{};
  if (control.ask(SIOCGIFFLAGS, name, answer)) found.up = (answer.ifr_flags & IFF_UP) != 0;
  if (control.ask(SIOCGIFMTU, name, answer)) found.mtu = static_cast<unsigned>(answer.ifr_mtu);
  if (control.ask(SIOCGIFHWADDR, name, answer)) {
    for (int i = 0; i < 6; ++i)
      found.mac = found.mac << 8 | static_cast<std::uint8_t>(answer.ifr_hwaddr.sa_data[i]);
  }
  found.driver = driver_of(control, name);
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  if (control.ethtool(name, &channels)) {
    found.combined = channels.max_combined != 0;
    found.queues = std::max(1u, channels.combined_count + channels.rx_count);
  }
  return found;
}

std::vector<std::pair<std::string, std::uint32_t>> addresses() {
  std::vector<std::pair<std::string, std::uint32_t>> found;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return found;
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
    const auto* address = reinterpret_cast<const sockaddr_in*>(one->ifa_addr);
    found.emplace_back(one->ifa_name, ntohl(address->sin_addr.s_addr));
  }
  freeifaddrs(list);
  return found;
}

std::optional<bool> sends_unfinished_checksums(const std::string& name) {
  return unfinished(Control(), name);
}

Peer peer_of(const std::string& name) {
  Peer peer;
  const unsigned our_index = if_nametoindex(name.c_str());
  const unsigned index = peer_index(Control(), name);
  if (index == 0) return peer;
  // Indices repeat in every namespace, so an index alone may find the wrong interface: even this
  // one itself.
  const int wanted = namespace_of_link(name);
  if (wanted == same_namespace && look(index, our_index, peer)) {
    peer.where = Peer::Where::here;
    return peer;
  }
  peer.where = Peer::Where::hidden;
  for (const auto& [path, enter] : namespaces()) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    bool found = false;
    if (wanted != same_namespace && namespace_number(fd) == wanted) {
      // A thread of its own, so that this one never leaves its namespace.
      std::thread([&] {
        found = setns(fd, CLONE_NEWNET) == 0 && look(index, our_index, peer);
      }).join();
    }
    close(fd);
    if (!found) continue;
    peer.where = Peer::Where::elsewhere;
    peer.enter = enter;
    return peer;
  }
  return peer;
}

}  // namespace weft::doctor
