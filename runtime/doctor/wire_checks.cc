#include "runtime/doctor/wire_checks.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "runtime/doctor/interfaces.h"
#include "runtime/doctor/netlink.h"

namespace weft::doctor {
namespace {

using Kind = ports::WireName::Kind;

Check xdp_sockets() {
  const int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd >= 0) {
    close(fd);
    return {"xdp_sockets", true, "this kernel has AF_XDP sockets", ""};
  }
  const bool missing = errno == EAFNOSUPPORT;
  return {"xdp_sockets", false, fmt::format("no AF_XDP socket: {}", std::strerror(errno)),
          missing ? "use a kernel with CONFIG_XDP_SOCKETS, or --wire af_packet:INTERFACE"
                  : "run it with sudo"};
}

// The packet buffers are locked into memory, once for each queue.
Check memlock(const Question& q) {
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  const bool unlimited = limit.rlim_cur == RLIM_INFINITY || has_capability(CAP_IPC_LOCK);
  const std::uint64_t megabytes = limit.rlim_cur >> 20;
  if (unlimited) return {"memlock", true, "memory can be locked without a limit", ""};
  const bool ok = megabytes >= q.megabytes;
  return {
      "memlock", ok,
      fmt::format("{} MB can be locked, {} MB of packet buffers must be", megabytes, q.megabytes),
      ok ? "" : fmt::format("ulimit -l {}   (or run it with sudo)", q.megabytes * 1024)};
}

// Frames of queues that no socket is on go to the kernel's own stack.
Check queues(const Question& q, const Interface& interface) {
  const std::string& name = q.wire->interface;
  const unsigned wanted = q.own_port && q.plan != nullptr ? q.plan->configuration.rx_queues : 1;
  const std::string found =
      fmt::format("{} receives by {} queue{}, {} {} used", name, interface.queues,
                  interface.queues == 1 ? "" : "s", wanted, wanted == 1 ? "is" : "are");
  if (wanted > 1 && !interface.combined)
    return {"queues", false, found + "; DPDK takes one of an interface without combined queues",
            "weft compile --queues 1"};
  const bool ok = interface.queues == wanted;
  return {"queues", ok, found,
          ok ? ""
             : fmt::format("ethtool -L {} {} {}", name, interface.combined ? "combined" : "rx",
                           wanted)};
}

Check xdp_program(const std::string& name) {
  const unsigned program = xdp_program_of(name);
  if (program == 0) return {"xdp_program", true, name + " runs no XDP program", ""};
  return {"xdp_program", false,
          fmt::format("{} runs XDP program {}: another program's, or left over from a run that was "
                      "killed",
                      name, program),
          fmt::format("ip link set dev {} xdp off", name)};
}

// Does somebody listen at this path, in any network namespace that can be seen? (Files are the same
// in all of them, but each has its own list of sockets: proc(5), /proc/net/unix.)
bool listened_to(const std::string& path) {
  // Who made it in its own folder may have named the file alone.
  const std::string file = std::filesystem::path(path).filename();
  constexpr unsigned long listening = 0x10000;  // __SO_ACCEPTCON of linux/net.h
  std::set<std::string> seen;
  std::error_code ignored;
  for (const auto& process : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string name = process.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto space = std::filesystem::read_symlink(process.path() / "ns/net", ignored);
    if (ignored || !seen.insert(space.string()).second) continue;
    std::ifstream list(process.path() / "net/unix");
    for (std::string line; std::getline(list, line);) {
      char number[32] = "";
      unsigned long references = 0, protocol = 0, flags = 0;
      if (!line.ends_with(" " + path) || std::sscanf(line.c_str(), "%31s %lx %lx %lx", number,
                                                     &references, &protocol, &flags) != 4)
        continue;
      if ((flags & listening) != 0) return true;
    }
  }
  return false;
}

// What answers at the path of a socket: 0, or an errno. Nobody knocks at a memif's server: DPDK's
// does not survive a visitor that leaves before it is greeted.
int knock(const ports::WireName& wire) {
  if (listened_to(wire.socket)) return 0;
  if (wire.kind == Kind::memif)
    return access(wire.socket.c_str(), F_OK) == 0 ? ECONNREFUSED : errno;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, wire.socket.c_str(), wire.socket.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  const int error =
      connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 ? 0 : errno;
  close(fd);
  return error;
}

Check place_to_listen(const ports::WireName& wire) {
  struct stat found {};
  if (stat(wire.socket.c_str(), &found) != 0) return {"socket", true, wire.socket + " is free", ""};
  if (!S_ISSOCK(found.st_mode))
    return {"socket", false, wire.socket + " is there, and no socket", "choose another path"};
  if (knock(wire) == ECONNREFUSED)
    return {"socket", false,
            fmt::format("{} is left over: nobody listens at it any more", wire.socket),
            "rm " + wire.socket};
  return {"socket", false, fmt::format("another process listens at {}", wire.socket),
          fmt::format("choose another path, or go to it: --wire {}:{},client",
                      wire.text.substr(0, wire.text.find(':')), wire.socket)};
}

Check somebody_there(const ports::WireName& wire) {
  const int error = knock(wire);
  // A queue of visitors that is full is somebody too.
  if (error == 0 || error == EAGAIN)
    return {"socket", true, fmt::format("somebody listens at {}", wire.socket), ""};
  const std::string why = error == EPROTOTYPE ? "it speaks another protocol" : std::strerror(error);
  const std::string let_it_come =
      wire.kind == Kind::virtio_user
          ? ""
          : fmt::format(", or let it come: --wire {}:{},server",
                        wire.text.substr(0, wire.text.find(':')), wire.socket);
  return {"socket", false, fmt::format("nobody to talk to at {}: {}", wire.socket, why),
          "start the other side first" + let_it_come};
}

}  // namespace

bool has_capability(unsigned number) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("CapEff:", 0) == 0)
      return (std::strtoull(line.c_str() + 7, nullptr, 16) >> number & 1) != 0;
  }
  return false;
}

void check_af_xdp(const Question& question, std::vector<Check>& checks) {
  checks.push_back(xdp_sockets());
  checks.push_back(memlock(question));
  const auto interface = interface_of(question.wire->interface);
  if (!interface) return;
  checks.push_back(queues(question, *interface));
  checks.push_back(xdp_program(question.wire->interface));
}

void check_socket(const ports::WireName& wire, std::vector<Check>& checks) {
  std::string folder = std::filesystem::path(wire.socket).parent_path();
  if (folder.empty()) folder = ".";
  const bool usable = access(folder.c_str(), wire.server ? R_OK | W_OK | X_OK : X_OK) == 0;
  checks.push_back({"socket_folder", usable,
                    fmt::format("{} {} be used", folder, usable ? "can" : "cannot"),
                    usable ? "" : fmt::format("mkdir -p {0}; ls -ld {0}", folder)});
  if (!usable) return;
  checks.push_back(wire.server ? place_to_listen(wire) : somebody_there(wire));
}

}  // namespace weft::doctor
