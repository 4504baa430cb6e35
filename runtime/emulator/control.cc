// The emulated card's control plane: DPDK's public structs in, DPDK's errors out.
#include <fmt/format.h>
#include <rte_errno.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/emulator/emulated_card.h"

namespace weft::emulator {
namespace {

constexpr std::uint32_t ethernet_overhead = 18;  // header and FCS
constexpr std::uint16_t min_mtu = 68;            // RFC 791 section 3.2

}  // namespace

std::string EmulatedCard::name() const { return "emulated " + model_.name; }

std::uint64_t EmulatedCard::capabilities(bool receive) const {
  std::uint64_t bits = 0;
  for (const Knob& knob : knobs_)
    if (knob.receive == receive) bits |= knob.offload;
  if (receive && receiver_->rss() != nullptr && receiver_->rss()->types_offered() != 0)
    bits |= RTE_ETH_RX_OFFLOAD_RSS_HASH;
  if (receive && model_.rx_segments > 1) bits |= RTE_ETH_RX_OFFLOAD_SCATTER;
  if (!receive && model_.tx_segments > 1) bits |= RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  return bits;
}

int EmulatedCard::info(rte_eth_dev_info& info) {
  info = {};
  info.driver_name = model_.driver.c_str();  // the card as that driver drives it
  info.min_mtu = min_mtu;
  info.max_rx_pktlen = model_.max_frame;
  info.max_mtu = static_cast<std::uint16_t>(model_.max_frame - ethernet_overhead);
  info.max_mac_addrs = 1;
  info.max_rx_queues = static_cast<std::uint16_t>(model_.rx_queues.max);
  info.max_tx_queues = static_cast<std::uint16_t>(model_.tx_queues.max);
  info.rx_offload_capa = capabilities(true);
  info.tx_offload_capa = capabilities(false);
  if (const Rss* rss = receiver_->rss(); rss != nullptr) {
    if (rss->unit().table_settable)
      info.reta_size = static_cast<std::uint16_t>(rss->unit().table_size);
    if (rss->unit().key_settable)
      info.hash_key_size = static_cast<std::uint8_t>(rss->unit().key_bytes);
    info.flow_type_rss_offloads = rss->types_offered();
  }
  const auto ring = static_cast<std::uint16_t>(std::min(options_.ring_size, 32768U));
  info.rx_desc_lim = {.nb_max = ring, .nb_min = ring, .nb_align = 1};
  info.tx_desc_lim = {.nb_max = ring, .nb_min = ring, .nb_align = 1};
  info.tx_desc_lim.nb_seg_max = static_cast<std::uint16_t>(model_.tx_segments);
  info.tx_desc_lim.nb_mtu_seg_max = info.tx_desc_lim.nb_seg_max;
  info.default_rxportconf = {
      .burst_size = static_cast<std::uint16_t>(options_.burst), .ring_size = ring, .nb_queues = 1};
  info.default_txportconf = info.default_rxportconf;
  return 0;
}

int EmulatedCard::configure(std::uint16_t receive_queues, std::uint16_t transmit_queues,
                            const rte_eth_conf& conf) {
  const std::lock_guard guard(lock_);
  if (started_ || receiver_->filters().size() + hash_rules_.size() != 0) return -EBUSY;
  if (receive_queues == 0 || receive_queues > model_.rx_queues.max) return -EINVAL;
  if (transmit_queues == 0 || transmit_queues > model_.tx_queues.max) return -EINVAL;
  if ((conf.rxmode.offloads & ~capabilities(true)) != 0) return -ENOTSUP;
  if ((conf.txmode.offloads & ~capabilities(false)) != 0) return -ENOTSUP;
  if (conf.rxmode.mtu != 0 &&
      (conf.rxmode.mtu < min_mtu || conf.rxmode.mtu > model_.max_frame - ethernet_overhead))
    return -EINVAL;
  const bool spread = (conf.rxmode.mq_mode & RTE_ETH_MQ_RX_RSS_FLAG) != 0;
  if ((conf.rxmode.mq_mode & ~RTE_ETH_MQ_RX_RSS_FLAG) != 0) return -ENOTSUP;
  Rss* rss = receiver_->rss();
  if (spread && (rss == nullptr || rss->types_offered() == 0)) return -ENOTSUP;
  const rte_eth_rss_conf& asked = conf.rx_adv_conf.rss_conf;
  if (spread) {
    if ((asked.rss_hf & ~rss->types_offered()) != 0) return -EINVAL;
    if (asked.rss_key != nullptr && !rss->unit().key_settable) return -ENOTSUP;
    if (asked.rss_key != nullptr && asked.rss_key_len != rss->unit().key_bytes) return -EINVAL;
  }

  // Nothing can fail from here on.
  for (std::size_t i = 0; i < knobs_.size(); ++i) {
    const Knob& knob = knobs_[i];
    const std::uint64_t on = knob.receive ? conf.rxmode.offloads : conf.txmode.offloads;
    if (knob.toggle.empty()) state_.knobs[i] = (on & knob.offload) != 0 ? 1 : 0;
  }
  if (rss != nullptr) rss->reset(receive_queues, spread, options_.spread_seed);
  if (spread) {
    rss->set_types(asked.rss_hf);
    if (asked.rss_key != nullptr) rss->set_key({asked.rss_key, asked.rss_key_len});
  }
  for (Ring& ring : rx_rings_) give_back(ring);
  for (Ring& ring : tx_rings_) give_back(ring);
  rx_rings_.clear();
  tx_rings_.clear();
  for (unsigned i = 0; i < receive_queues; ++i) rx_rings_.emplace_back(options_.ring_size);
  for (unsigned i = 0; i < transmit_queues; ++i) tx_rings_.emplace_back(options_.ring_size);
  queue_received_.assign(receive_queues, 0);
  queue_transmitted_.assign(transmit_queues, 0);
  configured_ = true;
  return 0;
}

int EmulatedCard::set_mac(const rte_ether_addr& address) {
  if (!rte_is_valid_assigned_ether_addr(&address)) return -EINVAL;
  const std::lock_guard guard(lock_);
  state_.mac = 0;
  for (const std::uint8_t byte : address.addr_bytes) state_.mac = (state_.mac << 8) | byte;
  return 0;
}

int EmulatedCard::set_promiscuous(bool on) { return set_toggle("promiscuous", on); }
int EmulatedCard::set_allmulticast(bool on) { return set_toggle("allmulticast", on); }

// Off is what a card without such a switch already is.
int EmulatedCard::set_toggle(const char* toggle, bool on) {
  const std::lock_guard guard(lock_);
  for (std::size_t i = 0; i < knobs_.size(); ++i) {
    if (knobs_[i].toggle != toggle) continue;
    state_.knobs[i] = on ? 1 : 0;
    return 0;
  }
  return on ? -ENOTSUP : 0;
}

int EmulatedCard::rss_hash_update(const rte_eth_rss_conf& conf) {
  const std::lock_guard guard(lock_);
  if (!configured_) return -EINVAL;
  Rss* rss = receiver_->rss();
  if (rss == nullptr || rss->types_offered() == 0) return -ENOTSUP;
  if ((conf.rss_hf & ~rss->types_offered()) != 0) return -EINVAL;
  if (conf.rss_key != nullptr) {
    if (const int error = rss->set_key({conf.rss_key, conf.rss_key_len}); error != 0) return error;
  }
  return rss->set_types(conf.rss_hf);
}

int EmulatedCard::reta_update(std::span<const rte_eth_rss_reta_entry64> entries,
                              std::uint16_t size) {
  const std::lock_guard guard(lock_);
  if (!configured_) return -EINVAL;
  Rss* rss = receiver_->rss();
  if (rss == nullptr || !rss->unit().table_settable) return -ENOTSUP;
  constexpr unsigned group = RTE_ETH_RETA_GROUP_SIZE;
  if (size != rss->unit().table_size || entries.size() * group < size) return -EINVAL;
  const auto given = [&](unsigned i) {
    return ((entries[i / group].mask >> (i % group)) & 1) != 0;
  };
  // All or nothing.
  for (unsigned i = 0; i < size; ++i) {
    if (!given(i)) continue;
    const int error = rss->check_entry(i, entries[i / group].reta[i % group]);
    if (error != 0) return error;
  }
  for (unsigned i = 0; i < size; ++i)
    if (given(i)) rss->set_entry(i, entries[i / group].reta[i % group]);
  return 0;
}

// The message lives until the next refusal.
int EmulatedCard::report(const Refusal& refusal, rte_flow_error& error) {
  message_ = refusal.message;
  error = {.type = refusal.type, .cause = refusal.cause, .message = message_.c_str()};
  rte_errno = refusal.error;
  return -refusal.error;
}

namespace {

// (Cards that can hash over a group by another key than everything else do it here by that one.)
std::optional<Refusal> refuses_hash(const Rule& rule, const Rss* rss) {
  const bool same = rss != nullptr ? rss->hashes_by(rule.group_key, rule.group_types)
                                   : rule.group_key.empty() && rule.group_types == 0;
  if (rule.group.empty() || same) return std::nullopt;
  return Refusal{ENOTSUP, RTE_FLOW_ERROR_TYPE_ACTION_CONF, nullptr,
                 "a group is hashed by the card's key and types"};
}

}  // namespace

int EmulatedCard::flow_validate(const rte_flow_attr& attr, const rte_flow_item* items,
                                const rte_flow_action* actions, rte_flow_error& error) {
  const std::lock_guard guard(lock_);
  if (HashRules::wanted(actions)) {
    const auto no = HashRules::validate(attr, items, actions, receiver_->rss());
    return no ? report(*no, error) : 0;
  }
  Rule rule;
  if (auto no = read_rule(attr, items, actions, fields_, rule)) return report(*no, error);
  if (auto no = refuses_hash(rule, receiver_->rss())) return report(*no, error);
  const auto queues = static_cast<unsigned>(rx_rings_.size());
  if (auto no = receiver_->filters().validate(rule, queues)) return report(*no, error);
  return 0;
}

rte_flow* EmulatedCard::flow_create(const rte_flow_attr& attr, const rte_flow_item* items,
                                    const rte_flow_action* actions, rte_flow_error& error) {
  const std::lock_guard guard(lock_);
  Rule rule;
  std::uintptr_t handle = 0;
  std::optional<Refusal> no;
  if (HashRules::wanted(actions)) {
    no = hash_rules_.create(attr, items, actions, receiver_->rss(), handle);
  } else {
    no = read_rule(attr, items, actions, fields_, rule);
    const auto queues = static_cast<unsigned>(rx_rings_.size());
    if (!no) no = refuses_hash(rule, receiver_->rss());
    if (!no) no = receiver_->filters().create(rule, queues, names_, handle);
  }
  if (no) {
    report(*no, error);
    return nullptr;
  }
  return reinterpret_cast<rte_flow*>(handle);
}

int EmulatedCard::flow_destroy(rte_flow* flow, rte_flow_error& error) {
  const std::lock_guard guard(lock_);
  const auto handle = reinterpret_cast<std::uintptr_t>(flow);
  if (receiver_->filters().destroy(handle) || hash_rules_.destroy(handle, receiver_->rss()))
    return 0;
  return report({ENOENT, RTE_FLOW_ERROR_TYPE_HANDLE, flow, "no such rule"}, error);
}

int EmulatedCard::flow_hits(rte_flow* flow, std::uint64_t& hits) {
  const std::lock_guard guard(lock_);
  const Rule* rule = receiver_->filters().rule(reinterpret_cast<std::uintptr_t>(flow));
  if (rule == nullptr) return -ENOENT;
  if (!rule->hits) return -ENOTSUP;
  hits = rule->hits->load(std::memory_order_relaxed);
  return 0;
}

int EmulatedCard::start() {
  const std::lock_guard guard(lock_);
  if (!configured_) return -EINVAL;
  started_ = true;
  return 0;
}

// What the engine has already given away still goes out; what it has not yet taken is
// freed and counted as "stopped".
int EmulatedCard::stop() {
  const std::lock_guard guard(lock_);
  if (!started_) return 0;
  for (std::size_t queue = 0; queue < tx_rings_.size(); ++queue)
    while (transmit_burst(static_cast<std::uint16_t>(queue)) != 0) {
    }
  for (std::size_t queue = 0; queue < rx_rings_.size(); ++queue) {
    const std::uint64_t waiting = give_back(rx_rings_[queue]);
    queue_received_[queue] -= waiting;
    stopped_ += waiting;
  }
  started_ = false;
  return 0;
}

ports::CardStats EmulatedCard::stats() {
  const std::lock_guard guard(lock_);
  ports::CardStats out;
  out.received = arrived_;
  out.transmitted = transmitted_;
  out.transmit_failed = transmit_failed_;
  out.cut = cut_;
  out.queue_received = queue_received_;
  out.queue_transmitted = queue_transmitted_;
  for (std::size_t i = 0; i < dropped_.size(); ++i)
    out.drops.push_back(
        {receiver_->drops()[i].reason, receiver_->drops()[i].stands_for, dropped_[i]});
  out.drops.push_back({"queue_full", "", queue_full_});
  out.drops.push_back({"too_long", "", too_long_});
  out.drops.push_back({"stopped", "", stopped_});
  return out;
}

}  // namespace weft::emulator
