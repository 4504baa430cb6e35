#include "runtime/ports/wire_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>
#include <vector>

namespace weft::ports {
namespace {

using Kind = WireName::Kind;

constexpr std::array<std::pair<std::string_view, Kind>, 10> kinds = {{
    {"tap", Kind::tap},
    {"af_packet", Kind::af_packet},
    {"af_xdp", Kind::af_xdp},
    {"memif", Kind::memif},
    {"virtio_user", Kind::virtio_user},
    {"vhost", Kind::vhost},
    {"ring", Kind::ring},
    {"pci", Kind::pci},
    {"pcap", Kind::pcap},
    {"sim", Kind::sim},
}};

// sockaddr_un::sun_path, with its end (unix(7)).
constexpr std::size_t longest_path = 107;

diag::Error refuse(std::string_view text, const std::string& why) {
  return diag::Diagnostic{
      .code = "E0600",
      .message = fmt::format("`{}` is no wire: {}", text, why),
      .help =
          "one of tap:NAME, af_packet:INTERFACE, af_xdp:INTERFACE, "
          "memif:SOCKET[,server|,client][,zero-copy], virtio_user:SOCKET, "
          "vhost:SOCKET[,client], ring:NAME, pci:DOMAIN:BUS:DEVICE.FUNCTION, "
          "pcap:IN.pcap,OUT.pcap, sim:IN.pcap,OUT.pcap"};
}

bool good_interface(std::string_view name) {
  return !name.empty() && name.size() <= 15 && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.' || c == '@';
         });
}

// What DPDK's lists of device arguments give a meaning to cannot be in a path.
bool good_path(std::string_view path) {
  return !path.empty() && path.size() <= longest_path &&
         std::all_of(path.begin(), path.end(), [](unsigned char c) {
           return std::isgraph(c) != 0 &&
                  std::string_view("=[]\"").find(c) == std::string_view::npos;
         });
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  for (;;) {
    const auto comma = text.find(',');
    out.push_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return out;
    text.remove_prefix(comma + 1);
  }
}

diag::Result<WireName> socket_wire(WireName name, std::string_view rest) {
  const auto parts = words(rest);
  if (!good_path(parts.front()))
    return diag::fail(refuse(
        name.text, fmt::format("`{}` cannot be the path of a socket (at most {} characters, none "
                               "of , = [ ] \" or blank)",
                               parts.front(), longest_path)));
  name.socket = parts.front();
  // As these devices are mostly met: a vhost serves, a virtio_user comes to it.
  name.server = name.kind != Kind::virtio_user;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (parts[i] == "server" || parts[i] == "client") {
      name.server = parts[i] == "server";
    } else if (parts[i] == "zero-copy" && name.kind == Kind::memif) {
      name.zero_copy = true;
    } else {
      return diag::fail(refuse(name.text, fmt::format("there is no option `{}`", parts[i])));
    }
  }
  // (Its driver would stand still until somebody comes.)
  if (name.kind == Kind::virtio_user && name.server)
    return diag::fail(refuse(name.text, "a virtio_user goes to its vhost; let that one listen"));
  if (name.zero_copy && name.server)
    return diag::fail(
        refuse(name.text, "zero-copy is for the client of a memif: the memory is the client's"));
  return name;
}

diag::Result<WireName> file_wire(WireName name, std::string_view rest) {
  const auto comma = rest.find(',');
  name.in = rest.substr(0, comma);
  if (comma != std::string_view::npos) name.out = rest.substr(comma + 1);
  if (name.in.empty()) return diag::fail(refuse(name.text, "no file to read is named"));
  if (name.out.find(',') != std::string::npos)
    return diag::fail(refuse(name.text, "file names with a comma cannot be used"));
  return name;
}

// "0000:00:04.0"; "00:04.0" is in domain 0, as lspci writes it. "" when it is neither.
std::string pci_address(std::string_view text) {
  std::string full(text);
  if (std::count(full.begin(), full.end(), ':') == 1) full = "0000:" + full;
  constexpr std::string_view shape = "xxxx:xx:xx.f";
  if (full.size() != shape.size()) return "";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const auto c = static_cast<unsigned char>(full[i]);
    const bool fits = shape[i] == 'x'   ? std::isxdigit(c) != 0
                      : shape[i] == 'f' ? c >= '0' && c <= '7'
                                        : c == static_cast<unsigned char>(shape[i]);
    if (!fits) return "";
    full[i] = static_cast<char>(std::tolower(c));
  }
  return full;
}

}  // namespace

diag::Result<WireName> wire_name(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return diag::fail(refuse(text, "there is no colon"));
  const std::string_view kind = text.substr(0, colon);
  const std::string_view rest = text.substr(colon + 1);
  const auto known =
      std::find_if(kinds.begin(), kinds.end(), [&](const auto& k) { return k.first == kind; });
  if (known == kinds.end())
    return diag::fail(refuse(text, fmt::format("there is no kind `{}`", kind)));
  WireName name;
  name.text = text;
  name.kind = known->second;
  if (name.on_socket()) return socket_wire(std::move(name), rest);
  if (!name.live()) return file_wire(std::move(name), rest);
  if (name.kind == Kind::pci) {
    name.interface = pci_address(rest);
    if (name.interface.empty())
      return diag::fail(
          refuse(text, fmt::format("`{}` is no PCI address like 0000:00:04.0 (lspci -D)", rest)));
    name.text = "pci:" + name.interface;
    return name;
  }
  if (!good_interface(rest))
    return diag::fail(refuse(
        text,
        fmt::format("`{}` cannot be the name of an interface (at most 15 letters, digits, _-.@)",
                    rest)));
  name.interface = rest;
  return name;
}

}  // namespace weft::ports
