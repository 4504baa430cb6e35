#include "compiler/rss/table.h"

#include <algorithm>
#include <numeric>

namespace weft::rss {

std::vector<std::uint16_t> indirection(const TableTask& task) {
  const std::size_t size = task.known.size();
  std::vector<double> load = task.elsewhere;
  load.resize(task.queues, 0.0);
  const double each = size == 0 ? 0 : task.other / static_cast<double>(size);
  std::vector<std::uint16_t> out(size);
  std::vector<std::size_t> open;
  for (std::size_t e = 0; e < size; ++e) {
    if (!task.wanted[e]) {
      open.push_back(e);
      continue;
    }
    out[e] = static_cast<std::uint16_t>(*task.wanted[e]);
    load[*task.wanted[e]] += task.known[e] + each;
  }
  std::stable_sort(open.begin(), open.end(),
                   [&](std::size_t a, std::size_t b) { return task.known[a] > task.known[b]; });
  for (const std::size_t e : open) {
    const auto least = std::min_element(load.begin(), load.end());
    *least += task.known[e] + each;
    out[e] = static_cast<std::uint16_t>(least - load.begin());
  }
  return out;
}

}  // namespace weft::rss
