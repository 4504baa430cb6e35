// What the tests of the emulated card share: frames, a wire made of two lists, cards of the
// catalogue in all configurations, and rules.
#pragma once

#include <gtest/gtest.h>
#include <rte_flow.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "compiler/frontend/places.h"
#include "compiler/frontend/readers.h"
#include "runtime/emulator/emulated_card.h"
#include "runtime/ports/translate.h"
#include "tests/unit/runtime/eal.h"

namespace weft::test {

using Bytes = std::vector<std::uint8_t>;

inline const ir::FieldTable& fields() {
  static const ir::FieldTable table = [] {
    auto read = frontend::read_headers(frontend::source_root() + "/graphs/headers");
    if (!read) ADD_FAILURE() << diag::render(read.error(), false);
    return read ? *read : ir::FieldTable{};
  }();
  return table;
}

inline ir::NicModel model(const std::string& name) {
  auto read =
      frontend::read_nic(frontend::source_root() + "/nicmodels/" + name + ".yaml", fields());
  if (!read) ADD_FAILURE() << diag::render(read.error(), false);
  return read ? *read : ir::NicModel{};
}

// ------------------------------------------------------------------------------------- frames

struct UdpFrame {
  std::uint64_t dst_mac = 0x020000000001;
  std::uint64_t src_mac = 0x020000000002;
  int vlan = -1;  // identifier of a tag, -1: untagged
  std::uint32_t src = 0x0a000002, dst = 0x0a000001;
  std::uint16_t src_port = 1000, dst_port = 7;
  std::uint8_t protocol = 17;
  std::uint8_t ihl = 5;
  std::uint16_t fragment = 0;  // flags and offset as on the wire
  Bytes payload = Bytes(18, 0x5a);
  unsigned padding = 0;
};

// The simplest possible sums, for checking the card's: one 16-bit addition at a time.
inline std::uint16_t reference_sum(const Bytes& bytes, std::uint32_t start = 0) {
  std::uint32_t sum = start;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? bytes[i] << 8 : bytes[i];
    if (sum > 0xffff) sum -= 0xffff;
  }
  return static_cast<std::uint16_t>(sum);
}

inline void put16(Bytes& b, std::size_t at, unsigned v) {
  b[at] = static_cast<std::uint8_t>(v >> 8);
  b[at + 1] = static_cast<std::uint8_t>(v);
}
inline void put32(Bytes& b, std::size_t at, std::uint32_t v) {
  put16(b, at, v >> 16);
  put16(b, at + 2, v & 0xffff);
}
inline unsigned get16(const Bytes& b, std::size_t at) { return (b[at] << 8) | b[at + 1]; }

inline std::size_t l3_of(const UdpFrame& f) { return f.vlan >= 0 ? 18 : 14; }
inline std::size_t l4_of(const UdpFrame& f) { return l3_of(f) + f.ihl * 4U; }

// Right checksums everywhere.
inline Bytes build(const UdpFrame& f) {
  const std::size_t l3 = l3_of(f), l4 = l4_of(f);
  Bytes b(l4 + 8 + f.payload.size() + f.padding, 0);
  for (int i = 0; i < 6; ++i) {
    b[i] = static_cast<std::uint8_t>(f.dst_mac >> (40 - 8 * i));
    b[6 + i] = static_cast<std::uint8_t>(f.src_mac >> (40 - 8 * i));
  }
  if (f.vlan >= 0) {
    put16(b, 12, 0x8100);
    put16(b, 14, static_cast<unsigned>(f.vlan));
  }
  put16(b, l3 - 2, 0x0800);
  b[l3] = static_cast<std::uint8_t>(0x40 | f.ihl);
  put16(b, l3 + 2, static_cast<unsigned>(f.ihl * 4U + 8 + f.payload.size()));
  put16(b, l3 + 6, f.fragment);
  b[l3 + 8] = 64;
  b[l3 + 9] = f.protocol;
  put32(b, l3 + 12, f.src);
  put32(b, l3 + 16, f.dst);
  for (std::size_t i = l3 + 20; i < l4; ++i) b[i] = 1;  // option "no operation"
  put16(b, l3 + 10, 0xffff & ~reference_sum(Bytes(b.begin() + l3, b.begin() + l4)));
  put16(b, l4, f.src_port);
  put16(b, l4 + 2, f.dst_port);
  put16(b, l4 + 4, static_cast<unsigned>(8 + f.payload.size()));
  std::copy(f.payload.begin(), f.payload.end(), b.begin() + static_cast<long>(l4) + 8);
  Bytes sum = {b.begin() + static_cast<long>(l3) + 12, b.begin() + static_cast<long>(l3) + 20};
  sum.insert(sum.end(), {0, f.protocol, b[l4 + 4], b[l4 + 5]});
  sum.insert(sum.end(), b.begin() + static_cast<long>(l4), b.end() - f.padding);
  const unsigned udp = 0xffff & ~reference_sum(sum);
  put16(b, l4 + 6, udp == 0 ? 0xffff : udp);
  return b;
}

