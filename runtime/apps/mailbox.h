// What the applications of one net core ask for and others decide, and what these answer: a ring
// there and a ring back. The core never waits.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "runtime/engine/spsc_ring.h"

namespace weft::apps {

struct Request {
  std::uint64_t ticket = 0;  // of AppRequests
  std::string words;         // as the planner's socket takes them
};

struct Answer {
  std::uint64_t ticket = 0;
  std::uint32_t outcome = 0;  // WEFT_ANSWER_...
  std::uint32_t queue = 0;    // of a flow that was added
  std::uint32_t added = 0;    // an endpoint
  std::string reason;
};

struct Mailbox {
  static constexpr std::uint32_t size = 256;

  engine::SpscRing<Request> requests{size};
  engine::SpscRing<Answer> answers{size};
  std::function<void()> bell;  // rung by the core when there is a request
};

}  // namespace weft::apps
