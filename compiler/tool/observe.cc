// stats and drops of a running stack, asked over its unix socket (runtime/observe).
#include <fmt/format.h>

#include "compiler/tool/commands.h"
#include "compiler/tool/say.h"

namespace weft::tool {
int stats(const ObserveArgs&) { return not_ready; }
int drops(const ObserveArgs&) { return not_ready; }
}  // namespace weft::tool
