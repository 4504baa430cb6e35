// Declarations of header fields.
#include "compiler/frontend/headers_reader.h"
#include "tests/fuzz/input.h"

using namespace weft;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto table = frontend::read_header_files({fuzz::as_file(text)});
  if (!table) diag::render(table.error(), false);
  return 0;
}
