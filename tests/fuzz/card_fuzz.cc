// The emulated card: rules, keys and tables in any order, with frames between them. It refuses what
// it can't do, keeps its limits, and loses no frame that it does not count.
#include <fmt/format.h>

#include "runtime/emulator/emulated_card.h"
#include "tests/fuzz/fuzz_wire.h"
#include "tests/fuzz/input.h"
#include "tests/sim/harness.h"

using namespace weft;

namespace {

// Spec, mask and range of the largest item.
using Image = std::array<std::uint8_t, 64>;

Image image(fuzz::Input& in, std::size_t n) {
  Image out{};
  const std::string bytes = in.piece(n);
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

class Bench {
 public:
  explicit Bench(const ir::NicModel& model)
      : card_(sim::must(
            emulator::EmulatedCard::make(model, fuzz::fields(), wire_, {.ring_size = 64}))) {}

  void run(fuzz::Input& in) {
    configure(in);
    while (!in.empty()) {
      switch (in.below(8)) {
        case 0: configure(in); break;
        case 1: key(in); break;
        case 2: table(in); break;
        case 3:
        case 4: rule(in); break;
        case 5: destroy(in); break;
        default: frame(in); break;
      }
    }
    card().stop();
    const ports::CardStats stats = card().stats();
    std::uint64_t dropped = 0;
    for (const auto& drop : stats.drops) dropped += drop.count;
    if (stats.received != taken_ + dropped)
      fuzz::found(
          fmt::format("{} received, {} taken, {} dropped", stats.received, taken_, dropped));
    for (rte_flow* flow : flows_) {
      rte_flow_error error{};
      if (card().flow_destroy(flow, error) != 0) fuzz::found("a rule is gone");
    }
  }

 private:
  ports::CardControl& card() { return card_->control(); }

  void configure(fuzz::Input& in) {
    rte_eth_conf conf{};
    rte_eth_dev_info info{};
    card().info(info);
    conf.rxmode.offloads = in.byte() % 4 != 0 ? info.rx_offload_capa : in.number();
    conf.txmode.offloads = in.byte() % 4 != 0 ? info.tx_offload_capa : in.number();
    conf.rxmode.mq_mode = in.byte() % 8 != 0 ? RTE_ETH_MQ_RX_RSS : RTE_ETH_MQ_RX_NONE;
    if (info.flow_type_rss_offloads == 0) conf.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
    conf.rxmode.mtu = in.byte() % 4 != 0 ? 0 : in.word();
    conf.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads;
    const auto queues =
        static_cast<std::uint16_t>(in.byte() % 8 != 0 ? 1 + in.below(4) : in.word());
    if (in.byte() % 2 == 0) card().stop();
    card().configure(queues, queues, conf);
    rte_ether_addr mac{};
    for (auto& byte : mac.addr_bytes) byte = in.byte();
    card().set_mac(mac);
    card().set_promiscuous(in.byte() % 2 == 0);
    card().start();
  }

  void key(fuzz::Input& in) {
    Image bytes = image(in, 52);
    rte_eth_rss_conf conf{in.byte() % 4 != 0 ? bytes.data() : nullptr,
                          static_cast<std::uint8_t>(in.byte() % 2 != 0 ? 40 : in.below(64)),
                          in.byte() % 2 != 0 ? RTE_ETH_RSS_NONFRAG_IPV4_UDP : in.number()};
    card().rss_hash_update(conf);
  }

  void table(fuzz::Input& in) {
    std::array<rte_eth_rss_reta_entry64, 8> entries{};
    for (auto& entry : entries) {
      entry.mask = in.byte() % 2 != 0 ? ~std::uint64_t{0} : in.number();
      for (auto& queue : entry.reta) queue = in.byte() % 8;
    }
    constexpr std::uint16_t sizes[] = {64, 128, 256, 512, 100, 0, 65535};
    card().reta_update(entries, sizes[in.below(7)]);
  }

  void rule(fuzz::Input& in) {
    rte_flow_attr attr{};
    attr.ingress = in.byte() % 16 != 0;
    attr.egress = in.byte() % 16 == 0;
    attr.priority = in.byte() % 2 == 0 ? 0 : in.byte() % 9;
    constexpr rte_flow_item_type types[] = {RTE_FLOW_ITEM_TYPE_ETH,  RTE_FLOW_ITEM_TYPE_IPV4,
                                            RTE_FLOW_ITEM_TYPE_UDP,  RTE_FLOW_ITEM_TYPE_TCP,
                                            RTE_FLOW_ITEM_TYPE_VLAN, RTE_FLOW_ITEM_TYPE_VOID,
                                            RTE_FLOW_ITEM_TYPE_IPV6};
    std::vector<rte_flow_item> items;
    std::vector<std::array<Image, 3>> images(in.below(5));
    for (auto& [spec, mask, last] : images) {
      const std::size_t place = items.size();
      rte_flow_item item{};
      item.type = in.byte() % 4 != 0 && place < 3 ? types[place] : types[in.below(7)];
      spec = image(in, 24);
      mask = in.byte() % 2 != 0 ? spec : image(in, 24);
      if (in.byte() % 3 == 0) mask.fill(0xff);
      if (in.byte() % 4 != 0) item.spec = spec.data();
      if (in.byte() % 4 != 0) item.mask = mask.data();
      if (in.byte() % 32 == 0) item.last = last.data();
      items.push_back(item);
    }
    items.push_back({.type = RTE_FLOW_ITEM_TYPE_END});
    const rte_flow_action_queue queue{.index = static_cast<std::uint16_t>(in.byte() % 6)};
    const rte_flow_action_mark mark{.id = in.number()};
    std::vector<rte_flow_action> actions;
    if (in.byte() % 8 != 0) actions.push_back({RTE_FLOW_ACTION_TYPE_QUEUE, &queue});
    if (in.byte() % 2 != 0) actions.push_back({RTE_FLOW_ACTION_TYPE_MARK, &mark});
    if (in.byte() % 8 == 0) actions.push_back({RTE_FLOW_ACTION_TYPE_DROP, nullptr});
    if (in.byte() % 32 == 0) actions.push_back({RTE_FLOW_ACTION_TYPE_QUEUE, nullptr});
    actions.push_back({.type = RTE_FLOW_ACTION_TYPE_END});
    rte_flow_error error{};
    const int good = card().flow_validate(attr, items.data(), actions.data(), error);
    rte_flow* flow = card().flow_create(attr, items.data(), actions.data(), error);
    if (flow != nullptr && good != 0) fuzz::found("created what validate refuses");
    if (flow == nullptr && error.message == nullptr) fuzz::found("refused without a word");
    if (flow != nullptr) flows_.push_back(flow);
  }

  void destroy(fuzz::Input& in) {
    rte_flow_error error{};
    if (flows_.empty() || in.byte() % 8 == 0) {
      if (card().flow_destroy(reinterpret_cast<rte_flow*>(std::uintptr_t{in.number()} << 20),
                              error) == 0)
        fuzz::found("destroyed a rule that nobody made");
      return;
    }
    const std::size_t which = in.below(static_cast<std::uint32_t>(flows_.size()));
    if (card().flow_destroy(flows_[which], error) != 0) fuzz::found("a rule is gone");
    flows_.erase(flows_.begin() + static_cast<std::ptrdiff_t>(which));
  }

  // What comes in goes out again by a queue, with requests of its own.
  void frame(fuzz::Input& in) {
    wire_.in.push_back(in.piece(in.below(200)));
    const std::uint8_t requests = in.byte();
    const std::uint16_t lengths = in.word();
    card_->poll();
    rte_mbuf* got[4];
    for (std::uint16_t queue = 0; queue < 9; ++queue) {
      const std::uint16_t n = card_->rx_burst(queue, got, 4);
      taken_ += n;
      for (std::uint16_t i = 0; i < n; ++i) {
        rte_mbuf* m = got[i];
        m->ol_flags &= RTE_MBUF_F_EXTERNAL;
        if ((requests & 1) != 0) m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_IPV4;
        if ((requests & 2) != 0) m->ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV4;
        if ((requests & 4) != 0) m->ol_flags |= RTE_MBUF_F_TX_VLAN;
        m->vlan_tci = lengths;
        m->l2_len = lengths >> 9;
        m->l3_len = lengths & 0x1ff;
        if (card_->tx_burst(queue, &m, 1) == 0) rte_pktmbuf_free(m);
      }
    }
    card_->poll();
  }

  fuzz::FuzzWire wire_;
  std::unique_ptr<emulator::EmulatedCard> card_;
  std::vector<rte_flow*> flows_;
  std::uint64_t taken_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto models = [] {
    fuzz::frames();
    std::vector<ir::NicModel> read;
    for (const std::string& nic : sim::nics) read.push_back(sim::inputs(nic, "host").nic);
    return read;
  }();
  fuzz::Input in(data, size);
  {
    Bench bench(models[in.byte() % models.size()]);
    bench.run(in);
  }
  if (const unsigned lost = rte_mempool_in_use_count(fuzz::frames()); lost != 0)
    fuzz::found(fmt::format("{} buffers lost", lost));
  return 0;
}
