#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "compiler/passes/pipeline.h"
#include "compiler/plan/text.h"
#include "compiler/tool/commands.h"
#include "compiler/tool/inputs.h"
#include "compiler/tool/pcap.h"
#include "compiler/tool/say.h"

namespace weft::tool {
namespace {

const char* answer_word(unsigned answer) {
  static constexpr const char* words[] = {"unknown", "good", "bad", "none"};
  return answer < 4 ? words[answer] : "?";
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
  out += fmt::format("\n  the protocol graph says  {}\n", c.expected);
  out += fmt::format("  card and residue do      {}\n", c.actual);
  return out;
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
  auto in = load_inputs_of(*plan, {args.plan, args.graph, args.nic, args.workload});
  if (!in) return report(in.error());
  if (auto same = same_inputs(*plan, *in); !same) return report(same.error());
  auto verdict = passes::verify_plan(*plan, *in);
  if (!verdict) return report(verdict.error());
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
