// Runs what a faulty plan may kill.
#pragma once

#include <functional>
#include <string>

namespace weft::sim {

// Runs `f`, which gives a text, in a child with DPDK's memory for itself: a plan without a check
// may well read beyond a frame, and what that ends in is a misbehaviour too; so is going round in
// circles. The text is cut at 4,000 bytes.
std::string apart(const std::function<std::string()>& f);

}  // namespace weft::sim
