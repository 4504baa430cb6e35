#include "compiler/ir/filter_shape.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::ir {

namespace {

std::uint64_t all_bits(const std::string& name, const FieldTable& fields) {
  const Field* field = fields.find(name);
  if (field == nullptr) return 0;
  return field->width >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << field->width) - 1;
}

std::uint64_t mask_of(const Shape& shape, const std::string& name) {
  const auto at = shape.find(name);
  return at == shape.end() ? 0 : at->second;
}

bool names_field_of(const Shape& shape, const std::string& header) {
  return std::any_of(shape.begin(), shape.end(), [&](const auto& entry) {
    return entry.second != 0 && entry.first.starts_with(header + ".");
  });
}

// A field of the transport header that rules of this shape are not about.
bool of_other_transport(const std::string& field, const std::string& type) {
  return (type == "udp" && field.starts_with("tcp.")) ||
         (type == "tcp" && field.starts_with("udp."));
}

// The headers that `applies` asks for at its top: "has(a) && has(b) && ...". A rule says with its
// fields that it is about them; one that can't say so is refused by drivers.
void headers_asked_for(const ExprPtr& e, std::vector<std::string>& out) {
  if (e == nullptr) return;
  if (e->op == Op::has) out.push_back(e->name);
  if (e->op == Op::logical_and)
    for (const ExprPtr& arg : e->args) headers_asked_for(arg, out);
}

bool is_listed(const FilterTable& table, const Shape& shape) {
  if (table.shapes.empty()) return true;
  return std::any_of(table.shapes.begin(), table.shapes.end(), [&](const auto& names) {
    const auto named = [&](const std::string& n) {
      return std::find(names.begin(), names.end(), n) != names.end();
    };
    return std::all_of(names.begin(), names.end(),
                       [&](const auto& n) { return mask_of(shape, n) != 0; }) &&
           std::all_of(shape.begin(), shape.end(),
                       [&](const auto& entry) { return entry.second == 0 || named(entry.first); });
  });
}

}  // namespace

std::string port_field(bool tcp, std::string_view name) {
  return fmt::format("{}.{}", tcp ? "tcp" : "udp", name);
}

Shape full_shape(const std::vector<std::string>& names, const FieldTable& fields) {
  Shape out;
  for (const auto& name : names) out[name] = all_bits(name, fields);
  return out;
}

std::optional<std::string> why_not(const FilterTable& table, const Shape& shape,
                                   const FieldTable& fields) {
  for (const auto& [name, mask] : shape) {
    const auto at = table.fields.find(name);
    if (mask != 0 && (at == table.fields.end() || at->second == Match::none))
      return fmt::format("can't look at {}", name);
  }
  const std::string type = packet_type(shape);
  for (const auto& [name, how] : table.fields) {
    const std::uint64_t mask = mask_of(shape, name);
    if (mask == 0 && of_other_transport(name, type)) continue;
    const bool full = mask == all_bits(name, fields);
    const bool ok = how == Match::any_mask || how == Match::full_or_ignored || full ||
                    (mask == 0 && how != Match::full);
    if (!ok) return fmt::format("can't match {} with mask {:#x}", name, mask);
  }
  if (!table.types.empty() && !table.types.contains(type))
    return fmt::format("takes no rules for {}", type);
  std::vector<std::string> asked;
  headers_asked_for(applies_to(table, shape), asked);
  for (const auto& header : asked) {
    const bool inside =
        header == "ipv4" && (names_field_of(shape, "udp") || names_field_of(shape, "tcp"));
    if (!inside && !names_field_of(shape, header))
      return fmt::format("takes rules for {} alone, and no field says so", header);
  }
  if (!is_listed(table, shape)) return "takes no rules on this set of fields";
  return std::nullopt;
}

std::optional<Shape> shape_for(const FilterTable& table, Shape shape, const FieldTable& fields) {
  if (table.fields.contains("ipv4.protocol")) shape["ipv4.protocol"] = 0xff;
  const bool all_seen = std::all_of(shape.begin(), shape.end(), [&](const auto& part) {
    return effective_mask(table, part.first, part.second, fields) == part.second;
  });
  if (!all_seen || !accepts(table, shape, fields)) return std::nullopt;
  return shape;
}

std::optional<Shape> shape_for(const FilterTable& table, const std::vector<std::string>& names,
                               const FieldTable& fields) {
  return shape_for(table, full_shape(names, fields), fields);
}

bool by_type_alone(const FilterTable& table) {
  return table.fields.size() == 1 && table.fields.contains("ipv4.protocol");
}

Shape shape_of_type() { return {{"ipv4.protocol", 0xff}}; }

std::uint64_t effective_mask(const FilterTable& table, const std::string& field, std::uint64_t mask,
                             const FieldTable& fields) {
  const auto at = table.fields.find(field);
  const bool ignored = at != table.fields.end() && at->second == Match::full_or_ignored &&
                       mask != all_bits(field, fields);
  return ignored ? 0 : mask;
}

std::string packet_type(const Shape& shape) {
  for (const char* header : {"udp", "tcp", "ipv4"}) {
    if (names_field_of(shape, header)) return header;
  }
  return "eth";
}

ExprPtr applies_to(const FilterTable& table, const Shape& shape) {
  if (table.types.empty()) return table.applies;
  const auto at = table.types.find(packet_type(shape));
  return at == table.types.end() ? truth(false) : at->second;
}

MaskGroup mask_group(const FilterTable& table, const Shape& shape, const FieldTable& fields) {
  MaskGroup out;
  const bool per_type = table.same_mask_per == "type";
  if (per_type) out.group = packet_type(shape);
  for (const auto& [name, mask] : shape) {
    const std::uint64_t seen = effective_mask(table, name, mask, fields);
    if (seen == 0) continue;
    const bool of_tcp = !per_type && name.starts_with("tcp.");
    out.mask[of_tcp ? "udp." + name.substr(4) : name] = seen;
  }
  return out;
}

}  // namespace weft::ir
