#include "compiler/passes/spread.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>

#include "compiler/ir/evaluate.h"
#include "compiler/passes/steer.h"

namespace weft::passes {

namespace {

const std::vector<std::string> all_roles = {"src", "dst", "src_port", "dst_port"};
const std::vector<std::string> swapped_roles = {"dst", "src", "dst_port", "src_port"};

std::vector<std::string> roles_of(const std::vector<std::string>& fields) {
  std::vector<std::string> out;
  for (const std::string& field : fields) out.push_back(role_of(field));
  return out;
}

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

bool contains_all(const std::vector<std::string>& all, const std::vector<std::string>& some) {
  return std::all_of(some.begin(), some.end(), [&](const auto& s) { return contains(all, s); });
}

// Roles that packets at a port may be spread by: those of all lists that speak of it. Empty: any.
std::vector<std::string> matters_at(const ir::Spread& spread, const std::string& port) {
  std::vector<std::string> out = roles_of(spread.by);
  for (const ir::Together& together : spread.together) {
    for (const auto& [name, fields] : together.ports) {
      if (name != port) continue;
      const std::vector<std::string> here = roles_of(fields);
      if (out.empty()) {
        out = here;
      } else {
        std::erase_if(out, [&](const std::string& role) { return !contains(here, role); });
        if (out.empty()) return here;  // nothing is common to all: it will show as a contradiction
      }
    }
  }
  return out;
}

unsigned width_of(const ir::RssType& type, const ir::FieldTable& fields) {
  unsigned out = 0;
  for (const auto& field : type.input) out += fields.find(field)->width;
  return out;
}

rss::Request named(std::string name, const diag::Span& span) { return {std::move(name), span, {}}; }

// Packets at several ports, and nothing but the fields named.
rss::Request together_request(const ir::Together& together, const std::vector<rss::Port>& ports) {
  rss::Request out = named("together", together.span);
  const auto port_of = [&](const std::string& name) -> const rss::Port& {
    return *std::find_if(ports.begin(), ports.end(),
                         [&](const rss::Port& p) { return p.name == name; });
  };
  const rss::Port& first = port_of(together.ports.front().first);
  const std::vector<std::string> of_first = roles_of(together.ports.front().second);
  for (const auto& [name, fields] : together.ports) {
    const rss::Port& port = port_of(name);
    if (&port != &first) rss::require_same(out, first, of_first, port, roles_of(fields));
    rss::require_only(out, port, roles_of(fields));
  }
  return out;
}

// A role as the card's model names it: "ipv4.src".
std::string field_of_role(const ir::RssUnit& unit, const std::string& role) {
  for (const ir::RssType& type : unit.types) {
    for (const auto& field : type.input) {
      if (role_of(field) == role) return field;
    }
  }
  return role;
}

diag::Note model_note(const ir::Node& node, std::string text) {
  return {std::move(text), node.span};
}

constexpr const char* other_card = "leave it out, or take a card that can (`weft nic list`)";

}  // namespace

std::string role_of(const std::string& field) {
  for (const std::string header : {"ipv4.", "udp.", "tcp."}) {
    if (field.starts_with(header)) return field.substr(header.size());
  }
  return field;
}

unsigned picking_bits(unsigned table_size) {
  return table_size > 1 && std::has_single_bit(table_size)
             ? static_cast<unsigned>(std::countr_zero(table_size))
             : 32;
}

diag::Result<void> check_card(const Inputs& inputs, const ir::Node& node) {
  const ir::Spread& spread = inputs.workload.spread;
  const ir::RssUnit& unit = *node.config.rss;
  if (!spread.binds() && spread.key.empty()) return {};
  std::string why;
  if (!unit.predictable) {
    why = "it spreads by a rule that can be neither set nor predicted";
  } else if (!unit.key_settable) {
    why = "its key cannot be set";
  } else if (!spread.key.empty() && spread.key.size() != unit.key_bytes) {
    return diag::fail(
        diag::Diagnostic{"E0811",
                         fmt::format("a key of {} bytes, where {} has one of {}", spread.key.size(),
                                     inputs.nic.name, unit.key_bytes),
                         spread.key_span,
                         "",
                         {model_note(node, "the card's key")},
                         fmt::format("write {} hex digits", unit.key_bytes * 2)});
  }
  if (why.empty()) return {};
  return diag::fail(diag::Diagnostic{
      "E0811",
      fmt::format("{} cannot spread as the workload asks: {}", inputs.nic.name, why),
      spread.span,
      "",
      {model_note(node, "the card's unit for that")},
      "with `queues: 1` all packets come to one queue; else leave `spread` out, or take a card "
      "whose key can be set (`weft nic list`)"});
}

diag::Result<HashTypes> choose_types(const Inputs& inputs, const ir::Node& node) {
  const ir::RssUnit& unit = *node.config.rss;
  const std::string port = inputs.workload.spread.port;
  const std::vector<std::string> wanted = matters_at(inputs.workload.spread, port);
  const FlowKey any{0x0a000001, 1024, 0x0a000002, 7};
  const auto value = [&](const std::string& n) { return seen_of(any, inputs.fields, n); };
  const auto of_flows = [&](const ir::RssType& type) { return ir::holds(type.applies, value); };

  HashTypes out;
  for (const ir::RssType& type : unit.types) {
    if (!of_flows(type)) continue;
    const bool smaller = out.udp != nullptr && !wanted.empty() &&
                         width_of(type, inputs.fields) < width_of(*out.udp, inputs.fields);
    if (contains_all(roles_of(type.input), wanted) && (out.udp == nullptr || smaller))
      out.udp = &type;
    if (type.fixed) break;  // no datagram gets past it
  }
  if (out.udp == nullptr && !wanted.empty()) {
    std::vector<std::string> sets;
    for (const ir::RssType& type : unit.types)
      sets.push_back(fmt::format("{}: {}", type.name, fmt::join(type.input, ", ")));
    return diag::fail(
        diag::Diagnostic{"E0812",
                         fmt::format("no hash type of {} looks at all of {}", inputs.nic.name,
                                     fmt::join(wanted, ", ")),
                         inputs.workload.spread.by.empty() ? inputs.workload.spread.span
                                                           : inputs.workload.spread.by_span,
                         "",
                         {model_note(node, fmt::format("the card's: {}", fmt::join(sets, "; ")))},
                         other_card});
  }
  bool behind = out.udp == nullptr;  // types in front of it would take its packets
  for (const ir::RssType& type : unit.types) {
    behind = behind || &type == out.udp;
    const bool small =
        wanted.empty() || contains_all(roles_of(out.udp->input), roles_of(type.input));
    if (((!behind && of_flows(type)) || !small) && !type.fixed) continue;
    out.on.push_back(type.name);
    out.all.push_back(&type);
  }
  return out;
}

// A key can be symmetric, too, but then it has few bits left that place flows (19 on 4 queues of an
// E810 where the function leaves 37), and a key that is given rarely is.
ir::HashFunction choose_function(const Inputs& inputs, const ir::Node& node) {
  const auto& has = node.config.rss->functions;
  const auto wanted = ir::HashFunction::symmetric_toeplitz;
  const bool there = std::find(has.begin(), has.end(), wanted) != has.end();
  return inputs.workload.spread.symmetric && there ? wanted : ir::HashFunction::toeplitz;
}

rss::Task task_of(const Inputs& inputs, const ir::Node& node, const HashTypes& types,
                  ir::HashFunction function) {
  const ir::Spread& spread = inputs.workload.spread;
  rss::Task out;
  out.seed = 0x77656674 + spread.seed;  // "weft"
  rss::Port port{.key_bytes = node.config.rss->key_bytes,
                 .bits = picking_bits(node.config.rss->table_size)};
  for (const ir::RssType* type : types.all) {
    // (A card may hash Ethernet addresses of what is no flow at all.)
    const std::vector<std::string> roles = roles_of(type->input);
    if (std::none_of(roles.begin(), roles.end(),
                     [](const auto& r) { return contains(all_roles, r); }))
      continue;
    rss::Input input{type->name, {}};
    for (const auto& field : type->input)
      input.parts.push_back({role_of(field), input.bits(), inputs.fields.find(field)->width, {}});
    for (rss::Part& part : input.parts) {
      if (function != ir::HashFunction::symmetric_toeplitz) break;
      for (const rss::Part& other : input.parts)
        if (other.field == mirror_of(part.field)) part.also = other.offset;
    }
    port.inputs.push_back(std::move(input));
  }
  std::vector<std::string> names = spread.ports();
  if (names.empty()) names.emplace_back();
  std::sort(names.begin(), names.end());  // whichever port is planned: the same system
  for (std::size_t i = 0; i < names.size(); ++i) {
    port.name = names[i];
    port.first = spread.one_key ? 0 : static_cast<unsigned>(i) * port.key_bytes * 8;
    port.matters = matters_at(spread, names[i]);
    out.ports.push_back(port);
  }

  if (spread.symmetric) {
    out.requests.push_back(named("symmetric", spread.symmetric_span));
    for (const rss::Port& p : out.ports)
      rss::require_same(out.requests.back(), p, all_roles, p, swapped_roles);
  }
  if (!spread.by.empty()) {
    out.requests.push_back(named("by", spread.by_span));
    for (const rss::Port& p : out.ports)
      rss::require_only(out.requests.back(), p, roles_of(spread.by));
  }
  for (const ir::Together& together : spread.together)
    out.requests.push_back(together_request(together, out.ports));
  if (!spread.key.empty()) {
    out.requests.push_back(named("key", spread.key_span));
    rss::require_key(out.requests.back(), *own_port(out, spread), spread.key);
  }
  return out;
}

std::vector<rss::Port>::const_iterator own_port(const rss::Task& task, const ir::Spread& spread) {
  return std::find_if(task.ports.begin(), task.ports.end(),
                      [&](const rss::Port& p) { return p.name == spread.port; });
}

diag::Error no_such_key(const Inputs& inputs, const ir::Node& node, const rss::Task& task,
                        const rss::Contradiction& why) {
  std::vector<std::string> names;
  for (const unsigned r : why.requests) names.push_back(fmt::format("`{}`", task.requests[r].name));
  diag::Diagnostic out{.code = "E0813"};
  const std::string all = fmt::format("{}", fmt::join(names, " and "));
  if (why.starved.empty()) {
    out.message = fmt::format("no key does {}", all);
  } else {
    out.message = fmt::format("{} would leave nothing to spread `{}` by",
                              names.empty() ? inputs.nic.name : all,
                              field_of_role(*node.config.rss, why.starved));
  }
  for (std::size_t i = 0; i < why.requests.size(); ++i) {
    const rss::Request& request = task.requests[why.requests[i]];
    if (i == 0) {
      out.span = request.span;
    } else {
      out.notes.push_back({"together with this", request.span});
    }
  }
  out.notes.push_back(model_note(
      node, fmt::format("the card hashes with a key of {} bytes, its table has {} entries",
                        node.config.rss->key_bytes, node.config.rss->table_size)));
  out.help =
      names.size() > 1 ? "leave one of them out: none of the rest is in the way" : other_card;
  return diag::Error(std::move(out));
}

std::vector<std::string> in_words(const ir::Spread& spread) {
  std::vector<std::string> out;
  if (!spread.key.empty()) out.emplace_back(given_key);
  if (spread.symmetric) out.emplace_back("symmetric: both directions of a flow on one queue");
  if (!spread.by.empty()) out.push_back(fmt::format("by {} alone", fmt::join(spread.by, " and ")));
  for (const ir::Together& together : spread.together) {
    std::vector<std::string> ports;
    for (const auto& [name, fields] : together.ports)
      ports.push_back(fmt::format("{} of port {}", fmt::join(fields, ", "), name));
    out.push_back(fmt::format("one queue for the same {}", fmt::join(ports, " and ")));
  }
  return out;
}

}  // namespace weft::passes
