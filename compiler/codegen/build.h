// From a plan to a shared object, by the system's C++ compiler, at most once for the same code.
#pragma once

#include <string>
#include <vector>

#include "compiler/diag/diagnostic.h"
#include "compiler/ir/fields.h"
#include "compiler/plan/plan.h"

namespace weft::codegen {

struct BuildOptions {
  std::string compiler;                 // "" : $CXX, else c++
  std::vector<std::string> more_flags;  // after the usual ones
  std::string cache;                    // "": cache_folder()
};

struct BuildOutput {
  std::string source;   // path of the generated C++ file
  std::string object;   // path of the shared object
  std::string key;      // 64 hex digits; weft_generated::key
  bool cached = false;  // the object was there already
  double seconds = 0;   // spent in the compiler
};

// SHA-256 over the generated text, every header that generated code can include, the compiler's
// version, the flags, the CPU's features and the ABI version.
//
// Errors: E0510 no compiler (the interpreter needs none), E0511 and E0512 the cache, E0513 the
// compiler refused the code (our bug), E0514 weft's headers are not found; those of emit.h.
diag::Result<BuildOutput> build(const plan::Plan& plan, const ir::FieldTable& fields,
                                const BuildOptions& options = {});

// The same for any text that uses `abi.h`.
diag::Result<BuildOutput> build_text(const std::string& text, const BuildOptions& options = {});

}  // namespace weft::codegen
