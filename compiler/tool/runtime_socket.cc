#include "compiler/tool/runtime_socket.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "compiler/tool/say.h"

namespace weft::tool {
namespace {

namespace fs = std::filesystem;
constexpr int patience_ms = 5000;
constexpr int long_patience_ms = 60'000;

class Connection {
 public:
  explicit Connection(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    file_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (file_ >= 0 &&
        ::connect(file_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      ::close(file_);
      file_ = -1;
    }
  }
  ~Connection() {
    if (file_ >= 0) ::close(file_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool open() const { return file_ >= 0; }
  // The process on the other side; 0: not known.
  int pid() const {
    ucred peer{};
    socklen_t size = sizeof peer;
    const bool known = ::getsockopt(file_, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
    return known ? static_cast<int>(peer.pid) : 0;
  }

  // False when the other side goes away or stays silent for too long.
  bool exchange(const std::string& question, const std::string& body, int patience,
                std::string& answer) const {
    const std::string size = body.empty() ? "" : fmt::format(" +{}", body.size());
    if (!send_all(question + size + "\n" + body)) return false;
    char buffer[65536];
    for (;;) {
      pollfd waiting{file_, POLLIN, 0};
      const int ready = ::poll(&waiting, 1, patience);
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) return false;
      const ssize_t n = ::recv(file_, buffer, sizeof buffer, 0);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return false;
      if (n == 0) return !answer.empty();
      answer.append(buffer, static_cast<std::size_t>(n));
    }
  }

 private:
  bool send_all(const std::string& text) const {
    for (std::size_t sent = 0; sent < text.size();) {
      const ssize_t n = ::send(file_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      sent += static_cast<std::size_t>(n);
    }
    return true;
  }

  int file_ = -1;
};

}  // namespace

std::string socket_folder() {
  if (::geteuid() == 0) return "/run/weft";
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && *runtime == '/') return std::string(runtime) + "/weft";
  return fmt::format("/tmp/weft-{}", ::geteuid());
}

namespace {

// Names of the stacks that answer; a socket left behind by a killed one does not.
std::vector<std::string> running() {
  std::vector<std::string> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(socket_folder(), ignored))
    if (entry.path().extension() == ".sock" && Connection(entry.path().string()).open())
      out.push_back(entry.path().stem());
  std::sort(out.begin(), out.end());
  return out;
}

diag::Result<std::string> socket_of(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const std::vector<std::string> names = running();
  if (names.empty())
    return diag::fail(plain("E0465", "no stack is running here",
                            "`weft run plan.yaml` starts one, as the same user"));
  if (name.empty() && names.size() > 1)
    return diag::fail(plain("E0465", "several stacks are running",
                            fmt::format("name one of them: {}", fmt::join(names, ", "))));
  if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end())
    return diag::fail(plain("E0465", fmt::format("no stack `{}` is running", name),
                            fmt::format("running: {}", fmt::join(names, ", "))));
  return socket_folder() + "/" + (name.empty() ? names.front() : name) + ".sock";
}

}  // namespace

diag::Result<std::string> stack_named(const std::string& name) {
  auto path = socket_of(name);
  if (!path) return path;
  return fs::path(*path).stem().string();
}

void say_which(const std::string& given, const std::string& stack) {
  if (!given.empty()) return;
  const Connection connection(fmt::format("{}/{}.sock", socket_folder(), stack));
  if (connection.open()) say(fmt::format("stack {} (pid {})", stack, connection.pid()));
}

diag::Result<std::string> ask_at(const std::string& path, const std::string& question,
                                 const std::string& body, bool thinks) {
  Connection connection(path);
  if (!connection.open())
    return diag::fail(
        plain("E0465", fmt::format("no stack answers at `{}`: {}", path, std::strerror(errno))));
  std::string answer;
  const int patience = thinks || !body.empty() ? long_patience_ms : patience_ms;
  if (!connection.exchange(question, body, patience, answer))
    return diag::fail(plain("E0466", fmt::format("the stack at `{}` gave no answer", path),
                            "it may be stopped or just ending; try again"));
  return answer;
}

diag::Result<std::string> ask(const std::string& name, const std::string& question,
                              const std::string& body) {
  auto path = socket_of(name);
  if (!path) return diag::fail(path.error());
  return ask_at(*path, question, body);
}

}  // namespace weft::tool
