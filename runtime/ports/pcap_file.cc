#include "runtime/ports/pcap_file.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace weft::ports {
namespace {

constexpr std::uint32_t micro_magic = 0xa1b2c3d4, nano_magic = 0xa1b23c4d;
constexpr std::uint32_t ethernet = 1;
constexpr std::uint32_t longest = 262144;  // longer records are taken for a broken file

diag::Error unreadable(const std::string& path, const std::string& why) {
  return diag::Diagnostic{
      .code = "E0601",
      .message = fmt::format("cannot read the capture `{}`: {}", path, why),
      .help = "a pcap file of Ethernet frames is wanted, as tcpdump -w writes it"};
}

struct Reader {
  std::FILE* file;
  bool swapped = false;

  bool words(std::uint32_t* out, std::size_t count) {
    if (std::fread(out, 4, count, file) != count) return false;
    if (swapped)
      for (std::size_t i = 0; i < count; ++i) out[i] = __builtin_bswap32(out[i]);
    return true;
  }
};

}  // namespace

diag::Result<std::vector<Frame>> read_pcap(const std::string& path) {
  struct Close {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rb"));
  if (!file) return diag::fail(unreadable(path, std::strerror(errno)));

  Reader reader{file.get()};
  std::uint32_t magic = 0;
  if (!reader.words(&magic, 1)) return diag::fail(unreadable(path, "it is empty"));
  reader.swapped =
      __builtin_bswap32(magic) == micro_magic || __builtin_bswap32(magic) == nano_magic;
  if (reader.swapped) magic = __builtin_bswap32(magic);
  if (magic != micro_magic && magic != nano_magic)
    return diag::fail(unreadable(path, "it does not begin like a pcap file"));
  const std::uint64_t tick = magic == nano_magic ? 1 : 1000;

  std::array<std::uint32_t, 5> header;  // version, zone, accuracy, snap length, link type
  if (!reader.words(header.data(), header.size()))
    return diag::fail(unreadable(path, "its header is cut off"));
  if ((header[4] & 0x0fffffff) != ethernet)
    return diag::fail(unreadable(path, fmt::format("link type {} is not Ethernet", header[4])));

  std::vector<Frame> frames;
  for (;;) {
    std::array<std::uint32_t, 4> record;  // seconds, fraction, captured, on the wire
    const long at = std::ftell(file.get());
    if (!reader.words(record.data(), record.size())) {
      if (std::fseek(file.get(), 0, SEEK_END) == 0 && std::ftell(file.get()) == at) return frames;
      return diag::fail(unreadable(path, fmt::format("frame {} is cut off", frames.size() + 1)));
    }
    if (record[2] > longest)
      return diag::fail(
          unreadable(path, fmt::format("frame {} claims {} bytes", frames.size() + 1, record[2])));
    Frame frame;
    frame.time_ns = record[0] * std::uint64_t{1'000'000'000} + record[1] * tick;
    frame.bytes.resize(record[2]);
    if (record[2] != 0 && std::fread(frame.bytes.data(), record[2], 1, file.get()) != 1)
      return diag::fail(unreadable(path, fmt::format("frame {} is cut off", frames.size() + 1)));
    frames.push_back(std::move(frame));
  }
}

diag::Result<PcapWriter> PcapWriter::open(const std::string& path) {
  PcapWriter writer;
  writer.file_.reset(std::fopen(path.c_str(), "wb"));
  const std::array<std::uint32_t, 6> header = {nano_magic, 2 | (4 << 16), 0, 0, longest, ethernet};
  if (!writer.file_ || std::fwrite(header.data(), 4, header.size(), writer.file_.get()) != 6 ||
      !writer.flush())
    return diag::fail(diag::Diagnostic{
        .code = "E0602",
        .message = fmt::format("cannot write the capture `{}`: {}", path, std::strerror(errno))});
  return writer;
}

void PcapWriter::write(std::uint64_t time_ns, const std::uint8_t* bytes, std::uint32_t length) {
  const std::array<std::uint32_t, 4> record = {static_cast<std::uint32_t>(time_ns / 1'000'000'000),
                                               static_cast<std::uint32_t>(time_ns % 1'000'000'000),
                                               length, length};
  std::fwrite(record.data(), 4, record.size(), file_.get());
  std::fwrite(bytes, 1, length, file_.get());
}

bool PcapWriter::flush() { return std::fflush(file_.get()) == 0 && std::ferror(file_.get()) == 0; }

}  // namespace weft::ports
