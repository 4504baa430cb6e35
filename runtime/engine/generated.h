// Runs residues by the shared object that compiler/codegen made of the plan.
#pragma once

#include <memory>
#include <string>

#include "compiler/codegen/load.h"
#include "compiler/diag/diagnostic.h"
#include "compiler/plan/plan.h"
#include "runtime/engine/runner.h"

namespace weft::engine {

// A loaded object; unloaded with the last copy or runner.
class GeneratedObject {
 public:
  // `key`: see codegen::load. Errors: E0520, E0511 (codegen::load), E0520 also when a residue of
  // the plan is missing or counts another number of edges.
  static diag::Result<GeneratedObject> load(const std::string& path, const std::string& key,
                                            const plan::Plan& plan);

  std::unique_ptr<ResidueRunner> runner(const plan::Residue& residue) const;

 private:
  std::shared_ptr<codegen::Generated> object_;
};

}  // namespace weft::engine
