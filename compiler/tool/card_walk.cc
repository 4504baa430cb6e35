#include "compiler/tool/card_walk.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "compiler/ir/filter_shape.h"
#include "compiler/ir/rule_order.h"
#include "compiler/passes/steer.h"
#include "compiler/plan/preview.h"
#include "compiler/plan/target.h"
#include "compiler/tool/lookups.h"
#include "stack-nodes/registry.h"

namespace weft::tool {
namespace {

// The truth of an opaque test about the frame, found with the stack's own node: where the card
// checks at all, it checks the same sum.
bool truth(const std::string& test, const std::vector<std::uint8_t>& frame) {
  const nodes::Entry* entry = nodes::find(test);
  if (entry == nullptr) return false;
  std::vector<std::uint8_t> copy = frame;
  Packet p;
  p.data = copy.data();
  p.len = static_cast<std::uint32_t>(copy.size());
  p.l3 = static_cast<std::uint16_t>(wire_l3(frame));
  if (p.len < p.l3 + 20u) return false;
  p.l4 = static_cast<std::uint16_t>(p.l3 + (copy[p.l3] & 15) * 4);
  const std::uint32_t total = std::uint32_t{copy[p.l3 + 2]} << 8 | copy[p.l3 + 3];
  p.end = std::min<std::uint32_t>(p.len, p.l3 + total);
  auto core = std::make_unique<Core>();
  return entry->run(p, *core) == 0;
}

const char* word_of(Answer answer) {
  static constexpr const char* words[] = {"unknown", "good", "bad", "none"};
  return words[static_cast<int>(answer)];
}

Answer answer_of(const std::string& word) {
  return word == "good"   ? Answer::good
         : word == "bad"  ? Answer::bad
         : word == "none" ? Answer::none
                          : Answer::unknown;
}

class Walker {
 public:
  Walker(const plan::Plan& plan, const ir::NicModel& nic, const ir::FieldTable& fields,
         const std::vector<std::uint8_t>& frame)
      : plan_(plan),
        nic_(nic),
        fields_(fields),
        frame_(frame),
        lookup_(wire_lookup(fields, frame, plan.host, plan.configuration.knobs)) {}

  CardWalk run() {
    std::optional<ir::Vertex> at;
    for (auto [v, end] = boost::vertices(nic_.receive.g); v != end; ++v)
      if (nic_.receive.node(*v).kind == ir::NodeKind::wire) at = *v;
    while (at) {
      const ir::Node& node = nic_.receive.node(*at);
      if (node.kind == ir::NodeKind::queue) {
        if (!out_.queue) out_.queue = 0;
        return out_;
      }
      if (node.kind == ir::NodeKind::drop) {
        out_.queue.reset();
        out_.steps.push_back({node.id, "dropped by the card",
                              node.counter == "none" || node.counter.empty()
                                  ? "no counter shows it"
                                  : "counted as " + node.counter});
        return out_;
      }
      at = nic_.receive.next(*at, step(node));
    }
    return out_;
  }

 private:
  unsigned step(const ir::Node& node) {
    if (node.kind == ir::NodeKind::match) return match(node);
    if (node.kind == ir::NodeKind::config) {
      if (node.config.report) return report(node);
      if (node.config.table) return table(node);
      if (node.config.rss) return rss(node);
    }
    return 0;
  }

  unsigned match(const ir::Node& node) {
    unsigned otherwise = 0;
    for (unsigned i = 0; i < node.ports.size(); ++i) {
      if (!node.ports[i].when) {
        otherwise = i;
      } else if (ir::holds(node.ports[i].when, lookup_)) {
        out_.steps.push_back({node.id, node.ports[i].name, ir::to_string(node.ports[i].when)});
        return i;
      }
    }
    out_.steps.push_back({node.id, node.ports[otherwise].name, "no other port's condition holds"});
    return otherwise;
  }

