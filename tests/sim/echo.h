// The application of these tests: it sends every datagram back, and keeps no state.
#pragma once

#include "runtime/apps/weft_app.h"

namespace weft::sim {

extern const weft_app echo_app;

}  // namespace weft::sim
