#include "runtime/live/requests.h"

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>

#include "compiler/diag/document.h"
#include "runtime/apps/weft_app.h"
#include "runtime/observe/unix_socket.h"

namespace weft::live {
namespace {

using Json = nlohmann::ordered_json;

constexpr int look_again_ms = 100;            // whether it is to end
constexpr unsigned patience_ms = 60'000;      // a planner may have to begin anew
constexpr std::size_t longest = 1024 * 1024;  // an answer

struct File {
  int fd;
  ~File() {
    if (fd >= 0) close(fd);
  }
};

// As `weft flow` prints it, without colour.
void refuse(apps::Answer& answer, std::uint32_t outcome, const diag::Diagnostic& why) {
  answer.outcome = outcome;
  answer.reason = diag::render(why, false);
}

std::uint32_t outcome_of(const std::string& code) {
  if (code == "E0672") return WEFT_ANSWER_TAKEN_BACK;
  // Not whole, or the planner did not hear what became of it.
  if (code == "E0675" || code == "E0465" || code == "E0466") return WEFT_ANSWER_UNKNOWN;
  return WEFT_ANSWER_REFUSED;
}

}  // namespace

Requests::Requests(unsigned cores, std::function<void(unsigned core)> wake)
    : wake_(std::move(wake)), bell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  for (unsigned core = 0; core < cores; ++core) {
    mailboxes_.push_back(std::make_unique<apps::Mailbox>());
    mailboxes_.back()->bell = [this] { (void)!eventfd_write(bell_, 1); };
  }
}

Requests::~Requests() {
  stop();
  if (bell_ >= 0) close(bell_);
}

void Requests::serve(std::string stack, std::string planner) {
  stack_ = std::move(stack);
  planner_ = std::move(planner);
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "weft:requests");
}

void Requests::stop() {
  stop_.store(true);
  if (thread_.joinable()) thread_.join();
}

void Requests::run() {
  while (!stop_.load()) {
    pollfd waiting = {.fd = bell_, .events = POLLIN, .revents = 0};
    poll(&waiting, 1, look_again_ms);
    eventfd_t rung = 0;
    (void)!eventfd_read(bell_, &rung);
    // One of each core in turn, so that none waits for all of another's.
    for (bool more = true; more && !stop_.load();) {
      more = false;
      for (unsigned core = 0; core < mailboxes_.size(); ++core) more = pass_on(core) || more;
    }
  }
}

bool Requests::pass_on(unsigned core) {
  apps::Request request;
  if (stop_.load() || !mailboxes_[core]->requests.take(request)) return false;
  const apps::Answer answer = answer_to(request);
  if (stop_.load()) return false;
  (void)mailboxes_[core]->answers.put(answer);  // (there is room for all that may be asked for)
  wake_(core);
  return true;
}

apps::Answer Requests::answer_to(const apps::Request& request) const {
  apps::Answer answer{.ticket = request.ticket};
  const std::string text = ask(request.words, answer);
  if (text.empty()) return answer;
  const Json j = Json::parse(text, nullptr, false);
  if (!j.is_object() || !j.contains("ok")) {
    refuse(answer, WEFT_ANSWER_UNKNOWN,
           {.code = "E0466", .message = "the planner's answer makes no sense"});
  } else if (!j.value("ok", false)) {
    const diag::Diagnostic why = diag::diagnostic_of(j);
    refuse(answer, outcome_of(why.code), why);
  } else {
    answer.outcome = WEFT_ANSWER_DONE;
    answer.queue = j.value("queue", 0U);
    answer.added = j.value("endpoint", 0U);
  }
  return answer;
}

// False: not within the time there is, or it is to end.
bool Requests::ready(int file, short what, unsigned& waited_ms) const {
  for (; waited_ms < patience_ms && !stop_.load(); waited_ms += look_again_ms) {
    pollfd waiting = {.fd = file, .events = what, .revents = 0};
    if (poll(&waiting, file >= 0 ? 1 : 0, look_again_ms) > 0) return true;
    if (file < 0) return !stop_.load();
  }
  return false;
}

// The planner's document; "" when there is none, and `answer` says why.
std::string Requests::ask(const std::string& words, apps::Answer& answer) const {
  unsigned waited_ms = 0;
  File planner{observe::connect_to(planner_, SOCK_NONBLOCK)};
  while (planner.fd < 0 && errno == EAGAIN && ready(-1, 0, waited_ms)) {  // many ask it just now
    waited_ms += look_again_ms;
    planner.fd = observe::connect_to(planner_, SOCK_NONBLOCK);
  }
  if (planner.fd < 0) {
    refuse(answer, WEFT_ANSWER_NO_PLANNER,
           {.code = "E0677",
            .message =
                fmt::format("no planner serves the stack `{}`: {}", stack_, std::strerror(errno)),
            .help = fmt::format("weft plan --serve --stack {}", stack_)});
    return {};
  }
  const std::string line = words + "\n";
  std::string text;
  bool whole =
      send(planner.fd, line.data(), line.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(line.size());
  for (bool more = whole; more;) {
    char part[4096];
    whole = text.size() < longest && ready(planner.fd, POLLIN, waited_ms);
    const ssize_t n = whole ? recv(planner.fd, part, sizeof part, 0) : 0;
    if (n > 0) text.append(part, static_cast<std::size_t>(n));
    more = n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
  }
  if (whole && !text.empty()) return text;
  refuse(answer, WEFT_ANSWER_UNKNOWN,
         {.code = "E0466",
          .message = fmt::format("the planner of `{}` gave no answer", stack_),
          .help = fmt::format("`weft plan --stack {}` shows what runs", stack_)});
  return {};
}

}  // namespace weft::live
