// One wish more in a system of equations.
#pragma once

#include <vector>

#include "compiler/rss/keys.h"
#include "compiler/rss/system.h"

namespace weft::rss {

class Placer {
 public:
  Placer(const Port& port, unsigned queues);
  // Hardly a bit is left that a flow could be placed by.
  bool full(const System& system) const;
  // Adds what brings the flow to its queue; false, and nothing added, where all classes of the
  // queue are out of reach.
  bool place(System& system, const Wish& wish);

 private:
  const Port& port_;
  unsigned queues_;
  unsigned bits_;
  unsigned looked_at_;          // key bits that change the table's entry
  std::vector<unsigned> used_;  // flows of each class
};

}  // namespace weft::rss
