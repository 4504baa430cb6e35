// Issue A, check 5: every fault that can be planted in a plan is refused, with a packet that, sent
// through the emulated card, really misbehaves; or else it changes nothing, for a reason that is
// written here, and 20,000 packets agree.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>

#include "compiler/passes/check_wishes.h"
#include "compiler/passes/steer.h"
#include "tests/sim/apart.h"
#include "tests/sim/differential.h"
#include "tests/sim/faults.h"
#include "tests/sim/misbehave.h"
#include "tests/sim/model_edit.h"
#include "tests/sim/traffic.h"

namespace weft::sim {
namespace {

struct Row {
  unsigned places = 0, structure = 0, counterexample = 0, misbehaved = 0, made_up = 0, harmless = 0;
  std::set<std::string> reasons;
};

std::map<std::string, Row>& table() {
  static std::map<std::string, Row> rows;
  return rows;
}

// One plan, everything about it, and what it is compared with.
struct Subject {
  std::string name;
  passes::Inputs in;
  plan::Plan plan;
  passes::Inputs plain;
  plan::Plan reference;
  std::vector<Bytes> sends;
  Seen sends_expected;
  std::vector<ports::Frame> capture;
  Result expected;

  Subject(std::string its_name, passes::Inputs inputs)
      : name(std::move(its_name)),
        in(std::move(inputs)),
        plan(must(passes::compile(in, {}))),
        plain(reference_inputs(in)),
        reference(reference_plan(plain)),
        sends(stimuli(in)),
        sends_expected(see(reference, plain, sends, {})) {
    const int vlan = in.workload.host.vlan_id == 0 ? -1 : in.workload.host.vlan_id;
    capture = traffic({.packets = 20'000, .seed = 99, .vlan = vlan, .kernel = kernel_frames()});
    expected = run(reference, plain, capture, {});
    EXPECT_EQ(difference(sends_expected, see(plan, in, sends, {})), "") << name;
    EXPECT_EQ(difference(expected, run(plan, in, capture, {})), "") << name;
  }
};

std::string text(const passes::Counterexample& c) {
  std::string out =
      fmt::format("{}\n    entry {}, queue {}\n    expected {}\n    actual   {}\n", c.why, c.entry,
                  c.queue ? fmt::format("{}", *c.queue) : "none", c.expected, c.actual);
  for (const auto& [field, value] : c.descriptor) out += fmt::format("    {} = {}\n", field, value);
  for (const auto& [field, value] : c.fields) out += fmt::format("    {} = {}\n", field, value);
  return out + "    " + hex(c.frame) + (c.second.empty() ? "" : "\n    " + hex(c.second));
}

// A card that nobody can predict delivers the frame where the solver has it.
Places at_queue(const passes::Counterexample& c) {
  return c.queue && !c.frame.empty() ? Places{{c.frame, *c.queue}} : Places{};
}

// The same, and on all other queues of such a card: who owns a datagram in pieces is a function
// that the solver chooses for itself.
std::vector<Places> everywhere(const Subject& s, const passes::Counterexample& c) {
  std::vector<Places> out = {at_queue(c)};
  const ir::Node* rss = passes::rss_node(s.in.nic);
  if (out.front().empty() || rss == nullptr || rss->config.rss->predictable) return out;
  for (unsigned q = 0; q < s.plan.configuration.rx_queues; ++q) {
    if (q != *c.queue) out.push_back({{c.frame, q}});
  }
  return out;
}

// "" when the counterexample, run, does not show anything.
std::string misbehaviour(const Subject& s, const Fault& fault, const plan::Plan& faulty,
                         const passes::Counterexample& c) {
  if (!c.second.empty()) {
    // State with one owner is touched on two queues. Each frame by itself ends as it should.
    Places places = at_queue(c);
    places.emplace_back(c.second, c.second_queue.value_or(0));
    const Seen seen =
        see(faulty, s.in, {c.frame, c.second}, c.descriptor, c.frame, all_apart, places);
    if (!seen.refused.empty()) return seen.refused;
    const auto at = seen.queues.find("ipv4_reassemble");
    const std::size_t queues = at == seen.queues.end() ? 0 : at->second.size();
    if (queues == 2) return "one datagram's fragments on two queues";
  }
  if (c.expected.starts_with(passes::where_wanted) ||
      c.expected.starts_with(passes::where_planned)) {
    // It arrives where it shall not; nothing else is wrong.
    const Seen seen = see(faulty, s.in, {c.frame}, {}, {}, all_apart, at_queue(c));
    const auto at = seen.queues.find("rx");
    return at != seen.queues.end() && at->second.contains(*c.queue)
               ? fmt::format("arrives on queue {}: {}", *c.queue, c.why)
               : "";
  }
  if (c.expected.starts_with("arrives on queue ")) {
    const Seen seen = see(faulty, s.in, {c.frame}, {}, {}, all_apart, at_queue(c));
    const unsigned owner = static_cast<unsigned>(std::stoul(c.expected.substr(17)));
    const auto at = seen.queues.find("rx");
    if (at != seen.queues.end() && !at->second.contains(owner))
      return fmt::format("arrives on queue {}, its state is on queue {}", *at->second.begin(),
                         owner);
  }
  if (c.expected.starts_with("one rule of ")) {  // another counts than in the sound plan
    const auto queues = [&](const plan::Plan& plan) {
      Seen seen = see(plan, s.in, {c.frame}, c.descriptor, c.frame);
      return seen.refused.empty() ? seen.queues["rx"] : std::set<unsigned>();
    };
    const std::set<unsigned> good = queues(s.plan), bad = queues(faulty);
    if (good.size() == 1 && bad.size() == 1 && good != bad)
      return fmt::format("arrives on queue {}, and not on queue {}", *bad.begin(), *good.begin());
  }
  if (c.entry != "rx" || c.expected == "rx")  // nothing is received, or nothing can be
    return difference(s.sends_expected, see(faulty, s.in, s.sends));
  for (const Situation& now : situations(c.frame, s.in)) {
    const Seen good = see(s.reference, s.plain, now.frames, {}, {}, now.apart);
    // Nothing that the sound plan does as well is a misbehaviour.
    const std::string sound = difference(good, see(s.plan, s.in, now.frames, {}, {}, now.apart));
    EXPECT_EQ(sound, "") << "the sound plan: " << now.name;
    if (!sound.empty()) continue;
    for (const Places& places : everywhere(s, c)) {
      const std::string d =
          difference(good, see(faulty, s.in, now.frames, c.descriptor, c.frame, now.apart, places));
      if (!d.empty()) return now.name + ": " + d;
    }
  }
  // What an effect that is missing would have set may be anything for the solver, and is something
  // else when the stack runs: other packets show it.
  // And a datagram in many pieces is more than one frame; one to the host itself is no frame.
  const auto about = [&](const char* node) { return fault.place.find(node) != std::string::npos; };
  if (fault.kind == "effect omitted" || fault.kind.starts_with("handover") ||
      about("ipv4_fragment.") || about("arp_resolve.self") || about("ipv4_loopback."))
    return difference(s.sends_expected, see(faulty, s.in, s.sends));
  return "";
}

// Why a fault that is not refused changes nothing; "" when there is no reason.
std::string harmless(const Subject& s, const Fault& fault, const plan::Plan& faulty);
std::string made_up_for(const Fault& fault);

void check(const Subject& s, const Fault& fault) {
  Row& row = table()[fault.kind];
  ++row.places;
  plan::Plan faulty = s.plan;
  fault.plant(faulty);
  const auto verdict = passes::verify_plan(faulty, s.in);
  if (!verdict) {
    ++row.structure;
    return;
  }
  if (verdict->proved) {
    const std::string why = harmless(s, fault, faulty);
    EXPECT_NE(why, "") << s.name << ": " << fault.kind << ": " << fault.place
                       << " is not refused, and nobody says why it may be so";
    const std::string changed = apart([&] {
      const std::string sent = difference(s.sends_expected, see(faulty, s.in, s.sends));
      return sent.empty() ? difference(s.expected, run(faulty, s.in, s.capture, {})) : sent;
    });
    EXPECT_EQ(changed, "") << s.name << ": " << fault.kind << ": " << fault.place << " is proved";
    ++row.harmless;
    row.reasons.insert("harmless: " + why);
    return;
  }
  ++row.counterexample;
  const std::string shown =
      apart([&] { return misbehaviour(s, fault, faulty, *verdict->counterexample); });
  if (const std::string why = made_up_for(fault); shown.empty() && !why.empty()) {
    ++row.made_up;
    row.reasons.insert("refused, nothing to see: " + why);
    return;
  }
  EXPECT_NE(shown, "") << s.name << ": " << fault.kind << ": " << fault.place
                       << ": the counterexample does not misbehave:\n    "
                       << text(*verdict->counterexample);
  row.misbehaved += shown.empty() ? 0 : 1;
  if (std::getenv("WEFT_SHOW_FAULTS") != nullptr)
    std::cout << fmt::format("{}: {}: {}\n    {}\n", s.name, fault.kind, fault.place, shown);
}

// Does the card still bring every flow to the queue whose shard has it?
bool flows_arrive(const Subject& s, const plan::Plan& faulty) {
  return std::all_of(faulty.flows.begin(), faulty.flows.end(), [&](const plan::FlowEntry& f) {
    const auto where = passes::deliver(s.in.nic, s.in.fields, faulty.configuration,
                                       {f.src, f.src_port, f.dst, f.dst_port});
    return where && where->queue == f.queue;
  });
}

bool hands_over(const plan::Residue& residue, const std::string& impl) {
  for (ir::Vertex v = 0; v < boost::num_vertices(residue.graph.g); ++v) {
    if (residue.graph.node(v).impl == impl) return true;
  }
  return false;
}

// May flows arrive anywhere, and does every queue hand over those that another one has?
bool flows_are_handed_over(const Subject& s, const plan::Plan& faulty) {
  const ir::Node* rss = passes::rss_node(s.in.nic);
  return rss != nullptr && !rss->config.rss->predictable &&
         std::all_of(faulty.residues.begin(), faulty.residues.end(),
                     [](const plan::Residue& r) { return hands_over(r, "handover.flow"); });
}

// Does any residue read what the unit with this knob says, or ask it for something?
bool relied_on(const Subject& s, const std::string& knob) {
  for (const ir::Graph* card : {&s.in.nic.receive, &s.in.nic.transmit}) {
    for (ir::Vertex u = 0; u < boost::num_vertices(card->g); ++u) {
      const ir::Config& unit = card->node(u).config;
      if (unit.knob != knob) continue;
      if (!unit.report && !unit.performs) return true;
      for (const auto& residue : s.plan.residues) {
        for (ir::Vertex v = 0; v < boost::num_vertices(residue.graph.g); ++v) {
          const ir::Node& node = residue.graph.node(v);
          if (unit.performs && node.impl == unit.performs->request) return true;
          for (const auto& item : node.items) {
            const auto names = item.when ? ir::names_in(item.when) : std::vector<std::string>{};
            if (unit.report && std::count(names.begin(), names.end(), unit.report->field) != 0)
              return true;
          }
        }
      }
    }
  }
  return false;
}

std::string harmless(const Subject& s, const Fault& fault, const plan::Plan& faulty) {
  if (fault.kind == "knob on" && !relied_on(s, fault.place))
    return "no residue reads what the unit says, or asks it for anything";
  if (fault.kind == "knob on" && fault.place == "rx.promiscuous" &&
      std::all_of(s.plan.residues.begin(), s.plan.residues.end(),
                  [](const plan::Residue& r) { return r.graph.find("eth_for_us").has_value(); }))
    return "all residues look at the destination by themselves";
  if (fault.kind == "knob off" && fault.place == "tx.vlan_insert" &&
      s.in.workload.host.vlan_id == 0)
    return "the host is in no VLAN: the tag is never asked for";
  if (fault.kind == "RETA entry" && flows_arrive(s, faulty)) {
    const unsigned queue = faulty.configuration.rss.table[std::stoul(fault.place)];
    if (plan::residue_of_queue(faulty, queue)->queue_class == "any")
      return "no known flow comes by this entry, and the queue runs the residue for everything";
  }
  for (const char* kind :
       {"RSS key", "RSS type missing", "RSS off", "filter missing", "filter's match"}) {
    if (fault.kind == kind && flows_arrive(s, faulty))
      return "every known flow still arrives on its queue, and fragments stay together";
  }
  if (fault.kind == "flow entry's queue" && flows_are_handed_over(s, faulty))
    return "nobody can say where the flow arrives, and it is handed over to its owner";
  if (fault.kind == "filter too many") {
    const plan::Filter& rule = faulty.configuration.filters.back();
    const auto table = s.in.nic.receive.find(rule.table);
    if (!s.in.nic.receive.node(*table).config.table->mark_reported &&
        plan::residue_of_queue(faulty, rule.queue)->queue_class == "any")
      return "its queue runs the residue for everything, and nobody believes a mark";
  }
  if (fault.kind == "partial mask" && fault.place.starts_with("ipv4.protocol"))
    return "a rule with ports of UDP is about UDP";
  if (fault.kind == "request replaced") return "software does what the card was asked for";
  if (fault.kind == "guard of \"good\" dropped" || fault.kind == "part of a guard dropped")
    return "what was checked before implies the guard";
  if (fault.kind == "residue of a queue" &&
      fault.place.find(": any instead of flows") != std::string::npos)
    return "the residue for everything serves flows too";
  const ir::HostConfig& host = s.in.workload.host;
  const auto about = [&fault](std::initializer_list<const char*> nodes) {
    return std::any_of(nodes.begin(), nodes.end(), [&fault](const std::string node) {
      return fault.place.find(" " + node) != std::string::npos;
    });
  };
  if (!host.forwarding &&
      about({"ipv4_forwards.yes", "ipv4_ttl", "time_exceeded", "ipv4_decrement_ttl",
             "forward_route", "forward_fits", "fragmentation_needed", "net_unreachable"}))
    return "the host does not forward: no packet takes that way";
  if (!host.multicast && about({"eth_for_us.group", "ipv4_for_us.multicast", "ipv4_protocol.igmp",
                                "igmp_ok", "igmp_type", "igmp_take", "udp_cast", "udp_members"}))
    return "the host takes no part in multicast: no packet takes that way";
  if (host.vlan_id == 0 && about({"vlan_out.tagged", "vlan_out.untagged", "vlan_push"}))
    return "the host is in no VLAN: no packet takes that way";
  if (host.vlan_id != 0 && about({"vlan_out.untagged"}))
    return "the host is in a VLAN: no packet leaves without a tag";
  if (fault.kind == "predicate always true" &&
      about({"vlan_tagged.tagged", "arp_own_sender.self", "icmp_about_size.yes", "udp_cast.group",
             "udp_fits.cut", "forward_fits.cut"}))
    return "the last port of a match that covers all packets: the ports before it took the others";
  return "";
}

// Refused with good reason, for the proof looks at what the plan says; today's engine and workloads
// happen to make up for it, so that nothing can be shown.
std::string made_up_for(const Fault& fault) {
  const auto is = [&fault](const char* kind, const char* place) {
    return fault.kind == kind && fault.place.find(place) != std::string::npos;
  };
  if (fault.place.find("_handover.full") != std::string::npos ||
      fault.place.find("_handover.lost") != std::string::npos)
    return "no ring is ever full in so short a run";
  if (is("effect omitted", " eth_open")) return "packets begin with what eth.open sets";
  if (is("port redirected", " udp_flow.hit to udp_cast") ||
      is("port redirected", " udp_flow.hit to udp_flow_handover"))
    return "a flow's endpoint is always that of its socket, which is looked up then";
  if (is("port redirected", " arp_for_us.probe to arp_learn"))
    return "a probe's sender is 0.0.0.0: nobody is ever sent anything there";
  if (is("check dropped", "flows ipv4_ok.ihl") || is("check inverted", "flows ipv4_ok.ihl"))
    return "a rule's ports and a header of fewer than 5 words would be the same bytes";
  if (is("check dropped", "flows ipv4_ok.source"))
    return "a rule names its source, and none of them is a bad one";
  if (fault.kind == "slot without entry")
    return "the engine finds the entry by a spawn edge, or in another residue";
  if (fault.place.find("ipv4_fragment.full") != std::string::npos)
    return "it takes 17 large datagrams at once; the differential test has them";
  if (fault.place.find("flows arp_resolve.self") != std::string::npos ||
      fault.place.find("flows ipv4_loopback") != std::string::npos)
    return "what a rule brings comes from others, and its echo goes back there";
  if (fault.place.find("flows ipv4_fragment.more") != std::string::npos)
    return "what a rule brings is one frame, and its echo three pieces: none of them has to wait";
  if (is("port redirected", "icmp_room.small to icmp_path") ||
      is("port redirected", "udp_room.small to udp_path") ||
      is("predicate never true", "icmp_room.small") || is("predicate never true", "udp_room.small"))
    return "a small datagram fits every path: to ask for its size changes nothing";
  return "";
}

// `kinds`: how those begin that are checked; all, without. `one_in`: and of these every so manieth.
// Those whose kind begins with `kinds` and not with `but`; one in so many.
void check_all(const std::string& name, passes::Inputs in, const std::string& kinds = "",
               std::size_t one_in = 1, const std::string& but = "") {
  start_dpdk();
  const auto begin = std::chrono::steady_clock::now();
  const Subject subject(name, std::move(in));
  const auto faults = faults_of(subject.plan, subject.in);
  const char* only = std::getenv("WEFT_FAULT");  // part of a kind or place, to look at one
  for (std::size_t i = 0; i < faults.size(); i += one_in) {
    const Fault& fault = faults[i];
    if (!fault.kind.starts_with(kinds) || (!but.empty() && fault.kind.starts_with(but))) continue;
    if (only == nullptr || (fault.kind + ": " + fault.place).find(only) != std::string::npos)
      check(subject, fault);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::cout << fmt::format("{}: {} faults in {:.1f} s\n", name, faults.size(), took.count());
}

// Indirection tables of 16 entries: every entry is a place.
passes::Inputs smaller(const std::string& nic, const std::string& text) {
  passes::Inputs in = inputs(nic, "two");
  std::string less = text;
  const std::pair<std::string, std::string> sizes[] = {
      {"table_size: 512", "table_size: 16"},
      {"table_size: 128", "table_size: 16"},
      {"max: 64, contiguous: true, spread: rss_table",
       "max: 16, contiguous: true, spread: rss_table"}};  // no group is larger than the table
  for (const auto& [size, small] : sizes) {
    if (const auto at = less.find(size); at != std::string::npos)
      less.replace(at, size.size(), small);
  }
  in.nic = model_from(less, nic, in.fields);
  return in;
}

// Each place takes most of a second. Everyday: a fifth of those of one card; in CI a sixth of
// those of another, of which most are the same, and a quarter of a forwarder's; a card with rules
// has a thousand places: those are for the night.
bool only_at_night() { return std::getenv("WEFT_NIGHTLY") == nullptr; }
bool not_everyday() { return only_at_night() && std::getenv("CI") == nullptr; }
constexpr const char* for_the_night = "tests/run --nightly checks all places of this card";
constexpr const char* for_ci = "CI=true tests/run checks places of this card";

class Faults : public testing::Test {
 protected:
  static inline bool kinds_alone = false;
  static void TearDownTestSuite() {
    unsigned places = 0;
    std::cout << fmt::format("{:<28}{:>8}{:>11}{:>16}{:>12}{:>9}{:>10}\n", "fault", "places",
                             "structure", "counterexample", "misbehaved", "made up", "harmless");
    for (const auto& [kind, row] : table()) {
      places += row.places;
      std::cout << fmt::format("{:<28}{:>8}{:>11}{:>16}{:>12}{:>9}{:>10}\n", kind, row.places,
                               row.structure, row.counterexample, row.misbehaved, row.made_up,
                               row.harmless);
      for (const auto& reason : row.reasons) std::cout << "    " << reason << "\n";
    }
    std::cout << places << " places\n";
    const unsigned least = kinds_alone ? 4 : 100;
    if (places != 0 && std::getenv("WEFT_FAULT") == nullptr) {
      EXPECT_GT(places, least);
    }
  }
};

TEST_F(Faults, None) { check_all("none", inputs("none", "two"), "", only_at_night() ? 5 : 1); }
// (Its places are among those of the next one, which CI looks at.)
TEST_F(Faults, Tap) {
  if (only_at_night()) GTEST_SKIP() << for_the_night;
  check_all("tap", inputs("tap", "two"));
}
// Two queues, and nobody can say which of them gets a packet. Everyday: what no other card has; in
// CI a sixth of the others, too.
TEST_F(Faults, TapOnTwoCores) {
  passes::Inputs in = inputs("tap", "two");
  in.workload.cores = 2;
  kinds_alone = not_everyday();
  check_all("tap on two cores", in, "handover");
  if (kinds_alone) return;
  check_all("tap on two cores", in, "", only_at_night() ? 6 : 1, "handover");
}
TEST_F(Faults, Intel82599) {
  if (only_at_night()) GTEST_SKIP() << for_the_night;
  check_all("intel_82599", smaller("intel_82599", model_text("intel_82599")));
}
TEST_F(Faults, IntelE810) {
  if (only_at_night()) GTEST_SKIP() << for_the_night;
  check_all("intel_e810", smaller("intel_e810", model_text("intel_e810")));
}
// Its driver takes partial masks and ignores the field. Everyday: those.
TEST_F(Faults, IntelXL710) {
  kinds_alone = only_at_night();
  check_all("intel_xl710", smaller("intel_xl710", model_text("intel_xl710")),
            kinds_alone ? "partial mask" : "");
}
TEST_F(Faults, Ideal) {
  if (only_at_night()) GTEST_SKIP() << for_the_night;
  check_all("ideal", smaller("ideal", model_text("ideal")));
}

// An endpoint has a group of queues; of its flows some have rules in front of it, for the others
// there is no room. What the rules alone feed does not classify.
TEST_F(Faults, GroupsAndOrder) {
  if (only_at_night()) GTEST_SKIP() << for_the_night;
  passes::Inputs in = smaller("ideal", model_text("ideal"));
  in.workload.queues = 6;
  in.workload.endpoints.resize(2);
  in.workload.endpoints[1].groups.clear();
  in.workload.endpoints[1].queues = ir::QueueRange{2, 3};
  std::erase_if(in.workload.flows, [](const ir::Flow& f) { return f.endpoint > 1; });
  for (ir::Flow& f : in.workload.flows) {
    f.rate = f.endpoint == 1 ? 1 : 900;
    if (f.src_port == 41000) f.queue = 2;  // the hash would have it on 3
  }
  kinds_alone = true;
  in.nic.receive.node(*in.nic.receive.find("flows")).config.table->capacity = 8;
  check_all("ideal with a group", in, "rule: ");
}

// Without rules every flow comes by RSS, and each entry of the table that one hashes to matters.
TEST_F(Faults, IdealWithoutRules) {
  if (only_at_night()) GTEST_SKIP() << for_the_night;
  const passes::Inputs in = inputs("ideal", "two");
  std::string text = without(model_text("ideal"), in.nic, {"receive", "flows"});
  check_all("ideal without rules", smaller("ideal", text));
}

// A workload that asks for queues: faults after which every packet still ends as it should.
TEST_F(Faults, Wishes) {
  passes::Inputs in = smaller("ideal", model_text("ideal"));
  ir::Workload& w = in.workload;
  w.queues = 4;
  w.policy = ir::Policy::gold;
  w.endpoints[0].gold = true;
  for (ir::Flow& f : w.flows) f.gold = w.endpoints[f.endpoint].gold;
  w.endpoints[0].rate = w.endpoints[1].rate = 0;  // (strangers to both would take a rule more)
  w.endpoints[1].exclusive = true;
  w.endpoints[1].queues = ir::QueueRange{1, 1};
  kinds_alone = true;
  check_all("ideal, with wishes", in, "wish");
}

// What the other tests' host never does: forwarding, and tagging.
TEST_F(Faults, Forwarder) {
  if (not_everyday()) GTEST_SKIP() << for_ci;
  passes::Inputs in = inputs("none", "two");
  in.workload.host = inputs("none", "forwarder").workload.host;
  in.workload.host.multicast = true;  // as its endpoints have groups
  check_all("none, forwarding", in, "", only_at_night() ? 4 : 1);
}
TEST_F(Faults, Vlan) {
  if (only_at_night()) GTEST_SKIP() << for_the_night;
  passes::Inputs in = smaller(
      "ideal", without(model_text("ideal"), inputs("ideal", "two").nic, {"receive", "flows"}));
  in.workload.host = inputs("none", "vlan").workload.host;
  check_all("ideal without rules, in a VLAN", in);
}

}  // namespace
}  // namespace weft::sim
