// What an endpoint's connections begin with.
#pragma once

#include "compiler/ir/workload.h"
#include "stack-nodes/tcp/machine/settings.h"

namespace weft::apps {

inline tcp::Settings settings_of(const ir::Endpoint& e) {
  tcp::Settings out;
  out.ecn = e.ecn;
  out.congestion =
      e.congestion == ir::Congestion::newreno ? tcp::Congestion::newreno : tcp::Congestion::cubic;
  return out;
}

}  // namespace weft::apps
