#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <tuple>

#include "compiler/passes/check_wishes.h"
#include "compiler/passes/pipeline.h"
#include "compiler/passes/tables.h"
#include "compiler/plan/places.h"
#include "compiler/plan/text.h"
#include "compiler/tool/commands.h"
#include "compiler/tool/inputs.h"
#include "compiler/tool/lookups.h"
#include "compiler/tool/pcap.h"
#include "compiler/tool/running.h"
#include "compiler/tool/say.h"

namespace weft::tool {
namespace {

// Rules about some sources were made for sets of flows, and these were wanted where they bring
// them. (A plan has no other word of them.)
std::vector<ir::FlowSet> sets_of(const plan::Plan& plan) {
  std::vector<ir::FlowSet> out;
  const bool by_class = plan.chosen.policy == ir::to_string(ir::Policy::gold);
  for (const plan::Filter& f : plan.configuration.filters) {
    const auto endpoint = plan::endpoint_of(f, plan);
    if (passes::key_of(f) || !endpoint || !f.match.contains("ipv4.src")) continue;
    const auto seen = [&](const std::string& field) {
      const auto at = f.match.find(field);
      return at == f.match.end() ? std::pair<std::uint64_t, std::uint64_t>() : at->second;
    };
    const std::string ports = plan.endpoints[*endpoint].tcp ? "tcp" : "udp";
    ir::FlowSet set;
    std::tie(set.src, set.src_mask) = seen("ipv4.src");
    std::tie(set.src_port, set.src_port_mask) = seen(ports + ".src_port");
    set.dst = static_cast<std::uint32_t>(seen("ipv4.dst").first);
    set.dst_port = static_cast<std::uint16_t>(seen(ports + ".dst_port").first);
    set.endpoint = *endpoint;
    if (f.group.empty()) set.queue = f.queue;
    set.gold = by_class && std::any_of(plan.cores.begin(), plan.cores.end(), [&](const auto& core) {
                 return std::count(core.priority.begin(), core.priority.end(), f.queue) != 0;
               });
    out.push_back(set);
  }
  return out;
}

const char* answer_word(unsigned answer) {
  static constexpr const char* words[] = {"unknown", "good", "bad", "none"};
  return answer < 4 ? words[answer] : "?";
}

// "rx > eth_ok > ..." broken at 100 columns.
std::string path_text(const std::string& head, const std::string& path) {
  std::string out, line = head;
  std::istringstream words(path);
  for (std::string word; words >> word;) {
    if (line.size() + 1 + word.size() > 100 && word != ">") {
      out += line + "\n";
      line = std::string(head.size(), ' ');
    }
    line += " " + word;
  }
  return out + line + "\n";
}

// The solver leaves checksums open; the frame has them as the counterexample needs them. So header
// fields are shown as they stand in the frame, which is what the capture file holds.
void fields_from_frame(passes::Counterexample& c, const plan::Plan& plan,
                       const ir::FieldTable& fields) {
  if (c.frame.empty()) return;
  auto wire = wire_lookup(fields, c.frame, plan.host, plan.configuration.knobs);
  for (auto& [name, value] : c.fields) {
    const ir::Field* field = fields.find(name);
    if (field == nullptr || field->layer == ir::Layer::none) continue;
    const auto number = static_cast<std::uint64_t>(wire(name));
    const bool address =
        name == "ipv4.src" || name == "ipv4.dst" || name == "arp.sender" || name == "arp.target";
    value = field->width == 48 ? plan::mac_text(number)
            : address          ? plan::address_text(static_cast<std::uint32_t>(number))
            : name.ends_with("type") && field->width == 16 ? fmt::format("{:#06x}", number)
            : name.ends_with("checksum")                   ? fmt::format("{:#06x}", number)
                                                           : fmt::format("{}", number);
  }
}

bool about_a_wish(const passes::Counterexample& c) {
  return c.expected.starts_with(passes::where_wanted);
}

bool about_a_place(const passes::Counterexample& c) {
  return c.expected.starts_with(passes::where_planned);
}

// The line that asks for another queue.
diag::Span wish_of(const passes::Counterexample& c, const plan::Plan& plan,
                   const passes::Inputs& in) {
  auto wire = wire_lookup(in.fields, c.frame, plan.host, plan.configuration.knobs);
  const bool tcp = wire("ipv4.protocol") == 6;
  const auto port = [&](const char* name) {
    return static_cast<std::uint16_t>(wire((tcp ? "tcp." : "udp.") + std::string(name)));
  };
  const passes::FlowKey key{static_cast<std::uint32_t>(wire("ipv4.src")), port("src_port"),
                            static_cast<std::uint32_t>(wire("ipv4.dst")), port("dst_port"), tcp};
  const auto breach = passes::wish_broken(plan, in, key, c.queue.value_or(0));
  return breach ? breach->wish : diag::Span{};
}

std::string counterexample_text(const passes::Counterexample& c) {
  std::string out = fmt::format("not proved: {}\n", c.why);
  out += fmt::format("\na packet that enters at {}", c.entry);
  if (c.queue) out += fmt::format(" and that the card delivers to queue {}", *c.queue);
  out += "\n";
  for (const auto& [name, value] : c.fields) out += fmt::format("  {:<24} {}\n", name, value);
  for (const auto& [name, value] : c.descriptor)
    out += fmt::format("  {:<24} {}\n", name,
                       name.ends_with("cksum") ? answer_word(value) : fmt::format("{}", value));
  const bool placed = about_a_wish(c) || about_a_place(c);
  out += "\n" + path_text(placed ? "  what is wanted          " : "  the protocol graph says ",
                          c.expected);
  return out + path_text("  card and residue do     ", c.actual);
}

// What the plan says and nobody looks at here.
std::vector<std::string> not_checked(bool own_workload) {
  std::vector<std::string> out = {"predicted loads and latencies",
                                  "bounds and certificates (that no choice is better)"};
  if (own_workload)
    out.emplace_back(
        "whether anybody wants these endpoints, flows and wishes (the plan's own word)");
  return out;
}

nlohmann::ordered_json json_of(const passes::Verdict& v, bool own) {
  nlohmann::ordered_json out{{"format_version", 1},      {"proved", v.proved},
                             {"leaves", v.proof.leaves}, {"queries", v.proof.queries},
                             {"solver", v.proof.solver}, {"not_proved", v.proof.not_proved}};
  out["not_checked"] = not_checked(own);
  if (!v.counterexample) return out;
  const passes::Counterexample& c = *v.counterexample;
  nlohmann::ordered_json fields = nlohmann::ordered_json::object();
  for (const auto& [name, value] : c.fields) fields[name] = value;
  out["counterexample"] = {{"why", c.why},
                           {"entry", c.entry},
                           {"fields", fields},
                           {"descriptor", c.descriptor},
                           {"expected", c.expected},
                           {"actual", c.actual},
                           {"frame", plan::hex_text(c.frame)}};
  if (c.queue) out["counterexample"]["queue"] = *c.queue;
  return out;
}

}  // namespace

int verify(const VerifyArgs& args) {
  auto plan = load_plan(args.plan);
  if (!plan) return report(plan.error());
  const bool own = args.workload == args.plan;  // it changed while it ran: no file has its workload
  PlanWords words{args.plan, args.graph, args.nic, args.workload, args.costs};
  if (own) words.workload.clear();
  auto in = own ? inputs_of_running(*plan, words) : load_inputs_of(*plan, words);
  if (!in) return report(in.error());
  if (own) in->workload.sets = sets_of(*plan);
  if (auto same = same_inputs(*plan, *in); !same) return report(same.error());
  auto verdict = passes::verify_plan(*plan, *in);
  if (!verdict) return report(verdict.error());
  if (verdict->counterexample) fields_from_frame(*verdict->counterexample, *plan, in->fields);
  if (args.json) {
    print(json_of(*verdict, own).dump(2) + "\n");
  } else if (verdict->proved) {
    print(fmt::format("proved: {} leaves, {} queries, {}\n", verdict->proof.leaves,
                      verdict->proof.queries, verdict->proof.solver));
    print(fmt::format("not checked: {}\n", fmt::join(not_checked(own), "; ")));
    if (!verdict->proof.not_proved.empty())
      print(fmt::format("opaque to the proof: {}\n", fmt::join(verdict->proof.not_proved, ", ")));
  } else if (verdict->counterexample) {
    print(counterexample_text(*verdict->counterexample));
  }
  if (!verdict->proved) {
    if (verdict->counterexample && !verdict->counterexample->frame.empty() && !args.pcap.empty()) {
      auto written = write_pcap(args.pcap, {verdict->counterexample->frame});
      if (!written) return report(written.error());
      say(fmt::format("wrote the packet to {}", args.pcap));
    }
    diag::Diagnostic error =
        plain("E0458", fmt::format("`{}` is not equal to its protocol graph", args.plan),
              "compile the plan again; if it was not edited, this is a bug of weft");
    if (const auto& c = verdict->counterexample; c && about_a_wish(*c)) {
      error.code = "E0523";
      error.message = fmt::format("`{}` does not keep what its workload asks for", args.plan);
      error.span = wish_of(*c, *plan, *in);
    } else if (c && about_a_place(*c)) {
      error.code = "E0523";
      error.message = fmt::format("`{}` has a flow on a queue where it does not arrive", args.plan);
    }
    return report(error);
  }
  // The proof holds for the plan as it is now; its record may still be of another state.
  if (auto record = proved_as_it_stands(*plan, args.plan); !record)
    say(fmt::format("note: {}; weft-runtime refuses it all the same",
                    record.error().list.front().message));
  return ok;
}

}  // namespace weft::tool
