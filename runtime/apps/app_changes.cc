// Flows and endpoints that applications ask for: the command becomes a request in words, and the
// answer an event.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "compiler/plan/text.h"
#include "runtime/apps/app_host.h"

namespace weft::apps {
namespace {

constexpr std::uint64_t rate_limit = 1'000'000'000'000;
constexpr std::size_t longest_name = 64;

bool is_name(const char* text) {
  if (text == nullptr) return false;
  const std::size_t length = strnlen(text, longest_name + 1);
  return length != 0 && length <= longest_name && std::all_of(text, text + length, [](char c) {
           return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0;
         });
}

std::string socket_text(std::uint32_t address, std::uint16_t port) {
  return fmt::format("{}:{}", plan::address_text(address), port);
}

}  // namespace

int AppHost::flow_add(void* context, const weft_flow* command) {
  return static_cast<AppHost*>(context)->ask(command, true);
}

int AppHost::flow_remove(void* context, const weft_flow* command) {
  return static_cast<AppHost*>(context)->ask(command, false);
}

bool AppHost::listens_for_answers(std::uint32_t endpoint) const {
  const weft_app& app = *instances_[endpoint].app;
  return app.size >= offsetof(weft_app, answer) + sizeof(app.answer) && app.answer != nullptr;
}

// Would a datagram to this socket be the endpoint's? (One that is bound to the address goes first.)
bool AppHost::is_found_at(std::uint32_t endpoint, std::uint32_t address, std::uint16_t port) const {
  const ir::Endpoint& e = instances_[endpoint].endpoint;
  if (core_->addresses.find(address) != Cast::own || !e.listens(address, port)) return false;
  return e.bound() || std::none_of(instances_.begin(), instances_.end(), [&](const Instance& i) {
           return i.app != nullptr && i.endpoint.tcp == e.tcp && i.endpoint.bound() &&
                  i.endpoint.listens(address, port);
         });
}

int AppHost::endpoint_add(void* context, const weft_endpoint* command) {
  return static_cast<AppHost*>(context)->ask(command, true);
}

int AppHost::endpoint_remove(void* context, const weft_endpoint* command) {
  return static_cast<AppHost*>(context)->ask(command, false);
}

// In the name of this endpoint.
int AppHost::may_ask(std::uint32_t endpoint) const {
  if (!serves(endpoint) || !serves(acting_) || !listens_for_answers(acting_)) return -EINVAL;
  return instances_[endpoint].app == instances_[acting_].app ? 0 : -EPERM;
}

// The answer is for whoever acts now.
int AppHost::pass_on(std::uint64_t cookie, std::string words) {
  if (mail == nullptr) return -EOPNOTSUPP;
  const std::uint64_t ticket = requests_.add(acting_, cookie);
  if (ticket == 0) return -ENOBUFS;
  if (!mail->requests.put({ticket, std::move(words)})) {
    requests_.take(ticket);
    return -ENOBUFS;
  }
  mail->bell();
  return 0;
}

int AppHost::ask(const weft_endpoint* command, bool add) {
  if (command == nullptr ||
      command->size < offsetof(weft_endpoint, cookie) + sizeof(command->cookie))
    return -EINVAL;
  const weft_endpoint& e = *command;
  if (const int no = may_ask(e.endpoint); no != 0) return no;
  if (!is_name(e.name)) return -EINVAL;
  if (!add) {
    const auto at = std::find_if(instances_.begin(), instances_.end(), [&](const Instance& i) {
      return i.app != nullptr && i.endpoint.name == e.name;
    });
    if (at != instances_.end() && at->app != instances_[acting_].app) return -EPERM;
    return pass_on(e.cookie, fmt::format("remove endpoint {}", e.name));
  }
  const std::string& app = instances_[e.endpoint].endpoint.app;
  if (e.port == 0 || e.reserved != 0 || (e.flags & ~WEFT_ENDPOINT_TCP) != 0 ||
      app.find_first_of(" \t\n") != std::string::npos)  // (words end there)
    return -EINVAL;
  const bool tcp = (e.flags & WEFT_ENDPOINT_TCP) != 0;
  return pass_on(e.cookie, fmt::format("add endpoint {} {} {} app {}", e.name, tcp ? "tcp" : "udp",
                                       e.port, app));
}

int AppHost::ask(const weft_flow* command, bool add) {
  if (command == nullptr || command->size < offsetof(weft_flow, cookie) + sizeof(command->cookie))
    return -EINVAL;
  const weft_flow& f = *command;
  if (const int no = may_ask(f.endpoint); no != 0) return no;
  constexpr std::uint32_t classes = WEFT_FLOW_GOLD | WEFT_FLOW_NORMAL;
  if ((f.flags & ~(classes | WEFT_FLOW_QUEUE)) != 0 || (f.flags & classes) == classes ||
      ((f.flags & WEFT_FLOW_QUEUE) == 0 && f.queue != 0) || f.reserved != 0 || f.src == 0 ||
      f.src_port == 0 || f.rate >= rate_limit)
    return -EINVAL;
  const ir::Endpoint& e = instances_[f.endpoint].endpoint;
  const std::uint32_t own = f.dst != 0 ? f.dst : e.bound() ? e.address : core_->host.address;
  const std::uint16_t own_port = f.dst_port != 0 ? f.dst_port : e.port;
  if (!is_found_at(f.endpoint, own, own_port)) return -EADDRNOTAVAIL;

  const std::string from = socket_text(f.src, f.src_port), to = socket_text(own, own_port);
  std::string words;
  if (add) {
    words = fmt::format("add flow {} {} to {}", e.name, from, to);
    if (f.rate != 0) words += fmt::format(" rate {}", f.rate);
    if ((f.flags & WEFT_FLOW_GOLD) != 0) words += " class gold";
    if ((f.flags & WEFT_FLOW_NORMAL) != 0) words += " class normal";
    if ((f.flags & WEFT_FLOW_QUEUE) != 0) words += fmt::format(" queue {}", f.queue);
  } else {
    words = fmt::format("remove flow {} to {} of {}", from, to, e.name);
  }
  return pass_on(f.cookie, std::move(words));
}

unsigned AppHost::tell_answers(Core& core) {
  act_for(core);
  unsigned told = 0;
  for (Answer answer; mail->answers.take(answer); ++told) {
    const auto asked = requests_.take(answer.ticket);
    if (!asked) continue;
    const Instance& to = instances_[asked->endpoint];
    const weft_answer event = {.size = sizeof(weft_answer),
                               .endpoint = asked->endpoint,
                               .cookie = asked->cookie,
                               .outcome = answer.outcome,
                               .queue = answer.queue,
                               .reason = answer.reason.c_str(),
                               .added = answer.added};
    core_ = &core;
    acting_ = asked->endpoint;
    to.app->answer(to.self, &host_, &event);
  }
  return told;
}

}  // namespace weft::apps
