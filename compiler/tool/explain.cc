#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "compiler/diag/codes.h"
#include "compiler/frontend/readers.h"
#include "compiler/plan/preview.h"
#include "compiler/tool/commands.h"
#include "compiler/tool/explain_endpoint.h"
#include "compiler/tool/explain_node.h"
#include "compiler/tool/explain_packet.h"
#include "compiler/tool/frame_text.h"
#include "compiler/tool/inputs.h"
#include "compiler/tool/pcap.h"
#include "compiler/tool/places.h"
#include "compiler/tool/say.h"

namespace weft::tool {
namespace {

bool is_code(const std::string& word) {
  return word.size() == 5 && (word[0] == 'E' || word[0] == 'e') &&
         std::all_of(word.begin() + 1, word.end(), [](unsigned char c) { return std::isdigit(c); });
}

int explain_code(std::string word) {
  word[0] = 'E';
  if (const diag::CodeText* text = diag::find_code(word)) {
    print(fmt::format("{}: {}\n\n{}\n", text->code, text->title, text->text));
    return ok;
  }
  std::vector<std::string> known;
  for (const diag::CodeText& code : diag::all_codes()) known.emplace_back(code.code);
  std::string near = diag::nearest(word, known);
  return report(diag::Error(plain("E0460", fmt::format("no error code `{}`", word),
                                  near.empty() ? "" : fmt::format("did you mean `{}`?", near))));
}

diag::Result<std::vector<std::uint8_t>> frame_of(const ExplainArgs& args, const plan::Plan& plan) {
  if (!args.pcap.empty()) return read_pcap_frame(args.pcap, args.frame);
  const auto first = std::find_if(plan.endpoints.begin(), plan.endpoints.end(),
                                  [](const ir::Endpoint& e) { return !e.vacant(); });
  return frame_from_text(args.packet, plan.host, first == plan.endpoints.end() ? 7 : first->port);
}

// "l4_cksum=unknown"
diag::Result<Override> override_of(const std::string& text) {
  static const std::vector<std::string> words = {"unknown", "good", "bad", "none"};
  const std::size_t equals = text.find('=');
  std::string field = text.substr(0, equals);
  if (field.starts_with("desc.")) field = field.substr(5);
  const std::string word = equals == std::string::npos ? "" : text.substr(equals + 1);
  const auto at = std::find(words.begin(), words.end(), word);
  if ((field != "ip_cksum" && field != "l4_cksum") || at == words.end())
    return diag::fail(plain("E0459", fmt::format("`{}` is no answer of a descriptor", text),
                            "write like: --desc l4_cksum=unknown (or good, bad, none)"));
  return Override{field == "ip_cksum", static_cast<Answer>(at - words.begin())};
}

int explain_packet(const ExplainArgs& args, const plan::Plan& plan, const ir::FieldTable& fields) {
  auto frame = frame_of(args, plan);
  if (!frame) return report(frame.error());
  auto path = resolve(Kind::nic, args.nic.empty() ? plan.nic : args.nic);
  if (!path) return report(path.error());
  auto nic = frontend::read_nic(*path, fields);
  if (!nic) return report(nic.error());
  // A model that changed since would tell a story of another card.
  auto then = plan.inputs.find("nic");
  if (then != plan.inputs.end() && then->second != nic->digest)
    return report(diag::Error(
        plain("E0454",
              fmt::format("the plan was made from another nic: SHA-256 {} then, {} now",
                          then->second.substr(0, 12), nic->digest.substr(0, 12)),
              "compile the plan again, or give the model it was made from with --nic")));
  std::vector<Override> overrides;
  for (const std::string& text : args.descriptor) {
    auto one = override_of(text);
    if (!one) return report(one.error());
    overrides.push_back(*one);
  }
  PacketStory story = follow_packet(plan, *nic, fields, *frame, overrides);
  print(args.json ? to_json(story) : to_text(story));
  return ok;
}

}  // namespace

int explain(const ExplainArgs& args) {
  if (is_code(args.subject)) return explain_code(args.subject);
  auto fields = load_fields();
  if (!fields) return report(fields.error());
  auto plan = plan::read_plan(args.subject, *fields);
  if (!plan) return report(plan.error());
  if (!args.packet.empty() || !args.pcap.empty()) return explain_packet(args, *plan, *fields);
  if (args.node.empty()) {
    print(args.json ? plan::to_json(*plan) : plan::preview(*plan, {.all = args.all}));
    say("more: weft explain PLAN NODE, weft explain PLAN ENDPOINT, or --packet 'udp from ...'");
    return ok;
  }
  if (const auto story = explain_endpoint(*plan, args.node)) {
    print(args.json ? to_json(*story) : to_text(*story));
    return ok;
  }
  // Graph and model add what the plan does not repeat; it can be explained without them.
  std::optional<ir::Graph> graph;
  std::optional<ir::NicModel> nic;
  if (auto path = resolve(Kind::graph, plan->graph))
    if (auto read = frontend::read_graph(*path, *fields)) graph = std::move(*read);
  if (auto path = resolve(Kind::nic, args.nic.empty() ? plan->nic : args.nic))
    if (auto read = frontend::read_nic(*path, *fields)) nic = std::move(*read);
  auto story = explain_node(*plan, args.node, graph ? &*graph : nullptr, nic ? &*nic : nullptr);
  if (!story) return report(story.error());
  print(args.json ? to_json(*story) : to_text(*story));
  return ok;
}

}  // namespace weft::tool
