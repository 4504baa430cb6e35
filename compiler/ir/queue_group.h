// Groups of queues: some cards let a rule name several, and spread what it catches over them by
// the hash that they take of all packets (same key, types and function).
#pragma once

#include <cstdint>
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
  // The entries are those of the card's own indirection table: of what one says, the group takes
  // the remainder by its size. So it spreads over all of its queues only beside a table in turn.
  bool of_rss = false;
};

// Why no rule can name these queues; "": one can.
std::string why_no_group(const QueueGroups& groups, const std::vector<unsigned>& queues);

// The same of a group that is spread by the card's own indirection table: why it cannot stand
// beside this one. What is in no group must be brought where its entry says, and the card does so
// only where the queues of all entries are a group, too, the first one, apart from this.
std::string why_not_beside(const std::vector<std::uint16_t>& table,
                           const std::vector<unsigned>& queues);
// Two such groups have the same queues, or none in common.
bool overlap_in_part(const std::vector<unsigned>& a, const std::vector<unsigned>& b);
// So many of the first queues the table's entries name in turn, a power of two; 0: they do not.
unsigned in_turn(const std::vector<std::uint16_t>& table);

}  // namespace weft::ir
