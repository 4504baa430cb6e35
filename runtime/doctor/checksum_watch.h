// Sees, on live traffic of an interface, whether frames arrive with unfinished checksums: the
// kernel's packet socket says so for each frame (TP_STATUS_CSUMNOTREADY), DPDK's driver does not
// pass it on. For peers that `doctor` cannot look at.
#pragma once

#include <cstdint>
#include <string>

namespace weft::doctor {

class ChecksumWatch {
 public:
  // Does nothing when it may not open the socket.
  explicit ChecksumWatch(const std::string& interface);
  ~ChecksumWatch();
  ChecksumWatch(const ChecksumWatch&) = delete;
  ChecksumWatch& operator=(const ChecksumWatch&) = delete;

  // Frames with unfinished checksums seen so far. Never blocks; looks at some hundred frames a
  // call.
  std::uint64_t unfinished();
  // So many have been looked at that whoever sends such frames would have been among them. (Each
  // costs the kernel a copy, so nobody should look longer than that.)
  bool enough() const { return looked_at_ >= 1000; }

 private:
  int fd_ = -1;
  std::uint64_t seen_ = 0, looked_at_ = 0;
};

}  // namespace weft::doctor
