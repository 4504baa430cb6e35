#include "runtime/observe/stats_socket.h"

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "runtime/observe/unix_socket.h"

namespace weft::observe {
namespace {

diag::Error failed(const std::string& what) {
  return diag::Diagnostic{.code = "E0661",
                          .message = fmt::format("{}: {}", what, std::strerror(errno))};
}

// The folder is ours and nobody else can look into it.
diag::Result<void> private_folder(const std::string& folder) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return diag::fail(failed("cannot make " + folder));
  struct stat s {};
  if (lstat(folder.c_str(), &s) != 0) return diag::fail(failed("cannot look at " + folder));
  if (S_ISDIR(s.st_mode) && s.st_uid == geteuid() && (s.st_mode & 077) == 0) return {};
  return diag::fail(
      diag::Diagnostic{.code = "E0660",
                       .message = folder + " must be a folder of yours that nobody else can read",
                       .help = "rm -r " + folder});
}

// Sockets at which nobody listens any more, because their process was killed. A fresh one may be
// another instance's that is about to listen: it is left alone.
void remove_sockets_of_the_dead(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    struct stat s {};
    if (entry.path().extension() != ".sock" || lstat(entry.path().c_str(), &s) != 0 ||
        !S_ISSOCK(s.st_mode) || s.st_mtime + 10 > time(nullptr))
      continue;
    const int fd = connect_to(entry.path().string());
    if (fd >= 0) {
      close(fd);
    } else if (errno == ECONNREFUSED) {
      unlink(entry.path().c_str());
    }
  }
}

class Deadline {
 public:
  explicit Deadline(unsigned seconds)
      : end_(std::chrono::steady_clock::now() + std::chrono::seconds(seconds)) {}
  // False when it is over.
  bool wait_for(int fd, short what) const {
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          end_ - std::chrono::steady_clock::now());
      pollfd waiting = {.fd = fd, .events = what, .revents = 0};
      const int ready = poll(&waiting, 1, static_cast<int>(std::max<long>(left.count(), 0)));
      if (ready >= 0 || errno != EINTR) return ready > 0;
    }
  }

 private:
  std::chrono::steady_clock::time_point end_;
};

constexpr std::size_t most_bytes = std::size_t{256} << 20;

// "change 7 +1234" -> 1234, and the line becomes "change 7". 0: nothing follows.
std::size_t take_size(std::string& line) {
  const std::size_t at = line.rfind(" +");
  std::size_t size = 0;
  if (at == std::string::npos) return 0;
  const char* end = line.data() + line.size();
  const auto [rest, error] = std::from_chars(line.data() + at + 2, end, size);
  if (error != std::errc() || rest != end || size > most_bytes) return 0;
  line.resize(at);
  return size;
}

// The folder keeps others out; this says so once more.
bool may_change(int client) {
  ucred who{};
  socklen_t size = sizeof(who);
  return getsockopt(client, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 &&
         (who.uid == geteuid() || who.uid == 0);
}

bool read_all(int client, std::size_t size, std::string& out) {
  const Deadline deadline(10);
  out.resize(size);
  for (std::size_t got = 0; got < size;) {
    if (!deadline.wait_for(client, POLLIN)) return false;
    const ssize_t n = read(client, out.data() + got, size - got);
    if (n <= 0) return false;
    got += static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

std::string socket_folder() {
  if (geteuid() == 0) return "/run/weft";
  if (const char* runtime = std::getenv("XDG_RUNTIME_DIR"); runtime != nullptr && *runtime == '/')
    return std::string(runtime) + "/weft";
  return fmt::format("/tmp/weft-{}", geteuid());
}

std::string socket_path(const std::string& plan_name) {
  return fmt::format("{}/{}.sock", socket_folder(), plan_name);
}

std::string planner_socket_path(const std::string& plan_name) {
  return fmt::format("{}/{}.planner", socket_folder(), plan_name);
}

int holder_of(const std::string& plan_name) {
  const int fd = connect_to(socket_path(plan_name));
  if (fd < 0) return 0;
  ucred who{};
  socklen_t size = sizeof(who);
  const bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0;
  close(fd);
  return known && who.pid > 0 ? who.pid : -1;
}

diag::Result<std::unique_ptr<StatsSocket>> StatsSocket::open(
    const std::string& plan_name, std::function<std::string(const Question&)> answer) {
  if (auto good = private_folder(socket_folder()); !good) return diag::fail(good.error());
  remove_sockets_of_the_dead(socket_folder());
  const std::string path = socket_path(plan_name);
  sockaddr_un address;
  if (!socket_address(path, address))
    return diag::fail(diag::Diagnostic{
        .code = "E0661", .message = fmt::format("{} is too long for a socket", path)});
  if (const int pid = holder_of(plan_name); pid != 0)
    return diag::fail(diag::Diagnostic{
        .code = "E0660",
        .message = fmt::format("plan `{}` is being run by process {}", plan_name, pid),
        .help = fmt::format("end it (kill {}), or give this one another name (--name)", pid)});
  unlink(path.c_str());  // left by a process that was killed: nobody answers there

  std::unique_ptr<StatsSocket> made(new StatsSocket);
  made->answer_ = std::move(answer);
  made->listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (made->listener_ < 0 ||
      bind(made->listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
    return diag::fail(failed("cannot make " + path));
  made->path_ = path;
  chmod(path.c_str(), 0600);
  if (listen(made->listener_, 8) != 0) return diag::fail(failed("cannot listen on " + path));
  made->thread_ = std::thread([socket = made.get()] { socket->serve(); });
  pthread_setname_np(made->thread_.native_handle(), "weft:stats");
  return made;
}

StatsSocket::~StatsSocket() {
  stop_.store(true);
  if (thread_.joinable()) thread_.join();
  if (listener_ >= 0) close(listener_);
  if (!path_.empty()) unlink(path_.c_str());
}

void StatsSocket::serve() {
  while (!stop_.load()) {
    pollfd waiting = {.fd = listener_, .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, 100) <= 0) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    serve_one(client);
    close(client);
  }
}

// A client that stalls, or comes with one byte now and then, holds up the next one for a second,
// and then five, not for ever. (Who asked properly is given longer: a machine may be busy.)
void StatsSocket::serve_one(int client) {
  std::string line;
  char c = 0;
  const Deadline asked(1);
  while (line.size() < 256 && asked.wait_for(client, POLLIN) && read(client, &c, 1) == 1 &&
         c != '\n')
    line += c;
  if (line.empty()) return;
  const std::size_t body = take_size(line);
  Question question{std::move(line), {}};
  if (body != 0 && !(may_change(client) && read_all(client, body, question.body))) return;
  std::string text = answer_(question);
  if (text.empty()) text = R"({"error": "unknown question"})";
  text += '\n';
  const Deadline answered(5);
  for (std::size_t sent = 0; sent < text.size() && answered.wait_for(client, POLLOUT);) {
    const ssize_t n =
        send(client, text.data() + sent, text.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) continue;
    if (n <= 0) return;
    sent += static_cast<std::size_t>(n);
  }
}

}  // namespace weft::observe
