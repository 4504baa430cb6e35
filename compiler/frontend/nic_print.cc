#include "compiler/frontend/nic_print.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "compiler/frontend/graph_parts.h"
#include "compiler/frontend/yaml_reader.h"

namespace weft::frontend {

namespace {

std::string limit(const char* what, const ir::Limit& limit) {
  return fmt::format("  {}: {{max: {}, source: {}}}\n", what, limit.max, quote(limit.source));
}

std::string commented(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out += "# " + text.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return out;
}

}  // namespace

const char* zero_copy_word(ir::ZeroCopy z) {
  switch (z) {
    case ir::ZeroCopy::none: return "none";
    case ir::ZeroCopy::receive: return "receive";
    case ir::ZeroCopy::transmit: return "transmit";
    case ir::ZeroCopy::both: break;
  }
  return "both";
}

std::string print_nic(const ir::NicModel& nic, const std::string& source,
                      const std::string& comment) {
  std::string out = commented(comment);
  out += fmt::format("nic: {}\n", quote(nic.name));
  if (!nic.title.empty()) out += fmt::format("title: {}\n", quote(nic.title));
  out += fmt::format("driver: {}\nsources:\n", quote(nic.driver));
  for (const auto& s : nic.sources) out += fmt::format("  - {}\n", quote(s));
  out += "queues:\n" + limit("rx", nic.rx_queues) + limit("tx", nic.tx_queues);
  out += fmt::format("limits:\n  tx_segments: {}\n  rx_segments: {}\n", nic.tx_segments,
                     nic.rx_segments);
  out += fmt::format("  external_buffers: {}\n  zero_copy: {}\n  max_frame: {}\n  source: {}\n",
                     nic.external_buffers, zero_copy_word(nic.zero_copy), nic.max_frame,
                     quote(source));
  if (nic.overflow.stated)
    out += fmt::format("overflow:\n  kept_by_peer: {}\n  counter: {}\n  source: {}\n",
                       nic.overflow.kept_by_peer, quote(nic.overflow.counter), quote(source));
  out += "\nreceive:\n" + print_nodes(nic.receive);
  out += "\ntransmit:\n" + print_nodes(nic.transmit);
  return out;
}

}  // namespace weft::frontend
