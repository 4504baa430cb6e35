#include "runtime/ports/wire_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace weft::ports {
namespace {

diag::Error refuse(std::string_view text, const std::string& why) {
  return diag::Diagnostic{
      .code = "E0600",
      .message = fmt::format("`{}` is no wire: {}", text, why),
      .help = "one of tap:NAME, af_packet:INTERFACE, pcap:IN.pcap,OUT.pcap, sim:IN.pcap,OUT.pcap"};
}

bool good_interface(std::string_view name) {
  return !name.empty() && name.size() <= 15 && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.' || c == '@';
         });
}

}  // namespace

diag::Result<WireName> wire_name(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return diag::fail(refuse(text, "there is no colon"));
  const std::string_view kind = text.substr(0, colon);
  const std::string_view rest = text.substr(colon + 1);
  WireName name;
  name.text = text;
  if (kind == "tap" || kind == "af_packet") {
    name.kind = kind == "tap" ? WireName::Kind::tap : WireName::Kind::af_packet;
    if (!good_interface(rest))
      return diag::fail(refuse(
          text,
          fmt::format("`{}` cannot be the name of an interface (at most 15 letters, digits, _-.@)",
                      rest)));
    name.interface = rest;
    return name;
  }
  if (kind != "pcap" && kind != "sim")
    return diag::fail(refuse(text, fmt::format("there is no kind `{}`", kind)));
  name.kind = kind == "pcap" ? WireName::Kind::pcap : WireName::Kind::sim;
  const auto comma = rest.find(',');
  name.in = rest.substr(0, comma);
  if (comma != std::string_view::npos) name.out = rest.substr(comma + 1);
  if (name.in.empty()) return diag::fail(refuse(text, "no file to read is named"));
  if (name.out.find(',') != std::string::npos)
    return diag::fail(refuse(text, "file names with a comma cannot be used"));
  return name;
}

}  // namespace weft::ports
