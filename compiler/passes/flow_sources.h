// Where flows of a workload come from: addresses that can be answered. The reader of workloads
// refuses others, so that what a rule of the card lets through needs no such check in software.
#pragma once

#include <algorithm>

#include "compiler/ir/workload.h"
#include "stack-nodes/table/address_table.h"

namespace weft::passes {

// Of a packet of such a flow (RFC 1122 section 3.2.1.3).
inline constexpr const char* flow_source =
    "!(ipv4.src in 224.0.0.0/3) && !(ipv4.src in 127.0.0.0/8) && !(ipv4.src in 0.0.0.0/8)";

inline AddressTable own_addresses(const ir::Workload& workload) {
  AddressTable host;
  for (const ir::OwnAddress& own : workload.host.addresses())
    host.add(own.address, own.prefix_length);
  return host;
}

// The same of one address; nor is it the host itself, or all of a subnet (ipv4.peer_ok says yes).
inline bool source_answers(const AddressTable& host, std::uint32_t src) {
  return src >> 29 != 7 && src >> 24 != 127 && src >> 24 != 0 && host.is_peer(src);
}

// Of all flows of the workload.
inline bool flow_sources_answer(const ir::Workload& workload) {
  const AddressTable host = own_addresses(workload);
  return std::all_of(workload.flows.begin(), workload.flows.end(),
                     [&](const ir::Flow& f) { return source_answers(host, f.src); });
}

}  // namespace weft::passes
