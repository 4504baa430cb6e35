// Requests of the applications of one net core that have no answer yet. An answer finds who asked
// by its ticket, and nobody when the endpoint has gone meanwhile.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/apps/mailbox.h"

namespace weft::apps {

class AppRequests {
 public:
  static constexpr std::uint32_t most = Mailbox::size;  // so that all answers fit its ring
  static constexpr unsigned most_of_one = 16;

  struct Asked {
    std::uint32_t endpoint;
    std::uint64_t cookie;
  };

  // The ticket; 0: there are too many.
  std::uint64_t add(std::uint32_t endpoint, std::uint64_t cookie);
  // The answer has come: who asked.
  std::optional<Asked> take(std::uint64_t ticket);
  // The endpoint goes: nobody gets the answers. (Their places wait for them all the same.)
  void forget(std::uint32_t endpoint);

 private:
  enum class State : std::uint8_t { free, asked, forgotten };
  struct Place {
    Asked asked{};
    std::uint32_t generation = 1;
    State state = State::free;
  };
  std::vector<Place> places_;
};

}  // namespace weft::apps