inline UdpFrame random_udp(std::mt19937_64& random) {
  UdpFrame f;
  f.src = static_cast<std::uint32_t>(random());
  f.dst = static_cast<std::uint32_t>(random());
  f.src_port = static_cast<std::uint16_t>(random());
  f.dst_port = static_cast<std::uint16_t>(random());
  f.vlan = random() % 4 == 0 ? static_cast<int>(random() % 4095) : -1;
  f.ihl = random() % 8 == 0 ? 5 + random() % 11 : 5;
  f.payload = Bytes(random() % 200);
  for (auto& byte : f.payload) byte = static_cast<std::uint8_t>(random());
  f.padding = random() % 3 == 0 ? random() % 20 : 0;
  return f;
}

// --------------------------------------------------------------------------------------- wire

class ListWire final : public ports::Wire {
 public:
  std::vector<Bytes> in, out;
  std::uint16_t accept = 0xffff;  // frames that one transmit() takes; the rest is lost

  const std::string& name() const override { return name_; }
  std::uint16_t receive(rte_mbuf** frames, std::uint16_t n) override {
    std::uint16_t count = 0;
    for (; count < n && next_ < in.size(); ++count, ++next_) {
      frames[count] = rte_pktmbuf_alloc(packet_pool());
      if (frames[count] == nullptr) break;
      char* to = rte_pktmbuf_append(frames[count], static_cast<std::uint16_t>(in[next_].size()));
      std::copy(in[next_].begin(), in[next_].end(), to);
    }
    counters_.received += count;
    return count;
  }
  std::uint16_t transmit(rte_mbuf** frames, std::uint16_t n) override {
    for (std::uint16_t i = 0; i < n; ++i) {
      if (i < accept) {
        Bytes bytes(frames[i]->pkt_len);
        std::size_t at = 0;
        for (const rte_mbuf* m = frames[i]; m != nullptr; at += m->data_len, m = m->next)
          std::memcpy(bytes.data() + at, rte_pktmbuf_mtod(m, const void*), m->data_len);
        out.push_back(std::move(bytes));
        flags.push_back(frames[i]->ol_flags);
      }
      rte_pktmbuf_free(frames[i]);
    }
    const std::uint16_t sent = std::min(n, accept);
    counters_.sent += sent;
    return sent;
  }
  ports::WireCounters counters() const override { return counters_; }
  bool ended() const override { return next_ == in.size(); }

  std::vector<std::uint64_t> flags;  // of the frames in `out`

 private:
  std::string name_ = "list";
  std::size_t next_ = 0;
  ports::WireCounters counters_;
};

// --------------------------------------------------------------------------------------- card

struct Received {
  std::uint16_t queue = 0;
  std::uint64_t flags = 0;
  std::uint32_t hash = 0;
  std::uint32_t mark = 0;
  Bytes bytes;
};

// A card of the catalogue, configured with everything that it offers.
struct Bench {
  ListWire wire;
  ir::NicModel nic;
  std::unique_ptr<emulator::EmulatedCard> card;
  std::uint16_t queues = 1;

  explicit Bench(const std::string& name, std::uint16_t queues = 1,
                 emulator::EmulatedCardOptions options = {})
      : Bench(model(name), queues, std::move(options)) {}
  Bench(ir::NicModel m, std::uint16_t n, emulator::EmulatedCardOptions options)
      : nic(std::move(m)), queues(n) {
    start_eal();
    auto made = emulator::EmulatedCard::make(nic, fields(), wire, std::move(options));
    if (!made) {
      ADD_FAILURE() << diag::render(made.error(), false);
      std::abort();
    }
    card = std::move(*made);
  }

