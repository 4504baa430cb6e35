// What people type: names of wires, and packets for `weft explain --packet`.
#include "compiler/tool/frame_text.h"
#include "runtime/ports/wire_name.h"
#include "tests/fuzz/input.h"

using namespace weft;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto wire = ports::wire_name(text);
  if (!wire) diag::render(wire.error(), false);
  ir::HostConfig host;
  host.mac = 0x027765667402;
  host.address = 0x0a070002;
  host.prefix_length = 24;
  const auto frame = tool::frame_from_text(text, host, 7);
  if (!frame) diag::render(frame.error(), false);
  if (frame && frame->size() > 65535 + 18) fuzz::found("longer than any frame");
  return 0;
}
