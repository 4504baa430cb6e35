// One wish more in a system of equations.
#pragma once

#include <vector>

#include "compiler/rss/keys.h"
#include "compiler/rss/system.h"

namespace weft::rss {

class Placer {
 public:
  Placer(const Port& port, unsigned queues);
  // Adds what brings the flow to its queue; false, and nothing added, where all classes of the
  // queue are out of reach.
  bool place(System& system, const Wish& wish);

 private:
  const Port& port_;
  unsigned queues_;
  unsigned bits_;
  std::vector<unsigned> used_;  // flows of each class
};

}  // namespace weft::rss
