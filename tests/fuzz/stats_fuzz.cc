// Questions to the stats socket: any bytes, in any number; the next one who asks is answered.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/observe/stats_socket.h"
#include "tests/fuzz/input.h"

using namespace weft;

namespace {

std::string ask(const std::string& path, const std::string& bytes) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
    fuzz::found("nobody listens");
  if (!bytes.empty()) send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  shutdown(fd, SHUT_WR);
  std::string answer;
  char chunk[4096];
  // (The fuzzer's timer interrupts calls.)
  for (ssize_t n = 1; n > 0 || (n < 0 && errno == EINTR);) {
    n = read(fd, chunk, sizeof(chunk));
    if (n > 0) answer.append(chunk, static_cast<std::size_t>(n));
  }
  close(fd);
  return answer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto socket = [] {
    auto opened = observe::StatsSocket::open(
        "fuzz-" + std::to_string(getpid()), [](const observe::Question& q) {
          return q.line == "stats" ? std::string(70'000, 's') : "";
        });
    if (!opened) fuzz::found(diag::render(opened.error(), false));
    return std::move(*opened);
  }();
  ask(socket->path(), std::string(reinterpret_cast<const char*>(data), size));
  if (ask(socket->path(), "stats\n").size() != 70'001) fuzz::found("half an answer");
  return 0;
}
