// Plans: what is read can be written and read again, and means the same.
#include "compiler/plan/plan.h"
#include "tests/fuzz/input.h"

using namespace weft;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto plan = plan::plan_from_text(text, "fuzz.yaml", fuzz::fields());
  if (!plan) {
    diag::render(plan.error(), false);
    return 0;
  }
  plan::to_json(*plan);
  const std::string written = plan::to_yaml(*plan);
  const auto again = plan::plan_from_text(written, "written.yaml", fuzz::fields());
  if (!again) fuzz::found(written + diag::render(again.error(), false));
  if (plan::to_yaml(*again) != written) fuzz::found("written differently:\n" + written);
  return 0;
}
