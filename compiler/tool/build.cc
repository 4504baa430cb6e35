#include <fmt/format.h>

#include "compiler/codegen/build.h"
#include "compiler/codegen/emit.h"
#include "compiler/tool/commands.h"
#include "compiler/tool/inputs.h"
#include "compiler/tool/say.h"

namespace weft::tool {

int build(const BuildArgs& args) {
  auto fields = load_fields();
  if (!fields) return report(fields.error());
  auto plan = plan::read_plan(args.plan, *fields);
  if (!plan) return report(plan.error());
  if (args.source || !args.output.empty()) {
    auto text = codegen::generate(*plan, *fields);
    if (!text) return report(text.error());
    if (args.output.empty()) {
      print(*text);
      return ok;
    }
    if (auto written = plan::write_file_atomically(*text, args.output); !written)
      return report(written.error());
    say(fmt::format("wrote {}", args.output));
    return ok;
  }
  codegen::BuildOptions options;
  if (!args.cpu.empty()) options.more_flags.push_back("-march=" + args.cpu);  // the last one counts
  auto built = codegen::build(*plan, *fields, options);
  if (!built) return report(built.error());
  print(fmt::format("source {}\nobject {}\n", built->source, built->object));
  say(built->cached ? "it was built before" : fmt::format("compiled in {:.1f} s", built->seconds));
  return ok;
}

}  // namespace weft::tool
