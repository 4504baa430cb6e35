// What every part of the traffic is made with: chance, addresses, payloads, and the schedule.
#pragma once

#include <algorithm>
#include <random>

#include "tests/sim/schedule.h"
#include "tests/sim/traffic.h"

namespace weft::sim {

using Pieces = std::vector<Bytes>;

class TrafficBase {
 public:
  explicit TrafficBase(const TrafficOptions& options)
      : options_(options), random_(options.seed), schedule_(options.seed + 1, options.vlan) {}

 protected:
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  bool one_in(std::uint32_t n) { return below(n) == 0; }
  template <class T, std::size_t n>
  T any(const T (&of)[n]) {
    return of[below(n)];
  }

  // Every payload is another one, so that frames which changed places show.
  Bytes payload(std::size_t n) {
    Bytes b(n);
    for (auto& byte : b) byte = static_cast<std::uint8_t>(random_());
    if (n >= 4) put32(b, 0, ++sequence_);
    return b;
  }

  Link link(std::uint32_t from = on_link(1)) const {
    return {.src = mac_of(from), .vlan = options_.vlan};
  }
  std::size_t room() const { return options_.vlan < 0 ? 1500 : 1496; }  // within 1514 bytes
  std::uint32_t peer() { return on_link(any({1u, 3u, 4u, 5u, 9u, 17u})); }
  std::uint16_t port() { return static_cast<std::uint16_t>(1024 + below(60000)); }

  void add(Bytes frame) {
    if (samples_.size() < 4000)
      samples_.push_back(frame);
    else
      samples_[below(4000)] = frame;
    schedule_.add(std::move(frame));
  }

  std::uint16_t id() { return static_cast<std::uint16_t>(++id_); }

  // ---- datagrams in pieces
  Pieces pieces(Ip ip, const Bytes& content, std::size_t each, std::uint32_t from) {
    Pieces out;
    for (std::size_t at = 0; at < content.size(); at += each) {
      const std::size_t n = std::min(each, content.size() - at);
      ip.fragment = static_cast<std::uint16_t>((at + n < content.size() ? 0x2000 : 0) | at / 8);
      out.push_back(ip_frame(link(from), ip,
                             Bytes(content.begin() + static_cast<std::ptrdiff_t>(at),
                                   content.begin() + static_cast<std::ptrdiff_t>(at + n))));
    }
    return out;
  }

  Bytes datagram(Ip& ip, std::size_t bytes) {
    ip.id = id();
    switch (below(4)) {
      case 0: ip.protocol = 1; return icmp_message({}, payload(bytes));
      case 1:  // a known flow
        ip.src = on_link(1);
        return udp_segment(ip, {.src_port = static_cast<std::uint16_t>(40000 + below(40))},
                           payload(bytes));
      case 2:
        return udp_segment(ip, {.src_port = port(), .dst_port = any<std::uint16_t>({7, 9, 4})},
                           payload(bytes));
      default:
        return udp_segment(ip, {.src_port = port(), .sum = any({Udp::Sum::wrong, Udp::Sum::none})},
                           payload(bytes));
    }
  }

  const TrafficOptions& options_;
  std::mt19937_64 random_;
  Schedule schedule_;
  Pieces samples_;
  std::uint32_t sequence_ = 0;
  unsigned id_ = 0;
};

}  // namespace weft::sim
