// Everything that is read before anything is started.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/fields.h"
#include "compiler/ir/nic_model.h"
#include "compiler/plan/plan.h"
#include "runtime/apps/library.h"
#include "runtime/engine/generated.h"
#include "runtime/engine/pools.h"
#include "runtime/ports/linear.h"
#include "runtime/tool/options.h"

namespace weft::tool {

struct Loaded {
  ir::FieldTable fields;
  plan::Plan plan;
  std::string name;  // of this instance
  ir::NicModel model;
  ports::TransmitLimits wire_limits;  // what the wire's driver can send, as its own model says
  plan::BufferUse buffers;            // of the card, over that wire
};

// The plan with its proof checked, and the model that it was made for.
// Errors: those of the readers; E0453 edited after the proof, E0457 never proved, E0454 made from
// another model or other header files than those here; E0612, a wire that cannot carry the plan's
// frames.
diag::Result<Loaded> load(const RuntimeOptions& options);

diag::Result<std::vector<apps::Library>> load_apps(const plan::Plan& plan,
                                                   const RuntimeOptions& options);

diag::Result<apps::Library> load_app(const std::string& name, const RuntimeOptions& options);

// Generated code of a plan, built when it is not in the cache.
diag::Result<engine::GeneratedObject> build_code(const plan::Plan& plan,
                                                 const ir::FieldTable& fields);

// The same as options say, built when it is not in the cache; nullopt when the plan is to be
// interpreted, because that was asked for or because this machine has no compiler (which is then
// said).
diag::Result<std::optional<engine::GeneratedObject>> load_code(const Loaded& loaded,
                                                               const RuntimeOptions& options);

}  // namespace weft::tool
