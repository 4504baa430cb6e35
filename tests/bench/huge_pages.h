// Huge pages for the time of a benchmark, as a stack has them in service: with pages of 4 KiB most
// packets miss the TLB, and that is what would be measured.
#pragma once

namespace weft::bench {

// Where fewer than `megabytes` are free, reserves them (as root), and gives them back at the end.
class HugePages {
 public:
  explicit HugePages(unsigned megabytes);
  ~HugePages();
  HugePages(const HugePages&) = delete;
  HugePages& operator=(const HugePages&) = delete;

  bool there() const { return there_; }

 private:
  bool there_ = false;
  long before_ = -1;  // how many were reserved; -1: nothing was changed
};

}  // namespace weft::bench
