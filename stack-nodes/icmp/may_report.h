// When an ICMP error may be sent about a packet (RFC 1122 section 3.2.2).
#pragma once

#include "stack-nodes/core.h"
#include "stack-nodes/wire/access.h"
#include "weft/fields.h"

namespace weft::nodes::icmp {

// The fields that may_report looks at, for declarations.
#define WEFT_MAY_REPORT_READS \
  "eth.dst, ipv4.src, ipv4.dst, ipv4.protocol, ipv4.fragment_offset, icmp.type, meta.cast"

// Never about an ICMP error, a fragment other than the first, a broadcast or multicast on either
// layer, or a source that is no single host.
inline bool may_report(const Packet& p, const Core& core) {
  const std::uint32_t src = get<field::ipv4::src>(p);
  const std::uint32_t dst = get<field::ipv4::dst>(p);
  if ((get<field::eth::dst>(p) >> 40 & 1) != 0) return false;
  if (dst >= 0xe0000000 || p.cast == Cast::broadcast || p.cast == Cast::multicast) return false;
  if (src >= 0xe0000000 || (src >> 24) == 0 || (src >> 24) == 127) return false;
  if (core.addresses.find(src) == Cast::broadcast || get<field::ipv4::fragment_offset>(p) != 0)
    return false;
  if (get<field::ipv4::protocol>(p) != 1) return true;
  // Only questions and answers may be reported on; an unknown type might be an error (RFC 1122).
  if (wire::l4_room(p) == 0) return false;
  switch (get<field::icmp::type>(p)) {
    case 0:   // echo reply
    case 8:   // echo
    case 13:  // timestamp
    case 14:  // timestamp reply
      return true;
    default: return false;
  }
}

// Notes what the error is to say; true when it may be sent now.
inline bool report(Packet& p, Core& core, std::uint8_t type, std::uint8_t code) {
  p.icmp_type = type;
  p.icmp_code = code;
  p.icmp_word = 0;
  return may_report(p, core) && core.icmp_limit.take(core.now_ns);
}

}  // namespace weft::nodes::icmp
