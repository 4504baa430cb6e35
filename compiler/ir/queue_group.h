// Groups of queues: some cards let a rule name several, and spread what it catches over them by
// the hash that they take of all packets (same key, types and function).
#pragma once

#include <string>
#include <vector>

namespace weft::ir {

// What the groups of one table may be.
struct QueueGroups {
  bool power_of_two = false;  // as many queues
  unsigned min = 2, max = 2;  // queues
  bool contiguous = false;    // one behind the other, ascending
  unsigned count = 0;         // so many rules of the table may name one; 0: all of them
  // Each group has an indirection table of its own with so many entries, in which its queues stand
  // in turn; the hash modulo that picks the entry. 0: nobody says which of the queues it is.
  unsigned entries = 0;
};

// Why no rule can name these queues; "": one can.
std::string why_no_group(const QueueGroups& groups, const std::vector<unsigned>& queues);

}  // namespace weft::ir
