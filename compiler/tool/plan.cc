// The plan that runs, and the planner that stays beside it.
#include "compiler/plan/plan.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>

#include "compiler/diag/document.h"
#include "compiler/tool/commands.h"
#include "compiler/tool/running.h"
#include "compiler/tool/runtime_socket.h"
#include "compiler/tool/say.h"

namespace weft::tool {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

double us_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

volatile sig_atomic_t asked_to_end = 0;

// A socket that takes one line and gives one document. The folder is the user's alone.
class Listener {
 public:
  ~Listener() {
    if (file_ >= 0) ::close(file_);
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  diag::Result<void> open(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
      return diag::fail(plain("E0466", fmt::format("{} is too long for a socket", path)));
    if (ask_at(path, "status"))
      return diag::fail(plain("E0466", "a planner serves this stack already"));
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    ::unlink(path.c_str());  // left by one that was killed
    const mode_t before = ::umask(0177);
    file_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool good = file_ >= 0 &&
                      ::bind(file_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                      ::listen(file_, 16) == 0;
    ::umask(before);
    if (!good)
      return diag::fail(
          plain("E0466", fmt::format("cannot listen on {}: {}", path, std::strerror(errno))));
    path_ = path;
    return {};
  }
  // A client within this time; -1: none.
  int wait(int milliseconds) const {
    pollfd waiting{file_, POLLIN, 0};
    if (::poll(&waiting, 1, milliseconds) <= 0) return -1;
    return ::accept4(file_, nullptr, nullptr, SOCK_CLOEXEC);
  }

 private:
  int file_ = -1;
  std::string path_;
};

std::string line_of(int client) {
  std::string line;
  char c = 0;
  while (line.size() < 1024) {
    pollfd waiting{client, POLLIN, 0};
    if (::poll(&waiting, 1, 1000) <= 0 || ::read(client, &c, 1) != 1 || c == '\n') break;
    line += c;
  }
  return line;
}

class Service {
 public:
  explicit Service(const PlanArgs& args) : args_(args) {}

  diag::Result<void> start() {
    auto name = stack_named(args_.stack);
    if (!name) return diag::fail(name.error());
    stack_ = *name;
    if (auto ok = again(); !ok) return ok;
    return listener_.open(planner_socket(stack_));
  }

  // Until a signal, or until the stack is gone.
  int serve() {
    say(fmt::format("plans for {}: weft flow add ENDPOINT A:P", stack_));
    auto looked = Clock::now();
    while (asked_to_end == 0) {
      const int client = listener_.wait(200);
      if (client >= 0) {
        const std::string line = line_of(client);
        const std::string answer = answer_to(line).dump() + "\n";
        (void)!::send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
        ::close(client);
      }
      if (us_since(looked) < args_.watch_s * 1e6) continue;
      looked = Clock::now();
      if (!watch()) {
        say(fmt::format("{} has ended", stack_));
        return ok;
      }
    }
    return ok;
  }

 private:
  diag::Result<void> again() {
    auto session =
        Session::begin(stack_, {"", args_.graph, args_.nic, args_.workload, args_.costs});
    if (!session) return diag::fail(session.error());
    session_ = std::move(*session);
    return {};
  }

  Json answer_to(const std::string& line) {
    if (line == "status") return status();
    for (int tries = 0;; ++tries) {
      const auto start = Clock::now();
      auto list = understand(session_->planner(), line);
      const double proved = us_since(start);
      if (!list) return diag::document_of(list.error());
      const auto begin = Clock::now();
      auto sent = session_->send(*list);
      if (!sent && sent.error().list.front().code == "E0674" && tries == 0) {
        if (auto ok = again(); !ok) return diag::document_of(ok.error());
        continue;  // somebody else has changed it: from what runs now
      }
      if (!sent) return diag::document_of(sent.error());
      Json out{{"ok", true}, {"proved_us", proved}, {"applied_us", us_since(begin)}};
      out["operations"] = Json::array();
      for (const auto& o : *list) {
        out["operations"].push_back(plan::text(o));
        if (o.kind == plan::Operation::Kind::add_flow) out["queue"] = o.flow.queue;
        if (o.kind == plan::Operation::Kind::create_rule) out["queue"] = o.filter.queue;
        if (o.kind == plan::Operation::Kind::add_endpoint) out["endpoint"] = o.place;
      }
      return out;
    }
  }

  Json status() {
    const auto& planner = session_->planner();
    const auto& counters = planner.checked().counters();
    return {{"ok", true},
            {"stack", stack_},
            {"generation", session_->running().generation},
            {"flows", planner.plan().flows.size()},
            {"rules", planner.plan().configuration.filters.size()},
            {"settled", planner.checked().settled()},
            {"load", planner.decider().load()},
            {"steps", counters.steps},
            {"solver_queries", counters.queries}};
  }

  // Looks at what the queues get; where that is far from what was expected, some flows move. False:
  // the stack is gone.
  bool watch() {
    auto answer = ask(stack_, "stats");
    if (!answer) return false;
    const Json j = Json::parse(*answer, nullptr, false);
    if (!j.is_object() || !j.contains("queues")) return true;
    const double now = static_cast<double>(j.value("time_ns", std::uint64_t{0})) / 1e9;
    std::vector<double> received(session_->planner().plan().configuration.rx_queues, 0.0);
    for (const Json& q : j["queues"]) {
      const auto queue = q.value("queue", std::uint64_t{0});
      if (queue < received.size())
        received[queue] = static_cast<double>(q.value("received", std::uint64_t{0}));
    }
    std::vector<double> rates;
    for (std::size_t q = 0; q < received.size() && last_.size() == received.size(); ++q)
      rates.push_back((received[q] - last_[q]) / std::max(now - last_time_, 1e-3));
    last_ = received;
    last_time_ = now;
    if (args_.moves == 0 || rates.empty()) return true;
    const double drift = session_->planner().observe(rates);
    if (drift * 100 < args_.drift) return true;
    auto moves = session_->planner().rebalance(args_.moves, 0.02);
    if (!moves || moves->empty()) return true;
    if (auto sent = session_->send(*moves); !sent) {
      say(diag::render(sent.error(), false));
      if (sent.error().list.front().code == "E0674") (void)again();
      return true;
    }
    say(fmt::format("queues drifted by {:.0f} %: {} operations", drift * 100, moves->size()));
    return true;
  }

  const PlanArgs& args_;
  std::string stack_;
  std::unique_ptr<Session> session_;
  Listener listener_;
  std::vector<double> last_;
  double last_time_ = 0;
};

}  // namespace

std::string planner_socket(const std::string& stack) {
  return socket_folder() + "/" + stack + ".planner";
}

int plan(const PlanArgs& args) {
  if (args.serve) {
    struct sigaction end {};
    end.sa_handler = [](int) { asked_to_end = 1; };
    for (const int s : {SIGINT, SIGTERM, SIGHUP}) sigaction(s, &end, nullptr);
    Service service(args);
    if (auto started = service.start(); !started) return report(started.error());
    return service.serve();
  }
  auto running = running_stack(args.stack);
  if (!running) return report(running.error());
  if (args.output.empty()) {
    print(args.json ? plan::to_json(running->plan) : plan::to_yaml(running->plan));
    return ok;
  }
  if (auto written = plan::write_plan(running->plan, args.output); !written)
    return report(written.error());
  say(fmt::format("wrote {}", args.output));
  return ok;
}

}  // namespace weft::tool
