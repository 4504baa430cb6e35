// One wish more in a system of equations.
#pragma once

#include <vector>

#include "compiler/rss/keys.h"
#include "compiler/rss/system.h"

namespace weft::rss {

class Placer {
 public:
  Placer(const Port& port, unsigned queues);
  // Sums of key bits that change the table's entry: no flows can settle more of them.
  unsigned looked_at() const { return looked_at_; }
  // Adds what brings the flow to its queue; false, and nothing added, where all classes of the
  // queue are out of reach, or it takes more than `room` equations that are not settled already.
  bool place(System& system, const Wish& wish, unsigned room);

 private:
  const Port& port_;
  unsigned queues_;
  unsigned bits_;
  unsigned looked_at_ = 0;
  std::vector<unsigned> used_;  // flows of each class
};

}  // namespace weft::rss
