// Tells the link which addresses are the host's (RFC 5227 section 2.3): two announcements, 2 s
// apart, when it starts and whenever the link comes up. And defends them (section 2.4): when
// another host uses one, it is announced once more, but at most once in 10 s, so that two hosts
// that both insist do not flood the link. The host keeps its addresses whatever others say.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "stack-nodes/slots.h"
#include "stack-nodes/table/arp_message.h"
#include "stack-nodes/table/owned.h"

namespace weft {

class AddressClaims : public Owned {
 public:
  static constexpr std::uint64_t announce_interval_ns = 2'000'000'000;
  static constexpr std::uint64_t defend_interval_ns = 10'000'000'000;
  static constexpr unsigned rounds = 2;
  static constexpr std::size_t most_at_once = 32;  // announcements in one call of age()

  struct Counters {
    std::uint64_t announced = 0;
    std::uint64_t conflicts = 0;
    std::uint64_t defended = 0;  // of those
  };

  // From the next age() on.
  void start(std::uint64_t now_ns) {
    touch("the claims to addresses");
    rounds_left_ = rounds;
    next_ = 0;
    due_ns_ = now_ns;
  }

  template <class Core>
  void age(Core& core) {
    touch("the claims to addresses");
    if (rounds_left_ == 0 || core.now_ns < due_ns_) return;
    const auto& own = core.addresses.own();
    for (std::size_t sent = 0; next_ < own.size(); ++next_, ++sent) {
      if (sent == most_at_once || !announce(core, own[next_].address)) return;
    }
    next_ = 0;
    --rounds_left_;
    due_ns_ = core.now_ns + announce_interval_ns;
  }

  // Another host says that the own address is its. True where it was told otherwise.
  template <class Core>
  bool conflict(Core& core, std::uint32_t address) {
    touch("the claims to addresses");
    ++counters_.conflicts;
    Defence* oldest = &defences_[0];
    for (Defence& d : defences_) {
      if (d.address == address) {
        oldest = &d;
        break;
      }
      if (d.until_ns < oldest->until_ns) oldest = &d;
    }
    if (core.now_ns < oldest->until_ns || !announce(core, address)) return false;
    *oldest = {address, core.now_ns + defend_interval_ns};
    ++counters_.defended;
    return true;
  }

  const Counters& counters() const { return counters_; }

 private:
  struct Defence {
    std::uint32_t address = 0;
    std::uint64_t until_ns = 0;
  };

  template <class Core>
  bool announce(Core& core, std::uint32_t address) {
    const auto& list = core.spawned[static_cast<std::size_t>(nodes::Slot::arp_request)];
    Packet p;
    if (list.count == list.capacity || !core.services->allocate(p, ArpMessage::frame_bytes))
      return false;
    ArpMessage{.sender_mac = core.host.mac, .sender = address, .target = address}.write(p);
    core.spawn(nodes::Slot::arp_request, p);
    ++counters_.announced;
    return true;
  }

  unsigned rounds_left_ = 0;
  std::size_t next_ = 0;  // the address that is announced next
  std::uint64_t due_ns_ = 0;
  std::array<Defence, 64> defences_{};
  Counters counters_;
};

}  // namespace weft
