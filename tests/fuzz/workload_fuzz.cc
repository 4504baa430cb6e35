// Workloads: hosts, endpoints, flows.
#include "compiler/frontend/readers.h"
#include "tests/fuzz/input.h"

using namespace weft;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto workload = frontend::read_workload(fuzz::as_file(text));
  if (!workload) diag::render(workload.error(), false);
  return 0;
}
