// Where flows of a workload come from: addresses that can be answered. The reader of workloads
// refuses others, so that what a rule of the card lets through needs no such check in software.
#pragma once

#include <algorithm>

#include "compiler/ir/workload.h"

namespace weft::passes {

// Of a packet of such a flow (RFC 1122 section 3.2.1.3).
inline constexpr const char* flow_source =
    "!(ipv4.src in 224.0.0.0/3) && !(ipv4.src in 127.0.0.0/8) && !(ipv4.src in 0.0.0.0/8) && "
    "ipv4.src != host.address && ipv4.src != host.broadcast";

// The same of all flows of the workload.
inline bool flow_sources_answer(const ir::Workload& workload) {
  const ir::HostConfig& host = workload.host;
  return std::all_of(workload.flows.begin(), workload.flows.end(), [&](const ir::Flow& f) {
    return f.src >> 29 != 7 && f.src >> 24 != 127 && f.src >> 24 != 0 && f.src != host.address &&
           f.src != host.broadcast();
  });
}

}  // namespace weft::passes