  unsigned report(const ir::Node& node) {
    const ir::Report& r = *node.config.report;
    const bool checks = ir::holds(r.checks, lookup_);
    const ir::Claim* proved = nullptr;  // by a "good"
    const ir::Claim* wrong = nullptr;
    for (const ir::Claim& claim : r.claims) {
      const bool evidence = ir::holds(claim.evidence, lookup_);
      if (evidence) proved = &claim;
      const bool looked_at = (checks || evidence) && ir::holds(claim.applies(), lookup_);
      if (looked_at && !truth(claim.fact, frame_)) wrong = &claim;
    }
    auto knob = plan_.configuration.knobs.find(node.config.knob);
    Answer answer;
    std::string why;
    if (knob == plan_.configuration.knobs.end() || !knob->second) {
      answer = answer_of(r.when_off);
      why = fmt::format("{} is off", node.config.knob);
    } else if (wrong != nullptr && checks) {
      answer = Answer::bad;
      why = fmt::format("{} fails", wrong->fact);
    } else if (wrong != nullptr) {
      answer = Answer::unknown;
      why = "the card finds no errors, and does not know this frame to be good";
    } else {
      answer = ir::holds(r.says_good, lookup_) ? Answer::good : Answer::unknown;
      why = answer != Answer::good ? "the card does not check such packets"
            : proved != nullptr    ? fmt::format("{} holds", proved->fact)
                                   : "said of every packet without an error: no evidence";
    }
    (r.field == "desc.ip_cksum" ? say_ip_cksum : say_l4_cksum)(out_.answers, answer);
    out_.steps.push_back({node.id, fmt::format("{} = {}", r.field, word_of(answer)), why});
    return 0;
  }

  bool matches(const ir::FilterTable& table, const plan::Filter& filter) const {
    return std::all_of(filter.match.begin(), filter.match.end(), [&](const auto& entry) {
      const auto value = entry.second.first;
      const auto mask = ir::effective_mask(table, entry.first, entry.second.second, fields_);
      return (static_cast<std::uint64_t>(lookup_(entry.first)) & mask) == (value & mask);
    });
  }

  unsigned table(const ir::Node& node) {
    const ir::FilterTable& t = *node.config.table;
    const plan::Filter* hit = nullptr;
    std::size_t rules = 0;
    std::vector<std::string> behind;  // rules that match, too
    for (const plan::Filter& filter : plan_.configuration.filters) {
      if (filter.table != node.id) continue;
      ++rules;
      if (!ir::holds(ir::applies_to(t, plan::shape_of(filter)), lookup_) || !matches(t, filter))
        continue;
      const bool front =
          hit == nullptr || ir::level_of(t, filter.priority) > ir::level_of(t, hit->priority);
      const plan::Filter* other = front ? hit : &filter;
      if (other != nullptr) behind.push_back(other->id);
      if (front) hit = &filter;
    }
    if (hit == nullptr) {
      if (rules != 0)
        out_.steps.push_back({node.id, "miss", fmt::format("none of {} rules matches", rules)});
      return port(node, "miss", 1);
    }
    if (hit->group.empty()) {
      out_.queue = hit->queue;
    } else {
      in_group(*hit, t);
    }
    if (t.mark_reported && hit->mark != 0) say_mark(out_.answers, hit->mark);
    out_.steps.push_back(
        {node.id,
         fmt::format(
             "hit {}, {}{}{}", hit->id, plan::target_text(*hit),
             marked(out_.answers) ? fmt::format(", mark {}", hit->mark) : "",
             behind.empty() ? "" : fmt::format(", in front of {}", fmt::join(behind, ", "))),
         plan::filter_subject(*hit)});
    if (!group_step_.took.empty()) out_.steps.push_back(std::move(group_step_));
    return port(node, "hit", 0);
  }

  // By the hash that the card takes of every packet, in the group's own table or the card's.
  void in_group(const plan::Filter& rule, const ir::FilterTable& limits) {
    out_.queue = rule.queue;
    const ir::Node* unit = passes::rss_node(nic_);
    if (rule.entries == 0 || unit == nullptr) {
      out_.queue_certain = false;
      group_step_ = {rule.id, fmt::format("any of {} queues", rule.group.size()),
                     "nobody says which queue of a group the card picks"};
      return;
    }
    const std::string how = hash(*unit->config.rss);
    const std::size_t entry = out_.rss_hash % rule.entries;
    const auto& card = plan_.configuration.rss.table;
    const bool of_card = limits.groups && limits.groups->of_rss && entry < card.size();
    out_.queue = rule.group[(of_card ? card[entry] : entry) % rule.group.size()];
    group_step_ = {rule.id, fmt::format("queue {}", *out_.queue),
                   fmt::format("{}, hash {:#010x}, entry {} of {} table", how, out_.rss_hash, entry,
                               of_card ? "the indirection" : "its")};
  }