  ports::CardControl& control() { return card->control(); }
  rte_eth_conf everything() {
    rte_eth_dev_info info{};
    control().info(info);
    rte_eth_conf conf{};
    conf.rxmode.offloads = info.rx_offload_capa;
    conf.txmode.offloads = info.tx_offload_capa;
    if (info.flow_type_rss_offloads != 0) {
      conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
      conf.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads;
    }
    return conf;
  }
  Bench& start(const rte_eth_conf& conf) {
    EXPECT_EQ(control().configure(queues, std::min<std::uint16_t>(queues, 1), conf), 0);
    const rte_ether_addr mac = {{0x02, 0, 0, 0, 0, 0x01}};
    EXPECT_EQ(control().set_mac(mac), 0);
    EXPECT_EQ(control().start(), 0);
    return *this;
  }
  Bench& start() { return start(everything()); }

  // Everything on the wire goes through the card and out of its queues, in the order of queues.
  std::vector<Received> run() {
    std::vector<Received> all;
    for (bool more = true; more;) {
      more = card->poll() != 0;
      for (std::uint16_t queue = 0; queue < queues; ++queue) {
        rte_mbuf* packets[32];
        while (const std::uint16_t n = card->rx_burst(queue, packets, 32)) {
          more = true;
          for (std::uint16_t i = 0; i < n; ++i) {
            const auto* data = rte_pktmbuf_mtod(packets[i], const std::uint8_t*);
            all.push_back({queue, packets[i]->ol_flags, packets[i]->hash.rss,
                           packets[i]->hash.fdir.hi, Bytes(data, data + packets[i]->data_len)});
            rte_pktmbuf_free(packets[i]);
          }
        }
      }
    }
    return all;
  }
  Received one(const Bytes& frame) {
    wire.in.push_back(frame);
    auto all = run();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? Received{} : all.front();
  }
  std::uint64_t dropped(const std::string& reason) {
    for (const auto& drop : control().stats().drops)
      if (drop.reason == reason) return drop.count;
    ADD_FAILURE() << "no drop reason " << reason;
    return 0;
  }
};

// --------------------------------------------------------------------------------------- rules

// UDP from src:src_port to dst:dst_port, in full. `protocol`: say it in the IPv4 item too.
inline plan::Filter five_tuple(std::uint32_t number, unsigned queue, std::uint32_t mark = 0,
                               unsigned priority = 0, bool protocol = false) {
  plan::Filter f;
  f.id = "f" + std::to_string(number);
  f.match["ipv4.src"] = {0x0a010000 + number, 0xffffffff};
  f.match["ipv4.dst"] = {0x0a000001, 0xffffffff};
  f.match["udp.src_port"] = {1000, 0xffff};
  f.match["udp.dst_port"] = {7, 0xffff};
  if (protocol) f.match["ipv4.protocol"] = {17, 0xff};
  f.queue = queue;
  f.mark = mark;
  f.priority = priority;
  return f;
}
inline UdpFrame frame_of(std::uint32_t number) {
  UdpFrame f;
  f.src = 0x0a010000 + number;
  f.dst = 0x0a000001;
  return f;
}

struct Outcome {
  int error = 0;  // positive errno, 0: created
  rte_flow_error_type type = RTE_FLOW_ERROR_TYPE_NONE;
  std::string message;
  rte_flow* flow = nullptr;
};

inline Outcome create(Bench& bench, const rte_flow_attr& attr, const rte_flow_item* items,
                      const rte_flow_action* actions) {
  Outcome out;
  rte_flow_error error{};
  out.flow = bench.control().flow_create(attr, items, actions, error);
  if (out.flow != nullptr) return out;
  out.error = rte_errno;
  out.type = error.type;
  out.message = error.message == nullptr ? "" : error.message;
  return out;
}
inline Outcome create(Bench& bench, const plan::Filter& filter) {
  auto rule = ports::flow_rule(filter, {});
  if (!rule) {
    ADD_FAILURE() << diag::render(rule.error(), false);
    return {.error = -1};
  }
  return create(bench, (*rule)->attr, (*rule)->items.data(), (*rule)->actions.data());
}

}  // namespace weft::test
