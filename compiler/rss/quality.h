// How well a key spreads.
#pragma once

#include "compiler/rss/hash.h"
#include "compiler/rss/request.h"

namespace weft::rss {

struct Quality {
  // Dimensions that the picked bits lack: 0 means that packets which are spread evenly over all
  // values of their fields are spread evenly over the table.
  unsigned missing_rank = 0;
  // Bits of fields that matter, but change nothing in the table's entry.
  unsigned untouched = 0;
  // Dimensions lacking when only one byte of one field varies, summed over all bytes: hosts of one
  // subnet, ports in a row.
  unsigned narrow = 0;
  // Chi-square over the table's entries for the known flows, of what is to be expected (1).
  double of_known = 0;

  bool sound() const { return missing_rank == 0 && untouched == 0; }
  // Lower is better. An eighth more collisions of known flows weighs as much as one dimension.
  double badness() const { return narrow + (of_known > 1 ? 8 * (of_known - 1) : 0); }
};

Quality quality_of(const Port& port, const Bytes& key, const std::vector<Bytes>& known);

bool better(const Quality& a, const Quality& b);

// Sum over entries of (count - expected)^2 / expected, of the entries less one.
double chi_square(const std::vector<unsigned>& counts);

}  // namespace weft::rss
