#include "tests/bench/huge_pages.h"

#include <fstream>

#include "runtime/ports/eal.h"

namespace weft::bench {
namespace {

const char* const file = "/proc/sys/vm/nr_hugepages";
constexpr unsigned page_megabytes = 2;

bool reserve(long pages) {
  std::ofstream out(file);
  out << pages << std::flush;
  return out.good();
}

}  // namespace

HugePages::HugePages(unsigned megabytes) : there_(ports::free_huge_megabytes() >= megabytes) {
  long reserved = 0;
  if (there_ || !(std::ifstream(file) >> reserved)) return;
  if (!reserve(reserved + megabytes / page_megabytes)) return;
  before_ = reserved;
  there_ = ports::free_huge_megabytes() >= megabytes;
}

HugePages::~HugePages() {
  if (before_ >= 0) reserve(before_);
}

}  // namespace weft::bench
