// The indirection table: which queue each entry of it names.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace weft::rss {

struct TableTask {
  unsigned queues = 1;
  std::vector<double> known;                    // packets/s of known flows, by entry
  std::vector<std::optional<unsigned>> wanted;  // by entry: the queue of flows placed there
  double other = 1;                             // packets/s of all else, evenly over all entries
  std::vector<double> elsewhere;                // by queue: what rules bring to it
};

// Longest processing time first: entries with a wish, then the heaviest of the others, each to the
// queue that has least to do. Without known flows entry e names queue e % queues.
std::vector<std::uint16_t> indirection(const TableTask& task);

}  // namespace weft::rss
