// Capture files: the runtime's reader and the tool's agree on what is in them.
#include "compiler/tool/pcap.h"
#include "runtime/ports/pcap_file.h"
#include "tests/fuzz/input.h"

using namespace weft;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::string& path = fuzz::as_file(text);
  const auto frames = ports::read_pcap(path);
  const auto first = tool::read_pcap_frame(path, 1);
  tool::read_pcap_frame(path, 7);
  if (frames && !frames->empty() && first && *first != frames->front().bytes)
    fuzz::found("two readers, two frames");
  return 0;
}
