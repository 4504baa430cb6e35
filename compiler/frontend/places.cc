#include "compiler/frontend/places.h"

#include <cstdlib>

namespace weft::frontend {

std::string source_root() {
  const char* set = std::getenv("WEFT_ROOT");
  return set != nullptr && *set != '\0' ? set : WEFT_SOURCE_DIR;
}

}  // namespace weft::frontend
