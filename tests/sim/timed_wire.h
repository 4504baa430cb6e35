// A wire with somebody at its end who does things by itself, in virtual time.
#pragma once

#include <cstdint>

#include "runtime/ports/wire.h"

namespace weft::sim {

class TimedWire : public ports::Wire {
 public:
  // Does what is due. True: something moved.
  virtual bool work() = 0;
  // When something is due by itself; ~0: never.
  virtual std::uint64_t next_ns() const = 0;
};

}  // namespace weft::sim
