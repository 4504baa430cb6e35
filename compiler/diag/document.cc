#include "compiler/diag/document.h"

#include <nlohmann/json.hpp>

namespace weft::diag {

nlohmann::ordered_json document_of(const Error& error) {
  const Diagnostic& d = error.list.front();
  nlohmann::ordered_json out{
      {"format", 1}, {"ok", false}, {"code", d.code}, {"message", d.message}};
  if (!d.help.empty()) out["help"] = d.help;
  for (const Note& note : d.notes) out["notes"].push_back(note.text);
  return out;
}

Diagnostic diagnostic_of(const nlohmann::ordered_json& document) {
  Diagnostic out{.code = document.value("code", "E0466"),
                 .message = document.value("message", ""),
                 .help = document.value("help", "")};
  if (document.contains("notes")) {
    for (const auto& note : document["notes"]) {
      if (note.is_string()) out.notes.push_back({note.get<std::string>(), {}});
    }
  }
  return out;
}

}  // namespace weft::diag
