#include "compiler/plan/text.h"

#include <fmt/format.h>

namespace weft::plan {
namespace {

constexpr std::size_t line_width = 100;

}  // namespace

std::string address_text(std::uint32_t a) {
  return fmt::format("{}.{}.{}.{}", a >> 24, (a >> 16) & 255, (a >> 8) & 255, a & 255);
}

std::string sockets_text(const ir::Endpoint& e) {
  const char* const protocol = e.tcp ? "tcp" : "udp";
  std::string out = e.ports == 1 ? fmt::format("{} port {}", protocol, e.port)
                                 : fmt::format("{} ports {}-{}", protocol, e.port, e.last_port());
  if (e.bound()) out += " of " + address_text(e.address);
  if (e.addresses != 1) out += "-" + address_text(e.address + e.addresses - 1);
  for (const ir::GroupJoin& g : e.groups) out += ", group " + group_text(g);
  return out;
}

std::string group_text(const ir::GroupJoin& g) {
  std::string out = address_text(g.group);
  if (!g.exclude) {
    out += " only";
  } else if (!g.sources.empty()) {
    out += " except";
  }
  for (const std::uint32_t source : g.sources) out += " " + address_text(source);
  return out;
}

std::string mac_text(std::uint64_t mac) {
  std::string out;
  for (int shift = 40; shift >= 0; shift -= 8) {
    if (!out.empty()) out += ':';
    out += fmt::format("{:02x}", (mac >> shift) & 255);
  }
  return out;
}

std::string hex_text(const std::vector<std::uint8_t>& bytes) {
  std::string out;
  for (std::uint8_t byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

std::string number_text(double value) {
  if (value >= 0 && value < 1e15 && value == static_cast<double>(static_cast<std::uint64_t>(value)))
    return fmt::format("{}", static_cast<std::uint64_t>(value));
  return fmt::format("{}", value);
}

unsigned usual_width(std::string_view field) {
  if (field == "ipv4.src" || field == "ipv4.dst") return 32;
  if (field == "ipv4.protocol") return 8;
  if (field.size() > 5 && field.substr(field.size() - 5) == "_port") return 16;
  return 0;
}

std::string match_text(std::string_view field, std::uint64_t value, std::uint64_t mask) {
  unsigned width = usual_width(field);
  if (width == 0 || mask != (std::uint64_t{1} << width) - 1)
    return fmt::format("{:#x}/{:#x}", value, mask);
  return width == 32 ? address_text(static_cast<std::uint32_t>(value)) : fmt::format("{}", value);
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::vector<std::string> run_lengths(const std::vector<std::uint16_t>& values) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < values.size();) {
    std::size_t j = i;
    while (j < values.size() && values[j] == values[i]) ++j;
    out.push_back(j - i == 1 ? fmt::format("{}", values[i])
                             : fmt::format("{} x{}", values[i], j - i));
    i = j;
  }
  return out;
}

std::string wrapped(const std::string& head, const std::vector<std::string>& words) {
  std::string out, line = head;
  bool fresh = true;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string word = words[i] + (i + 1 < words.size() ? "," : "");
    if (!fresh && line.size() + 1 + word.size() > line_width) {
      out += line + "\n";
      line = std::string(head.size(), ' ');
      fresh = true;
    }
    line += (fresh ? "" : " ") + word;
    fresh = false;
  }
  return out + line + "\n";
}

}  // namespace weft::plan
