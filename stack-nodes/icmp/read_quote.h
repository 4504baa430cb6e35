// Reads which datagram an ICMP error is about, and whether it can be one of ours.
//
// Anyone can send ICMP errors. Believed is what quotes enough (RFC 792: header and 8 bytes), came
// from the own address, and fits: "fragmentation needed" is about a datagram that may not be cut
// and is larger than the MTU announced. How many are listened to is limited, as is what is sent.
#pragma once

#include <algorithm>
#include <array>

#include "stack-nodes/core.h"
#include "stack-nodes/node.h"
#include "stack-nodes/wire/access.h"
#include "weft/fields.h"

namespace weft::nodes::icmp {

struct ReadQuote {
  enum class Out { udp, tcp, other, bad, limited };
  static constexpr NodeDecl decl{
      .name = "icmp.read_quote",
      .ports = "udp, tcp, other, bad, limited",
      .reads = "icmp.*, l4.payload, l4.room",
      .writes =
          "meta.icmp_type, meta.icmp_code, meta.icmp_word, meta.protocol, meta.src, meta.dst, "
          "meta.src_port, meta.dst_port, meta.mtu",
      .assigns =
          "meta.icmp_type = icmp.type; meta.icmp_code = icmp.code; meta.icmp_word = icmp.word",
      .requires_ = "l4.room >= 36",
      .state = State::replicated,
      .meaning = "what the datagram quoted was; for \"fragmentation needed\" also the MTU",
      .source = "RFC 792; RFC 1122 section 3.2.2; RFC 1191 sections 4 and 5",
  };

  static Out run(Packet& p, Core& core) {
    const std::uint8_t* const message = p.data + p.l4;
    const std::uint8_t* const quoted = message + field::icmp::min_bytes;
    const std::uint32_t room = wire::l4_room(p) - field::icmp::min_bytes;
    p.icmp_type = get<field::icmp::type>(message);
    p.icmp_code = get<field::icmp::code>(message);
    p.icmp_word = get<field::icmp::word>(message);
    p.protocol = get<field::ipv4::protocol>(quoted);
    p.src = get<field::ipv4::src>(quoted);
    p.dst = get<field::ipv4::dst>(quoted);
    p.ports = p.mtu = 0;

    const std::uint32_t header = get<field::ipv4::ihl>(quoted) * 4u;
    if (get<field::ipv4::version>(quoted) != 4 || header < field::ipv4::min_bytes ||
        room < header + 8 || core.addresses.find(p.src) != Cast::own ||
        get<field::ipv4::fragment_offset>(quoted) != 0)
      return Out::bad;
    if (p.icmp_type == 3 && p.icmp_code == 4) {
      const std::uint16_t length = get<field::ipv4::total_length>(quoted);
      const auto said = static_cast<std::uint16_t>(p.icmp_word);
      p.mtu = said != 0 ? said : plateau_below(length);
      if (get<field::ipv4::dont_fragment>(quoted) == 0 || p.mtu >= length) return Out::bad;
    }
    if (p.protocol != 17 && p.protocol != 6) return Out::other;
    // (TCP has its ports in the same place.)
    p.ports = ports_of(get<field::udp::src_port>(quoted + header),
                       get<field::udp::dst_port>(quoted + header));
    if (!core.icmp_heard.take(core.now_ns)) return Out::limited;
    return p.protocol == 6 ? Out::tcp : Out::udp;
  }

  // Routers from before RFC 1191 do not say what would fit. Section 7.1: the sizes that links have.
  static std::uint16_t plateau_below(std::uint16_t length) {
    constexpr std::array<std::uint16_t, 10> sizes = {32000, 17914, 8166, 4352, 2002,
                                                     1492,  1006,  508,  296,  68};
    const auto found = std::find_if(sizes.begin(), sizes.end(),
                                    [length](std::uint16_t size) { return size < length; });
    return found != sizes.end() ? *found : sizes.back();
  }
};

}  // namespace weft::nodes::icmp
