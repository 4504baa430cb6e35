#include "compiler/ir/fields.h"

namespace weft::ir {

const Field* FieldTable::find(std::string_view name) const {
  const auto found = fields.find(name);
  return found == fields.end() ? nullptr : &found->second;
}

const Header* FieldTable::header(std::string_view name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? nullptr : &found->second;
}

std::vector<std::string> FieldTable::names() const {
  std::vector<std::string> out;
  out.reserve(fields.size());
  for (const auto& [name, field] : fields) out.push_back(name);
  return out;
}

}  // namespace weft::ir
