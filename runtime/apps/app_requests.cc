#include "runtime/apps/app_requests.h"

#include <algorithm>

namespace weft::apps {

std::uint64_t AppRequests::add(std::uint32_t endpoint, std::uint64_t cookie) {
  const auto waiting = std::count_if(places_.begin(), places_.end(), [&](const Place& p) {
    return p.state == State::asked && p.asked.endpoint == endpoint;
  });
  if (waiting >= most_of_one) return 0;
  auto at = std::find_if(places_.begin(), places_.end(),
                         [](const Place& p) { return p.state == State::free; });
  if (at == places_.end()) {
    if (places_.size() == most) return 0;
    at = places_.insert(at, Place{});
  }
  at->asked = {endpoint, cookie};
  at->state = State::asked;
  return std::uint64_t{at->generation} << 32 | static_cast<std::uint32_t>(at - places_.begin());
}

std::optional<AppRequests::Asked> AppRequests::take(std::uint64_t ticket) {
  const auto at = static_cast<std::uint32_t>(ticket);
  if (at >= places_.size()) return {};
  Place& p = places_[at];
  if (p.state == State::free || p.generation != ticket >> 32) return {};
  const bool wanted = p.state == State::asked;
  p.state = State::free;
  if (++p.generation == 0) p.generation = 1;
  if (!wanted) return {};
  return p.asked;
}

void AppRequests::forget(std::uint32_t endpoint) {
  for (Place& p : places_) {
    if (p.state == State::asked && p.asked.endpoint == endpoint) p.state = State::forgotten;
  }
}

}  // namespace weft::apps
