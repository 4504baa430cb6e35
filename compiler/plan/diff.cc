#include "compiler/plan/diff.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "compiler/plan/memory.h"
#include "compiler/plan/places.h"
#include "compiler/plan/preview.h"
#include "compiler/plan/target.h"
#include "compiler/plan/text.h"

namespace weft::plan {
namespace {

using fmt::format;
using Kind = Change::Kind;

// Compares two maps from subject to text; the order is that of the subjects.
void compare(const std::string& section, const std::map<std::string, std::string>& before,
             const std::map<std::string, std::string>& after, std::vector<Change>& out) {
  for (const auto& [subject, text] : before) {
    auto other = after.find(subject);
    if (other == after.end()) {
      out.push_back({Kind::remove, section, subject, text, "", {}});
    } else if (other->second != text) {
      out.push_back({Kind::change, section, subject, text, other->second, {}});
    }
  }
  for (const auto& [subject, text] : after)
    if (!before.contains(subject)) out.push_back({Kind::add, section, subject, "", text, {}});
}

std::map<std::string, std::string> host_map(const Plan& p) {
  std::map<std::string, std::string> out;
  out["mac"] = mac_text(p.host.mac);
  out["address"] = format("{}/{}", address_text(p.host.address), p.host.prefix_length);
  out["vlan"] = format("{}", p.host.vlan_id);
  out["mtu"] = format("{}", p.host.mtu);
  out["forwarding"] = p.host.forwarding ? "on" : "off";
  if (p.host.multicast) out["multicast"] = "on";
  if (p.host.probe) out["probe"] = "on";
  for (const ir::Neighbour& n : p.host.neighbours)
    out[format("neighbour {}", address_text(n.address))] = mac_text(n.mac);
  for (const ir::OwnAddress& own : p.host.secondary)
    out[format("address {}", address_text(own.address))] = format("/{}", own.prefix_length);
  for (const ir::Route& r : p.host.routes)
    out[format("route {}/{}", address_text(r.prefix), r.length)] =
        r.via == 0 ? "on the link" : "via " + address_text(r.via);
  return out;
}

std::map<std::string, std::string> card_map(const Plan& p) {
  return {{"card", p.nic}, {"driver", p.driver}, {"protocol graph", p.graph}};
}

std::map<std::string, std::string> queue_map(const Plan& p) {
  std::map<std::string, std::string> out;
  out["receive queues"] = format("{}", p.configuration.rx_queues);
  out["transmit queues"] = format("{}", p.configuration.tx_queues);
  for (const NetCore& core : p.cores) out[format("core {}", core.id)] = queues_text(core.queues);
  return out;
}

std::map<std::string, std::string> memory_map(const Plan& p) {
  std::map<std::string, std::string> out;
  for (const Region& r : p.memory)
    out[format("{} of {}", to_string(r.kind), r.name)] =
        format("{}{} buffers of {} bytes{}", r.queues.empty() ? "" : queues_text(r.queues) + ", ",
               r.buffers, r.bytes, r.node ? format(", node {}", *r.node) : "");
  for (const Placed& it : p.chosen.placement)
    if (!it.process.empty() && it.endpoint < p.endpoints.size())
      out["process of " + p.endpoints[it.endpoint].name] =
          format("{}, {}", it.process, it.copies ? "copy" : "zero copy");
  return out;
}

std::map<std::string, std::string> knob_map(const Plan& p) {
  std::map<std::string, std::string> out;
  for (const auto& [knob, on] : p.configuration.knobs) out[knob] = on ? "on" : "off";
  return out;
}

std::map<std::string, std::string> rss_map(const Plan& p) {
  const Rss& rss = p.configuration.rss;
  std::map<std::string, std::string> out;
  if (!rss.enabled) return out;
  out["rss"] = "on";
  if (!rss.types.empty()) out["types"] = format("{}", fmt::join(rss.types, ", "));
  if (rss.function != ir::HashFunction::toeplitz) out["function"] = ir::to_string(rss.function);
  if (!rss.key.empty()) out["key"] = hex_text(rss.key);
  if (!rss.does.empty()) out["does"] = format("{}", fmt::join(rss.does, "; "));
  for (const auto& [port, key] : rss.peers) out["key of port " + port] = hex_text(key);
  if (rss.segment) out["of a segment"] = format("{}", fmt::join(*rss.segment, ", "));
  if (!rss.table.empty()) out["table"] = format("{}", fmt::join(run_lengths(rss.table), ", "));
  return out;
}

std::map<std::string, std::string> filter_map(const Plan& p) {
  std::map<std::string, std::string> out;
  for (const Filter& f : p.configuration.filters) {
    std::string text = target_text(f);
    if (f.priority) text += format(", priority {}", f.priority);
    if (f.mark) text += format(", mark {}", f.mark);
    out[f.table + " " + filter_subject(f)] = text;
  }
  return out;
}

std::map<std::string, std::string> endpoint_map(const Plan& p) {
  std::map<std::string, std::string> out;
  for (const ir::Endpoint& e : p.endpoints) {
    if (e.vacant()) continue;
    out[e.name] = format("{}, application {}", sockets_text(e), e.app);
  }
  return out;
}

std::map<std::string, std::string> flow_map(const Plan& p) {
  std::map<std::string, std::string> out;
  for (const FlowEntry& f : p.flows)
    out[format("{}:{} -> {}:{}", address_text(f.src), f.src_port, address_text(f.dst),
               f.dst_port)] =
        format("endpoint {}, queue {}",
               f.endpoint < p.endpoints.size() ? p.endpoints[f.endpoint].name : "?", f.queue);
  return out;
}

std::string subject(const Decision& d) { return d.item.empty() ? d.node : d.node + "." + d.item; }

void compare_residues(const std::string& section, const Residue& before, const Residue& after,
                      std::vector<Change>& out) {
  std::map<std::string, const Decision*> was, is;
  for (const Decision& d : before.decisions) was[subject(d)] = &d;
  for (const Decision& d : after.decisions) is[subject(d)] = &d;
  for (const Decision& d : after.decisions) {
    auto old = was.find(subject(d));
    if (old == was.end()) {
      out.push_back(
          {Kind::add, section, subject(d), "", std::string(ir::to_string(d.fate)), {d.why}});
    } else if (old->second->fate != d.fate) {
      out.push_back({Kind::change,
                     section,
                     subject(d),
                     std::string(ir::to_string(old->second->fate)),
                     std::string(ir::to_string(d.fate)),
                     {old->second->why, d.why}});
    }
  }
  for (const Decision& d : before.decisions)
    if (!is.contains(subject(d)))
      out.push_back(
          {Kind::remove, section, subject(d), std::string(ir::to_string(d.fate)), "", {d.why}});
}

// Residues of one class, in order. A plan has rarely more than one of each.
std::map<std::string, const Residue*> by_class(const Plan& plan) {
  std::map<std::string, const Residue*> out;
  std::map<std::string, unsigned> seen;
  for (const Residue& r : plan.residues) {
    unsigned n = ++seen[r.queue_class];
    out[n == 1 ? r.queue_class : format("{} {}", r.queue_class, n)] = &r;
  }
  return out;
}

std::string residue_summary(const Residue& r) {
  return format("{} on {}", r.id, queues_text(r.queues));
}

}  // namespace

std::vector<Change> diff(const Plan& before, const Plan& then) {
  // (Numbers of endpoints mean nothing by themselves.)
  const Plan after = with_places_of(then, before.endpoints);
  std::vector<Change> out;
  compare("made for", card_map(before), card_map(after), out);
  compare("host", host_map(before), host_map(after), out);
  compare("endpoints", endpoint_map(before), endpoint_map(after), out);
  compare("knobs", knob_map(before), knob_map(after), out);
  compare("rss", rss_map(before), rss_map(after), out);
  compare("filters", filter_map(before), filter_map(after), out);
  compare("queues", queue_map(before), queue_map(after), out);
  compare("memory", memory_map(before), memory_map(after), out);
  compare("flows", flow_map(before), flow_map(after), out);
  auto was = by_class(before), is = by_class(after);
  std::map<std::string, std::string> residues_was, residues_is;
  for (const auto& [name, r] : was) residues_was[name] = residue_summary(*r);
  for (const auto& [name, r] : is) residues_is[name] = residue_summary(*r);
  compare("residues", residues_was, residues_is, out);
  // Packets of a new class went through the residue for any packet before, and the reverse.
  for (const auto& [name, r] : is) {
    if (auto old = was.find(name); old != was.end()) {
      compare_residues("nodes of residue " + name, *old->second, *r, out);
    } else if (auto any = was.find("any"); any != was.end()) {
      compare_residues(format("nodes of residue {}, which was any", name), *any->second, *r, out);
    }
  }
  for (const auto& [name, r] : was)
    if (auto any = is.find("any"); !is.contains(name) && any != is.end())
      compare_residues(format("nodes of residue {}, which is any now", name), *r, *any->second,
                       out);
  return out;
}

namespace {

constexpr const char* signs[] = {"+", "~", "-"};
constexpr const char* colours[] = {"32", "33", "31"};

std::string sign_of(const Change& c, bool colour) {
  const int kind = static_cast<int>(c.kind);
  return colour ? format("\x1b[{}m{}\x1b[0m", colours[kind], signs[kind]) : signs[kind];
}

std::string value_of(const Change& c) {
  if (c.kind == Kind::change) return format("{} -> {}", c.before, c.after);
  return c.kind == Kind::add ? c.after : c.before;
}

std::string reasons_text(const Change& c) {
  std::string out;
  if (c.kind == Kind::change && c.reasons.size() == 2)
    return format("      was {}: {}\n      now {}: {}\n", c.before, c.reasons[0], c.after,
                  c.reasons[1]);
  for (const std::string& why : c.reasons) out += format("      {}\n", why);
  return out;
}

// Nodes of one section with the same fate and the same reasons share their lines.
std::string nodes_text(std::vector<const Change*> changes, bool colour) {
  std::string out;
  while (!changes.empty()) {
    const Change& first = *changes.front();
    std::vector<std::string> names;
    std::vector<const Change*> rest;
    for (const Change* c : changes) {
      if (c->kind == first.kind && value_of(*c) == value_of(first) && c->reasons == first.reasons) {
        names.push_back(c->subject);
      } else {
        rest.push_back(c);
      }
    }
    std::string head = format("  {} {:<20} ", signs[static_cast<int>(first.kind)], value_of(first));
    std::string lines = wrapped(head, names);
    out += lines.replace(2, 1, sign_of(first, colour)) + reasons_text(first);
    changes = std::move(rest);
  }
  return out;
}

std::string values_text(const std::vector<const Change*>& changes, std::size_t shown, bool colour) {
  std::string out;
  for (std::size_t i = 0; i < std::min(shown, changes.size()); ++i)
    out += format("  {} {:<28} {}\n", sign_of(*changes[i], colour), changes[i]->subject,
                  value_of(*changes[i]));
  if (changes.size() > shown)
    out += format("    ... and {} more (--all shows them)\n", changes.size() - shown);
  return out;
}

}  // namespace

std::string diff_text(const Plan& before, const Plan& after, const DiffOptions& options) {
  constexpr std::size_t few = 8;  // filters and flows
  const std::vector<Change> changes = diff(before, after);
  if (changes.empty()) return "No changes: both plans do the same.\n";
  std::size_t counts[3] = {0, 0, 0};
  std::string out;
  for (std::size_t i = 0; i < changes.size();) {
    const std::string& section = changes[i].section;
    std::vector<const Change*> here;
    for (; i < changes.size() && changes[i].section == section; ++i) {
      ++counts[static_cast<int>(changes[i].kind)];
      here.push_back(&changes[i]);
    }
    out += options.colour ? format("\x1b[1m{}\x1b[0m\n", section) : section + "\n";
    const bool many = section == "filters" || section == "flows";
    out += section.starts_with("nodes")
               ? nodes_text(here, options.colour)
               : values_text(here, many && !options.all ? few : here.size(), options.colour);
  }
  if (before.cycles_per_packet != after.cycles_per_packet)
    out += format("cost {:.1f} -> {:.1f} cycles per packet predicted\n", before.cycles_per_packet,
                  after.cycles_per_packet);
  return out +
         format("Plan: {} to add, {} to change, {} to remove.\n", counts[0], counts[1], counts[2]);
}

}  // namespace weft::plan
