#include "compiler/tool/pcap.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "compiler/plan/plan.h"

namespace weft::tool {
namespace {

constexpr std::uint32_t largest_frame = 262144;  // libpcap's own limit for Ethernet

tl::unexpected<diag::Error> bad_capture(const std::string& path, const std::string& why,
                                        const std::string& help = "") {
  diag::Diagnostic d;
  d.code = "E0461";
  d.message = fmt::format("`{}`: {}", path, why);
  d.help = help;
  return diag::fail(std::move(d));
}

bool read_words(std::istream& in, std::uint32_t* words, int count, bool swapped) {
  in.read(reinterpret_cast<char*>(words), count * 4);
  if (!in) return false;
  if (swapped)
    for (int i = 0; i < count; ++i) words[i] = __builtin_bswap32(words[i]);
  return true;
}

void append32(std::string& out, std::uint32_t v) {
  out.append(reinterpret_cast<const char*>(&v), sizeof v);
}

}  // namespace

diag::Result<std::vector<std::uint8_t>> read_pcap_frame(const std::string& path, unsigned number) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return bad_capture(path, std::strerror(errno));
  std::uint32_t header[6] = {};
  if (!read_words(in, header, 6, false)) return bad_capture(path, "too short for a capture file");
  const bool native = header[0] == 0xa1b2c3d4 || header[0] == 0xa1b23c4d;
  const bool swapped = header[0] == 0xd4c3b2a1 || header[0] == 0x4d3cb2a1;
  if (header[0] == 0x0a0d0d0a)
    return bad_capture(path, "is in pcapng format", "convert it: tcpdump -r IN -w OUT");
  if (!native && !swapped) return bad_capture(path, "is no capture file");
  const std::uint32_t link = swapped ? __builtin_bswap32(header[5]) : header[5];
  if ((link & 0xffff) != 1)
    return bad_capture(path, fmt::format("holds link type {}, not Ethernet", link));
  for (unsigned n = 1;; ++n) {
    std::uint32_t record[4] = {};
    if (!read_words(in, record, 4, swapped))
      return bad_capture(
          path, fmt::format("has {} frame{}, no frame {}", n - 1, n == 2 ? "" : "s", number));
    if (record[2] > largest_frame) return bad_capture(path, fmt::format("frame {} is broken", n));
    std::vector<std::uint8_t> frame(record[2]);
    in.read(reinterpret_cast<char*>(frame.data()), record[2]);
    if (!in) return bad_capture(path, fmt::format("frame {} is cut off", n));
    if (n == number) return frame;
  }
}

diag::Result<void> write_pcap(const std::string& path,
                              const std::vector<std::vector<std::uint8_t>>& frames) {
  std::string out;
  for (std::uint32_t word : {0xa1b2c3d4u, 0x00040002u, 0u, 0u, largest_frame, 1u})
    append32(out, word);
  for (const auto& frame : frames) {
    for (std::uint32_t word : {0u, 0u, static_cast<std::uint32_t>(frame.size()),
                               static_cast<std::uint32_t>(frame.size())})
      append32(out, word);
    out.append(frame.begin(), frame.end());
  }
  return plan::write_file_atomically(out, path);
}

}  // namespace weft::tool
