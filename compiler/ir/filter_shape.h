// Which rules a filter table takes, by what they look at, and what they then match.
//
// A shape says nothing about values: {"ipv4.dst": all bits, "udp.dst_port": all bits} is that of
// all rules "everything to this address and port".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/ir/fields.h"
#include "compiler/ir/graph.h"

namespace weft::ir {

using Shape = std::map<std::string, std::uint64_t>;  // field -> mask; 0 is the same as not there

// "tcp.dst_port" or "udp.dst_port".
std::string port_field(bool tcp, std::string_view name);

// All bits of each field.
Shape full_shape(const std::vector<std::string>& names, const FieldTable& fields);

// Why the table does not take rules of this shape; nullopt: it takes them. Capacity, actions and
// what the rules already there have for a mask are no part of it. (What it insists on of ports it
// does for the protocol alone that the rule is about.)
std::optional<std::string> why_not(const FilterTable& table, const Shape& shape,
                                   const FieldTable& fields);
inline bool accepts(const FilterTable& table, const Shape& shape, const FieldTable& fields) {
  return !why_not(table, shape, fields);
}

// The shape, or that of `names` in full, with what the table insists on besides (the protocol of
// the datagrams that it is about); nullopt where it takes no such rules, or would not look at all
// of it.
std::optional<Shape> shape_for(const FilterTable& table, Shape shape, const FieldTable& fields);
std::optional<Shape> shape_for(const FilterTable& table, const std::vector<std::string>& names,
                               const FieldTable& fields);

// Its rules say a protocol and nothing else: each is about a whole type of packets.
bool by_type_alone(const FilterTable& table);
// What such a rule looks at.
Shape shape_of_type();

// What of a mask the table looks at: a driver that ignores partial masks looks at nothing.
std::uint64_t effective_mask(const FilterTable& table, const std::string& field, std::uint64_t mask,
                             const FieldTable& fields);

// The type of packets that a rule of this shape is about, as far as tables care that keep one mask
// for each: its innermost header, "udp", "tcp", "ipv4" or "eth".
std::string packet_type(const Shape& shape);

// The packets that a rule of this shape can hit, whatever its values.
ExprPtr applies_to(const FilterTable& table, const Shape& shape);

// Rules of a table with same_mask_per may stand beside each other where this is equal: within one
// group all have one mask. Where that is the whole port, ports of TCP are masked as those of UDP:
// their fields are named "udp." here.
struct MaskGroup {
  std::string group;  // "" for the whole port
  Shape mask;         // as the table looks at it
};
MaskGroup mask_group(const FilterTable& table, const Shape& shape, const FieldTable& fields);

}  // namespace weft::ir
