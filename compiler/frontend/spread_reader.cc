#include "compiler/frontend/spread_reader.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::frontend {
namespace {

// What cards can hash of a flow.
const std::vector<std::string> flow_fields = {"ipv4.src", "ipv4.dst", "udp.src_port",
                                              "udp.dst_port"};
constexpr std::size_t most_ports = 3;  // so many keys fit one system of equations
constexpr std::size_t most_key_bytes = 256;

std::vector<std::string> read_fields(const Value& at) {
  std::vector<std::string> out;
  const std::size_t before = at.error_count();
  for (const Value& field : at.list()) {
    const std::size_t here = field.error_count();
    const std::string& name = flow_fields[field.word(flow_fields, "a field that cards hash")];
    if (field.error_count() != here) continue;
    if (std::find(out.begin(), out.end(), name) != out.end())
      field.error("E0280", fmt::format("`{}` is named twice", name));
    out.push_back(name);
  }
  if (out.empty() && at.is_sequence() && at.error_count() == before)
    at.error("E0280", "no fields to spread by", "",
             "name some: [ipv4.src], or leave it out for all that the card hashes");
  return out;
}

ir::Together read_together(const Value& at) {
  ir::Together out;
  out.span = at.span();
  const std::size_t before = at.error_count();
  for (const auto& [name, fields] : at.members())
    out.ports.emplace_back(name.name(), read_fields(fields));
  if (at.error_count() != before || !at.is_mapping()) return out;
  const bool even = std::all_of(out.ports.begin(), out.ports.end(), [&](const auto& p) {
    return p.second.size() == out.ports.front().second.size();
  });
  if (out.ports.size() < 2 || !even)
    at.error("E0280", "two ports or more, each with as many fields as the others", "",
             "{lan: [ipv4.src, ipv4.dst], wan: [ipv4.dst, ipv4.src]}");
  return out;
}

std::vector<std::uint8_t> read_key(const Value& at) {
  const std::size_t before = at.error_count();
  const std::string text = at.text();
  std::vector<std::uint8_t> out;
  if (!at.present() || at.error_count() != before) return out;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  const bool good = !text.empty() && text.size() % 2 == 0 && text.size() <= 2 * most_key_bytes &&
                    text.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
  if (!good) {
    at.error("E0280", "a key is written as two hex digits for each byte", "", "key: \"6d5a56da\"");
    return out;
  }
  for (std::size_t i = 0; i < text.size(); i += 2)
    out.push_back(static_cast<std::uint8_t>(digit(text[i]) * 16 + digit(text[i + 1])));
  return out;
}

}  // namespace

ir::Spread read_spread(const Value& at) {
  Mapping m(at, "`spread`");
  ir::Spread out;
  out.span = at.span();
  if (const auto v = m.optional("symmetric")) {
    out.symmetric = v->flag();
    out.symmetric_span = v->span();
  }
  if (const auto v = m.optional("by")) {
    out.by = read_fields(*v);
    out.by_span = v->key_span();
  }
  const auto port = m.optional("port");
  if (port) out.port = port->name();
  const auto together = m.optional("together");
  if (together) {
    for (const Value& entry : together->list()) out.together.push_back(read_together(entry));
  }
  const auto keys = m.optional("keys");
  if (keys) out.one_key = keys->word({"each", "one"}, "a way to have keys") == 1;
  if (const auto v = m.optional("key")) {
    out.key = read_key(*v);
    out.key_span = v->span();
  }
  if (const auto v = m.optional("seed")) out.seed = v->number(0, ~std::uint64_t{0});
  m.done();

  if ((port || keys) && !together) {
    (port ? *port : *keys)
        .error("E0280", "this is said of ports that belong together", "",
               "add `together: [{lan: [...], wan: [...]}]`");
  }
  if (!together) return out;
  ir::Spread unnamed = out;
  unnamed.port = "";
  const std::vector<std::string> names = unnamed.ports();
  if (!port) {
    together->error("E0280", "which of the ports is this one?", "",
                    names.empty() ? "" : fmt::format("add `port: {}`", names.front()));
  } else if (!out.port.empty() && !names.empty() &&
             std::find(names.begin(), names.end(), out.port) == names.end()) {
    const std::string near = diag::nearest(out.port, names);
    port->error("E0280", fmt::format("`together` says nothing of port `{}`", out.port),
                near.empty() ? "" : fmt::format("did you mean `{}`?", near),
                fmt::format("its ports: {}", fmt::join(names, ", ")));
  }
  if (names.size() > most_ports)
    together->error("E0280", fmt::format("more than {} ports", most_ports));
  return out;
}

}  // namespace weft::frontend
