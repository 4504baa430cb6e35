#include "runtime/engine/sleeper.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace weft::engine {
namespace {

// The driver of TAP devices looks for frames only after a signal has told it of one. The signal is
// for the thread that polls: any other that is given it may wait for a processor while the frames
// do.
void signal_this_thread(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || (flags & O_ASYNC) == 0) return;
  const f_owner_ex self = {.type = F_OWNER_TID, .pid = gettid()};
  fcntl(fd, F_SETOWN_EX, &self);
}

}  // namespace

Sleeper::Sleeper()
    : epoll_(epoll_create1(EPOLL_CLOEXEC)), event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  wanted.data.fd = event_;
  if (epoll_ >= 0 && event_ >= 0) epoll_ctl(epoll_, EPOLL_CTL_ADD, event_, &wanted);
}

Sleeper::~Sleeper() {
  if (event_ >= 0) close(event_);
  if (epoll_ >= 0) close(epoll_);
}

bool Sleeper::watch(const std::vector<int>& descriptors) {
  if (epoll_ < 0 || event_ < 0) return false;
  return std::all_of(descriptors.begin(), descriptors.end(), [this](int fd) {
    signal_this_thread(fd);
    epoll_event wanted{};
    wanted.events = EPOLLIN;
    wanted.data.fd = fd;
    return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &wanted) == 0;
  });
}

void Sleeper::lie_down() { asleep_.exchange(1, std::memory_order_acq_rel); }

bool Sleeper::wait(std::uint64_t at_most_ns) {
  bool wire = false;
  if (epoll_ < 0) {
    const timespec time = {.tv_sec = 0, .tv_nsec = 200'000};
    nanosleep(&time, nullptr);
  } else {
    std::array<epoll_event, 8> ready;
    const timespec limit = {.tv_sec = static_cast<time_t>(at_most_ns / 1'000'000'000),
                            .tv_nsec = static_cast<long>(at_most_ns % 1'000'000'000)};
    const int n = epoll_pwait2(epoll_, ready.data(), ready.size(), &limit, nullptr);
    for (int i = 0; i < n; ++i) {
      std::uint64_t times = 0;
      if (ready[static_cast<std::size_t>(i)].data.fd != event_) {
        wire = true;
      } else if (read(event_, &times, sizeof(times)) < 0) {
        continue;  // somebody was faster: there is nothing to take back
      }
    }
  }
  get_up();
  return wire;
}

void Sleeper::wake() {
  if (asleep_.fetch_or(0, std::memory_order_acq_rel) == 0) return;
  const std::uint64_t once = 1;
  if (write(event_, &once, sizeof(once)) < 0) return;  // its counter is full: it wakes anyway
}

}  // namespace weft::engine
