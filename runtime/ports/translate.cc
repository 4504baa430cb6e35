#include "runtime/ports/translate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "compiler/plan/operation.h"

namespace weft::ports {
namespace {

diag::Diagnostic problem(const char* code, std::string message, std::string help = {}) {
  return {.code = code, .message = std::move(message), .help = std::move(help)};
}

// The config node that a knob belongs to, in either of the model's graphs.
const ir::Config* find_knob(const ir::NicModel& model, const std::string& knob) {
  for (const ir::Graph* graph : {&model.receive, &model.transmit}) {
    for (ir::Vertex v = 0; v < boost::num_vertices(graph->g); ++v) {
      const ir::Node& node = graph->node(v);
      if (node.kind == ir::NodeKind::config && node.config.knob == knob) return &node.config;
    }
  }
  return nullptr;
}

// A type of header that the card hashes whatever it is told, and the driver has no word for.
bool is_fixed(const ir::NicModel* model, const std::string& type) {
  if (model == nullptr) return false;
  for (auto [v, end] = vertices(model->receive.g); v != end; ++v) {
    const auto& rss = model->receive.node(*v).config.rss;
    if (!rss) continue;
    for (const ir::RssType& declared : rss->types)
      if (declared.name == type) return declared.fixed;
  }
  return false;
}

diag::Result<void> set_knob(CardSettings& settings, const std::string& knob, bool on,
                            const ir::NicModel* model) {
  const ir::Config* config = model == nullptr ? nullptr : find_knob(*model, knob);
  if (config == nullptr) {
    if (!on) return {};
    return diag::fail(problem(
        "E0610",
        fmt::format("the plan switches `{}` on, which {} does not have", knob,
                    model == nullptr ? "a card without a model" : "`" + model->name + "`")));
  }
  if (config->toggle == "promiscuous") {
    settings.promiscuous = on;
    return {};
  }
  if (config->toggle == "allmulticast") {
    settings.allmulticast = on;
    return {};
  }
  if (!on) return {};
  for (const std::string& name : config->offloads) {
    const auto bit = offload_bit(name);
    if (!bit) {
      return diag::fail(problem("E0610", fmt::format("knob `{}` of `{}` names the offload `{}`, "
                                                     "which DPDK does not know",
                                                     knob, model->name, name)));
    }
    (bit->receive ? settings.conf.rxmode.offloads : settings.conf.txmode.offloads) |= bit->bit;
  }
  return {};
}

// "RX_UDP_CKSUM, RX_IPV4_CKSUM" out of a mask.
std::string offload_list(std::uint64_t bits, bool receive) {
  const auto names = offload_names(bits, receive);
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

// The knobs of the plan that ask for one of `bits`, for the message.
std::string knobs_behind(const plan::Plan& plan, const ir::NicModel* model, std::uint64_t bits,
                         bool receive) {
  std::vector<std::string> knobs;
  for (const auto& [knob, on] : plan.configuration.knobs) {
    const ir::Config* config = on && model != nullptr ? find_knob(*model, knob) : nullptr;
    if (config == nullptr) continue;
    const bool asks =
        std::any_of(config->offloads.begin(), config->offloads.end(), [&](const std::string& name) {
          const auto bit = offload_bit(name);
          return bit && bit->receive == receive && (bit->bit & bits) != 0;
        });
    if (asks) knobs.push_back(knob);
  }
  return fmt::format("{}", fmt::join(knobs, ", "));
}

// Everything that can be known without touching the card.
diag::Result<void> check(const plan::Plan& plan, const ir::NicModel* model,
                         const CardSettings& settings, const rte_eth_dev_info& info,
                         const std::string& card) {
  diag::Error errors;
  const auto refuse = [&](std::string message) {
    errors.list.push_back(problem("E0612", std::move(message),
                                  "compile the plan for the model of this card (weft nic list)"));
  };
  const std::uint32_t mtu = settings.conf.rxmode.mtu;
  if (mtu > info.max_mtu || mtu + RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN > info.max_rx_pktlen)
    refuse(fmt::format("the plan's MTU is {}, {} takes frames of {} bytes (with checksum), MTU {}",
                       mtu, card, info.max_rx_pktlen, info.max_mtu));
  // What a model says of the answers in descriptors holds for one driver and for no other.
  if (model != nullptr && model->driver != "any" && info.driver_name != nullptr &&
      model->driver != info.driver_name)
    refuse(fmt::format("the plan is for `{}`, driven by {}; {} is driven by {}", model->name,
                       model->driver, card, info.driver_name));
  if (settings.rx_queues > info.max_rx_queues)
    refuse(fmt::format("the plan has {} receive queues, {} has {}", settings.rx_queues, card,
                       info.max_rx_queues));
  if (settings.tx_queues > info.max_tx_queues)
    refuse(fmt::format("the plan has {} transmit queues, {} has {}", settings.tx_queues, card,
                       info.max_tx_queues));
  for (const bool receive : {true, false}) {
    const std::uint64_t asked =
        receive ? settings.conf.rxmode.offloads : settings.conf.txmode.offloads;
    const std::uint64_t has = receive ? info.rx_offload_capa : info.tx_offload_capa;
    if (const std::uint64_t missing = asked & ~has; missing != 0)
      refuse(fmt::format("knob {} of the plan needs {}, which {} does not offer (it offers: {})",
                         knobs_behind(plan, model, missing, receive),
                         offload_list(missing, receive), card, offload_list(has, receive)));
  }
  if (const std::uint64_t missing = settings.hashing.types & ~info.flow_type_rss_offloads;
      missing != 0)
    refuse(fmt::format("the plan spreads by header types {:#x}, of which {} lacks {:#x}",
                       settings.hashing.types, card, missing));
  if (!settings.hashing.key.empty() && info.hash_key_size != settings.hashing.key.size())
    refuse(fmt::format("the plan's RSS key has {} bytes, that of {} has {}",
                       settings.hashing.key.size(), card, info.hash_key_size));
  if (!settings.reta.empty() && info.reta_size != settings.reta.size())
    refuse(fmt::format("the plan's indirection table has {} entries, that of {} has {}",
                       settings.reta.size(), card, info.reta_size));
  for (std::size_t i = 0; i < settings.reta.size(); ++i) {
    if (settings.reta[i] < settings.rx_queues) continue;
    refuse(fmt::format("entry {} of the plan's indirection table names queue {}, there are {}", i,
                       settings.reta[i], settings.rx_queues));
    break;
  }
  for (const auto& rule : settings.rules) {
    for (const unsigned queue : rule->queues)
      if (queue >= settings.rx_queues)
        refuse(fmt::format("filter `{}` names queue {}, there are {}", rule->id, queue,
                           settings.rx_queues));
  }
  if (!errors.list.empty()) return diag::fail(std::move(errors));
  return {};
}

std::vector<rte_eth_rss_reta_entry64> reta_entries(const std::vector<std::uint16_t>& table) {
  std::vector<rte_eth_rss_reta_entry64> entries((table.size() + 63) / 64);
  for (std::size_t i = 0; i < table.size(); ++i) {
    entries[i / 64].mask |= std::uint64_t{1} << (i % 64);
    entries[i / 64].reta[i % 64] = table[i];
  }
  return entries;
}

diag::Result<void> step(const char* what, int result, const CardControl& card) {
  if (result == 0) return {};
  return diag::fail(problem("E0613", fmt::format("{} refused to {}: {}", card.name(), what,
                                                 rte_strerror(result < 0 ? -result : result))));
}

diag::Result<void> set_up(CardSettings& settings, CardControl& card) {
  rte_eth_rss_conf rss = {settings.hashing.key.empty() ? nullptr : settings.hashing.key.data(),
                          static_cast<std::uint8_t>(settings.hashing.key.size()),
                          settings.hashing.types};
  const auto entries = reta_entries(settings.reta);
  auto done = step("be configured",
                   card.configure(settings.rx_queues, settings.tx_queues, settings.conf), card);
  if (done) done = step("take the host's address", card.set_mac(settings.mac), card);
  if (done)
    done = step("switch promiscuous mode", card.set_promiscuous(settings.promiscuous), card);
  if (done)
    done = step("let in frames to groups", card.set_allmulticast(settings.allmulticast), card);
  if (done && settings.conf.rxmode.mq_mode == RTE_ETH_MQ_RX_RSS)
    done = step("take the RSS key and types", card.rss_hash_update(rss), card);
  if (done && !settings.reta.empty())
    done = step("take the indirection table",
                card.reta_update(entries, static_cast<std::uint16_t>(settings.reta.size())), card);
  if (done) done = step("start", card.start(), card);
  return done;
}

std::string words(const rte_flow_error& error) {
  return error.message != nullptr ? error.message : rte_strerror(rte_errno);
}

// What comes to one of several queues says nothing of the rule.
unsigned only_queue(const plan::Filter& filter) {
  return filter.group.empty() ? filter.queue : ~0u;
}

diag::Result<void> create(const FlowRule& rule, const plan::Filter& filter, CardControl& card,
                          AppliedRules& applied) {
  const std::string key = plan::rule_key(filter);
  if (applied.flows.contains(key))
    return diag::fail(problem(
        "E0613", fmt::format("{} has the rule of filter `{}` already", card.name(), rule.id)));
  rte_flow_error error{};
  rte_flow* flow = card.flow_create(rule.attr, rule.items.data(), rule.actions.data(), error);
  if (flow == nullptr)
    return diag::fail(problem(
        "E0613",
        fmt::format("{} calls filter `{}` valid and then cannot create it: {}", card.name(),
                    rule.id, words(error)),
        "everything is taken off the card again; compile the plan for a card that can hold it, "
        "or without filters"));
  const bool counted = rule.counts();
  if (counted) --applied.counters[filter.table];
  applied.flows.emplace(key, AppliedRule{flow, filter.table, only_queue(filter), counted});
  return {};
}

diag::Result<void> validate(const FlowRule& rule, CardControl& card) {
  rte_flow_error error{};
  if (card.flow_validate(rule.attr, rule.items.data(), rule.actions.data(), error) == 0) return {};
  return diag::fail(problem(
      "E0613", fmt::format("{} refuses filter `{}`: {}", card.name(), rule.id, words(error))));
}

// First of all: what comes before is hashed in another way.
diag::Result<void> set_hashes(const CardSettings& settings, CardControl& card,
                              AppliedRules& applied) {
  for (const auto& rule : settings.hashes) {
    rte_flow_error error{};
    rte_flow* flow = card.flow_create(rule->attr, rule->items.data(), rule->actions.data(), error);
    if (flow == nullptr)
      return diag::fail(problem("E0613",
                                fmt::format("{} does not hash {} symmetrically: {}", card.name(),
                                            rule->type, words(error)),
                                "compile the plan for a card without that hash function"));
    applied.hashes.push_back(flow);
  }
  return {};
}

// All rules are validated before the first is created: a card that takes only some of them is then
// found before any packet takes another way. (Drivers also fail in create what validate let pass.)
diag::Result<void> set_rules(const CardSettings& settings, const plan::Plan& plan,
                             CardControl& card, AppliedRules& applied) {
  for (const auto& rule : settings.rules) {
    if (auto done = validate(*rule, card); !done) return done;
  }
  for (std::size_t i = 0; i < settings.rules.size(); ++i) {
    auto done = create(*settings.rules[i], plan.configuration.filters[i], card, applied);
    if (!done) return done;
  }
  return {};
}

unsigned counters_of(const ir::NicModel* model, const std::string& table) {
  const auto v = model == nullptr ? std::nullopt : model->receive.find(table);
  return v && model->receive.node(*v).config.table ? model->receive.node(*v).config.table->counters
                                                   : 0;
}

}  // namespace

diag::Result<CardSettings> translate(const plan::Plan& plan, const ir::NicModel* model) {
  const plan::Configuration& wanted = plan.configuration;
  CardSettings settings;
  settings.rx_queues = static_cast<std::uint16_t>(wanted.rx_queues);
  settings.tx_queues = static_cast<std::uint16_t>(wanted.tx_queues);
  settings.conf.rxmode.mtu = plan.host.mtu;
  for (int i = 0; i < 6; ++i)
    settings.mac.addr_bytes[i] = static_cast<std::uint8_t>(plan.host.mac >> (40 - 8 * i));

  diag::Error errors;
  const auto collect = [&errors](diag::Error error) {
    for (auto& d : error.list) errors.list.push_back(std::move(d));
  };
  for (const auto& [knob, on] : wanted.knobs) {
    if (auto done = set_knob(settings, knob, on, model); !done) collect(done.error());
  }
  if (wanted.rss.enabled) {
    settings.hashing.key = wanted.rss.key;
    settings.reta = wanted.rss.table;
    for (const std::string& type : wanted.rss.types) {
      if (is_fixed(model, type)) continue;
      if (const auto bit = rss_type_bit(type)) {
        settings.hashing.types |= *bit;
        if (wanted.rss.function == ir::HashFunction::symmetric_toeplitz)
          settings.hashes.push_back(hash_rule(type, *bit));
      } else {
        collect(problem("E0610", fmt::format("DPDK has no RSS type `{}`", type)));
      }
    }
    // A card that spreads by its own rules (a TAP) has no RSS to be switched on.
    if (!settings.hashing.key.empty() || settings.hashing.types != 0 || !settings.reta.empty())
      settings.conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
  }
  std::map<std::string, unsigned> counters;
  for (const plan::Filter& filter : wanted.filters) {
    unsigned& left =
        counters.try_emplace(filter.table, counters_of(model, filter.table)).first->second;
    if (auto rule = flow_rule(filter, settings.hashing, left != 0)) {
      left -= left != 0 ? 1 : 0;
      settings.rules.push_back(std::move(*rule));
    } else {
      collect(rule.error());
    }
  }
  if (!errors.list.empty()) return diag::fail(std::move(errors));
  return settings;
}

diag::Result<AppliedRules> apply(const plan::Plan& plan, const ir::NicModel* model,
                                 CardControl& card) {
  auto settings = translate(plan, model);
  if (!settings) return diag::fail(settings.error());
  rte_eth_dev_info info{};
  if (auto done = step("describe itself", card.info(info), card); !done)
    return diag::fail(done.error());
  if (auto done = check(plan, model, *settings, info, card.name()); !done)
    return diag::fail(done.error());

  AppliedRules applied;
  applied.hashing = settings->hashing;
  for (ir::Vertex v = 0; model != nullptr && v < boost::num_vertices(model->receive.g); ++v) {
    const ir::Node& node = model->receive.node(v);
    if (node.config.table) applied.counters[node.id] = node.config.table->counters;
  }
  auto done = set_up(*settings, card);
  if (done) done = set_hashes(*settings, card, applied);
  if (done) done = set_rules(*settings, plan, card, applied);
  if (!done) {
    withdraw(applied, card);
    return diag::fail(done.error());
  }
  return applied;
}

void withdraw(AppliedRules& rules, CardControl& card) {
  for (const auto& [key, rule] : rules.flows) {
    rte_flow_error error{};
    card.flow_destroy(rule.flow, error);  // a card that is gone has lost its rules anyway
  }
  for (rte_flow* flow : rules.hashes) {
    rte_flow_error error{};
    card.flow_destroy(flow, error);
  }
  rules.flows.clear();
  rules.hashes.clear();
  card.stop();
}

diag::Result<void> create_rule(const plan::Filter& filter, CardControl& card, AppliedRules& rules) {
  auto rule = flow_rule(filter, rules.hashing, rules.counters[filter.table] != 0);
  if (!rule) return diag::fail(rule.error());
  if (auto done = validate(**rule, card); !done) return done;
  return create(**rule, filter, card, rules);
}

diag::Result<void> destroy_rule(const plan::Filter& filter, CardControl& card,
                                AppliedRules& rules) {
  const auto at = rules.flows.find(plan::rule_key(filter));
  if (at == rules.flows.end())
    return diag::fail(
        problem("E0613", fmt::format("{} has no rule for filter `{}`", card.name(), filter.id)));
  rte_flow_error error{};
  if (card.flow_destroy(at->second.flow, error) != 0)
    return diag::fail(problem("E0613", fmt::format("{} does not take filter `{}` off: {}",
                                                   card.name(), filter.id, words(error))));
  if (at->second.counted) ++rules.counters[at->second.table];
  rules.flows.erase(at);
  return {};
}

std::vector<RulesSeen> rules_seen(const AppliedRules& rules, CardControl& card,
                                  const std::vector<std::optional<std::uint64_t>>& only_rules) {
  std::map<std::string, RulesSeen> of_table;
  std::map<std::string, std::set<unsigned>> uncounted;  // by table: queues with such rules
  std::map<unsigned, std::set<std::string>> feed;       // by queue: tables with rules for it
  for (const auto& [key, rule] : rules.flows) {
    RulesSeen& seen = of_table[rule.table];
    seen.table = rule.table;
    ++seen.rules;
    const bool has_witness = rule.queue < only_rules.size() && only_rules[rule.queue].has_value();
    if (has_witness) feed[rule.queue].insert(rule.table);
    std::uint64_t hits = 0;
    if (rule.counted && card.flow_hits(rule.flow, hits) == 0) {
      ++seen.counted;
      seen.counted_at_work += hits != 0 ? 1 : 0;
      seen.frames_counted += hits;
    } else if (has_witness) {
      uncounted[rule.table].insert(rule.queue);
    } else {
      ++seen.unconfirmed;
    }
  }
  for (const auto& [table, queues] : uncounted) {
    RulesSeen& seen = of_table[table];
    for (const unsigned queue : queues) {
      ++seen.queues;
      seen.queues_at_work += *only_rules[queue] != 0 ? 1 : 0;
      seen.frames_of_queues += *only_rules[queue];
      seen.also.insert(feed[queue].begin(), feed[queue].end());
    }
    seen.also.erase(table);
  }
  std::vector<RulesSeen> out;
  for (auto& [table, seen] : of_table) out.push_back(std::move(seen));
  return out;
}

diag::Result<void> set_table(const std::vector<std::pair<unsigned, std::uint16_t>>& entries,
                             unsigned size, CardControl& card) {
  constexpr unsigned group = RTE_ETH_RETA_GROUP_SIZE;
  std::vector<rte_eth_rss_reta_entry64> groups((size + group - 1) / group);
  for (const auto& [index, queue] : entries) {
    groups[index / group].mask |= std::uint64_t{1} << (index % group);
    groups[index / group].reta[index % group] = queue;
  }
  return step("set its indirection table",
              card.reta_update(groups, static_cast<std::uint16_t>(size)), card);
}

}  // namespace weft::ports
