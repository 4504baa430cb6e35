#include "compiler/tool/stats_document.h"

#include <fmt/format.h>

#include "compiler/tool/runtime_socket.h"
#include "compiler/tool/say.h"

namespace weft::tool {

std::uint64_t number(const Json& j, const char* key) { return j.value(key, std::uint64_t{0}); }
std::string text(const Json& j, const char* key) { return j.value(key, std::string()); }

diag::Result<Json> stats_document(const std::string& name) {
  auto answer = ask(name, "stats");
  if (!answer) return diag::fail(answer.error());
  Json j = Json::parse(*answer, nullptr, false);
  if (j.is_object() && j.contains("error"))
    return diag::fail(plain("E0466", fmt::format("the stack says: {}", text(j, "error"))));
  if (!j.is_object() || number(j, "format") != 1)
    return diag::fail(plain("E0466", "the stack's answer is not of format 1",
                            "weft and weft-runtime must be of the same version"));
  for (const char* part : {"wire", "card", "cores", "queues", "nodes", "drops", "apps"})
    if (!j.contains(part))
      return diag::fail(plain("E0466", fmt::format("the stack's answer lacks `{}`", part),
                              "weft and weft-runtime must be of the same version"));
  return j;
}

std::string head_line(const Json& j) {
  return fmt::format("{}: {} on {}, {}, {} for {:.1f} s\n", text(j, "plan"), text(j, "graph"),
                     text(j, "nic"), text(j, "engine"),
                     j.value("running", false) ? "up" : "stopped",
                     static_cast<double>(number(j, "time_ns")) / 1e9);
}

int lacks_a_part(const std::exception& e) {
  return report(
      diag::Error(plain("E0466", fmt::format("the stack's answer lacks a part: {}", e.what()),
                        "weft and weft-runtime must be of the same version")));
}

}  // namespace weft::tool
