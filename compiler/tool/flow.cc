// Flows and endpoints of a running stack, added, moved and removed by hand: by the planner that
// serves it, or by one that is made for this once.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "compiler/diag/document.h"
#include "compiler/tool/commands.h"
#include "compiler/tool/running.h"
#include "compiler/tool/runtime_socket.h"
#include "compiler/tool/say.h"

namespace weft::tool {

void print_operations(const std::vector<plan::Operation>& operations, bool all);

namespace {

using Json = nlohmann::ordered_json;

int show(const std::string& answer, bool json) {
  const Json j = Json::parse(answer, nullptr, false);
  if (!j.is_object() || !j.contains("ok"))
    return report(plain("E0466", "the planner's answer makes no sense"));
  if (!j.value("ok", false)) return report(diag::diagnostic_of(j));
  if (json) {
    print(j.dump(2) + "\n");
    return ok;
  }
  for (const Json& line : j["operations"]) print(line.get<std::string>() + "\n");
  say(fmt::format("proved in {:.0f} us, applied in {:.0f} us", j.value("proved_us", 0.0),
                  j.value("applied_us", 0.0)));
  return ok;
}

int request(const RequestArgs& args, const char* what) {
  std::vector<std::string> words = args.words;
  words.insert(words.begin() + 1, what);
  const std::string text = fmt::format("{}", fmt::join(words, " "));
  auto stack = stack_named(args.stack);
  if (!stack) return report(stack.error());
  say_which(args.stack, *stack);
  auto answer = ask_at(planner_socket(*stack), text, "", true);
  if (answer) return show(*answer, args.json);
  // (One that is there, and has not answered, may be about to change the stack.)
  if (answer.error().list.front().code != "E0465") return report(answer.error());
  auto session = Session::begin(*stack, {"", args.graph, args.nic, "", args.costs});
  if (!session) return report(session.error());
  auto operations = understand((*session)->planner(), text);
  if (!operations) return report(operations.error());
  if (auto sent = (*session)->send(*operations); !sent) return report(sent.error());
  if (args.json) {
    Json out{{"ok", true}, {"operations", Json::array()}};
    for (const auto& o : *operations) out["operations"].push_back(plan::text(o));
    print(out.dump(2) + "\n");
  } else {
    print_operations(*operations, true);
  }
  return ok;
}

}  // namespace

int flow(const RequestArgs& args) { return request(args, "flow"); }
int endpoint(const RequestArgs& args) { return request(args, "endpoint"); }

}  // namespace weft::tool
