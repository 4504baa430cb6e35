// Cost files: nicmodels/costs/*.yaml.
#include <fmt/format.h>

#include "compiler/diag/sha256.h"
#include "compiler/frontend/yaml_reader.h"
#include "compiler/passes/pipeline.h"

namespace weft::passes {

double Costs::of(const std::string& key) const {
  if (const auto it = cycles.find(key); it != cycles.end()) return it->second;
  const auto it = cycles.find("default");
  return it == cycles.end() ? 1 : it->second;
}

diag::Result<Costs> read_costs(const std::string& path) {
  auto document = frontend::read_yaml(path);
  if (!document) return diag::fail(document.error());
  Costs out;
  out.cycles.clear();
  out.digest = diag::sha256_hex(document->text());
  frontend::Mapping root(document->root(), "costs");
  out.name = root.required("costs").name();
  root.required("unit").text();
  root.optional("source");
  for (const auto& [key, value] : root.required("nodes").members()) {
    out.cycles[key.dotted()] = value.real(0, 1e9);
  }
  root.done();
  return document->finish(std::move(out));
}

}  // namespace weft::passes
