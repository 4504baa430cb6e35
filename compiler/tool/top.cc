// top: what a running stack does now, refreshed on a terminal, line after line elsewhere.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>

#include "compiler/tool/commands.h"
#include "compiler/tool/runtime_socket.h"
#include "compiler/tool/say.h"
#include "compiler/tool/stats_document.h"

namespace weft::tool {
namespace {

// The growth of counters between two documents of the same process, by second of the stack's clock.
class Between {
 public:
  Between(const Json& before, const Json& now)
      : seconds_(static_cast<double>(number(now, "time_ns") - number(before, "time_ns")) / 1e9) {}
  static bool possible(const Json& before, const Json& now) {
    return number(before, "pid") == number(now, "pid") &&
           number(before, "time_ns") < number(now, "time_ns");
  }
  static std::uint64_t growth(const Json& before, const Json& now, const char* key) {
    return number(now, key) - std::min(number(now, key), number(before, key));
  }
  double rate(std::uint64_t n) const { return static_cast<double>(n) / seconds_; }
  double rate(const Json& before, const Json& now, const char* key) const {
    return rate(growth(before, now, key));
  }

 private:
  double seconds_;
};

std::string cores_text(const Between& between, const Json& before, const Json& now) {
  std::string out;
  for (std::size_t i = 0; i < std::min(before.size(), now.size()); ++i) {
    const auto polls = Between::growth(before[i], now[i], "polls");
    const auto empty = Between::growth(before[i], now[i], "empty_polls");
    out += fmt::format("core {:<3} {:>10.0f} polls/s, {:>3.0f} % of them with packets\n",
                       number(now[i], "core"), between.rate(polls),
                       polls == 0 ? 0.0
                                  : 100.0 * static_cast<double>(polls - std::min(polls, empty)) /
                                        static_cast<double>(polls));
  }
  return out;
}

std::string queues_text(const Between& between, const Json& before, const Json& now) {
  std::string out;
  for (std::size_t i = 0; i < std::min(before.size(), now.size()); ++i)
    out += fmt::format("queue {:<3} on core {:<3} {:>10.0f} received/s, {:>10.0f} transmitted/s\n",
                       number(now[i], "queue"), number(now[i], "core"),
                       between.rate(before[i], now[i], "received"),
                       between.rate(before[i], now[i], "transmitted"));
  return out;
}

// The reasons that grow fastest. (Documents list them by what they have come to.)
std::string drops_text(const Between& between, const Json& before, const Json& now) {
  constexpr std::size_t most = 3;
  std::map<std::pair<std::string, std::string>, std::uint64_t> had;
  for (const Json& drop : before)
    had[{text(drop, "where"), text(drop, "reason")}] = number(drop, "count");
  std::vector<std::pair<std::uint64_t, std::string>> grown;
  std::uint64_t all = 0;
  for (const Json& drop : now) {
    const auto n = number(drop, "count"), was = had[{text(drop, "where"), text(drop, "reason")}];
    if (n <= was) continue;
    all += n - was;
    grown.emplace_back(n - was, text(drop, "reason"));
  }
  std::stable_sort(grown.begin(), grown.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<std::string> reasons;
  for (std::size_t i = 0; i < std::min(most, grown.size()); ++i)
    reasons.push_back(fmt::format("{} {:.0f}", grown[i].second, between.rate(grown[i].first)));
  return fmt::format("drops {:.0f}/s{}{}\n", between.rate(all), reasons.empty() ? "" : ": ",
                     fmt::join(reasons, ", "));
}

std::string picture(const Json& before, const Json& now) {
  const Between between(before, now);
  return head_line(now) + cores_text(between, before.at("cores"), now.at("cores")) +
         queues_text(between, before.at("queues"), now.at("queues")) +
         drops_text(between, before.at("drops"), now.at("drops"));
}

}  // namespace

int top(const TopArgs& args) {
  std::string name = args.name;
  if (name.empty()) {  // the one that is there now, and no other one later
    auto only = stack_named("");
    if (!only) return report(only.error());
    name = *only;
  }
  auto before = stats_document(name);
  if (!before) return report(before.error());
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  for (unsigned shown = 0; args.count == 0 || shown < args.count;) {
    std::this_thread::sleep_for(std::chrono::duration<double>(args.interval_s));
    auto now = stats_document(name);
    if (!now) {
      say(fmt::format("{} has ended", name));
      return ok;
    }
    try {
      if (Between::possible(*before, *now)) {
        const char* between = shown == 0 ? "" : "\n";
        print((terminal ? "\x1b[H\x1b[J" : between) + picture(*before, *now));
        std::fflush(stdout);
        ++shown;
      }
    } catch (const Json::exception& e) {
      return lacks_a_part(e);
    }
    before = std::move(now);
  }
  return ok;
}

}  // namespace weft::tool
