// Protocol graphs: what is read can be printed and read again, and what the interpreter takes runs.
#include "compiler/frontend/readers.h"
#include "runtime/engine/interpreter.h"
#include "stack-nodes/core.h"
#include "tests/fuzz/input.h"

using namespace weft;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  auto graph = frontend::graph_from_text(text, "fuzz.yaml", fuzz::fields());
  if (!graph) {
    diag::render(graph.error(), false);
    return 0;
  }
  const std::string printed = frontend::print_graph(*graph);
  const auto again = frontend::graph_from_text(printed, "printed.yaml", fuzz::fields());
  if (!again) fuzz::found(printed + diag::render(again.error(), false));
  if (frontend::print_graph(*again) != printed) fuzz::found("printed differently:\n" + printed);
  static Core core;
  auto code = engine::Interpreter::make(*graph, fuzz::fields(), core);
  if (!code) diag::render(code.error(), false);
  return 0;
}
