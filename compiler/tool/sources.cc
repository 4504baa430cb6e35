#include "compiler/tool/sources.h"

#include "compiler/ir/port_block.h"

namespace weft::tool {

std::optional<Source> source(const std::string& text) {
  Source out;
  std::string why;
  const auto colon = text.find(':');
  const auto prefix = frontend::parse_prefix(text.substr(0, colon), why);
  if (!prefix || prefix->length == 0) return std::nullopt;
  out.src = *prefix;
  if (colon == std::string::npos) return out;
  const std::string ports = text.substr(colon + 1);
  const auto dash = ports.find('-');
  std::uint16_t first = 0, last = 0;
  if (!number(std::string_view(ports).substr(0, dash), first) || first == 0) return std::nullopt;
  last = first;
  if (dash != std::string::npos && !number(std::string_view(ports).substr(dash + 1), last))
    return std::nullopt;
  if (last < first) return std::nullopt;
  out.ports = {first, last};
  return out;
}

std::vector<ir::FlowSet> sets_from(const Source& source) {
  std::vector<ir::PortBlock> blocks = {{0, 0}};
  if (!source.any_port()) blocks = ir::blocks_of(source.ports.first, source.ports.last);
  std::vector<ir::FlowSet> out;
  for (const ir::PortBlock& block : blocks) {
    ir::FlowSet set;
    set.src_mask = ~std::uint32_t{0} << (32 - source.src.length);
    set.src = source.src.address & set.src_mask;
    set.src_port = block.first;
    set.src_port_mask = block.mask;
    out.push_back(set);
  }
  return out;
}

bool parse_socket(const std::string& text, std::uint32_t& host, std::uint16_t& port) {
  std::string why;
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || !number(std::string_view(text).substr(colon + 1), port))
    return false;
  const auto at = frontend::parse_prefix(text.substr(0, colon), why);
  if (!at || at->length != 32 || text.find('/') != std::string::npos) return false;
  host = at->address;
  return true;
}

}  // namespace weft::tool
