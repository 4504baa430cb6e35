#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "compiler/passes/pipeline.h"
#include "compiler/plan/text.h"
#include "compiler/tool/commands.h"
#include "compiler/tool/inputs.h"
#include "compiler/tool/lookups.h"
#include "compiler/tool/pcap.h"
#include "compiler/tool/say.h"

namespace weft::tool {
namespace {

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

std::string counterexample_text(const passes::Counterexample& c) {
  std::string out = fmt::format("not proved: {}\n", c.why);
  out += fmt::format("\na packet that enters at {}", c.entry);
  if (c.queue) out += fmt::format(" and that the card delivers to queue {}", *c.queue);
  out += "\n";
  for (const auto& [name, value] : c.fields) out += fmt::format("  {:<24} {}\n", name, value);
  for (const auto& [name, value] : c.descriptor)
    out += fmt::format("  {:<24} {}\n", name,
                       name.ends_with("cksum") ? answer_word(value) : fmt::format("{}", value));
  out += "\n" + path_text("  the protocol graph says ", c.expected);
  return out + path_text("  card and residue do     ", c.actual);
}

nlohmann::ordered_json json_of(const passes::Verdict& v) {
  nlohmann::ordered_json out{{"format_version", 1},      {"proved", v.proved},
                             {"leaves", v.proof.leaves}, {"queries", v.proof.queries},
                             {"solver", v.proof.solver}, {"not_proved", v.proof.not_proved}};
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
  auto in = load_inputs_of(*plan, {args.plan, args.graph, args.nic, args.workload, args.costs});
  if (!in) return report(in.error());
  if (auto same = same_inputs(*plan, *in); !same) return report(same.error());
  auto verdict = passes::verify_plan(*plan, *in);
  if (!verdict) return report(verdict.error());
  if (verdict->counterexample) fields_from_frame(*verdict->counterexample, *plan, in->fields);
  if (args.json) {
    print(json_of(*verdict).dump(2) + "\n");
  } else if (verdict->proved) {
    print(fmt::format("proved: {} leaves, {} queries, {}\n", verdict->proof.leaves,
                      verdict->proof.queries, verdict->proof.solver));
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
    diag::Error error(plain("E0458",
                            fmt::format("`{}` is not equal to its protocol graph", args.plan),
                            "compile the plan again; if it was not edited, this is a bug of weft"));
    return report(error);
  }
  // The proof holds for the plan as it is now; its record may still be of another state.
  if (auto record = proved_as_it_stands(*plan, args.plan); !record)
    say(fmt::format("note: {}; weft-runtime refuses it all the same",
                    record.error().list.front().message));
  return ok;
}

}  // namespace weft::tool
