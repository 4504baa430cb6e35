#include "compiler/plan/preview.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <map>

#include "compiler/plan/memory.h"
#include "compiler/plan/places.h"
#include "compiler/plan/segment_rules.h"
#include "compiler/plan/target.h"
#include "compiler/plan/text.h"

namespace weft::plan {
namespace {

using fmt::format;

constexpr std::size_t shown_filters = 5;
constexpr std::size_t shown_choices = 8;

struct Paint {
  bool on;
  std::string operator()(const char* code, const std::string& text) const {
    return on ? format("\x1b[{}m{}\x1b[0m", code, text) : text;
  }
};

constexpr const char* bold = "1";
constexpr const char* green = "32";
constexpr const char* yellow = "33";
constexpr const char* red = "31";
constexpr const char* grey = "90";

std::string subject(const Decision& d) { return d.item.empty() ? d.node : d.node + "." + d.item; }

// Drops follow their nodes; people want to read about the nodes, and the number of drops. What is
// gone is in no graph any more, so the name has to tell.
bool is_drop(const Residue& r, const Decision& d) {
  if (auto v = r.graph.find(d.node)) return r.graph.node(*v).kind == ir::NodeKind::drop;
  return d.node.starts_with("drop_");
}

std::string header_text(const Plan& plan, const Paint& paint) {
  std::string out = paint(bold, format("plan for {} on {}", plan.graph, plan.nic));
  out += format(" (driver {}): {} queue{}, {} core{}, {} residue{}\n", plan.driver,
                plan.configuration.rx_queues, plan.configuration.rx_queues == 1 ? "" : "s",
                plan.cores.size(), plan.cores.size() == 1 ? "" : "s", plan.residues.size(),
                plan.residues.size() == 1 ? "" : "s");
  const ir::HostConfig& h = plan.host;
  out += format("host {} {}/{}, {}, mtu {}{}\n", mac_text(h.mac), address_text(h.address),
                h.prefix_length, h.vlan_id == 0 ? "untagged" : format("vlan {}", h.vlan_id), h.mtu,
                h.forwarding ? ", forwarding" : "");
  if (!h.secondary.empty()) {
    constexpr std::size_t shown = 8;
    std::vector<std::string> also;
    for (const ir::OwnAddress& own : h.secondary) {
      if (also.size() == shown) break;
      also.push_back(format("{}/{}", address_text(own.address), own.prefix_length));
    }
    if (h.secondary.size() > shown) also.push_back(format("{} more", h.secondary.size() - shown));
    out += wrapped("also ", also) + "\n";
  }
  std::vector<std::size_t> flows(plan.endpoints.size());
  for (const FlowEntry& f : plan.flows) ++flows.at(f.endpoint);
  constexpr std::size_t shown = 32;
  for (std::size_t i = 0; i < plan.endpoints.size() && i < shown; ++i) {
    const ir::Endpoint& e = plan.endpoints[i];
    if (e.vacant()) continue;
    out += format("endpoint {}: {}, application {}, {} known flow{}\n", e.name, sockets_text(e),
                  e.app, flows[i], flows[i] == 1 ? "" : "s");
    for (const Placed& p : plan.chosen.placement)
      if (p.endpoint == i) out += format("  {}: {}\n", to_string(p.how), p.why);
    if (strangers_by_hash(plan, static_cast<unsigned>(i))) out += format("  {}\n", none_expected);
  }
  if (plan.endpoints.size() > shown)
    out += format("and {} endpoints more\n", plan.endpoints.size() - shown);
  return out;
}

// {1: 14, 2: 13, 3: 13} -> "queue 1 x14, queues 2-3 x13 each"
std::string shares_text(const std::map<unsigned, unsigned>& of_queue) {
  std::map<unsigned, std::vector<unsigned>, std::greater<>> by_count;
  for (const auto& [queue, count] : of_queue) by_count[count].push_back(queue);
  std::vector<std::string> out;
  for (const auto& [count, queues] : by_count)
    out.push_back(
        format("{} x{}{}", queues_text(queues), count, queues.size() == 1 ? "" : " each"));
  return format("{}", fmt::join(out, ", "));
}

std::string rss_text(const Rss& rss, const Paint& paint) {
  if (!rss.enabled) return format("  {} rss       off\n", paint(grey, "."));
  std::map<unsigned, unsigned> buckets;
  for (std::uint16_t queue : rss.table) ++buckets[queue];
  std::string key = hex_text(rss.key);
  if (key.size() > 16) key = key.substr(0, 16) + "...";
  std::string out = format("  {} rss       {}", paint(green, "+"), fmt::join(rss.types, ", "));
  if (rss.types.empty()) out += "as the card spreads, nothing can be set";
  if (!key.empty()) out += format(", key {}", key);
  out += "\n";
  if (!rss.table.empty())
    out += format("              table of {}: {}\n", rss.table.size(), shares_text(buckets));
  if (rss.function == ir::HashFunction::symmetric_toeplitz)
    out += "              symmetric_toeplitz: the card adds up fields of both directions\n";
  for (const std::string& what : rss.does) out += format("              {}\n", what);
  for (const auto& [port, its] : rss.peers)
    out += format("              port {}: key {}\n", port, hex_text(its));
  return out;
}

std::string filters_text(const std::vector<Filter>& filters, bool all, const Paint& paint) {
  std::map<std::string, std::vector<const Filter*>> tables;
  for (const Filter& filter : filters) tables[filter.table].push_back(&filter);
  std::string out;
  for (const auto& [table, list] : tables) {
    std::map<unsigned, unsigned> queues;
    for (const Filter* f : list)
      for (const unsigned q : queues_of(*f)) ++queues[q];
    out += format("  {} filters   {} in {}: {}\n", paint(green, "+"), list.size(), table,
                  shares_text(queues));
    const bool ordered = std::any_of(
        list.begin(), list.end(),
        [first = list.front()->priority](const Filter* f) { return f->priority != first; });
    std::size_t shown = all ? list.size() : std::min(list.size(), shown_filters);
    for (std::size_t i = 0; i < shown; ++i)
      out += format("              {:<5} {} => {}{}{}\n", list[i]->id, filter_subject(*list[i]),
                    target_text(*list[i]), list[i]->mark ? format(", mark {}", list[i]->mark) : "",
                    ordered ? format(", priority {}", list[i]->priority) : "");
    if (shown < list.size())
      out += paint(
          grey, format("              ... and {} more (--all shows them)\n", list.size() - shown));
  }
  return out;
}

std::string card_text(const Plan& plan, const PreviewOptions& options, const Paint& paint) {
  std::string out = paint(bold, "card") + "\n";
  for (const auto& [knob, on] : plan.configuration.knobs)
    out += format("  {} {:<9} {}\n", on ? paint(green, "+") : paint(grey, "."), on ? "on" : "off",
                  knob);
  out += rss_text(plan.configuration.rss, paint);
  return out + filters_text(plan.configuration.filters, options.all, paint);
}

std::string residue_text(const Residue& r, const PreviewOptions& options, const Paint& paint) {
  // Decisions with one fate and one reason share a line.
  struct Group {
    ir::Fate fate;
    std::string why;
    std::vector<std::string> names;
    std::size_t drops = 0;
  };
  std::vector<Group> groups;
  std::map<ir::Fate, std::size_t> counts;
  for (const Decision& d : r.decisions) {
    auto same = std::find_if(groups.begin(), groups.end(),
                             [&](const Group& g) { return g.fate == d.fate && g.why == d.why; });
    if (same == groups.end()) same = groups.insert(groups.end(), Group{d.fate, d.why, {}, 0});
    if (is_drop(r, d) && !options.all) {
      ++same->drops;
    } else {
      ++counts[d.fate];
      same->names.push_back(subject(d));
    }
  }
  auto with_drops = [](std::vector<std::string> names, std::size_t drops) {
    if (drops != 0) names.push_back(format("{} drop reason{}", drops, drops == 1 ? "" : "s"));
    return names;
  };
  std::string out = paint(bold, format("residue {}", r.id));
  out += format(" on {} ({}): {} gone, {} read, {} card, {} software", queues_text(r.queues),
                r.queue_class == "flows" ? "fed by filters alone" : "whatever the card sends",
                counts[ir::Fate::gone], counts[ir::Fate::read], counts[ir::Fate::card],
                counts[ir::Fate::software]);
  const std::size_t added = counts[ir::Fate::handover];
  out += added == 0 ? "\n" : format(", {} for handover\n", added);
  static constexpr struct {
    ir::Fate fate;
    const char* sign;
    const char* colour;
  } order[] = {{ir::Fate::gone, "-", red},
               {ir::Fate::read, "~", yellow},
               {ir::Fate::card, "+", green},
               {ir::Fate::handover, ">", yellow}};
  for (const auto& kind : order)
    for (const Group& g : groups) {
      if (g.fate != kind.fate) continue;
      std::string names = wrapped(format("  {} {:<9} ", kind.sign, ir::to_string(g.fate)),
                                  with_drops(g.names, g.drops));
      names.replace(2, 1, paint(kind.colour, kind.sign));
      out += names;
      if (!g.why.empty()) out += paint(grey, "              " + g.why) + "\n";
    }
  std::vector<std::string> rest;
  std::size_t drops = 0;
  for (const Group& g : groups) {
    if (g.fate != ir::Fate::software) continue;
    if (!options.all) {
      // Items of a node that stays say nothing new.
      for (const std::string& name : g.names)
        if (name.find('.') == std::string::npos) rest.push_back(name);
      drops += g.drops;
      continue;
    }
    out += wrapped("  . software  ", with_drops(g.names, g.drops));
    if (!g.why.empty()) out += paint(grey, "              " + g.why) + "\n";
  }
  if (!rest.empty() || drops != 0) out += wrapped("  . software  ", with_drops(rest, drops));
  return out;
}

// "gap 1.5 %", of what no plan can go below.
std::string gap_text(const Gap& gap) {
  if (gap.share() < 0.00005) return "as low as can be";
  const double percent = 100 * gap.share();
  return percent < 10 ? format("at most {:.2g} % over the best", percent)
                      : format("at most {:.0f} % over the best", percent);
}

// What the order of objectives picked, and where it left out the others.
std::string compared_text(const Chosen& c, const PreviewOptions& options, const Paint& paint) {
  if (c.compared.size() < 2) return "";
  std::string out =
      paint(bold, "objectives") +
      format(" {}: {} choices compared\n", fmt::join(c.objectives, ", "), c.compared.size());
  std::size_t line = 0;
  for (const Compared& o : c.compared) {
    if (!options.all && line++ == shown_choices) {
      out += format("  ... and {} more (--all shows them)\n", c.compared.size() - shown_choices);
      break;
    }
    out += format("  {} core{}, {} filter{}", o.cores, o.cores == 1 ? "" : "s", o.filters,
                  o.filters == 1 ? "" : "s");
    if (o.priority != 0)
      out += format(", {} queue{} polled first", o.priority, o.priority == 1 ? "" : "s");
    out += format(", busiest {:.2f} million cycles per second", o.load / 1e6);
    if (o.latency_us != 0) out += format(", gold within {:.1f} us", o.latency_us);
    out += o.lost.empty()      ? ": taken\n"
           : o.lost == "equal" ? ": as good\n"
                               : format(": left out by {}\n", o.lost);
  }
  return out;
}

std::string choice_text(const Plan& plan, const PreviewOptions& options, const Paint& paint) {
  const Chosen& c = plan.chosen;
  if (plan.configuration.rx_queues == 1 && !c.stopped) return compared_text(c, options, paint);
  std::string out = paint(bold, "queues") + format(" by policy {}", c.policy);
  if (plan.configuration.rx_queues > 1)
    out += format(", busiest {:.2f} million cycles per second, {}", c.queues.busiest / 1e6,
                  gap_text(c.queues));
  out += "\n";
  if (c.zones.size() > 1)
    for (const QueueZone& z : c.zones)
      out += format("  {} for {}{}\n", queues_text(z.queues), z.name,
                    z.priority ? ", polled first" : "");
  if (!c.certified.empty())
    out += format("  no better choice of {} exists (certified)\n", fmt::join(c.certified, ", "));
  if (c.stopped) out += "  the time limit ended the search\n";
  return out + compared_text(c, options, paint);
}

std::string latencies_text(const Plan& plan, const Paint& paint) {
  if (plan.latency.empty()) return "";
  std::string out = paint(bold, "latency") + " predicted (M/G/1, two classes)\n";
  for (const Latency& l : plan.latency) {
    std::vector<std::string> names;
    for (const unsigned e : l.endpoints)
      if (e < plan.endpoints.size() && names.size() < shown_choices)
        names.push_back(plan.endpoints[e].name);
    if (names.size() < l.endpoints.size())
      names.push_back(format("{} more", l.endpoints.size() - names.size()));
    out += format("  {}{}: {}\n", l.priority ? "gold of " : "", fmt::join(names, ", "),
                  latency_text(l));
  }
  return out;
}

std::string proof_text(const Plan& plan, const Paint& paint) {
  const Proof& p = plan.proof;
  if (p.status != "proved")
    return paint(bold, "proof") + " " + paint(red, "none") + ": this plan is not proved\n";
  std::string out = paint(bold, "proof") + " " + paint(green, "proved") +
                    format(" by {}: {} leaves, {} queries\n", p.solver, p.leaves, p.queries);
  if (!p.not_proved.empty())
    out += format("      opaque to the proof: {}\n", fmt::join(p.not_proved, ", "));
  return out;
}

}  // namespace

std::string ranges(const std::vector<unsigned>& sorted) {
  std::string out;
  for (std::size_t i = 0; i < sorted.size();) {
    std::size_t j = i;
    while (j + 1 < sorted.size() && sorted[j + 1] == sorted[j] + 1) ++j;
    if (!out.empty()) out += ", ";
    out += i == j ? format("{}", sorted[i]) : format("{}-{}", sorted[i], sorted[j]);
    i = j + 1;
  }
  return out.empty() ? "none" : out;
}

std::string queues_text(const std::vector<unsigned>& sorted) {
  std::string list = ranges(sorted);
  if (std::count(list.begin(), list.end(), ',') >= 8)
    list = format("{} to {}, {} of them", sorted.front(), sorted.back(), sorted.size());
  return format("queue{} {}", sorted.size() == 1 ? "" : "s", list);
}

namespace {

// A mask of ones and then zeros as people write it: "10.9.0.0/16", "40000-40031".
std::string subject_text(const std::string& field, std::uint64_t value, std::uint64_t mask) {
  const bool address = field == "ipv4.src" || field == "ipv4.dst";
  const std::uint64_t all = address ? 0xffffffff : 0xffff, rest = ~mask & all;
  const bool block = mask != 0 && rest != 0 && (rest & (rest + 1)) == 0;
  if (block && address) return format("{}/{}", match_text(field, value, all), std::popcount(mask));
  if (block && field.ends_with("_port")) return format("{}-{}", value, value | rest);
  return match_text(field, value, mask);
}

}  // namespace

std::string filter_subject(const Filter& filter) {
  const bool tcp = about_segments(filter);
  if (about_whole_type(filter) && (tcp || filter.match.begin()->second.first == 17))
    return format("all of {0} (strangers of {0}, too)", tcp ? "TCP" : "UDP");
  const std::string protocol = tcp ? "tcp" : "udp", own = protocol + ".";
  std::string src = "*", src_port = "*", dst = "*", dst_port = "*";
  std::vector<std::string> other;
  for (const auto& [field, pair] : filter.match) {
    std::string text = subject_text(field, pair.first, pair.second);
    if (field == "ipv4.src") {
      src = text;
    } else if (field == "ipv4.dst") {
      dst = text;
    } else if (field == own + "src_port") {
      src_port = text;
    } else if (field == own + "dst_port") {
      dst_port = text;
    } else if (field != "ipv4.protocol" || text != (tcp ? "6" : "17")) {
      other.push_back(field + "=" + text);
    }
  }
  std::string out = format("{} {}:{} -> {}:{}", protocol, src, src_port, dst, dst_port);
  for (const std::string& text : other) out += " " + text;
  return out;
}

std::string latency_text(const Latency& l) {
  std::string out = format("99 of 100 packets within {:.1f} us", l.p99_us);
  if (l.allowed_us != 0) out += format(" ({} us allowed)", number_text(l.allowed_us));
  return out + format(", {:.2f} us of waiting in the mean", l.wait_us);
}

std::string preview(const Plan& plan, const PreviewOptions& options) {
  Paint paint{options.colour};
  std::string out = header_text(plan, paint) + "\n" + card_text(plan, options, paint) + "\n";
  for (const Residue& residue : plan.residues) out += residue_text(residue, options, paint) + "\n";
  out += choice_text(plan, options, paint);
  out += paint(bold, "cores") +
         (plan.cores.size() > 1 ? format(" {}\n", gap_text(plan.chosen.cores)) : "\n");
  for (const NetCore& core : plan.cores) {
    out += format("  core {}{}: {}, {:.2f} million cycles per second predicted\n", core.id,
                  core.cpu ? format(" (CPU {})", *core.cpu) : "", queues_text(core.queues),
                  core.load / 1e6);
    if (core.slower != 1)
      out += format("    shares a physical core with a CPU that works, too: {:g} times as long\n",
                    core.slower);
    if (core.remote != 0)
      out += format("    on another NUMA node than the card: {:g} cycles more for each packet\n",
                    core.remote);
  }
  out += latencies_text(plan, paint);
  if (!plan.memory.empty() ||
      std::any_of(plan.cores.begin(), plan.cores.end(), [](const auto& c) { return c.cpu; }))
    out += format("{} {} MB for packet buffers\n", paint(bold, "memory"), megabytes_for(plan));
  for (const Region& r : plan.memory)
    out +=
        format("  to {} for {}: {} buffers of {} bytes{}\n", to_string(r.kind), r.name, r.buffers,
               r.bytes, r.queues.empty() ? "" : ", filled by " + queues_text(r.queues));
  out += format("{} {:.1f} cycles per packet predicted, {:.1f} saved by the card\n",
                paint(bold, "cost"), plan.cycles_per_packet, plan.cycles_saved);
  return out + proof_text(plan, paint);
}

}  // namespace weft::plan
