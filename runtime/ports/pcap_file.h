// Capture files: the classic pcap format, Ethernet frames. Reads both byte orders and both time
// resolutions, writes little-endian nanoseconds.
// Source: draft-ietf-opsawg-pcap.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"

namespace weft::ports {

struct Frame {
  std::uint64_t time_ns = 0;  // since the epoch of the file
  std::vector<std::uint8_t> bytes;
};

// Errors: E0601 (missing, unreadable, no pcap, not Ethernet, cut off in the middle of a frame).
diag::Result<std::vector<Frame>> read_pcap(const std::string& path);

class PcapWriter {
 public:
  // Errors: E0602. The file is there, with its header, when this returns.
  static diag::Result<PcapWriter> open(const std::string& path);
  void write(std::uint64_t time_ns, const std::uint8_t* bytes, std::uint32_t length);
  // False when the disk was full, or any other write failed.
  bool flush();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace weft::ports
