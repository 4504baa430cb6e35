// The application interface for C++: weft_app.h with a class in place of a table of functions.
//
//   class Echo {
//    public:
//     explicit Echo(const weft_app_config& config);              // may throw: refused
//     void tcp(weft::app::Host host, const weft_tcp_event& event);     // any of these six
//     void datagram(weft::app::Host host, const weft_datagram& event);
//     void error(weft::app::Host host, const weft_error& event);
//     void timer(weft::app::Host host, const weft_timer& event);
//     void answer(weft::app::Host host, const weft_answer& event);
//     void tick(weft::app::Host host, std::uint64_t now_ns);
//   };
//   const weft_app* weft_app_entry() { return weft::app::describe<Echo>("echo"); }
//
// An exception that leaves one of the six ends the process.
#ifndef WEFT_APP_HPP
#define WEFT_APP_HPP

#if __cplusplus < 202002L
#error "weft_app.hpp needs C++20: -std=c++20, or weft::app of the CMake package, which asks for it"
#endif

#include <cstdint>
#include <span>

#include "weft_app.h"

namespace weft::app {

// What the application may ask for; valid during the call that it came with. Results as in
// weft_app.h: 0, or a negative number of errno.h.
class Host {
 public:
  explicit Host(const weft_host* host) : host_(host) {}

  std::uint64_t now_ns() const { return host_->now_ns(host_->context); }
  int send(const weft_send& command) const { return host_->send(host_->context, &command); }
  int recv_done(std::uint64_t token) const { return host_->recv_done(host_->context, token); }
  int listen_group(const weft_group& g) const { return host_->listen_group(host_->context, &g); }

  int accept(std::uint64_t c) const { return host_->tcp_accept(host_->context, c); }
  int reject(std::uint64_t c) const { return host_->tcp_reject(host_->context, c); }
  int connect(const weft_tcp_connect& command, std::uint64_t& c) const {
    return host_->tcp_connect(host_->context, &command, &c);
  }
  int send(std::uint64_t c, std::span<const weft_part> parts, std::uint64_t token) const {
    const weft_tcp_send command = {.size = sizeof(command),
                                   .part_count = static_cast<std::uint32_t>(parts.size()),
                                   .connection = c,
                                   .parts = parts.data(),
                                   .token = token};
    return host_->tcp_send(host_->context, &command);
  }
  int done(std::uint64_t token) const { return host_->tcp_done(host_->context, token); }
  int shutdown(std::uint64_t c) const { return host_->tcp_shutdown(host_->context, c); }
  int close(std::uint64_t c) const { return host_->tcp_close(host_->context, c); }
  int abort(std::uint64_t c) const { return host_->tcp_abort(host_->context, c); }
  int no_delay(std::uint64_t c, bool on) const {
    return host_->tcp_no_delay(host_->context, c, on ? 1 : 0);
  }
  int mark(std::uint64_t c, std::uint64_t cookie) const {
    return host_->tcp_mark(host_->context, c, cookie);
  }
  // A pointer of this process fits: its events bring it back (marked<T>).
  int mark(std::uint64_t c, const void* p) const {
    return mark(c, static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(p)));
  }

  // `timer` is its number, for timer_cancel.
  int timer_set(std::uint32_t endpoint, std::uint64_t due_ns, std::uint64_t cookie,
                std::uint64_t& timer) const {
    return host_->timer_set(host_->context, endpoint, due_ns, cookie, &timer);
  }
  int timer_cancel(std::uint64_t timer) const { return host_->timer_cancel(host_->context, timer); }

  int flow_add(const weft_flow& flow) const { return host_->flow_add(host_->context, &flow); }
  int flow_remove(const weft_flow& flow) const { return host_->flow_remove(host_->context, &flow); }
  int endpoint_add(const weft_endpoint& e) const { return host_->endpoint_add(host_->context, &e); }
  int endpoint_remove(const weft_endpoint& e) const {
    return host_->endpoint_remove(host_->context, &e);
  }

 private:
  const weft_host* host_;
};

template <class T>
T* marked(const weft_tcp_event& event) {
  return reinterpret_cast<T*>(static_cast<std::uintptr_t>(event.cookie));
}

namespace detail {

template <class T>
T& of(void* self) {
  return *static_cast<T*>(self);
}

template <class T>
weft_app described(const char* name) {
  weft_app app = {.abi = WEFT_APP_ABI, .size = sizeof(weft_app), .name = name};
  app.create = [](const weft_app_config* config) -> void* {
    try {
      return new T(*config);
    } catch (...) {
      return nullptr;
    }
  };
  app.destroy = [](void* self) { delete static_cast<T*>(self); };
  if constexpr (requires(T t, Host h, weft_datagram e) { t.datagram(h, e); })
    app.datagram = [](void* self, const weft_host* host, const weft_datagram* e) noexcept {
      of<T>(self).datagram(Host(host), *e);
    };
  if constexpr (requires(T t, Host h) { t.tick(h, std::uint64_t{}); })
    app.tick = [](void* self, const weft_host* host, std::uint64_t now_ns) noexcept {
      of<T>(self).tick(Host(host), now_ns);
    };
  if constexpr (requires(T t, Host h, weft_error e) { t.error(h, e); })
    app.error = [](void* self, const weft_host* host, const weft_error* e) noexcept {
      of<T>(self).error(Host(host), *e);
    };
  if constexpr (requires(T t, Host h, weft_tcp_event e) { t.tcp(h, e); })
    app.tcp = [](void* self, const weft_host* host, const weft_tcp_event* e) noexcept {
      of<T>(self).tcp(Host(host), *e);
    };
  if constexpr (requires(T t, Host h, weft_timer e) { t.timer(h, e); })
    app.timer = [](void* self, const weft_host* host, const weft_timer* e) noexcept {
      of<T>(self).timer(Host(host), *e);
    };
  if constexpr (requires(T t, Host h, weft_answer e) { t.answer(h, e); })
    app.answer = [](void* self, const weft_host* host, const weft_answer* e) noexcept {
      of<T>(self).answer(Host(host), *e);
    };
  return app;
}

}  // namespace detail

// What weft_app_entry returns. `name` is not copied.
template <class T>
const weft_app* describe(const char* name) {
  static const weft_app app = detail::described<T>(name);
  return &app;
}

}  // namespace weft::app
#endif
