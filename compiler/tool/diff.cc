#include "compiler/plan/diff.h"

#include "compiler/tool/commands.h"
#include "compiler/tool/inputs.h"
#include "compiler/tool/say.h"

namespace weft::tool {

int diff(const DiffArgs& args) {
  auto before = load_plan(args.before);
  if (!before) return report(before.error());
  auto after = load_plan(args.after);
  if (!after) return report(after.error());
  if (args.json) {
    print(plan::diff_json(*before, *after));
  } else {
    print(plan::diff_text(*before, *after, {args.all, colour_on_stdout()}));
  }
  return args.detailed_exitcode && !plan::diff(*before, *after).empty() ? changes_pending : ok;
}

}  // namespace weft::tool