  unsigned port(const ir::Node& node, std::string_view name, unsigned otherwise) const {
    auto at = nic_.receive.index.find(node.id);
    return nic_.receive.port(at->second, name).value_or(otherwise);
  }

  unsigned rss(const ir::Node& node) {
    const plan::Rss& set = plan_.configuration.rss;
    const ir::RssUnit& unit = *node.config.rss;
    if (plan_.configuration.rx_queues == 1 || (!set.enabled && unit.predictable)) {
      out_.queue = 0;
      out_.steps.push_back({node.id, "queue 0", "nothing to spread"});
      return 0;
    }
    if (!unit.predictable) {
      out_.queue = 0;
      out_.queue_certain = false;
      out_.steps.push_back({node.id, fmt::format("any of {} queues", plan_.configuration.rx_queues),
                            "the card spreads by a rule that can be neither set nor predicted"});
      return 0;
    }
    place(node, hash(unit));
    return 0;
  }

  // How the packet is hashed; the hash is in the answer.
  std::string hash(const ir::RssUnit& unit) {
    const plan::Rss& set = plan_.configuration.rss;
    out_.rss_hash = 0;
    for (const ir::RssType& type : unit.types) {
      bool on =
          type.fixed || std::find(set.types.begin(), set.types.end(), type.name) != set.types.end();
      if (!on || !set.enabled || !ir::holds(type.applies, lookup_)) continue;
      std::vector<std::uint8_t> input;
      const bool sums = set.function == ir::HashFunction::symmetric_toeplitz;
      for (const std::string& field : type.input) {
        const ir::Field* f = fields_.find(field);
        const std::string mirror = sums ? passes::mirror_of(field) : "";
        const bool pair =
            std::find(type.input.begin(), type.input.end(), mirror) != type.input.end();
        const ir::Bits value = lookup_(field) ^ (pair ? lookup_(mirror) : 0);
        for (int shift = f == nullptr ? -1 : static_cast<int>(f->width) - 8; shift >= 0; shift -= 8)
          input.push_back(static_cast<std::uint8_t>(value >> shift));
      }
      out_.rss_hash = toeplitz(set.key, input);
      return fmt::format("{} over {}{}", type.name, fmt::join(type.input, ", "),
                         sums ? ", both directions added up" : "");
    }
    return "no hash type applies";
  }

  void place(const ir::Node& node, const std::string& how) {
    const std::vector<std::uint16_t>& table = plan_.configuration.rss.table;
    const std::size_t bucket = table.empty() ? 0 : out_.rss_hash % table.size();
    out_.queue = table.empty() ? out_.rss_hash % plan_.configuration.rx_queues : table[bucket];
    out_.steps.push_back(
        {node.id, fmt::format("queue {}", *out_.queue),
         fmt::format("{}, hash {:#010x}, table entry {}", how, out_.rss_hash, bucket)});
  }

  const plan::Plan& plan_;
  const ir::NicModel& nic_;
  const ir::FieldTable& fields_;
  const std::vector<std::uint8_t>& frame_;
  ir::Lookup lookup_;
  CardWalk out_;
  Step group_step_;  // behind that of the rule
};

}  // namespace

CardWalk walk_card(const plan::Plan& plan, const ir::NicModel& nic, const ir::FieldTable& fields,
                   const std::vector<std::uint8_t>& frame) {
  return Walker(plan, nic, fields, frame).run();
}

std::uint32_t toeplitz(const std::vector<std::uint8_t>& key,
                       const std::vector<std::uint8_t>& input) {
  std::uint32_t out = 0;
  auto key_bit = [&](std::size_t bit) -> std::uint32_t {
    return bit / 8 < key.size() ? key[bit / 8] >> (7 - bit % 8) & 1 : 0;
  };
  std::uint32_t window = 0;
  for (std::size_t bit = 0; bit < 32; ++bit) window = window << 1 | key_bit(bit);
  for (std::size_t bit = 0; bit < input.size() * 8; ++bit) {
    if (input[bit / 8] >> (7 - bit % 8) & 1) out ^= window;
    window = window << 1 | key_bit(bit + 32);
  }
  return out;
}

}  // namespace weft::tool
