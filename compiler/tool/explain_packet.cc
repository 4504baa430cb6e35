#include "compiler/tool/explain_packet.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "compiler/plan/text.h"
#include "compiler/tool/lookups.h"

namespace weft::tool {
namespace {

constexpr const char* words[] = {"unknown", "good", "bad", "none"};

std::string packet_text(const ir::Lookup& wire) {
  auto number = [&](const char* name) { return static_cast<std::uint64_t>(wire(name)); };
  auto address = [&](const char* name) {
    return plan::address_text(static_cast<std::uint32_t>(number(name)));
  };
  std::string tag = wire("has vlan") ? fmt::format(", vlan {}", number("vlan.vid")) : "";
  if (wire("has udp"))
    return fmt::format("udp {}:{} -> {}:{}{}", address("ipv4.src"), number("udp.src_port"),
                       address("ipv4.dst"), number("udp.dst_port"), tag);
  if (wire("has ipv4")) {
    const std::uint64_t offset = number("ipv4.fragment_offset") * 8;
    const bool fragment = offset != 0 || number("ipv4.more_fragments") != 0;
    return fmt::format("ipv4 {} -> {}, protocol {}{}{}", address("ipv4.src"), address("ipv4.dst"),
                       number("ipv4.protocol"),
                       fragment ? fmt::format(", fragment at {}", offset) : "", tag);
  }
  if (wire("has arp"))
    return fmt::format("arp operation {}, {} asks for {}{}", number("arp.operation"),
                       address("arp.sender"), address("arp.target"), tag);
  return fmt::format("{} -> {}, type {:#06x}", plan::mac_text(number("eth.src")),
                     plan::mac_text(number("eth.dst")), number("eth.type"));
}

std::string steps_text(const std::vector<Step>& steps) {
  std::size_t width = 0, took = 0;
  for (const Step& s : steps) {
    width = std::max(width, s.node.size());
    took = std::max(took, std::min<std::size_t>(s.took.size(), 24));
  }
  std::string out;
  for (const Step& s : steps) {
    std::string line = fmt::format("  {:<{}}  {:<{}}  {}", s.node, width, s.took, took, s.why);
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

nlohmann::ordered_json steps_json(const std::vector<Step>& steps) {
  auto out = nlohmann::ordered_json::array();
  for (const Step& s : steps) out.push_back({{"node", s.node}, {"took", s.took}, {"why", s.why}});
  return out;
}

}  // namespace

PacketStory follow_packet(const plan::Plan& plan, const ir::NicModel& nic,
                          const ir::FieldTable& fields, const std::vector<std::uint8_t>& frame,
                          const std::vector<Override>& overrides) {
  PacketStory out;
  out.nic = plan.nic;
  out.bytes = frame.size();
  out.packet = packet_text(wire_lookup(fields, frame, plan.host, plan.configuration.knobs));
  out.card = walk_card(plan, nic, fields, frame);
  for (const Override& o : overrides) {
    (o.ip ? say_ip_cksum : say_l4_cksum)(out.card.answers, o.answer);
    out.card.steps.push_back({"descriptor",
                              fmt::format("{} = {}", o.ip ? "desc.ip_cksum" : "desc.l4_cksum",
                                          words[static_cast<int>(o.answer)]),
                              "as you said"});
  }
  if (!out.card.queue) return out;
  for (const plan::NetCore& core : plan.cores)
    if (std::find(core.queues.begin(), core.queues.end(), *out.card.queue) != core.queues.end())
      out.core = core.id;
  const plan::Residue* residue = plan::residue_of_queue(plan, *out.card.queue);
  if (residue == nullptr) return out;
  out.residue = residue->id;
  out.queue_class = residue->queue_class;
  out.stack = walk_stack(plan, *residue, *out.card.queue, fields, frame, out.card.answers);
  return out;
}

std::string to_text(const PacketStory& s) {
  std::string out = fmt::format("packet   {}, {} bytes\n", s.packet, s.bytes);
  out += fmt::format("card     {}\n{}", s.nic, steps_text(s.card.steps));
  if (!s.card.queue) return out + "=> dropped by the card\n";
  out += fmt::format("queue {}  {}core {}, residue {} ({})\n", *s.card.queue,
                     s.card.queue_certain ? "" : "(one of many) ", s.core.value_or(0), s.residue,
                     s.queue_class == "flows" ? "fed by filters alone" : "whatever the card sends");
  out += steps_text(s.stack.steps);
  out += fmt::format("=> {}{}{}\n", s.stack.terminal, s.stack.meaning.empty() ? "" : ": ",
                     s.stack.meaning);
  if (!s.stack.answer.empty())
    out += "answer   in the packet's own buffer\n" + steps_text(s.stack.answer);
  return out;
}

std::string to_json(const PacketStory& s) {
  nlohmann::ordered_json out{{"format_version", 1}, {"packet", s.packet}, {"bytes", s.bytes}};
  out["card"] = {{"nic", s.nic},
                 {"steps", steps_json(s.card.steps)},
                 {"dropped", !s.card.queue.has_value()},
                 {"queue_certain", s.card.queue_certain},
                 {"desc.ip_cksum", words[static_cast<int>(ip_cksum(s.card.answers))]},
                 {"desc.l4_cksum", words[static_cast<int>(l4_cksum(s.card.answers))]}};
  if (s.card.queue) {
    out["queue"] = *s.card.queue;
    out["core"] = s.core.value_or(0);
    out["residue"] = s.residue;
    out["steps"] = steps_json(s.stack.steps);
    out["terminal"] = s.stack.terminal;
    out["meaning"] = s.stack.meaning;
    if (!s.stack.answer.empty()) out["answer"] = steps_json(s.stack.answer);
  }
  return out.dump(2) + "\n";
}

}  // namespace weft::tool
