#include "runtime/probe/probe.h"

#include <fmt/format.h>
#include <rte_errno.h>

#include <algorithm>
#include <set>

#include "runtime/ports/translate.h"

namespace weft::probe {

namespace {

tl::unexpected<diag::Error> refused(const ports::CardControl& card, const char* step, int error) {
  return diag::fail(diag::Diagnostic{
      .code = "E0613",
      .message = fmt::format("{} does not {}: {}", card.name(), step, rte_strerror(-error))});
}

void read_info(const rte_eth_dev_info& info, Findings& out) {
  out.driver = info.driver_name == nullptr ? "" : info.driver_name;
  out.rx_queues = info.max_rx_queues;
  out.tx_queues = info.max_tx_queues;
  out.rx_descriptors_max = info.rx_desc_lim.nb_max;
  out.tx_descriptors_max = info.tx_desc_lim.nb_max;
  out.rx_offloads = ports::offload_names(info.rx_offload_capa, true);
  out.tx_offloads = ports::offload_names(info.tx_offload_capa, false);
  // UINT16_MAX stands in dev_info for "the driver has not said" (rte_ethdev.c).
  const unsigned segments = info.tx_desc_lim.nb_mtu_seg_max;
  out.tx_segments = !out.offers("TX_MULTI_SEGS") ? 1 : segments == UINT16_MAX ? 0 : segments;
  out.max_frame = info.max_rx_pktlen;
  out.key_bytes = info.hash_key_size;
  out.table_size = info.reta_size;
  for (const char* name : {"ipv4_udp", "ipv4_tcp", "ipv4_other", "ipv4", "ipv4_frag"}) {
    const auto bit = ports::rss_type_bit(name);
    if (bit && (info.flow_type_rss_offloads & *bit) != 0) out.rss_types.push_back(name);
  }
}

// Both are asked for, not only read: drivers report keys and tables that they then refuse to set.
void try_rss(const rte_eth_dev_info& info, unsigned queues, ports::CardControl& card,
             Findings& out) {
  std::vector<std::uint8_t> key(info.hash_key_size);
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(0x6d + i * 37);
  rte_eth_rss_conf conf{};
  conf.rss_key = key.empty() ? nullptr : key.data();
  conf.rss_key_len = static_cast<std::uint8_t>(key.size());
  for (const auto& name : out.rss_types) conf.rss_hf |= ports::rss_type_bit(name).value_or(0);
  out.key_settable = !key.empty() && conf.rss_hf != 0 && card.rss_hash_update(conf) == 0;
  if (info.reta_size == 0) return;
  std::vector<rte_eth_rss_reta_entry64> entries((info.reta_size + 63) / 64);
  for (unsigned i = 0; i < info.reta_size; ++i) {
    entries[i / 64].mask |= std::uint64_t{1} << (i % 64);
    entries[i / 64].reta[i % 64] = static_cast<std::uint16_t>(i % queues);
  }
  out.table_settable = card.reta_update(entries, info.reta_size) == 0;
}

// Of rules that are taken one by one: which of them stand beside each other?
void try_masks(ports::CardControl& card, Findings& out) {
  const auto pick = [&](std::initializer_list<const char*> names) -> const Attempt* {
    for (const char* name : names)
      if (const Attempt* found = out.rule(name)) return found;
    return nullptr;
  };
  // Of one table: with a mark as many cards want it, or without.
  for (const char* with : {", mark", ""}) {
    const Attempt* flow = out.rule(fmt::format("flow{}", with));
    const Attempt* other = out.rule(fmt::format("address and port{}", with));
    if (flow == nullptr || other == nullptr) continue;
    out.one_mask = !together(*flow, *other, card);
    break;
  }
  const Attempt* udp = pick({"address and port"});
  const Attempt* tcp = pick({"TCP flow"});
  if (out.one_mask && udp != nullptr && tcp != nullptr)
    out.one_mask_per_type = together(*udp, *tcp, card);
}

diag::Result<void> try_rules(ports::CardControl& card, unsigned most, Findings& out) {
  for (Attempt& next : attempts()) {
    auto done = attempt(std::move(next), card);
    if (!done)
      return diag::fail(diag::Diagnostic{
          .code = "E0613",
          .message = fmt::format("{} has a rule that it does not give up again", card.name()),
          .help = "reset the port before it is used"});
    out.rules.push_back(std::move(*done));
  }
  try_masks(card, out);
  out.tried_to_fit = most;
  for (const Attempt& rule : out.rules) {
    // Rules that differ in nothing but what they ignore, or of which there is one by nature.
    const bool one =
        rule.filter.match.contains("tcp.syn") || rule.name.find("masked") != std::string::npos;
    if (rule.creates && !one && !rule.drop && most > 0)
      out.fits.emplace_back(rule.name, fill(rule, card, most));
  }
  return {};
}

}  // namespace

bool Findings::offers(const std::string& offload) const {
  const auto& list = offload.starts_with("RX_") ? rx_offloads : tx_offloads;
  return std::find(list.begin(), list.end(), offload) != list.end();
}

const Attempt* Findings::rule(const std::string& name) const {
  const auto at = std::find_if(rules.begin(), rules.end(),
                               [&](const Attempt& a) { return a.name == name && a.creates; });
  return at == rules.end() ? nullptr : &*at;
}

diag::Result<Findings> probe(const std::string& port, ports::CardControl& card, unsigned most) {
  Findings out;
  out.port = port;
  rte_eth_dev_info info{};
  if (const int error = card.info(info); error != 0) return refused(card, "describe itself", error);
  read_info(info, out);
  const auto queues = static_cast<std::uint16_t>(
      std::clamp<unsigned>(std::min(out.rx_queues, out.tx_queues), 1, 4));
  rte_eth_conf conf{};
  conf.rxmode.mtu = std::min<std::uint32_t>(1500, info.max_mtu);
  const bool spreads = queues > 1 && info.flow_type_rss_offloads != 0 && !out.rss_types.empty();
  if (spreads) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    for (const auto& name : out.rss_types)
      conf.rx_adv_conf.rss_conf.rss_hf |= ports::rss_type_bit(name).value_or(0);
  }
  if (const int error = card.configure(queues, queues, conf); error != 0)
    return refused(card, fmt::format("take a configuration of {} queues", queues).c_str(), error);
  if (const int error = card.start(); error != 0) return refused(card, "start", error);
  if (spreads) try_rss(info, queues, card, out);
  auto done = try_rules(card, most, out);
  card.stop();
  if (!done) return diag::fail(done.error());
  return out;
}

}  // namespace weft::probe
