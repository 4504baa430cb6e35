// The JSON schemas of the files that weft reads. They are generated from what the readers take, and
// kept beside what they describe (tests/unit/tool/schema_test.cc).
#include <filesystem>

#include "compiler/frontend/yaml_reader.h"
#include "compiler/tool/commands.h"
#include "compiler/tool/places.h"
#include "compiler/tool/say.h"

namespace weft::tool {

const std::vector<std::pair<std::string, std::string>>& schema_files() {
  static const std::vector<std::pair<std::string, std::string>> files = {
      {"graph", "graphs/graph.schema.json"},      {"workload", "graphs/workload.schema.json"},
      {"machine", "graphs/machine.schema.json"},  {"nic", "nicmodels/nic.schema.json"},
      {"plan", "compiler/plan/plan.schema.json"},
  };
  return files;
}

int schema(const std::string& kind) {
  for (const auto& [name, file] : schema_files()) {
    if (name != kind) continue;
    const auto text = frontend::read_file(root() + "/" + file);
    if (!text) return report(text.error());
    print(*text);
  }
  return ok;
}

}  // namespace weft::tool
